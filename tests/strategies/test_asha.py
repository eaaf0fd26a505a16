import itertools
import math
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from searchitect.core import Chooser, Fidelity, Objective, Proposal, SettingError, Space, SpaceError, Trial, TrialState
from searchitect.strategies.asha import Asha
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes, ToySpace, simulate, toy_score

SCORE = (Objective("score", "max"),)


@dataclass(frozen=True)
class Digits(Space):
    """27 architectures, the numbers 0..26 in base 3."""

    name = "digits-base-3"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"{place}", [0, 1, 2]) for place in range(3)]


def number(spec: list[int]) -> int:
    return 9 * spec[0] + 3 * spec[1] + spec[2]


def at(trials: list[Trial], epochs: float) -> list[Trial]:
    return [trial for trial in trials if trial.fidelity.epochs == epochs]


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_the_promoted_hold_all_that_synchronous_halving_would_promote(workers: int, seed: int) -> None:
    strategy = Asha(Digits(), SCORE, seed=seed, max_epochs=27)
    trials = simulate(strategy, lambda spec, _: number(spec), 1000, workers=workers, seed=seed)
    assert strategy.ask() is None
    assert sorted(number(t.architecture.spec) for t in at(trials, 1)) == list(range(27))
    for epochs, kept in ((3, 9), (9, 3), (27, 1)):
        reached = [number(t.architecture.spec) for t in at(trials, epochs)]
        assert set(reached) >= set(range(27 - kept, 27))
        assert len(reached) == len(set(reached))  # each at most once


def test_a_promotion_resumes_the_same_architecture_from_the_rung_below() -> None:
    trials = simulate(Asha(Digits(), SCORE, max_epochs=9, data=0.5, resolution=0.75), lambda spec, _: number(spec), 100)
    by_id = {trial.id: trial for trial in trials}
    assert {(t.fidelity.data, t.fidelity.resolution) for t in trials} == {(0.5, 0.75)}
    assert len(at(trials, 3)) >= 9
    for trial in trials:
        if trial.fidelity.epochs == 1:
            assert trial.parent is None
            assert not trial.resume
        else:
            assert trial.resume
            below = by_id[trial.parent]  # type: ignore[index]
            assert below.architecture == trial.architecture
            assert below.fidelity.epochs == trial.fidelity.epochs / 3


def replay(trials: list[Trial], levels: list[float], eta: int) -> None:
    """Check every decision of a serial run against Algorithm 2, written down naively."""
    results: dict[float, list[Trial]] = {level: [] for level in levels}
    for trial in trials:  # serial: asked and ended in the same order
        expected: tuple[float, int | None] = (levels[0], None)
        for low, high in reversed(list(itertools.pairwise(levels))):
            entries = results[low]
            top = sorted(entries, key=lambda t: (-t.metrics.get("score", -math.inf), t.id))[: len(entries) // eta]
            risen = {t.key for t in results[high]}
            able = [t for t in top if t.key not in risen and t.state is TrialState.COMPLETE]
            if able:
                expected = (high, able[0].id)
                break
        assert (trial.fidelity.epochs, trial.parent) == expected
        if trial.key not in {t.key for t in results[trial.fidelity.epochs]}:
            results[trial.fidelity.epochs].append(trial)


@pytest.mark.parametrize("eta", [2, 3, 4])
@pytest.mark.parametrize("seed", range(3))
def test_every_decision_is_that_of_the_algorithm(eta: int, seed: int) -> None:
    noise = random.Random(seed)

    def score(spec: Any, fidelity: Fidelity) -> float:
        if noise.random() < 0.1:
            raise RuntimeError("one in ten fails, at every rung")
        return toy_score(spec) + noise.gauss(0, 1) / fidelity.epochs

    strategy = Asha(ToySpace(), SCORE, seed=seed, max_epochs=eta**3, eta=eta)
    trials = simulate(strategy, score, 300)
    assert len(at(trials, eta**3)) > 1
    replay(trials, [1, eta, eta**2, eta**3], eta)


def test_a_failed_promotion_is_not_tried_again() -> None:
    def score(spec: Any, fidelity: Fidelity) -> float:
        if fidelity.epochs > 1:
            raise MemoryError
        return number(spec)

    trials = simulate(Asha(Digits(), SCORE, max_epochs=9), score, 1000)
    assert max(Counter((t.key, t.fidelity) for t in trials).values()) == 1
    assert at(trials, 3)
    assert {t.state for t in at(trials, 3)} == {TrialState.FAILED}
    assert not at(trials, 9)


def tell(strategy: Asha, numbers: list[int], state: TrialState, metrics: bool, epochs: float = 1) -> None:
    cells = {number(cell.spec): cell for cell in Digits().enumerate()}
    for n in numbers:
        cell = cells[n]
        found = {"score": float(n)} if metrics else {}
        strategy.tell(Trial(n, cell, Digits().key(cell), Fidelity(epochs), 0, state=state, metrics=found))


def next_parent(strategy: Asha) -> int | None:
    proposal = strategy.ask()
    assert isinstance(proposal, Proposal)
    return proposal.parent


def test_the_highest_rung_comes_first() -> None:
    strategy = Asha(Digits(), SCORE)
    tell(strategy, [20, 21, 22], TrialState.COMPLETE, True, epochs=1)
    tell(strategy, [0, 1, 2], TrialState.COMPLETE, True, epochs=3)
    tell(strategy, [10, 11, 12], TrialState.COMPLETE, True, epochs=9)
    proposals = [strategy.ask() for _ in range(4)]
    assert [(p.parent, p.fidelity) for p in proposals if p is not None] == [
        (12, Fidelity(27)),
        (2, Fidelity(9)),
        (22, Fidelity(3)),
        (None, Fidelity(1)),
    ]


def test_failed_and_pruned_trials_count_and_untrained_ones_do_not() -> None:
    for state, metrics in ((TrialState.FAILED, False), (TrialState.PRUNED, True)):
        strategy = Asha(Digits(), SCORE)
        tell(strategy, [0], TrialState.COMPLETE, True)
        tell(strategy, [5, 6], state, metrics)
        assert next_parent(strategy) == 0
    strategy = Asha(Digits(), SCORE)
    tell(strategy, [0], TrialState.COMPLETE, True)
    tell(strategy, [5, 6], TrialState.INFEASIBLE, False)
    assert next_parent(strategy) is None


def test_trials_over_a_limit_that_needs_training_can_still_rise_behind_the_others() -> None:
    strategy = Asha(Digits(), SCORE)
    tell(strategy, [7, 8, 9, 10, 11], TrialState.INFEASIBLE, True)
    tell(strategy, [0], TrialState.COMPLETE, True)
    assert [next_parent(strategy) for _ in range(3)] == [0, 11, None]


class Listening(RandomSearch):
    def __init__(self, space: Space) -> None:
        super().__init__(space, SCORE)
        self.heard: list[Trial] = []

    def learn(self, trial: Trial) -> None:
        self.heard.append(trial)
        super().learn(trial)


def test_the_inner_strategy_hears_of_the_base_rung_only() -> None:
    inner = Listening(Digits())
    trials = simulate(Asha(Digits(), SCORE, inner=inner), lambda spec, _: number(spec), 40, workers=3)
    assert inner.heard == at(trials, 1)
    assert len(inner.heard) < len(trials)


def test_a_fidelity_of_no_rung_is_ignored() -> None:
    strategy = Asha(Digits(), SCORE)
    for cell in Digits().enumerate():
        strategy.tell(Trial(0, cell, Digits().key(cell), Fidelity(2), 0, state=TrialState.COMPLETE, metrics={"score": 1.0}))
    assert next_parent(strategy) is None


def test_the_same_architecture_in_a_rung_counts_once() -> None:
    strategy = Asha(Digits(), SCORE)
    tell(strategy, [4, 4, 4, 4, 4, 4], TrialState.COMPLETE, True)
    assert next_parent(strategy) is None


def test_several_objectives_promote_the_front() -> None:
    objectives = [Objective("score", "max"), Objective("size", "min")]
    trials = simulate(
        Asha(Digits(), objectives, max_epochs=3),
        lambda spec, _: {"score": spec[0] + spec[1], "size": spec[0] + 3 * spec[2]},
        1000,
    )
    risen = {tuple(t.architecture.spec) for t in at(trials, 3)}
    assert {(0, 2, 0), (1, 2, 0), (2, 2, 0)} <= risen  # the front: each score at its smallest size


def test_a_single_rung_is_the_inner_strategy_at_one_fidelity() -> None:
    trials = simulate(Asha(Digits(), SCORE, seed=5, base_epochs=4, max_epochs=4), lambda spec, _: number(spec), 20)
    plain = simulate(RandomSearch(Digits(), SCORE, seed=5), lambda spec, _: number(spec), 20)
    assert [t.architecture for t in trials] == [t.architecture for t in plain]
    assert {t.fidelity for t in trials} == {Fidelity(4)}
    assert {t.origin for t in trials} == {"random"}


def test_options_of_the_inner_strategy_arrive() -> None:
    def run(sample_size: int) -> list[Any]:
        options = {"population_size": 5, "sample_size": sample_size}
        strategy = Asha(CountOnes(20), SCORE, inner="regularized-evolution", inner_options=options)
        return [t.architecture for t in simulate(strategy, lambda spec, _: sum(spec), 40)]

    assert run(1) != run(5)
    with pytest.raises(SettingError, match="'random' has no options"):
        Asha(Digits(), SCORE, inner_options={"population_size": 5})
    with pytest.raises(SettingError, match="need inner to be a name"):
        Asha(Digits(), SCORE, inner=RandomSearch(Digits(), SCORE), inner_options={"x": 1})


def test_what_the_space_cannot_do_is_said_at_construction() -> None:
    class Demanding(RandomSearch):
        needs = frozenset({"edit"})

    with pytest.raises(SpaceError, match="needs a space that can edit"):
        Asha(Digits(), SCORE, inner=Demanding(Digits(), SCORE))


def test_its_notes_say_what_happened() -> None:
    strategy = Asha(Digits(), SCORE, max_epochs=9)
    trials = simulate(strategy, lambda spec, _: number(spec), 1000)
    first, second = len(at(trials, 3)), len(at(trials, 9))
    assert strategy.notes() == [
        f"Asynchronous successive halving at 1, 3, 9 epochs (eta 3): {first} of 27 went on to 3, {second} of {first} went on to 9.",
        "Random search: 27 architectures drawn uniformly.",
    ]
