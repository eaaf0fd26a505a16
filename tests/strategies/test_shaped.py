import math
import random

import pytest

from searchitect.core import Objective, SettingError, Trial, TrialState
from searchitect.strategies.regularized_evolution import RegularizedEvolution
from searchitect.strategies.shaped import REWARD, Shaped
from searchitect.testing import CountOnes, simulate
from tests.strategies.policies import SCORE, trial_of

SPACE = CountOnes(20)
CELLS = [SPACE.sample(random.Random(seed)) for seed in range(4)]


def zeros(trial: Trial, _: Objective) -> float:
    """The opposite of what the run's objective counts."""
    return float(20 - sum(trial.architecture.spec))


def shaped(reward=zeros, inner="regularized-evolution", **options) -> Shaped:
    return Shaped(SPACE, SCORE, inner=inner, inner_options=options or {"population_size": 10, "sample_size": 5}, reward=reward)


def test_the_inner_strategy_follows_the_reward_and_not_the_objective() -> None:
    strategy = shaped()
    trials = simulate(strategy, lambda spec, _: sum(spec), 300)
    late = trials[-50:]
    assert sum(sum(t.architecture.spec) for t in late) / 50 < 4  # of 20 ones; a random draw has 10
    assert strategy.leader() == min((t.architecture for t in trials), key=lambda a: sum(a.spec))


def test_the_reward_sees_the_objective_and_the_costs() -> None:
    seen = []

    def reward(trial: Trial, objective: Objective) -> float:
        seen.append((objective.value(trial.metrics), trial.metrics["macs"]))
        return 1.0

    strategy = Shaped(SPACE, [Objective("loss", "min")], inner="random", reward=reward)
    trial = trial_of(SPACE, CELLS[0])
    trial.metrics = {"loss": 0.25, "macs": 7.0}
    strategy.tell(trial)
    assert seen == [(-0.25, 7.0)]
    assert REWARD.metric not in trial.metrics  # the run's record stays what was measured


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.PRUNED, TrialState.INFEASIBLE])
def test_what_did_not_complete_has_no_reward(state: TrialState) -> None:
    strategy = shaped(lambda *_: pytest.fail("no reward is asked for"))
    strategy.tell(trial_of(SPACE, CELLS[0], state=state))
    assert strategy.leader() is None


def test_a_reward_that_is_not_finite_counts_as_a_failure() -> None:
    inner = RegularizedEvolution(SPACE, [REWARD], population_size=1, sample_size=1)
    strategy = Shaped(SPACE, SCORE, inner=inner, reward=lambda *_: math.nan)
    strategy.tell(trial_of(SPACE, CELLS[0]))
    assert strategy.ask().is_random  # nobody entered the population
    assert strategy.leader() is None


def test_an_interrupted_search_goes_on_the_same() -> None:
    whole, again = shaped(), shaped()
    trials = simulate(whole, lambda spec, _: sum(spec), 40)
    for trial in trials:
        again.tell(trial)
    assert again.ask() == whole.ask()


def test_options_need_a_name() -> None:
    inner = RegularizedEvolution(SPACE, [REWARD])
    with pytest.raises(SettingError, match="inner to be a name"):
        Shaped(SPACE, SCORE, inner=inner, inner_options={"population_size": 3}, reward=zeros)
