"""Whole runs on small data: limits, the final step, the test part."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect import Constraint, Result, Trial, TrialState, search
from searchitect.core import ConstraintError, SettingError, SpaceError
from searchitect.core.choosing import Chooser
from searchitect.search import plan
from searchitect.search.probe import find_feasible
from searchitect.search.store import open_store
from searchitect.tasks import Part, Task, load_task
from searchitect.testing import CountOnes
from searchitect.training.checkpoint import evaluated_state
from tests.search.toys import Ones, Widths, asked

DATA = np.random.default_rng(0).normal(size=(120, 4)).astype(np.float32)
LABELS = (DATA[:, 0] + DATA[:, 1] > 0).astype(int)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Final trainings of few epochs, and no export, which has tests of its own."""
    import searchitect.api as api

    monkeypatch.setattr(plan, "usual_epochs", lambda info: 3.0)
    monkeypatch.setattr(api, "_save_winner", lambda *_: None)


def run_table(folder: Path, budget: str = "6trials", **more: Any) -> Result:
    given: dict[str, Any] = {"space": Widths(), "fidelity": "epochs=1", "strategy": "random"}
    return search((DATA, LABELS), budget=budget, out=folder, **(given | more))


def finals(result: Result) -> list[Trial]:
    return [t for t in result.trials if t.origin == "final"]


# --- limits --------------------------------------------------------------------------------------------------------------


def parameters(spec: Any) -> int:
    """4 columns to the width to 2 classes."""
    return int(spec["width"] * 4 + spec["width"] * spec["bias"] + spec["width"] * 2 + 2)


def test_what_is_over_a_limit_is_recorded_with_the_limit_and_never_trained(tmp_path: Path) -> None:
    result = run_table(tmp_path, "8trials", where="params<=60")
    over = [t for t in result.trials if t.state is TrialState.INFEASIBLE]
    assert over
    for trial in result.trials:
        assert trial.metrics["params"] == parameters(trial.architecture.spec)
        assert (trial in over) == (trial.metrics["params"] > 60)
    for trial in over:
        if trial.twin is None:
            assert trial.reason == f"over params<=60: params={trial.metrics['params']:.6g}"
        assert trial.metrics.keys() <= {"params", "macs"}
        assert trial.seconds == 0
        assert not trial.is_trained
    assert result.summary["winner"]["params"] <= 60
    assert result.summary["counts"]["infeasible"] == sum(t.twin is None for t in over)


def test_of_two_limits_only_the_broken_one_is_named(tmp_path: Path) -> None:
    result = run_table(tmp_path, where=["params<=60", "latency<=10s"])
    over = [t for t in result.trials if t.state is TrialState.INFEASIBLE and t.twin is None]
    assert over
    assert not any("latency" in t.reason or "nan" in t.reason for t in over)
    assert all(t.metrics["latency"] > 0 for t in result.trials if t.state is TrialState.COMPLETE and t.origin != "final")


def test_a_limit_that_nobody_meets_is_said_within_seconds_with_the_smallest(tmp_path: Path) -> None:
    with pytest.raises(ConstraintError, match=r"'widths'.*params<=10.*has params=14; loosen the limit"):
        run_table(tmp_path, where="params<=10")
    assert parameters({"width": 2, "bias": False}) == 14
    store = open_store(tmp_path)
    assert store.trials() == []
    store.close()


def test_a_rare_feasible_architecture_is_found_by_walking_downhill() -> None:
    space = CountOnes(40)
    found = find_feasible(space, [Constraint("params", "<=", 2)], lambda a, _: {"params": float(sum(a.spec))}, seed=0)
    assert [sum(a.spec) <= 2 for a in found.architectures] == [True]


def test_the_limits_are_met_whatever_their_sign() -> None:
    space = CountOnes(40)
    found = find_feasible(space, [Constraint("params", ">=", 38)], lambda a, _: {"params": float(sum(a.spec))}, seed=0)
    assert sum(found.architectures[0].spec) >= 38


# --- mistakes before the first training ------------------------------------------------------------------------------


class WrongShape(Widths):
    """Answers with one number too many."""

    name = "wrong-shape"

    def build(self, spec: Any, info: Any) -> Any:
        return super().build(spec, replace(info, input_shape=(9,)))


class NotAModule(Widths):
    name = "not-a-module"

    def build(self, spec: Any, info: Any) -> Any:
        return "a network"


class Contradicting(Widths):
    name = "contradicting"

    def describe(self, choose: Chooser) -> Any:
        return [choose("width", [1, 2]), choose("width", [1, 2])]


@pytest.mark.parametrize(
    ("space", "words"),
    [
        (Widths(breaks=True), r"'widths' cannot be built or run \(ZeroDivisionError: the user's build is wrong\); its spec is"),
        (WrongShape(), r"'wrong-shape' cannot be built or run \(RuntimeError: "),
        (NotAModule(), r"'not-a-module' must return a torch.nn.Module, got str"),
        (Contradicting(), "'width' is made twice"),
    ],
)
def test_a_space_with_a_mistake_fails_before_the_first_training(space: Any, words: str, tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=words):
        run_table(tmp_path, space=space)


def test_a_misspelt_strategy_option_fails_before_the_data_are_trained_on(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match=r"'population_sizes': did you mean 'population_size'\?"):
        run_table(tmp_path, strategy="regularized-evolution", strategy_options={"population_sizes": 3})
    assert not (tmp_path / "search.db").exists()


# --- the final step --------------------------------------------------------------------------------------------------


def test_the_best_are_retrained_the_winner_is_chosen_on_validation_and_refitted(tmp_path: Path) -> None:
    result = run_table(tmp_path)
    winner = result.summary["winner"]
    retrained = [t for t in finals(result) if not t.resume]
    [refit] = [t for t in finals(result) if t.resume]
    assert len(retrained) == 2
    searched = [t for t in result.trials if t.origin != "final" and t.state is TrialState.COMPLETE and t.twin is None]
    order = sorted(searched, key=lambda t: (t.fidelity.passes, t.metrics["accuracy"], -t.metrics["loss"]), reverse=True)
    assert {t.key for t in retrained} == {t.key for t in order[:2]}
    best = max(retrained, key=lambda t: (t.metrics["accuracy"], -t.metrics["loss"]))
    assert winner["trial"] == best.id == refit.parent
    assert winner["refit"]
    assert winner["validation"]["accuracy"] == best.metrics["accuracy"]
    weights = evaluated_state(tmp_path / "weights" / f"{refit.id}.safetensors")
    assert weights["0.weight"].shape == (best.architecture.spec["width"], 4)
    assert set(winner["test"]) == set(winner["validation"]) - {"params", "macs"}


class Counted:
    """A test part that counts how often its inputs are looked at."""

    looks = 0

    def __init__(self, part: Part) -> None:
        self._part, self.y, self.rows = part, part.y, part.rows

    def __len__(self) -> int:
        return len(self._part)

    @property
    def x(self) -> Any:
        Counted.looks += 1
        return self._part.x


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    import searchitect.tasks as tasks

    def counted(*args: Any, **named: Any) -> Task:
        task = load_task(*args, **named)
        return replace(task, test=Counted(task.test))  # type: ignore[arg-type]

    monkeypatch.setattr(tasks, "load_task", counted)
    Counted.looks = 0
    return lambda: Counted.looks


def test_the_test_part_is_looked_at_once_also_when_the_run_is_repeated(tmp_path: Path, looks: Callable[[], int]) -> None:
    first = run_table(tmp_path)
    assert looks() == 1
    again = run_table(tmp_path)
    assert looks() == 1
    assert again.summary["winner"] == first.summary["winner"]
    assert asked(again.trials) == asked(first.trials)
    assert first.summary["protocol"]["test_access"] == 1


def test_a_run_interrupted_in_its_final_step_goes_on_there(
    tmp_path: Path, looks: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    from searchitect.search.executors import SerialExecutor

    submit, submitted = SerialExecutor.submit, []

    def interrupted(self: SerialExecutor, trial: int, job: Any) -> None:
        submitted.append(trial)
        if len(submitted) == 8:  # 6 of the search, the first finalist, then Ctrl-C
            raise KeyboardInterrupt
        submit(self, trial, job)

    monkeypatch.setattr(SerialExecutor, "submit", interrupted)
    stopped = run_table(tmp_path)
    assert stopped.is_interrupted
    assert stopped.summary["is_interrupted"]
    assert stopped.summary["winner"] is None
    assert stopped.best is not None
    assert "interrupted before its final step" in stopped.summary["sentence"]
    assert looks() == 0
    result = run_table(tmp_path)
    assert not result.is_interrupted
    assert looks() == 1
    assert submitted[7] == submitted[8]  # what was cut short is done again, nothing else
    whole = run_table(tmp_path.parent / (tmp_path.name + "-whole"))
    assert [(*a[:9], a[9][:3]) for a in asked(result.trials)] == [(*a[:9], a[9][:3]) for a in asked(whole.trials)]
    assert result.summary["winner"] == whole.summary["winner"]


def test_an_interrupted_search_keeps_what_it_has_and_goes_on(tmp_path: Path) -> None:
    class Pressed(Ones):
        presses = 1

        def evaluate(self, job: Any) -> Any:
            if job.architecture.spec[0] == 1 and Pressed.presses:
                Pressed.presses -= 1
                raise KeyboardInterrupt
            return super().evaluate(job)

    given: dict[str, Any] = {"space": CountOnes(10), "estimator": Pressed(), "maximize": "score", "out": tmp_path}
    stopped = search(None, budget="30trials", **given)
    assert stopped.is_interrupted
    assert stopped.summary["seconds"]["search"] == pytest.approx(stopped.summary["seconds"]["total"], abs=0.5)
    assert (tmp_path / "report.html").exists()
    result = search(None, budget="30trials", **given)
    assert not result.is_interrupted
    assert sum(t.is_trained for t in result.trials) == 30


def test_a_budget_of_time_is_met_with_its_final_step(tmp_path: Path) -> None:
    began = time.monotonic()
    result = run_table(tmp_path, "6s", space=None, strategy="auto", fidelity=None)
    assert result.summary["winner"] is not None
    assert time.monotonic() - began < 60  # far from the ten minutes that it was given
    started = [t.started for t in result.trials if t.origin != "final"]
    assert len(started) >= 3
    assert max(started) <= 6 * 0.75
    assert min(t.started for t in finals(result)) >= max(started)


def test_the_winner_is_within_the_limits(tmp_path: Path) -> None:
    result = run_table(tmp_path, where=["params<=110", "accuracy>=0.2"])
    assert result.summary["winner"]["params"] <= 110
    assert all(t.metrics["params"] <= 110 for t in finals(result))


def test_without_an_eligible_trial_there_is_no_winner_and_it_is_said(tmp_path: Path) -> None:
    result = run_table(tmp_path, "3trials", where="accuracy>=0.9999", training={"learning_rate": 1e-9})
    assert result.summary["winner"] is None
    assert result.best is None
    assert finals(result) == []
    assert "none of them is complete and within the limits" in result.summary["sentence"]


def test_two_objectives_give_a_front_that_is_not_dominated(tmp_path: Path) -> None:
    result = run_table(tmp_path, "10trials", minimize="params")
    values = [(t.metrics["accuracy"], -t.metrics["params"]) for t in result.front]
    assert values
    assert not any(a != b and a[0] >= b[0] and a[1] >= b[1] for a in values for b in values)
    assert [o["metric"] for o in result.summary["objectives"]] == ["accuracy", "params"]


def test_regression_is_judged_by_r2_and_its_residuals_are_kept(tmp_path: Path) -> None:
    target = 100 + 30 * DATA[:, 0]
    given: dict[str, Any] = {"space": Widths(), "fidelity": "epochs=1", "strategy": "random", "out": tmp_path}
    result = search((DATA, target), task="regression", budget="4trials", **given)
    assert result.summary["objectives"] == [{"metric": "r2", "direction": "max"}]
    residuals = result.summary["residuals"]
    assert len(residuals["actual"]) == len(residuals["predicted"]) == 30
    assert 50 < np.mean(residuals["predicted"]) < 150  # in the user's units
    assert set(result.summary["winner"]["test"]) == {"r2", "rmse", "mae", "loss"}


def test_the_confusion_counts_the_test_rows_once(tmp_path: Path) -> None:
    result = run_table(tmp_path, "3trials")
    counts = np.array(result.summary["confusion"]["counts"])
    assert counts.sum() == 30
    accuracy = np.trace(counts) / counts.sum()
    assert accuracy == pytest.approx(result.summary["winner"]["test"]["accuracy"])


def test_two_workers_find_what_one_finds(tmp_path: Path) -> None:
    alone = run_table(tmp_path / "one", "5trials", baseline="none")
    together = run_table(tmp_path / "two", "5trials", baseline="none", workers=2)
    for mine, theirs in zip(alone.trials[:5], together.trials[:5], strict=True):
        assert mine.architecture == theirs.architecture
        assert mine.metrics == theirs.metrics


def test_an_own_estimator_with_data_ends_with_a_trained_network(tmp_path: Path) -> None:
    class Narrow(Ones):
        def evaluate(self, job: Any) -> Any:
            from searchitect import Measurement

            return Measurement({"accuracy": 1 - job.architecture.spec["width"] / 100, "loss": 1.0})

    result = run_table(tmp_path, "12trials", estimator=Narrow())
    assert result.summary["winner"]["spec"]["width"] == 2
    assert 0 <= result.summary["winner"]["test"]["accuracy"] <= 1


def test_a_bigger_budget_scores_another_winner_on_its_own_and_says_so(tmp_path: Path, looks: Callable[[], int]) -> None:
    run_table(tmp_path, "2trials", where="params<=10000")
    result = run_table(tmp_path, "9trials", where="params<=10000")
    assert looks() == result.summary["protocol"]["test_access"] <= 2
    assert sum(t.is_trained for t in result.trials if t.origin != "final") == 9


def test_baseline_full_runs_an_equal_budget_of_random_search(tmp_path: Path) -> None:
    result = run_table(tmp_path, "5trials", baseline="full", strategy="auto")
    full = json.loads((tmp_path / "result.json").read_text())["baseline"]["full"]
    assert full == result.summary["baseline"]["full"]
    store = open_store(tmp_path / "baseline")
    trials = store.trials()
    store.close()
    assert sum(t.is_trained for t in trials if t.origin != "final") == 5
    assert {t.origin for t in trials if not t.resume} == {"random", "final"}
    assert full["random"]["test"].keys() == full["search"]["test"].keys()
    difference = full["search"]["test"]["accuracy"] - full["random"]["test"]["accuracy"]
    assert ("no better" in full["sentence"]) == (difference <= 0)
    assert "no proof either way" in full["sentence"]


def test_the_record_of_a_run_names_settings_seeds_versions_and_machine(tmp_path: Path) -> None:
    run_table(tmp_path, "3trials", seed=5)
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["settings"]["seed"] == 5
    assert record["settings"]["budget"] == "3trials"
    assert {"python", "torch", "numpy", "searchitect"} <= record["versions"].keys()
    assert record["machine"]["cores"] >= 1
    assert len(record["sessions"]) == 1
    run_table(tmp_path, "3trials", seed=5)
    assert len(json.loads((tmp_path / "run.json").read_text())["sessions"]) == 2


def test_weights_that_nobody_needs_are_not_kept(tmp_path: Path) -> None:
    result = run_table(tmp_path, "12trials", strategy="asha")
    kept = {int(p.stem) for p in (tmp_path / "weights").glob("*.safetensors")}
    by_id = {t.id: t for t in result.trials}
    assert max(t.id for t in finals(result)) in kept
    promoted = {t.parent for t in result.trials if t.resume and t.origin != "final"}
    assert not kept & promoted
    assert all(math.isfinite(by_id[i].metrics.get("accuracy", 0.0)) for i in kept)
    assert not list((tmp_path / "weights").glob("*.part"))


def test_time_limits_of_trials_are_kept(tmp_path: Path) -> None:
    result = run_table(tmp_path, "3trials", time_limit=1e-6)
    assert {t.state for t in result.trials} == {TrialState.FAILED}
    assert all("over its time limit of 1e-06 s" in t.reason for t in result.trials)


def test_the_global_generators_are_left_as_they_were(tmp_path: Path) -> None:
    import torch

    from searchitect.testing.generators import global_generators_untouched

    before = torch.get_rng_state()
    with global_generators_untouched("a search"):
        run_table(tmp_path, "3trials")
    assert torch.equal(torch.get_rng_state(), before)
