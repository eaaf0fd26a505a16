import math
import random
import statistics
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from searchitect.core import Architecture, Chooser, Fidelity, Objective, SettingError, Space, Trial, TrialState
from searchitect.core.choosing import NumberDomain, OneDomain, SomeDomain
from searchitect.spaces.randwire import RandWire
from searchitect.strategies.mcts import Mcts, Node, count, new_value, upper_bound
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]


@dataclass(frozen=True)
class Arms(Space):
    """A first choice of an arm, and many ways to go on."""

    arms: int = 3

    name: ClassVar[str] = "arms"

    def describe(self, choose: Chooser) -> Any:
        return [choose("arm", list(range(self.arms))), choose.between("rest", 0, 10**6)]


@dataclass(frozen=True)
class Twins(Space):
    """Of 64 architectures only seven train differently."""

    name: ClassVar[str] = "twins"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"bit/{place}", (0, 1)) for place in range(6)]

    def canonical(self, spec: Any) -> Any:
        return sorted(spec)


def trial(
    space: Space,
    number: int,
    architecture: Architecture,
    score: float,
    state: TrialState = TrialState.COMPLETE,
    **others: float,
) -> Trial:
    metrics = {"score": score, **others}
    return Trial(number, architecture, space.key(architecture), Fidelity(1), 0, state=state, metrics=metrics)


def arm(number: int, rest: int = 0, arms: int = 3) -> Architecture:
    return Arms(arms).decide({"arm": number, "rest": rest})


def next_arm(strategy: Mcts) -> int:
    proposal = strategy.ask()
    assert proposal is not None
    return int(proposal.architecture.spec[0])


def test_the_bound_is_ucb1() -> None:
    assert upper_bound(3.0, 4, math.log(10), math.sqrt(2)) == pytest.approx(0.75 + math.sqrt(2 * math.log(10) / 4))
    assert upper_bound(3.0, 4, math.log(10), 0.0) == 0.75


def test_each_value_is_tried_once_before_any_is_tried_twice() -> None:
    for seed in range(10):
        trials = simulate(Mcts(Arms(7), SCORE, seed=seed), lambda spec, _: float(spec[0]), 7)
        assert {t.architecture.spec[0] for t in trials} == set(range(7))


def test_the_next_arm_is_the_one_of_the_highest_bound_by_hand() -> None:
    # five trials; rewards are ranks: 0, 1/4, 1/2, 3/4, 1 in the order of the scores
    told = [(0, 0.1), (0, 0.4), (1, 0.2), (1, 0.5), (2, 0.3)]
    means, visits = [(0 + 0.75) / 2, (0.25 + 1) / 2, 0.5], [2, 2, 1]
    chosen = set()
    for exploration in (0.0, 0.1, 0.3, 0.5, 1.0, 2.0):
        strategy = Mcts(Arms(), SCORE, exploration=exploration)
        for number, (which, score) in enumerate(told):
            strategy.tell(trial(Arms(), number, arm(which, number), score))
        bounds = [m + exploration * math.sqrt(math.log(5) / n) for m, n in zip(means, visits, strict=True)]
        found = next_arm(strategy)
        assert found == bounds.index(max(bounds))
        chosen.add(found)
    assert chosen == {1, 2}


def test_running_trials_count_as_visits_without_reward_until_they_end() -> None:
    strategy = Mcts(Arms(2), SCORE, exploration=0.3)
    for number, (which, score) in enumerate([(0, 0.9), (1, 0.1), (0, 0.8), (1, 0.2)]):
        strategy.tell(trial(Arms(2), number, arm(which, number, 2), score))
    # rewards: arm 0 has 1 and 2/3, arm 1 has 0 and 1/3; one more running trial below arm 0 each time
    expected = []
    running = [0, 0]
    for _ in range(6):
        visits = [2 + r for r in running]
        bounds = [
            total / n + 0.3 * math.sqrt(math.log(sum(visits)) / n) for total, n in zip((5 / 3, 1 / 3), visits, strict=True)
        ]
        expected.append(bounds.index(max(bounds)))
        running[expected[-1]] += 1
    assert [next_arm(strategy) for _ in range(6)] == expected
    assert set(expected) == {0, 1}
    assert strategy._root.running == 6


def test_what_still_runs_is_adopted_and_leaves_no_trace_when_it_ends() -> None:
    strategy = Mcts(Arms(), SCORE)
    open_trial = trial(Arms(), 0, arm(1), 0.5, TrialState.RUNNING)
    strategy.tell(open_trial)
    assert (strategy._root.running, strategy._root.visits) == (1, 1)
    strategy.tell(trial(Arms(), 0, arm(1), 0.5))
    assert (strategy._root.running, strategy._root.visits) == (0, 1)
    strategy.tell(trial(Arms(), 1, arm(2), 0.5))  # never asked for
    assert (strategy._root.running, strategy._root.visits) == (0, 2)


def test_rewards_are_shares_of_worse_trials_and_what_failed_has_the_lowest() -> None:
    strategy = Mcts(Arms(), SCORE)
    states = [TrialState.COMPLETE] * 4 + [TrialState.FAILED]
    for number, (score, state) in enumerate(zip((0.3, -7.0, 0.3, 1000.0, 9.0), states, strict=True)):
        strategy.tell(trial(Arms(), number, arm(0, number), score, state))
    strategy.ask()
    assert strategy._rewards == [(2 + 3) / 2 / 4, 1 / 4, (2 + 3) / 2 / 4, 1.0, 0.0]


def test_rewards_of_several_objectives_follow_the_fronts() -> None:
    strategy = Mcts(Arms(), [Objective("score", "max"), Objective("cost", "min")])
    for number, (score, cost) in enumerate([(1.0, 9.0), (5.0, 1.0), (4.0, 2.0), (math.nan, 1.0)]):
        strategy.tell(trial(Arms(), number, arm(0, number), score, cost=cost))
    strategy.ask()
    assert strategy._rewards == pytest.approx([1 / 3, 1.0, 2 / 3, 0.0])


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("space", [CountOnes(6), Twins()], ids=["count-ones", "twins"])
def test_a_small_space_is_used_up_without_repetition(space: Space, workers: int) -> None:
    strategy = Mcts(space, SCORE)
    trials = simulate(strategy, lambda spec, _: sum(spec), 100, workers=workers)
    assert len(trials) == len({t.key for t in trials}) == (7 if isinstance(space, Twins) else 64)
    if not isinstance(space, Twins):
        assert strategy._root.is_closed


def test_wide_steps_are_widened_with_the_visits() -> None:
    strategy = Mcts(Arms(100), SCORE, widening=0.5)
    simulate(strategy, lambda spec, _: float(spec[0]), 200)
    assert len(strategy._root.children) == 15  # the root of 200, rounded up
    everything = Mcts(Arms(100), SCORE, widening=1.0)
    simulate(everything, lambda spec, _: float(spec[0]), 60)
    assert len(everything._root.children) == 60
    listed = Mcts(Arms(16), SCORE, widening=0.1)
    simulate(listed, lambda spec, _: float(spec[0]), 16)
    assert len(listed._root.children) == 16


def test_domains_are_counted() -> None:
    assert count(OneDomain(("a", "b"))) == 2
    assert count(SomeDomain(("a", "b", "c", "d"), 2)) == 6
    assert count(NumberDomain(3, 7)) == 5
    assert count(NumberDomain(0.0, 1.0)) == math.inf
    assert count(NumberDomain(0.5, 0.5)) == 1


def test_new_values_are_uniform_over_those_without_a_child() -> None:
    node, rng = Node(), random.Random(0)
    node.children = {repr("b"): Node("b")}
    drawn = [new_value(node, OneDomain(("a", "b", "c")), 3, rng) for _ in range(300)]
    assert set(drawn) == {"a", "c"}
    assert drawn.count("a") == pytest.approx(150, abs=40)


def test_it_runs_where_a_step_has_billions_of_values() -> None:
    space = RandWire(nodes=6, channels=4)
    trials = simulate(Mcts(space, SCORE), lambda spec, _: -len(str(spec)), 40, workers=2)
    assert len({t.key for t in trials}) == 40


def test_it_finds_more_than_random_search_where_early_decisions_matter() -> None:
    space = CountOnes(14)

    def judge(spec: Any, _: Fidelity) -> float:
        return sum(bit * 0.8**place for place, bit in enumerate(spec))

    found = {
        strategy: statistics.mean(
            max(t.metrics["score"] for t in simulate(strategy(space, SCORE, seed=seed), judge, 150)) for seed in range(5)
        )
        for strategy in (Mcts, RandomSearch)
    }
    best = judge([1] * 14, Fidelity(1))
    assert best - found[Mcts] < 0.5 * (best - found[RandomSearch])


def test_a_spec_written_by_hand_is_nowhere_in_the_tree() -> None:
    space = CountOnes(4)
    strategy = Mcts(space, SCORE)
    strategy.tell(trial(space, 0, Architecture([1, 1, 1, 1]), 4.0))
    assert strategy._root.visits == 0
    trials = simulate(strategy, lambda spec, _: sum(spec), 30)
    assert len(trials) == 15  # all others
    assert strategy.notes() == ["Monte Carlo tree search: 15 trials below 2 first decisions."]


@pytest.mark.parametrize("options", [{"exploration": -1.0}, {"exploration": math.inf}, {"widening": 0.0}, {"widening": 1.5}])
def test_settings_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(options))} must"):
        Mcts(CountOnes(3), SCORE, **options)
