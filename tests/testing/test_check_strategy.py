"""The suite must catch what it says it catches: each strategy below has one planted mistake."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from searchitect.core import Architecture, Fidelity, Objective, Proposal, Space, Strategy, Trial, TrialState
from searchitect.testing import MakeStrategy, check_strategy


class Greedy(Strategy):
    """Mutates the best so far. Right in every respect; the others each break one thing."""

    def __init__(self, space: Space, objectives: Sequence[Objective], seed: int) -> None:
        super().__init__(space, objectives, seed=seed)
        self.best: Trial | None = None

    def propose(self, rng: random.Random) -> Proposal | None:
        if self.best is None:
            return Proposal(self.space.sample(rng), is_random=True)
        return Proposal(self.space.mutate(self.best.architecture, rng), parent=self.best.id)

    def learn(self, trial: Trial) -> None:
        if trial.state is TrialState.COMPLETE and (self.best is None or self.values(trial) > self.values(self.best)):
            self.best = trial


def test_a_right_strategy_passes() -> None:
    check_strategy(Greedy, is_rank_based=True)


class IgnoresItsSeed(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        return super().propose(random.Random(self._proposed))


class DrawsFromEverybodysGenerator(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        random.random()
        return super().propose(rng)


class SeedsNumpy(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        np.random.seed(0)  # noqa: NPY002
        return super().propose(rng)


class OwnGeneratorThatIsNotReplayed(Greedy):
    def __init__(self, space: Space, objectives: Sequence[Objective], seed: int) -> None:
        super().__init__(space, objectives, seed)
        self.rng = random.Random(seed)

    def propose(self, rng: random.Random) -> Proposal | None:
        return super().propose(self.rng)


class RemembersOnlyWhatItProposed(Greedy):
    """Every third proposal is random; counted in propose, and not again in learn."""

    count = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        self.count += 1
        return Proposal(self.space.sample(rng), is_random=True) if self.count % 3 == 0 else super().propose(rng)


class ForgetsOpenTrials(Greedy):
    """Proposes at random while few are open; after an interruption it does not know that any is."""

    def __init__(self, space: Space, objectives: Sequence[Objective], seed: int) -> None:
        super().__init__(space, objectives, seed)
        self.open: set[str] = set()

    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = Proposal(self.space.sample(rng), is_random=True) if len(self.open) < 2 else super().propose(rng)
        assert proposal is not None
        self.open.add(self.space.key(proposal.architecture))
        return proposal

    def learn(self, trial: Trial) -> None:
        self.open.discard(trial.key)
        super().learn(trial)


class ReadsTheMetricItself(Greedy):
    def learn(self, trial: Trial) -> None:
        if "score" in trial.metrics and (self.best is None or trial.metrics["score"] > self.best.metrics["score"]):
            self.best = trial


class Proportional(Greedy):
    """Looks at the size of scores, not only at their order."""

    def propose(self, rng: random.Random) -> Proposal | None:
        if self.best is not None and self.values(self.best)[0] > 2:
            return Proposal(self.space.sample(rng), is_random=True)
        return super().propose(rng)


class StumblesOverFailure(Greedy):
    def learn(self, trial: Trial) -> None:
        assert trial.metrics["score"] is not None
        super().learn(trial)


class GivesUp(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        return None if self.best is not None and self.best.id > 3 else super().propose(rng)


class InventsArchitectures(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = super().propose(rng)
        assert proposal is not None
        return replace(proposal, architecture=Architecture("mine", proposal.architecture.decisions))


class DropsDecisions(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = super().propose(rng)
        assert proposal is not None
        return replace(proposal, architecture=Architecture(proposal.architecture.spec))


class NamesAnUnknownParent(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        return Proposal(self.space.sample(rng), parent=10**6)


class ResumesAnotherArchitecture(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = super().propose(rng)
        assert proposal is not None
        return replace(proposal, resume=proposal.parent is not None, fidelity=Fidelity(5))


class ResumesWithoutMoreEpochs(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        if self.best is None:
            return super().propose(rng)
        return Proposal(self.best.architecture, self.best.fidelity, parent=self.best.id, resume=True)


class ResumesNothing(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        return Proposal(self.space.sample(rng), Fidelity(5), resume=True)


class CallsAChildRandom(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = super().propose(rng)
        assert proposal is not None
        return replace(proposal, is_random=True)


class CallsAChildAStart(Greedy):
    def propose(self, rng: random.Random) -> Proposal | None:
        proposal = super().propose(rng)
        assert proposal is not None
        return replace(proposal, is_start=proposal.parent is not None)


class RefusesForeignTrials(Greedy):
    def learn(self, trial: Trial) -> None:
        assert trial.id < 1000, "this trial is not mine"
        super().learn(trial)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (IgnoresItsSeed, "does not use its seed"),
        (DrawsFromEverybodysGenerator, "global generator random"),
        (SeedsNumpy, r"global generator numpy\.random"),
        (OwnGeneratorThatIsNotReplayed, "goes on differently after an interruption"),
        (RemembersOnlyWhatItProposed, "goes on differently after an interruption"),
        (ForgetsOpenTrials, "goes on differently after an interruption"),
        (ReadsTheMetricItself, "treats minimising a score otherwise"),
        (Proportional, "is not rank-based"),
        (GivesUp, "proposes nothing although no trial is running"),
        (InventsArchitectures, "which is not of the space"),
        (DropsDecisions, "without decisions"),
        (NamesAnUnknownParent, "of which it was never told"),
        (ResumesAnotherArchitecture, "resumes another architecture"),
        (ResumesWithoutMoreEpochs, "without more epochs"),
        (ResumesNothing, "resumes without a parent"),
        (CallsAChildRandom, "calls a proposal with a parent a uniform draw"),
        (CallsAChildAStart, "calls a proposal with a parent, or a uniform draw, a start"),
        (RefusesForeignTrials, "this trial is not mine"),
    ],
)
def test_a_planted_mistake_is_found(make: MakeStrategy, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_strategy(make, is_rank_based=True)


def test_a_strategy_that_stumbles_over_a_failed_trial_is_found() -> None:
    with pytest.raises(KeyError):
        check_strategy(StumblesOverFailure)


def test_scores_may_matter_by_size_where_that_is_not_denied() -> None:
    check_strategy(Proportional)


def test_the_space_is_the_one_given() -> None:
    from searchitect.testing import CountOnes

    asked: list[Space] = []

    def make(space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        asked.append(space)
        return Greedy(space, objectives, seed)

    checked: Callable[..., None] = check_strategy
    checked(make, CountOnes(30), trials=30)
    assert set(asked) == {CountOnes(30)}
