from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, TrialState
from searchitect.strategies import make_strategy
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]


def ones(spec: Any, fidelity: Fidelity) -> float:
    return float(sum(spec))


def strategy(name: str = "random", **options: Any) -> Any:
    return make_strategy(name, CountOnes(12), SCORE, 0, **options)


def test_trials_are_asked_judged_and_told() -> None:
    trials = simulate(strategy("asha", max_epochs=3), lambda spec, fidelity: sum(spec) + fidelity.epochs, 30)
    assert [trial.id for trial in trials] == list(range(30))
    assert all(trial.state is TrialState.COMPLETE for trial in trials)
    assert all(trial.metrics == {"score": sum(trial.architecture.spec) + trial.fidelity.epochs} for trial in trials)
    assert {trial.fidelity for trial in trials} == {Fidelity(1), Fidelity(3)}


def test_several_metrics_can_be_given() -> None:
    trials = simulate(strategy(), lambda spec, fidelity: {"score": 1.0, "cost": 2.0}, 3)
    assert [trial.metrics for trial in trials] == [{"score": 1.0, "cost": 2.0}] * 3


def test_a_score_that_raises_is_a_failed_trial() -> None:
    def broken(spec: Any, fidelity: Fidelity) -> float:
        raise MemoryError("too large")

    (trial,) = simulate(strategy(), broken, 1)
    assert trial.state is TrialState.FAILED
    assert trial.reason == "MemoryError: too large"
    assert trial.metrics == {}


def test_several_workers_end_out_of_order_reproducibly() -> None:
    runs = [[trial.id for trial in simulate(strategy(), ones, 30, workers=4, seed=seed)] for seed in (0, 0, 1)]
    assert sorted(runs[0]) == list(range(30)) != runs[0]
    assert runs[0] == runs[1] != runs[2]


def test_a_run_goes_on_after_what_was_told() -> None:
    options = {"population_size": 5, "sample_size": 3}
    whole = simulate(strategy("regularized-evolution", **options), ones, 30)
    resumed = strategy("regularized-evolution", **options)
    for trial in whole[:17]:
        resumed.tell(trial)
    assert simulate(resumed, ones, 13, told=whole[:17]) == whole[17:]


def test_it_ends_when_the_space_does() -> None:
    assert len(simulate(make_strategy("random", CountOnes(3), SCORE), ones, 100, workers=3)) == 8
    assert simulate(strategy(), ones, 0) == []


def test_nonsense_is_refused() -> None:
    with pytest.raises(SettingError, match="workers"):
        simulate(strategy(), ones, 5, workers=0)
