"""The search loop over toys: budgets, duplicates, limits, accidents."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from searchitect import Job, Measurement, Trial, TrialState
from searchitect.core import ConstraintError, RunError, SettingError
from searchitect.search.loop import BASELINE_EVERY, GIVE_UP_AFTER
from searchitect.testing import CountOnes
from tests.search.toys import Actor, Acts, Ones, assert_each_was_judged_once, judged, run_toy, states


def trained(trials: list[Trial]) -> int:
    return sum(t.is_trained for t in trials)


@pytest.mark.parametrize("strategy", ["random", "regularized-evolution", "asha", "auto"])
def test_a_budget_of_trials_is_met_exactly(strategy: str, tmp_path: Path) -> None:
    result = run_toy(tmp_path / "run", CountOnes(20), Ones(tmp_path / "judged.txt"), "17trials", strategy=strategy)
    assert trained(result.trials) == len(judged(tmp_path / "judged.txt")) == 17


def test_a_budget_of_trials_is_met_exactly_by_two_workers(tmp_path: Path) -> None:
    result = run_toy(tmp_path / "run", CountOnes(20), Ones(tmp_path / "judged.txt"), "9trials", workers=2)
    assert trained(result.trials) == len(judged(tmp_path / "judged.txt")) == 9
    assert len({line.split()[-1] for line in (tmp_path / "judged.txt").read_text().splitlines()}) == 2  # processes


def test_a_budget_of_epochs_ends_the_search_within_one_trial(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(30), Ones(), "40epochs", strategy="random", fidelity="epochs=3")
    assert trained(result.trials) == 14  # 13 of 3 epochs are 39, the next one ends above 40


def test_promotions_cost_only_the_epochs_that_they_add(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(30), Ones(), "60epochs", strategy="asha", fidelity="epochs=1", baseline="none")
    by_id = {t.id: t for t in result.trials}
    spent = sum(
        t.fidelity.passes - (by_id[t.parent].fidelity.passes if t.resume and t.parent is not None else 0)
        for t in by_id.values()
    )
    assert 60 <= spent < 60 + 6
    assert any(t.resume for t in by_id.values())


def test_whichever_budget_ends_first_counts(tmp_path: Path) -> None:
    given: dict[str, Any] = {"strategy": "random", "fidelity": "epochs=2"}
    assert trained(run_toy(tmp_path / "a", CountOnes(30), Ones(), "5trials,100epochs,1h", **given).trials) == 5
    assert trained(run_toy(tmp_path / "b", CountOnes(30), Ones(), "50trials,8epochs,1h", **given).trials) == 4


@pytest.mark.parametrize(
    ("strategy", "workers"),
    [("random", 1), ("regularized-evolution", 1), ("asha", 1), ("auto", 1), ("regularized-evolution", 2)],
)
def test_nothing_is_judged_twice_and_duplicates_take_over_the_result(strategy: str, workers: int, tmp_path: Path) -> None:
    log, options = tmp_path / "judged.txt", {}
    if strategy == "regularized-evolution":
        options = {"population_size": 5, "sample_size": 2}
    given = {"strategy": strategy, "strategy_options": options, "workers": workers, "seed": 9}
    result = run_toy(tmp_path / "run", CountOnes(4), Ones(log), "22trials", **given)
    assert_each_was_judged_once(log)
    twins = [t for t in result.trials if t.twin is not None]
    assert twins
    by_id = {t.id: t for t in result.trials}
    for twin in twins:
        assert twin.twin is not None
        original = by_id[twin.twin]
        assert (twin.key, twin.fidelity) == (original.key, original.fidelity)
        assert (twin.metrics, twin.state) == (original.metrics, original.state)
        assert f"same as trial {original.id}" in twin.reason
        assert twin.seconds == 0
        assert not twin.is_trained
    assert result.summary["counts"]["duplicates"] == len(twins)


def test_a_small_space_is_exhausted_and_the_search_ends_by_itself(tmp_path: Path) -> None:
    for bits in (1, 2, 3):
        log = tmp_path / f"{bits}.txt"
        result = run_toy(tmp_path / str(bits), CountOnes(bits), Ones(log), "1000trials", strategy="random")
        assert len(judged(log)) == 2**bits
        assert len(result.trials) <= 4 * 2**bits  # it does not draw on and on


def test_a_strategy_that_finds_nothing_new_is_stopped(tmp_path: Path) -> None:
    given = {"strategy": "regularized-evolution", "strategy_options": {"population_size": 4, "sample_size": 2}}
    result = run_toy(tmp_path, CountOnes(2), Ones(), "1000trials", baseline="none", **given)
    assert trained(result.trials) == 4
    assert len(result.trials) <= GIVE_UP_AFTER + 40
    assert f"{GIVE_UP_AFTER} proposals in a row" in (tmp_path / "log.txt").read_text()


def test_one_random_trial_is_interleaved_for_every_five_of_the_strategy(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(40), Ones(), "60trials", strategy="regularized-evolution")
    origins = Counter(t.origin for t in result.trials)
    own = origins["strategy"] + origins["random"]
    assert origins["baseline"] == pytest.approx(own / BASELINE_EVERY, abs=1)
    seen = 0
    for trial in result.trials:
        seen += trial.origin != "baseline"
        before = sum(t.origin == "baseline" for t in result.trials[: trial.id + 1])
        assert abs(before - seen / BASELINE_EVERY) <= 1  # spread over the run


def test_the_baseline_can_be_left_out(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(40), Ones(), "12trials", baseline="none")
    assert not any(t.origin == "baseline" for t in result.trials)
    assert result.summary["baseline"] is None


def test_the_strategy_is_not_told_of_the_baseline(tmp_path: Path) -> None:
    from searchitect.strategies.random_search import RandomSearch

    told = []

    class Listening(RandomSearch):
        def learn(self, trial: Trial) -> None:
            told.append(trial.id)
            super().learn(trial)

    result = run_toy(tmp_path, CountOnes(40), Ones(), "24trials", strategy=Listening)
    assert sorted(told) == [t.id for t in result.trials if t.origin != "baseline"]


class Costly(Ones):
    """Gives the metric that a limit is on."""

    def evaluate(self, job: Job) -> Measurement:
        found = super().evaluate(job)
        return Measurement({**found.metrics, "params": 1000.0 * found.metrics["cost"], "accuracy": found.metrics["score"]})


@pytest.mark.parametrize("limit", ["params<=2k", "accuracy<0.5", "accuracy>=0.5"])
def test_a_limit_on_what_the_estimator_gives_makes_trials_infeasible(limit: str, tmp_path: Path) -> None:
    from searchitect.core import parse_constraint

    constraint = parse_constraint(limit)
    result = run_toy(tmp_path, CountOnes(8), Costly(), "40trials", where=limit)
    over = [t for t in result.trials if not constraint.is_met(t.metrics)]
    assert 0 < len(over) < len(result.trials)
    for trial in result.trials:
        assert (trial.state is TrialState.INFEASIBLE) == (trial in over)
    assert all(str(constraint) in t.reason for t in over if t.twin is None)
    assert result.best is not None
    assert constraint.is_met(result.best.metrics)


def test_accidents_cost_one_failed_trial_each_and_the_run_goes_on(tmp_path: Path) -> None:
    space = Acts(("fine", "raise", "memory", "torch-memory", "nan", "infinite", "quit"), variants=2)
    result = run_toy(tmp_path, space, Actor(), "14trials", strategy="random", baseline="none")
    for trial in result.trials:
        act = trial.architecture.spec["act"]
        assert trial.state is (TrialState.COMPLETE if act == "fine" else TrialState.FAILED)
        assert bool(trial.reason) == (act != "fine")
    reasons = {t.architecture.spec["act"]: t.reason for t in result.trials}
    assert reasons["nan"] == "what it reached is not a finite number: score=nan"
    assert reasons["infinite"] == "what it reached is not a finite number: score=inf"
    assert "ValueError: a candidate that raises" in reasons["raise"]
    assert "out of memory" in reasons["memory"]
    assert result.summary["counts"]["failed"] == 12
    assert "a candidate that raises" in (tmp_path / "log.txt").read_text()  # with its traceback
    assert result.best is not None
    assert result.best.spec["act"] == "fine"


def test_dying_workers_cost_one_failed_trial_each_and_the_run_goes_on(tmp_path: Path) -> None:
    space = Acts(("fine", "exit", "killed"), variants=2)
    result = run_toy(tmp_path, space, Actor(), "6trials", strategy="random", baseline="none", workers=2)
    reasons = {t.architecture.spec["act"]: t.reason for t in result.trials if t.state is TrialState.FAILED}
    assert reasons.keys() == {"exit", "killed"}
    assert "exit code 7" in reasons["exit"]
    assert "signal 9" in reasons["killed"]
    assert states(result.trials) == {TrialState.FAILED: 4, TrialState.COMPLETE: 2}


def test_when_everything_fails_the_result_says_why(tmp_path: Path) -> None:
    result = run_toy(tmp_path, Acts(("raise",)), Actor(), "4trials", strategy="random")
    assert result.best is None
    assert result.front == []
    assert "none of them is complete" in result.summary["sentence"]
    assert "ValueError: a candidate that raises" in result.summary["sentence"]


def test_an_objective_that_the_estimator_does_not_give_is_said_after_the_first_trial(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"'scor'.*cost, score"):
        run_toy(tmp_path / "run", CountOnes(8), Ones(tmp_path / "judged.txt"), "30trials", maximize="scor")
    assert len(judged(tmp_path / "judged.txt")) == 1


def test_the_front_of_two_objectives_is_not_dominated(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(8), Ones(), "40trials", minimize="cost")
    complete = [t for t in result.trials if t.twin is None]

    def dominates(a: Trial, b: Trial) -> bool:
        ours, theirs = ((t.metrics["score"], -t.metrics["cost"]) for t in (a, b))
        return all(x >= y for x, y in zip(ours, theirs, strict=True)) and ours != theirs

    best_fidelity = {t.key: max((o for o in complete if o.key == t.key), key=lambda o: o.fidelity.passes) for t in complete}
    rivals = list(best_fidelity.values())
    expected = {t.id for t in rivals if not any(dominates(o, t) for o in rivals)}
    assert {t.id for t in result.front} == expected
    assert len({t.metrics["cost"] for t in result.front}) > 1
    scores = [t.metrics["score"] for t in result.front]
    assert scores == sorted(scores, reverse=True)


def test_the_fidelity_of_a_search_is_that_of_its_first_looks(tmp_path: Path) -> None:
    result = run_toy(tmp_path, CountOnes(30), Ones(), "20trials", fidelity="epochs=2,data=0.5,resolution=0.25")
    fidelities = {t.fidelity for t in result.trials}
    assert {(f.data, f.resolution) for f in fidelities} == {(0.5, 0.25)}
    assert {f.epochs for f in fidelities} == {2, 6, 18}


def test_a_space_of_one_architecture_is_searched(tmp_path: Path) -> None:
    result = run_toy(tmp_path, Acts(("fine",), variants=1), Actor(), "10trials", strategy="random")
    assert trained(result.trials) == 1


def test_a_limit_that_is_no_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConstraintError, match=r"'paramz'.*did you mean 'params'"):
        run_toy(tmp_path, CountOnes(8), Ones(), where="paramz<=3")


def test_one_metric_cannot_be_both_objectives(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="'score' is given twice"):
        run_toy(tmp_path, CountOnes(8), Ones(), minimize="score")
