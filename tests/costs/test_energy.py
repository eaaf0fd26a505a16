import itertools
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import searchitect
from searchitect.core import COSTS, MissingPackageError, SettingError, parse_constraint
from searchitect.costs import Energy, counting, energy, find_meter, measure_costs, measure_energy


class Burner(nn.Module):
    """Each pass takes 2 mJ and 1 ms of a simulated device; one in ten takes 5 mJ."""

    def __init__(self) -> None:
        super().__init__()
        self.joules = self.seconds = 0.0
        self.calls: list[tuple[tuple[int, ...], bool, int]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.calls.append((tuple(x.shape), self.training, torch.get_num_threads()))
        self.joules += 0.005 if len(self.calls) % 10 == 0 else 0.002
        self.seconds += 0.001
        return x

    def measured(self, **settings: Any) -> Energy:
        return measure_energy(self, (3, 4), meter=lambda: self.joules, clock=lambda: self.seconds, **settings)


def test_joules_are_shared_among_the_examples_and_the_peak_is_that_of_a_window() -> None:
    found = Burner().measured(
        warmup=0, windows=20, window_seconds=0.0045
    )  # five passes each: every other window has a dear one
    assert found.millijoules == pytest.approx((9 * 2 + 5) / 10)
    assert found.mean_watts == pytest.approx(2.3)
    assert found.peak_watts == pytest.approx((4 * 2 + 5) / 5)
    assert Burner().measured(warmup=0, batch=4, windows=20, window_seconds=0.0045).millijoules == pytest.approx(2.3 / 4)


def test_it_runs_as_told_and_leaves_all_as_it_was() -> None:
    module = nn.Sequential(Burner(), nn.Dropout(0.5))
    burner = module[0]
    assert isinstance(burner, Burner)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    measure_energy(
        module,
        (3, 4),
        batch=7,
        warmup=2,
        windows=3,
        window_seconds=0.0005,
        meter=lambda: burner.joules,
        clock=lambda: burner.seconds,
    )
    assert burner.calls == [((7, 3, 4), False, 1)] * (2 + 3)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert module[1].training


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"windows": 0}, "windows must be at least 1, got 0"),
        ({"warmup": -1}, "warmup must be at least 0, got -1"),
        ({"window_seconds": 0.0}, "window_seconds must be above 0, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(setting: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Burner().measured(**setting)


def test_a_counter_that_stands_still_is_no_energy_of_zero() -> None:
    with pytest.raises(SettingError, match=r"the energy counter of cpu stands still: .* such as latency or macs"):
        measure_energy(nn.Linear(3, 2), (3,), warmup=0, windows=1, window_seconds=1e-6, meter=lambda: 7.0)


# --- the processor's counters ---------------------------------------------------------------------------------------------


def zone(folder: Path, number: str, name: str, energy_uj: int, limit: int = 1_000_000) -> Path:
    found = folder / f"intel-rapl:{number}"
    found.mkdir(parents=True)
    for file, value in (("name", name), ("energy_uj", energy_uj), ("max_energy_range_uj", limit)):
        (found / file).write_text(f"{value}\n", encoding="ascii")
    return found / "energy_uj"


CPU = torch.device("cpu")


def test_packages_and_their_memory_are_added_and_what_is_inside_or_around_them_is_not(tmp_path: Path) -> None:
    zones = [("0", "package-0"), ("0:0", "core"), ("0:1", "dram"), ("0:2", "uncore"), ("1", "package-1"), ("2", "psys")]
    files = [zone(tmp_path, number, name, 100) for number, name in zones]
    meter = find_meter(CPU, tmp_path)
    before = meter()
    for power, file in enumerate(files):
        file.write_text(str(100 + 10**power), encoding="ascii")
    assert meter() - before == pytest.approx((1 + 100 + 10_000) / 1e6)


def test_a_counter_that_begins_anew_goes_on(tmp_path: Path) -> None:
    file = zone(tmp_path, "0", "package-0", 999_000)
    meter = find_meter(CPU, tmp_path)
    read = [meter()]
    for value in (999_900, 500, 1500, 800):  # twice over the end at 1,000,000
        file.write_text(str(value), encoding="ascii")
        read.append(meter())
    steps = [later - earlier for earlier, later in itertools.pairwise(read)]
    assert steps == pytest.approx([900e-6, 600e-6, 1000e-6, 999_300e-6])


def test_without_counters_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        SettingError, match=r"shows no energy counter .* as in most virtual machines\): name another cost, such as latency"
    ):
        find_meter(CPU, tmp_path / "nothing")
    file = zone(tmp_path, "0", "package-0", 5)
    file.write_text("unreadable", encoding="ascii")
    with pytest.raises(SettingError, match=r"cannot be read .* name another cost"):
        find_meter(CPU, tmp_path)


def test_a_counter_that_may_not_be_read_is_said_with_what_allows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zone(tmp_path, "0", "package-0", 5)  # since 2020 for the administrator alone

    def refuse(path: Path) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(energy, "_number", lambda path: refuse(path) if path == file else 1)
    with pytest.raises(SettingError, match=rf"may not be read: allow it by 'sudo chmod a\+r {file}'"):
        find_meter(CPU, tmp_path)


# --- the GPU's counter ----------------------------------------------------------------------------------------------------


class NvmlError(Exception):
    pass


def nvml(read: Any) -> SimpleNamespace:
    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
        nvmlDeviceGetTotalEnergyConsumption=read,
    )


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2-3"))
    return torch.device("cuda", 0)


def test_a_gpu_is_read_by_its_own_name_in_millijoules(gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = {"GPU-1-2-3": iter([4000, 5500, 7000])}
    monkeypatch.setitem(sys.modules, "pynvml", nvml(lambda handle: next(counts[handle])))
    meter = find_meter(gpu)
    assert (meter(), meter()) == (5.5, 7.0)


def test_a_gpu_without_a_counter_or_without_the_package_is_refused(gpu: torch.device, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old(handle: str) -> int:
        raise NvmlError("Not Supported")

    monkeypatch.setitem(sys.modules, "pynvml", nvml(too_old))
    with pytest.raises(
        SettingError, match=r"the energy counter of the GPU cannot be read \(Not Supported\): name another cost"
    ):
        find_meter(gpu)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(MissingPackageError, match=r"needs the package nvidia-ml-py, .* pip install 'searchitect\[energy\]'"):
        find_meter(gpu)


# --- as a cost ------------------------------------------------------------------------------------------------------------


def test_units_of_limits() -> None:
    assert parse_constraint("energy<=5").limit == parse_constraint("energy<=5mJ").limit == 5
    assert parse_constraint("energy<=2J").limit == 2000
    assert parse_constraint("energy<=300uJ").limit == pytest.approx(0.3)
    assert parse_constraint("power<=15W").limit == parse_constraint("power<15000mW").limit == 15
    assert parse_constraint("energy_edgegpu<=1J", ["energy_edgegpu"]).limit == 1000
    assert all(parse_constraint(f"{name}<=1").is_cost for name in ("energy", "power"))
    assert list(COSTS)[-2:] == ["energy", "power"]  # the dear ones last: of what passes the others


def test_energy_and_power_are_measured_once_and_only_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def measured(module: nn.Module, shape: tuple[int, ...], threads: int) -> Energy:
        asked.append((shape, threads))
        return Energy(1.5, 10.0, 12.0)

    monkeypatch.setattr(counting, "measure_energy", measured)
    assert measure_costs(lambda: nn.Linear(3, 2), (3,), ["params", "energy", "power"]) == {
        "params": 8,
        "energy": 1.5,
        "power": 12.0,
    }
    assert measure_costs(lambda: nn.Linear(3, 2), (3,), ["params"]) == {"params": 8}
    assert asked == [((3,), 1)]


def test_a_search_without_a_counter_ends_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy, "POWERCAP", tmp_path / "nothing")
    for given in ({"where": "energy<=5"}, {"minimize": "power"}):
        with pytest.raises(SettingError, match="shows no energy counter"):
            searchitect.search("digits", budget="2trials", out=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()


def test_a_search_keeps_to_a_limit_of_energy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulated processor that takes 1 mJ for each thousand parameters."""
    monkeypatch.setattr(energy, "POWERCAP", tmp_path)
    zone(tmp_path, "0", "package-0", 5)

    def measured(module: nn.Module, *_: Any, **__: Any) -> Energy:
        return Energy(sum(p.numel() for p in module.parameters()) / 1000, 5.0, 9.0)

    monkeypatch.setattr(counting, "measure_energy", measured)
    result = searchitect.search(
        "wine",
        budget="2trials",
        where="energy<=8",
        minimize="energy",
        baseline="none",
        fidelity="epochs=1",
        out=tmp_path / "run",
    )
    trained = [trial for trial in result.trials if trial.is_trained]
    assert trained
    assert all(trial.metrics["energy"] == trial.metrics["params"] / 1000 <= 8 for trial in trained)
    assert result.best is not None
    assert math.isfinite(result.best.metrics["energy"])
