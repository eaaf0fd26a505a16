"""How much energy one forward pass takes on this machine, and at what power: read from counters of the processor or the GPU.

The counters are those of Linux' power capping framework (https://docs.kernel.org/power/powercap/powercap.html), which Intel's and AMD's
processors fill in (RAPL), and those of NVIDIA's management library (NVML). Both count all that the device does, the idle share and other
programs included, so that numbers are comparable on one quiet machine only.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import torch
from torch import Tensor, nn

from searchitect.core.errors import SettingError, missing_package
from searchitect.costs.latency import evaluating, torch_threads

POWERCAP: Final = Path("/sys/class/powercap")
"""Where Linux shows the counters of the processor."""

Meter: TypeAlias = Callable[[], float]
"""Joules since some moment in the past."""

_WAY_OUT: Final = "name another cost, such as latency or macs"


@dataclass(frozen=True)
class Energy:
    """What forward passes of a batch took, one after the other.

    Attributes:
        millijoules: of one example, on average.
        mean_watts: over all passes.
        peak_watts: the highest mean of a window.
    """

    millijoules: float
    mean_watts: float
    peak_watts: float


def measure_energy(
    module: nn.Module,
    input_shape: tuple[int, ...],
    *,
    batch: int = 1,
    threads: int = 1,
    warmup: int = 10,
    windows: int = 10,
    window_seconds: float = 0.05,
    meter: Meter | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Energy:
    """Energy of ``module`` in evaluation mode on its own device, with random input.

    Torch's number of threads, its random state and the module's training mode are afterwards as before.

    Args:
        module: on the CPU or a GPU.
        input_shape: of one example, without the batch.
        batch: examples in one pass.
        threads: CPU threads.
        warmup: passes before measuring.
        windows: parts of the measurement, of which the one of the highest power is noted.
        window_seconds: each takes at least this long; counters move about once in a millisecond.
        meter: read before and after each window; ``None``: the one of the device (`find_meter`).
        clock: seconds.

    Raises:
        SettingError: for a value outside its range, and where there is no counter, or it stands still.
        MissingPackageError: for a GPU without the package that reads its counter.
    """
    for name, value, least in (("batch", batch, 1), ("threads", threads, 1), ("warmup", warmup, 0), ("windows", windows, 1)):
        if value < least:
            raise SettingError(f"{name} must be at least {least}, got {value}")
    if not window_seconds > 0:
        raise SettingError(f"window_seconds must be above 0, got {window_seconds}")
    weight = next(iter([*module.parameters(), *module.buffers()]), None)
    device = torch.device("cpu") if weight is None else weight.device
    meter = find_meter(device) if meter is None else meter
    example = torch.rand(batch, *input_shape, generator=torch.Generator().manual_seed(0)).to(device)
    with evaluating(module), torch.inference_mode(), torch_threads(threads):
        for _ in range(warmup):
            module(example)
        parts = [_window(module, example, window_seconds, meter, clock) for _ in range(windows)]
    passes, joules, seconds = (sum(column) for column in zip(*parts, strict=True))
    if not joules > 0:
        raise SettingError(f"the energy counter of {device} stands still: it gives no energy or power here; {_WAY_OUT}")
    return Energy(1e3 * joules / (passes * batch), joules / seconds, max(part[1] / part[2] for part in parts))


def _window(
    module: nn.Module, example: Tensor, least: float, meter: Meter, clock: Callable[[], float]
) -> tuple[int, float, float]:
    """Passes, joules and seconds."""
    _wait_for(example.device)
    before, start = meter(), clock()
    passes, seconds = 0, 0.0
    while seconds < least:
        module(example)
        _wait_for(example.device)
        passes, seconds = passes + 1, clock() - start
    return passes, meter() - before, seconds


def _wait_for(device: torch.device) -> None:
    """Until the GPU has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def find_meter(device: torch.device | None = None, folder: Path | None = None) -> Meter:
    """The energy counter of a device.

    Args:
        device: ``None``: the one that networks are trained on, a GPU where there is one.
        folder: of the power capping framework; ``None``: `POWERCAP`.

    Raises:
        SettingError: where this machine has no counter, or does not let it be read.
        MissingPackageError: for a GPU without the package that reads its counter.
    """
    device = measured_device() if device is None else device
    return _gpu_meter(device) if device.type == "cuda" else _processor_meter(POWERCAP if folder is None else folder)


def measured_device() -> torch.device:
    """Where energy is measured: on the GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _processor_meter(folder: Path) -> Meter:
    zones = list(_zones(folder))
    if not zones:
        raise SettingError(
            f"this machine shows no energy counter of its processor (none in {str(folder)!r}, as in most virtual machines): {_WAY_OUT}"
        )
    try:
        limits = {zone: _number(zone / "max_energy_range_uj") for zone in zones}
        last = {zone: _number(zone / "energy_uj") for zone in zones}
    except PermissionError as error:
        raise SettingError(
            f"the energy counter of the processor may not be read: allow it by 'sudo chmod a+r {error.filename}', or {_WAY_OUT}"
        ) from None
    except (OSError, ValueError) as error:
        raise SettingError(f"the energy counter of the processor cannot be read ({error}): {_WAY_OUT}") from None
    total = 0

    def joules() -> float:
        nonlocal total
        for zone in zones:
            now = _number(zone / "energy_uj")
            total += now - last[zone] + (limits[zone] if now < last[zone] else 0)  # it begins anew at its end
            last[zone] = now
        return total / 1e6

    return joules


def _zones(folder: Path) -> Iterator[Path]:
    """The processors and their memory: what lies inside a processor is counted there, and the whole platform would count all twice."""
    for zone in sorted(folder.glob("intel-rapl:*")):
        try:
            name = (zone / "name").read_text(encoding="ascii").strip()
        except OSError:
            continue
        if name.startswith("package") or name == "dram":
            yield zone


def _number(path: Path) -> int:
    return int(path.read_text(encoding="ascii"))


def _gpu_meter(device: torch.device) -> Meter:
    try:
        import pynvml
    except ImportError:
        raise missing_package("nvidia-ml-py", "energy", "the energy of a GPU") from None
    try:
        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)
    except pynvml.NVMLError as error:
        raise SettingError(f"the energy counter of the GPU cannot be read ({error}): {_WAY_OUT}") from None
    return lambda: float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3
