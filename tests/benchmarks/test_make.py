"""A table of one's own."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.benchmarks import make as making
from searchitect.benchmarks.collected import collect, countable, figures
from searchitect.benchmarks.files import load_table, read_arrays
from searchitect.benchmarks.make import TrainAndTest, all_architectures, make_table
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.benchmarks.trainings import read_trainings
from searchitect.core import Fidelity, Job, Measurement, RunError, SettingError, SpaceError, TrialState
from searchitect.spaces import make_space
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.tasks import load_task

from .small import small_table

SPACE = NasBench201(channels=2, cells=1, operations=("none", "skip_connect"))
TWELVE = {"seeds": 2, "epochs": 2}


def write_data(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    np.savez(folder / "data.npz", x=(rng.normal(size=(80, 8, 8)) + y[:, None, None]).astype(np.float32), y=y)
    return folder / "data.npz"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, TabularBenchmark]:
    """The data, the folder and the table of a space of five different cells."""
    folder = tmp_path_factory.mktemp("made")
    data = write_data(folder)
    found = make_table(SPACE, data, out=folder / "out", **TWELVE)
    assert found.table is not None
    assert (found.path, found.done, found.wanted) == (folder / "out" / "nasbench201-data.npz", 10, 10)
    return data, folder / "out", found.table


def test_every_architecture_is_trained_and_equal_ones_once(made: tuple[Path, Path, TabularBenchmark]) -> None:
    _, folder, table = made
    assert table.valid.shape == (5, 2, 2)
    assert table.epochs == (1, 2)
    assert table.is_prefix
    assert np.isfinite(table.valid).all()
    assert all(architecture.text in table.rows for architecture in SPACE.enumerate())  # 64 of them
    assert {(row["row"], row["seed"]) for row in read_trainings(folder / "trainings.jsonl")} == {
        (row, seed) for row in range(5) for seed in range(2)
    }


def test_the_file_holds_the_same_table_and_its_making(made: tuple[Path, Path, TabularBenchmark]) -> None:
    _, folder, table = made
    path = folder / "nasbench201-data.npz"
    again = load_table(path)
    assert np.array_equal(again.valid, table.valid)
    assert np.array_equal(again.tested, table.tested)
    assert {text: again.rows[text] for text in table.rows} == dict(table.rows)
    arrays = read_arrays(path)
    assert arrays["valid"].dtype == np.uint16  # counts of right answers
    about = json.loads(arrays["about"].tobytes())
    assert about["made"]["seeds"] == 2
    assert about["made"]["examples"] == {"train": 48, "valid": 12, "test": 20}
    assert about["examples"] == {"valid": 12, "tested": 20}


def test_a_training_is_the_one_that_its_seed_says(made: tuple[Path, Path, TabularBenchmark]) -> None:
    data, _, table = made
    task = load_task(data)
    architecture = all_architectures(SPACE)[3]
    job = Job(space=SPACE, architecture=architecture, task=task, fidelity=Fidelity(2), horizon=2, seed=5 * 1 + 3)
    found = TrainAndTest({}).evaluate(job)
    assert [look["accuracy"] for look in found.curve] == table.valid[3, :, 1].tolist()
    assert found.metrics["test"] == table.tested[3, 1]
    other = TrainAndTest({"learning_rate": 1e-6}).evaluate(job)
    assert other.curve != found.curve


def test_costs_and_seconds(made: tuple[Path, Path, TabularBenchmark]) -> None:
    table = made[2]
    assert (table.costs["params"] == 1224).all()
    assert (table.costs["macs"] > 0).all()
    assert table.seconds is not None
    assert (table.seconds[:, 0] > 0).all()
    assert (table.seconds[:, 0] <= table.seconds[:, 1]).all()


def test_the_same_call_again_trains_nothing_and_other_settings_are_refused(
    made: tuple[Path, Path, TabularBenchmark], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, folder, _ = made
    monkeypatch.setattr(TrainAndTest, "evaluate", lambda *_: pytest.fail("it trains again"))
    steps: list[tuple[int, int]] = []
    make_table(SPACE, data, out=folder, on_step=lambda done, total: steps.append((done, total)), **TWELVE)
    assert steps == [(10, 10)]
    with pytest.raises(RunError, match="holds trainings with epochs=2, now it is 3"):
        make_table(SPACE, data, out=folder, seeds=2, epochs=3)
    with pytest.raises(RunError, match="holds trainings with config="):
        make_table(NasBench201(channels=4, cells=1, operations=("none",)), data, out=folder, **TWELVE)


def test_a_cut_line_is_made_again_and_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data(tmp_path)
    trained: list[int] = []

    def evaluate(self: TrainAndTest, job: Job) -> Measurement:
        trained.append(job.seed)
        return Measurement({"seconds": 1.0, "test": 0.5}, [{"epoch": 2.0, "accuracy": 0.25}])

    monkeypatch.setattr(TrainAndTest, "evaluate", evaluate)
    make_table(SPACE, data, out=tmp_path / "out", **TWELVE)
    assert trained == list(range(10))
    lines = tmp_path / "out" / "trainings.jsonl"
    whole = lines.read_bytes()
    lines.write_bytes(whole[:-7])
    trained.clear()
    found = make_table(SPACE, data, out=tmp_path / "out", **TWELVE)
    assert trained == [9]
    assert lines.read_bytes() == whole
    assert found.table is not None
    assert (found.table.valid == 0.25).all()
    lines.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(RunError, match="holds a line that cannot be read"):
        make_table(SPACE, data, out=tmp_path / "out", **TWELVE)


def test_an_interrupt_keeps_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(self: TrainAndTest, job: Job) -> Measurement:
        if job.seed == 4:
            raise KeyboardInterrupt
        return Measurement({"seconds": 1.0, "test": 0.5}, [{"epoch": 2.0, "accuracy": 0.25}])

    monkeypatch.setattr(TrainAndTest, "evaluate", evaluate)
    found = make_table(SPACE, write_data(tmp_path), out=tmp_path / "out", **TWELVE)
    assert (found.path, found.table, found.done, found.wanted) == (None, None, 4, 10)


def test_a_training_that_breaks_off_is_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(self: TrainAndTest, job: Job) -> Measurement:
        raise MemoryError("too little of it")

    monkeypatch.setattr(TrainAndTest, "evaluate", evaluate)
    with pytest.raises(RunError, match=r"training 0 of the architecture .* broke off: out of memory.*the same call goes on"):
        make_table(SPACE, write_data(tmp_path), out=tmp_path / "out", **TWELVE)
    assert read_trainings(tmp_path / "out" / "trainings.jsonl") == []


def test_killed_at_any_time_it_goes_on(tmp_path: Path, made: tuple[Path, Path, TabularBenchmark]) -> None:
    data, _, without_a_kill = made
    script = tmp_path / "script.py"
    script.write_text(
        "from searchitect.benchmarks.make import make_table\n"
        "from searchitect.spaces.nasbench201 import NasBench201\n"
        'if __name__ == "__main__":\n'
        "    space = NasBench201(channels=2, cells=1, operations=('none', 'skip_connect'))\n"
        f"    make_table(space, {str(data)!r}, out={str(tmp_path / 'out')!r}, seeds=2, epochs=2)\n"
    )
    lines = tmp_path / "out" / "trainings.jsonl"
    process = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "OMP_NUM_THREADS": "1"})
    end = time.monotonic() + 120
    while not (lines.exists() and lines.read_bytes().count(b"\n") >= 3) and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = read_trainings(lines)
    assert len(before) >= 3
    found = make_table(SPACE, data, out=tmp_path / "out", **TWELVE)
    assert read_trainings(lines)[: len(before)] == before
    assert found.table is not None
    assert np.array_equal(found.table.valid, without_a_kill.valid)
    assert np.array_equal(found.table.tested, without_a_kill.tested)


@pytest.mark.slow
def test_workers_find_the_same(tmp_path: Path, made: tuple[Path, Path, TabularBenchmark]) -> None:
    found = make_table(SPACE, made[0], out=tmp_path, workers=2, **TWELVE)
    assert found.table is not None
    assert np.array_equal(found.table.valid, made[2].valid)
    assert np.array_equal(found.table.tested, made[2].tested)


def test_spaces_that_cannot_be_trained_as_a_whole_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_data(tmp_path)
    with pytest.raises(
        SpaceError, match=r"has .* architectures to train them all, at most 20,000 are: make it smaller by its settings"
    ):
        make_table(make_space("darts"), data, out=tmp_path / "out")
    monkeypatch.setattr(making, "LIMIT", 63)
    with pytest.raises(SpaceError, match="has 64 architectures to train them all, at most 63 are"):
        make_table(SPACE, data, out=tmp_path / "out")
    np.savez(tmp_path / "table.npz", x=np.random.default_rng(0).normal(size=(40, 3)), y=np.arange(40) % 2)
    with pytest.raises(SpaceError, match="is for image-classification, the data is for table-classification"):
        make_table(NasBench201(operations=("none",)), tmp_path / "table.npz", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"seeds": 0}, {"epochs": 0}, {"workers": 0}, {"training": {"x": 1}}])
def test_settings_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="|".join([*wrong, "unknown setting 'x'"])):
        make_table(SPACE, "digits", out=tmp_path / "out", **wrong)


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="cannot be written to"):
        make_table(SPACE, write_data(tmp_path), out=tmp_path / "file")


# --- from trainings to a table -----------------------------------------------------------------------------------------


def test_short_curves_are_filled_and_failed_trainings_get_the_worst_score(tmp_path: Path) -> None:
    task = load_task(write_data(tmp_path))
    architectures = all_architectures(SPACE)[:2]

    def training(
        row: int, seed: int, state: TrialState, curve: list[list[float]], test: float | None, cpu: float
    ) -> dict[str, Any]:
        return {"row": row, "seed": seed, "state": str(state), "curve": curve, "test": test, "cpu": cpu}

    trainings = [
        training(0, 0, TrialState.COMPLETE, [[1.0, 0.5], [2.0, 0.6], [3.0, 0.7], [4.0, 0.8]], 0.75, 8.0),
        training(0, 1, TrialState.PRUNED, [[1.0, 0.25], [2.0, 0.3]], 0.2, 2.0),
        training(1, 0, TrialState.FAILED, [[1.0, 0.9]], None, 1.0),
        training(1, 1, TrialState.COMPLETE, [[2.0, 0.5], [4.0, 0.4]], 0.5, 4.0),
    ]
    table = collect(SPACE, architectures, task, trainings, name="x", epochs=4, seeds=2)
    assert table.valid[0].T.tolist() == [[0.5, 0.6, 0.7, 0.8], [0.25, 0.3, 0.3, 0.3]]
    assert table.valid[1].T.tolist() == [[0.25] * 4, [0.5, 0.5, 0.5, 0.4]]
    assert table.tested.tolist() == [[0.75, 0.2], [0.2, 0.5]]
    assert table.seconds is not None
    assert table.seconds[0].tolist() == [(2 + 1) / 2, (4 + 2) / 2, (6 + 2) / 2, (8 + 2) / 2]


def test_where_every_training_failed_there_is_no_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def evaluate(self: TrainAndTest, job: Job) -> Measurement:
        return Measurement({"seconds": 1.0}, [], TrialState.FAILED, "the loss is not a number")

    monkeypatch.setattr(TrainAndTest, "evaluate", evaluate)
    with pytest.raises(
        RunError, match=r"all 10 trainings failed, the first one since the loss is not a number: .*training\.learning_rate"
    ):
        make_table(SPACE, write_data(tmp_path), out=tmp_path / "out", **TWELVE)


def test_figures_of_a_table_by_hand() -> None:
    valid = np.array([[[0.1, 0.2]], [[0.2, 0.1]], [[0.3, 0.3]], [[0.5, 0.4]]])
    tested = np.array([[0.5, 0.7], [0.4, 0.4], [0.8, 0.8], [0.9, 0.9]])
    rows = dict(list(small_table().rows.items())[:4])
    found = figures(small_table(rows=rows, epochs=(1.0,), valid=valid, tested=tested, costs={}, seconds=None))
    assert found["architectures"] == 4
    assert [found[name] for name in ("mean", "median", "best")] == pytest.approx([0.675, 0.7, 0.9])
    assert found["seed to seed"] == pytest.approx(0.8)  # ranks 1 2 3 4 and 2 1 3 4
    assert found["validation to test"] == pytest.approx(math.sqrt(0.9), abs=0.01)  # the first two tie in one of them


def test_only_counts_are_stored_as_counts() -> None:
    table = small_table(valid=np.full((9, 2, 2), 0.25), tested=np.full((9, 2), 1 / 3))
    assert countable({"train": 9, "valid": 12, "test": 12}, table) == {"valid": 12, "tested": 12}
    assert countable({"train": 9, "valid": 12, "test": 10}, table) == {"valid": 12}
    assert countable({"train": 9, "valid": 12, "test": 70_000}, table) == {}
