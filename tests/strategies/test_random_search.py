import random
import statistics
from dataclasses import dataclass
from typing import Any

import pytest

from searchitect.core import Chooser, Fidelity, Objective, Space, Trial, TrialState
from searchitect.core.trial import Proposal
from searchitect.strategies import make_strategy
from searchitect.strategies.seen import Seen
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]


def test_a_small_space_is_exhausted_without_repetition() -> None:
    strategy = make_strategy("random", CountOnes(6), SCORE)
    trials = simulate(strategy, lambda spec, fidelity: 0.0, 1000, workers=3)
    assert len(trials) == 64 == len({trial.key for trial in trials})
    assert strategy.ask() is None
    assert {trial.origin for trial in trials} == {"random"}


def test_what_it_was_told_is_not_proposed() -> None:
    space = CountOnes(3)
    strategy = make_strategy("random", space, SCORE)
    told = list(space.enumerate())[:7]
    for number, architecture in enumerate(told):
        state = TrialState.RUNNING if number % 2 else TrialState.FAILED
        strategy.tell(Trial(number, architecture, space.key(architecture), Fidelity(1), 0, state=state))
    proposal = strategy.ask()
    assert proposal is not None
    assert proposal.architecture.spec == [1, 1, 1]
    assert strategy.ask() is None


@dataclass(frozen=True)
class Rarely(Space):
    """One of its two architectures is drawn once in 2^20 times."""

    name = "rarely"

    def describe(self, choose: Chooser) -> Any:
        return all([choose(f"bit/{place}", [False, True]) for place in range(20)])  # noqa: C419 - all 20 are to be chosen


def test_equal_architectures_count_once_and_a_large_space_ends_in_repetition_not_in_silence() -> None:
    proposals = [trial.architecture.spec for trial in simulate(make_strategy("random", Rarely(), SCORE), lambda *_: 0.0, 3)]
    assert proposals == [False] * 3  # 2^20 ways to decide are too many to list, so the second is not looked for


def test_a_continuous_space_never_ends() -> None:
    class Continuous(Space):
        name = "continuous"

        def describe(self, choose: Chooser) -> Any:
            return choose.between("x", 0.0, 1.0)

    trials = simulate(make_strategy("random", Continuous(), SCORE), lambda *_: 0.0, 2000)
    assert len({trial.key for trial in trials}) == 2000
    assert statistics.mean(trial.architecture.spec for trial in trials) == pytest.approx(0.5, abs=0.03)


def test_the_last_ones_are_drawn_evenly() -> None:
    space = CountOnes(8)
    seen = Seen(space)
    listed = list(space.enumerate())
    for architecture in listed[4:]:
        seen.add(space.key(architecture))
    drawn = [seen.draw(random.Random(seed)) for seed in range(400)]
    for architecture in listed[:4]:
        assert drawn.count(architecture) == pytest.approx(100, abs=35)


def test_a_proposal_is_known_from_then_on_and_a_draw_takes_its_place_where_there_is_none() -> None:
    space, rng = CountOnes(2), random.Random(0)
    seen, forgetful = Seen(space), Seen(space, remembers=False)
    first, *others = space.enumerate()
    ours = Proposal(first, parent=7)
    assert seen.propose(ours, rng) is forgetful.propose(ours, rng) is ours
    drawn = [seen.propose(None, rng) for _ in others]
    assert {proposal.architecture for proposal in drawn if proposal is not None and proposal.is_random} == set(others)
    assert seen.propose(None, rng) is None
    assert len(seen) == 4
    assert all(forgetful.propose(None, rng) is not None for _ in range(20))
    assert first not in forgetful
