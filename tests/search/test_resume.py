"""Killed at any moment and started again, a search loses nothing, judges nothing twice and asks for the same."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from searchitect import TrialState
from searchitect.search.store import open_store
from searchitect.testing import CountOnes
from tests.search.toys import Ones, OnesWithWeights, asked, assert_each_was_judged_once, killed_at, run_toy

STRATEGIES = ["random", "regularized-evolution", "generational-genetic-algorithm", "one-plus-lambda", "asha", "auto"]
OPTIONS: dict[str, dict[str, int]] = {
    "regularized-evolution": {"population_size": 6, "sample_size": 2},
    "generational-genetic-algorithm": {"population_size": 6},
}
SPACE = CountOnes(6)  # 64 architectures: duplicates and promotions abound
BUDGET = "24trials"


def arguments(folder: Path, strategy: str, **more: Any) -> dict[str, Any]:
    return {
        "folder": folder / "run",
        "space": SPACE,
        "estimator": Ones(folder / "judged.txt"),
        "budget": BUDGET,
        "strategy": strategy,
        "strategy_options": OPTIONS.get(strategy, {}),
        **more,
    }


def whole_run(folder: Path, strategy: str, **more: Any) -> list[tuple[Any, ...]]:
    folder.mkdir()
    return asked(run_toy(**arguments(folder, strategy, **more)).trials)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_serial_search_twice_gives_the_same_trials(strategy: str, tmp_path: Path) -> None:
    assert whole_run(tmp_path / "a", strategy, seed=3) == whole_run(tmp_path / "b", strategy, seed=3)
    assert whole_run(tmp_path / "c", strategy, seed=4) != whole_run(tmp_path / "d", strategy, seed=3)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_killed_and_resumed_it_asks_for_the_same(strategy: str, tmp_path: Path) -> None:
    expected = whole_run(tmp_path / "whole", strategy)
    folder = tmp_path / "killed"
    folder.mkdir()
    given, rng, deaths = arguments(folder, strategy), random.Random(strategy), 0
    finished: dict[int, Any] = {}
    while deaths < 5 and killed_at(rng.randrange(4, 30), after=rng.random() < 0.5, **given):
        deaths += 1
        store = open_store(folder / "run")
        now = {t.id: (str(t.state), t.metrics, t.finished) for t in store.finished()}
        store.close()
        assert now.items() >= finished.items()  # a completed trial is never lost, and stays as it is
        finished = now
    assert deaths >= 3
    assert asked(run_toy(**given).trials) == expected
    judgements = len((folder / "judged.txt").read_text().splitlines())
    whole = len((tmp_path / "whole" / "judged.txt").read_text().splitlines())
    assert whole <= judgements <= whole + deaths  # at most what was in flight is judged again


@pytest.mark.parametrize("write", range(1, 14))
def test_killed_around_any_of_the_first_writes_it_goes_on(write: int, tmp_path: Path) -> None:
    given = arguments(tmp_path, "auto", budget="4trials")
    assert killed_at(write, after=write % 2 == 0, **given)
    trials = run_toy(**given).trials
    assert sum(t.is_trained for t in trials) == 4
    assert [t.id for t in trials] == list(range(len(trials)))
    assert all(t.state.is_finished for t in trials)


def test_promotions_go_on_from_weights_after_an_interruption(tmp_path: Path) -> None:
    given = arguments(tmp_path, "asha", space=CountOnes(12), budget="30trials") | {"estimator": OnesWithWeights()}
    assert killed_at(40, after=True, **given)
    trials = run_toy(**given).trials
    promoted = [t for t in trials if t.resume]
    assert len(promoted) >= 6
    assert [t.metrics["went_on"] for t in promoted] == [1.0] * len(promoted)
    kept = {int(p.stem) for p in (tmp_path / "run" / "weights").glob("*.safetensors")}
    parents = {t.parent for t in promoted}
    assert not kept & parents  # not needed any more


def test_a_promotion_of_a_duplicate_goes_on_from_the_weights_of_its_equal(tmp_path: Path) -> None:
    given = arguments(tmp_path, "asha", space=CountOnes(4), budget="22trials", seed=9) | {"estimator": OnesWithWeights()}
    trials = run_toy(**given).trials
    by_id = {t.id: t for t in trials}
    of_twins = [t for t in trials if t.resume and t.parent is not None and by_id[t.parent].twin is not None and t.twin is None]
    assert of_twins
    assert all(t.metrics["went_on"] for t in of_twins)


def test_a_bigger_budget_goes_on_and_judges_nothing_again(tmp_path: Path) -> None:
    given = arguments(tmp_path, "regularized-evolution", space=CountOnes(20))
    first = run_toy(**(given | {"budget": "10trials"})).trials
    second = run_toy(**(given | {"budget": "25trials"})).trials
    assert asked(second)[: len(first)] == asked(first)
    assert sum(t.is_trained for t in second) == 25
    assert_each_was_judged_once(tmp_path / "judged.txt")
    again = run_toy(**(given | {"budget": "25trials"})).trials  # nothing is left to do
    assert asked(again) == asked(second)


def test_a_smaller_budget_than_was_spent_changes_nothing(tmp_path: Path) -> None:
    given = arguments(tmp_path, "random")
    first = run_toy(**given).trials
    assert asked(run_toy(**(given | {"budget": "5trials"})).trials) == asked(first)


def test_the_time_of_all_sessions_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten seconds a trial, by a pretended clock; the run is killed on the way."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class Slow(Ones):
        def evaluate(self, job: Any) -> Any:
            now[0] += 10
            return super().evaluate(job)

    given = arguments(tmp_path, "random", budget="100s") | {"estimator": Slow(tmp_path / "judged.txt")}
    first = run_toy(**given)
    trained = sum(t.is_trained for t in first.trials)
    assert 6 <= trained <= 10  # part of the time is the final step's
    now[0] = 5000.0  # another session, long after
    again = run_toy(**given)
    assert sum(t.is_trained for t in again.trials) == trained
    longer = run_toy(**(given | {"budget": "200s"}))
    assert 12 <= sum(t.is_trained for t in longer.trials) <= 20
    assert longer.summary["seconds"]["total"] <= 200


@pytest.mark.slow
def test_twenty_random_kills_from_outside(tmp_path: Path) -> None:
    """The whole command, on data, with two workers and with one, killed by another process at random moments."""
    import os
    import signal
    import subprocess
    import sys

    import numpy as np

    rng = random.Random(0)
    numbers = np.random.default_rng(0).normal(size=(300, 5))
    with (tmp_path / "table.csv").open("w") as file:
        file.write("a,b,c,d,e,y\n")
        for row in numbers:
            file.write(",".join(f"{v:.4f}" for v in row) + f",{'yes' if row[0] > row[1] else 'no'}\n")

    def command(folder: str, workers: int) -> list[str]:
        line = (
            f"search table.csv --target y --budget 150trials --fidelity epochs=6 --seed 1 --out {folder} --workers {workers} -q"
        )
        return [sys.executable, "-m", "searchitect.cli", *line.split()]

    def finished(folder: str) -> dict[int, Any]:
        if not (tmp_path / folder / "search.db").exists():
            return {}
        store = open_store(tmp_path / folder)
        found = {t.id: (str(t.state), t.metrics) for t in store.finished()}
        store.close()
        return found

    for workers, kills in ((1, 10), (2, 10)):
        folder, known = f"run{workers}", dict[int, Any]()
        for _ in range(kills):
            process = subprocess.Popen(command(folder, workers), cwd=tmp_path, start_new_session=True)
            more, end = rng.randrange(12), time.monotonic() + 60
            while len(finished(folder)) < len(known) + more and time.monotonic() < end:
                time.sleep(0.1)
            time.sleep(rng.uniform(0.0, 0.5))  # with none to wait for: while it starts
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = finished(folder)
            assert now.items() >= known.items()
            known = now
        subprocess.run(command(folder, workers), cwd=tmp_path, check=True)
        assert finished(folder).items() >= known.items()
    subprocess.run(command("whole", 1), cwd=tmp_path, check=True)
    trials = {}
    for folder in ("whole", "run1"):
        store = open_store(tmp_path / folder)
        trials[folder] = [(t.id, t.architecture.text, t.fidelity, t.origin) for t in store.trials()]
        states = {t.state for t in store.trials()}
        store.close()
        assert not states & {TrialState.RUNNING, TrialState.WAITING}
    assert trials["run1"] == trials["whole"]
    assert os.path.exists(tmp_path / "run2" / "model.py")
