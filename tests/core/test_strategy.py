import random
from typing import Any

import pytest

from searchitect.core import (
    Architecture,
    Fidelity,
    Objective,
    Proposal,
    SpaceError,
    Strategy,
    Trial,
    TrialState,
)

from .spaces import Cells, Computing

ACCURACY = [Objective("accuracy", "max")]


class Hill(Strategy):
    """Mutates the best so far: depends on what it was told and on the generator of the ask."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.best: Trial | None = None
        self.adopted: list[int] = []

    def propose(self, rng: random.Random) -> Proposal | None:
        if self.best is None:
            return Proposal(self.space.sample(rng), is_random=True)
        return Proposal(self.space.mutate(self.best.architecture, rng), parent=self.best.id)

    def learn(self, trial: Trial) -> None:
        if trial.state is TrialState.COMPLETE and (self.best is None or self.values(trial) > self.values(self.best)):
            self.best = trial

    def adopt(self, trial: Trial) -> None:
        self.adopted.append(trial.id)


class Picky(Hill):
    needs = frozenset({"sample", "open"})


class Exhausted(Hill):
    def propose(self, rng: random.Random) -> Proposal | None:
        return None


def trial(number: int, architecture: Architecture, state: TrialState = TrialState.COMPLETE, epochs: float = 1) -> Trial:
    score = int(architecture.key, 16) / 16**16  # a fixed number for each architecture
    return Trial(number, architecture, architecture.key, Fidelity(epochs), 0, state=state, metrics={"accuracy": score})


def run(strategy: Strategy, trials: int, start: int = 0) -> list[Trial]:
    told = []
    for number in range(start, start + trials):
        proposal = strategy.ask()
        assert proposal is not None
        told.append(trial(number, proposal.architecture))
        strategy.tell(told[-1])
    return told


def ask(strategy: Strategy) -> Architecture:
    proposal = strategy.ask()
    assert proposal is not None
    return proposal.architecture


@pytest.mark.parametrize("cut", [0, 1, 7, 20])
def test_a_fresh_instance_that_is_told_the_same_trials_proposes_the_same_next(cut: int) -> None:
    first = Hill(Cells(), ACCURACY, seed=3)
    told = run(first, cut)
    fresh = Hill(Cells(), ACCURACY, seed=3)
    for one in told:
        fresh.tell(one)
    assert [ask(fresh), ask(fresh)] == [ask(first), ask(first)]


def test_trials_that_still_run_are_adopted_and_count_as_proposed() -> None:
    first = Hill(Cells(), ACCURACY, seed=3)
    told = run(first, 3)
    running = [trial(3 + i, ask(first), TrialState.RUNNING) for i in range(2)]
    fresh = Hill(Cells(), ACCURACY, seed=3)
    for one in [*told, *running]:
        fresh.tell(one)
    assert fresh.adopted == [3, 4]
    assert ask(fresh) == ask(first)
    for one in running:  # they end: no proposal of their own any more
        first.tell(trial(one.id, one.architecture))
        fresh.tell(trial(one.id, one.architecture))
    assert ask(fresh) == ask(first)


def test_the_order_of_telling_does_not_count_a_proposal_twice() -> None:
    first, second = Hill(Cells(), ACCURACY), Hill(Cells(), ACCURACY)
    asked = [ask(first) for _ in range(3)]
    assert [ask(second) for _ in range(3)] == asked
    for number in (0, 1, 2):
        first.tell(trial(number, asked[number]))
    for number in (2, 0, 1):
        second.tell(trial(number, asked[number]))
    assert ask(first) == ask(second)


def test_a_foreign_trial_is_learned_from_and_moves_the_seed_on() -> None:
    strategy = Hill(Cells(), ACCURACY)
    foreign = trial(0, Cells().sample(random.Random(99)))
    strategy.tell(foreign)
    assert strategy.best is foreign
    assert strategy._proposed == 1


def test_a_proposal_without_a_fidelity_is_recognised_at_whatever_fidelity_it_was_judged() -> None:
    strategy = Hill(Cells(), ACCURACY)
    strategy.tell(trial(0, ask(strategy), epochs=27))
    assert strategy._proposed == 1
    assert not strategy._open


def test_another_seed_proposes_something_else_and_no_global_generator_is_touched() -> None:
    random.seed(1)
    before = random.getstate()
    assert ask(Hill(Cells(), ACCURACY, seed=0)) != ask(Hill(Cells(), ACCURACY, seed=1))
    assert random.getstate() == before


def test_having_nothing_to_propose_does_not_move_the_seed_on() -> None:
    strategy = Exhausted(Cells(), ACCURACY)
    assert strategy.ask() is None
    assert strategy._proposed == 0


def test_values_are_oriented_and_missing_ones_are_the_worst() -> None:
    strategy = Hill(Cells(), [Objective("accuracy", "max"), Objective("latency", "min")])
    one = trial(0, ask(strategy))
    one.metrics = {"accuracy": 0.5}
    assert strategy.values(one) == (0.5, float("-inf"))


def test_a_space_that_lacks_what_the_strategy_needs_is_refused() -> None:
    with pytest.raises(
        SpaceError, match="Picky needs a space that can open; 'computing' offers crossover, enumerate, mutate, sample"
    ):
        Picky(Computing(), ACCURACY)
