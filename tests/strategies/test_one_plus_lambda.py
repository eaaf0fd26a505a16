import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any, ClassVar

import pytest

from searchitect.core import Architecture, Chooser, Fidelity, Objective, SettingError, Space, Strategy, TrialState
from searchitect.strategies.one_plus_lambda import OnePlusLambda
from searchitect.testing import CountOnes, check_strategy, simulate
from tests.strategies.policies import trial_of

SCORE = [Objective("score", "max")]


@dataclass(frozen=True)
class Hidden(Space):
    """Forty genes of fifty alleles each, of which two are shown; the rest has no effect until it is shown."""

    name: ClassVar[str] = "hidden"

    genes: int = 40

    def describe(self, choose: Chooser) -> Any:
        values = [choose(f"gene/{place}", range(50)) for place in range(self.genes)]
        shown = [choose("left", range(self.genes)), choose("right", range(self.genes))]
        return [values[place] for place in shown]


SPACE = Hidden()


def score(spec: Any, _: Fidelity) -> float:
    return float(sum(spec))


def changed(parent: Architecture, child: Architecture) -> int:
    return sum(child.decisions[path] != value for path, value in parent.decisions.items())


def started(value: float = 50.0, **options: Any) -> tuple[OnePlusLambda, Architecture]:
    """With a parent of that value."""
    strategy, parent = OnePlusLambda(SPACE, SCORE, **options), SPACE.sample(random.Random(0))
    strategy.tell(trial_of(SPACE, parent, value))
    return strategy, parent


def tell(strategy: OnePlusLambda, value: float, state: TrialState = TrialState.COMPLETE) -> Architecture:
    """The child that was asked for and got that value."""
    proposal = strategy.ask()
    assert proposal is not None
    ended = trial_of(SPACE, proposal.architecture, value, state)
    ended.id = int(value)
    strategy.tell(ended)
    return proposal.architecture


def parent_of(strategy: OnePlusLambda) -> Architecture:
    assert strategy._parent is not None
    return strategy._parent.architecture


def test_it_keeps_the_contract_where_most_decisions_have_no_effect() -> None:
    def make(space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        return OnePlusLambda(space, objectives, seed=seed, mutation_rate=0.2)

    check_strategy(make, Hidden(genes=12), is_rank_based=True)


def test_there_are_one_evaluation_and_lambda_for_each_generation() -> None:
    for children in (1, 2, 5):
        strategy = OnePlusLambda(SPACE, SCORE, children=children)
        trials = simulate(strategy, score, 1 + 10 * children)
        assert strategy._generations == 10
        assert [trial.parent is None for trial in trials] == [True, *[False] * (10 * children)]


def test_the_parent_never_gets_worse_and_names_itself() -> None:
    trials = simulate(OnePlusLambda(SPACE, SCORE), score, 101)
    by_id = {trial.id: trial for trial in trials}
    parents = [by_id[trial.parent].metrics["score"] for trial in trials[1:] if trial.parent is not None]
    assert len(parents) == 100
    assert all(a <= b for a, b in itertools.pairwise(parents))
    assert 3 <= len(set(parents)) <= 30
    assert all(first.parent == second.parent for first, second in zip(trials[1::2], trials[2::2], strict=True))


def test_only_a_strictly_better_child_takes_the_parents_place() -> None:
    strategy, parent = started(50.0)
    tell(strategy, 50.0)
    tell(strategy, 49.0)
    assert parent_of(strategy) == parent
    tell(strategy, 51.0)
    best = tell(strategy, 52.0)
    assert parent_of(strategy) == best
    assert dict(parent_of(strategy).decisions) == dict(best.decisions)  # where a child is better, nothing drifts


def test_failures_count_as_the_worst_and_those_over_a_limit_are_replaced() -> None:
    strategy, parent = started(50.0)
    tell(strategy, 99.0, TrialState.FAILED)
    tell(strategy, 98.0, TrialState.INFEASIBLE)
    assert strategy._generations == 0
    tell(strategy, 97.0, TrialState.PRUNED)
    assert strategy._generations == 1
    assert parent_of(strategy) == parent


def test_without_a_parent_it_draws() -> None:
    strategy = OnePlusLambda(SPACE, SCORE)
    for state in (TrialState.FAILED, TrialState.INFEASIBLE):
        tell(strategy, 1.0, state)
        assert strategy._parent is None
    found = tell(strategy, 1.0)
    assert parent_of(strategy) == found


def test_a_child_is_always_another_network_and_begins_anew_from_the_parent() -> None:
    """Of 42 genes four are active. One of them must be hit; of the others as many are as in one mutation, not as in all that were in vain."""
    hit = []
    for seed in range(500):
        strategy, parent = started(mutation_rate=0.05, seed=seed)
        proposal = strategy.ask()
        assert proposal is not None
        assert proposal.architecture != parent
        hit.append(changed(parent, proposal.architecture))
    active = 4 * 0.05 / (1 - 0.95**4)  # hit on average, given that one is
    assert mean(hit) == pytest.approx(38 * 0.05 + active, abs=0.25)


def test_what_has_no_effect_drifts_with_the_rate() -> None:
    strategy, parent = started(mutation_rate=0.2)
    steps = []
    for _ in range(100):
        before = parent_of(strategy)
        tell(strategy, 0.0)
        assert parent_of(strategy) is before  # the generation is not over
        tell(strategy, 0.0)
        assert parent_of(strategy) == parent  # the network stays
        steps.append(changed(before, parent_of(strategy)))
    assert mean(steps) == pytest.approx(0.2 * 38, abs=0.8)


def test_the_drift_is_the_same_when_it_is_told_again() -> None:
    trials = simulate(OnePlusLambda(SPACE, SCORE), score, 60)
    first, second = (OnePlusLambda(SPACE, SCORE) for _ in range(2))
    for trial in trials:
        first.tell(trial)
        first.ask()
        second.tell(trial)
    assert dict(parent_of(first).decisions) == dict(parent_of(second).decisions)
    other = OnePlusLambda(SPACE, SCORE, seed=1)
    for trial in trials:
        other.tell(trial)
    assert parent_of(other) == parent_of(first)
    assert dict(parent_of(other).decisions) != dict(parent_of(first).decisions)


def test_without_hidden_decisions_it_is_a_plain_one_plus_lambda() -> None:
    trials = simulate(OnePlusLambda(CountOnes(30), SCORE), score, 400)
    assert max(trial.metrics["score"] for trial in trials) == 30


def test_a_small_space_is_tried_to_its_end() -> None:
    trials = simulate(OnePlusLambda(CountOnes(4), SCORE), score, 100)
    assert len(trials) == len({trial.key for trial in trials}) == 16


def test_its_notes_say_what_happened() -> None:
    strategy, _ = started(50.0)
    for value in (51.0, 49.0, 10.0, 10.0):
        tell(strategy, value)
    assert strategy.notes() == ["(1 + 2) evolution: 2 generations, 1 with a better child; in the others the parent drifted."]


@pytest.mark.parametrize("options", [{"children": 0}, {"mutation_rate": 0.0}, {"mutation_rate": 1.5}])
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"must (be at least 1|lie in \(0, 1\]), got .*the paper uses"):
        OnePlusLambda(SPACE, SCORE, **options)
