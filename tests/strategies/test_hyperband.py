import random
import statistics
from collections import Counter
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Space, Trial, TrialState
from searchitect.strategies import make_strategy
from searchitect.strategies.brackets import bracket_sizes
from searchitect.strategies.hyperband import Hyperband
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes, ToySpace, simulate

SCORE = (Objective("score", "max"),)
SPACE = CountOnes(24)


def worth(spec: list[int]) -> float:
    """A number in [0, 1) that looks random, a different one for each spec."""
    return random.Random(str(spec)).random()


def score(spec: list[int], _: Fidelity) -> float:
    return worth(spec)


def at(trials: list[Trial], epochs: float) -> list[Trial]:
    return [trial for trial in trials if trial.fidelity.epochs == epochs]


@pytest.mark.parametrize(("s", "sizes"), [(4, [81, 27, 9, 3, 1]), (3, [34, 11, 3, 1]), (2, [15, 5, 1]), (1, [8, 2]), (0, [5])])
def test_the_brackets_of_the_paper_s_example(s: int, sizes: list[int]) -> None:
    assert bracket_sizes(s, 4, 3) == sizes


@pytest.mark.parametrize("eta", [2, 2.5, 3, 4])
@pytest.mark.parametrize("s_max", range(1, 6))
def test_every_bracket_uses_about_the_budget_b(eta: float, s_max: int) -> None:
    top = eta**s_max
    budget = (s_max + 1) * top
    spent = []
    for s in range(s_max + 1):
        sizes = bracket_sizes(s, s_max, eta)
        assert sizes[0] >= budget / top * eta**s / (s + 1) - 1e-6
        assert len(sizes) == s + 1
        assert sizes[-1] >= 1
        spent.append(sum(size * top * eta ** (i - s) for i, size in enumerate(sizes)))
    assert spent[0] == spent[-1] == pytest.approx(budget) or eta == 2.5  # only a whole eta divides without a rest
    assert sum(spent) <= (s_max + 1) * (budget + top)
    if (eta, s_max) == (3, 4):
        assert spent == [405, 378, 351, 363, 405]


@pytest.mark.parametrize("seed", range(3))
def test_a_sweep_of_one_worker_is_algorithm_1(seed: int) -> None:
    sizes = [bracket_sizes(s, 4, 3) for s in range(5)]
    length = sum(map(sum, sizes))
    noise = random.Random(seed)

    def noisy(spec: list[int], fidelity: Fidelity) -> float:
        return worth(spec) + noise.gauss(0, 0.3) / fidelity.epochs

    trials = simulate(Hyperband(SPACE, SCORE, seed=seed, max_epochs=81), noisy, length)
    assert len({t.key for t in trials if not t.resume}) == 81 + 34 + 15 + 8 + 5
    place = 0
    for s in reversed(range(5)):
        below: list[Trial] = []
        for rung, size in enumerate(sizes[s]):
            here = trials[place : place + size]
            place += size
            assert {t.fidelity.epochs for t in here} == {3 ** (4 - s + rung)}
            if rung == 0:
                assert not any(t.resume for t in here)
            else:
                best = sorted(below, key=lambda t: -t.metrics["score"])[:size]
                assert [t.parent for t in here] == [t.id for t in best]
                assert [t.architecture for t in here] == [t.architecture for t in best]
                assert all(t.resume for t in here)
            below = here
    assert place == length


@pytest.mark.parametrize("workers", [2, 7, 40])
def test_a_rung_begins_when_the_one_below_is_complete_and_nobody_idles(workers: int) -> None:
    strategy = Hyperband(SPACE, SCORE, max_epochs=27)
    trials = simulate(strategy, score, 400, workers=workers)
    assert len(trials) == 400
    ended = {trial.id: place for place, trial in enumerate(trials)}
    first = at(trials, 1)
    for epochs, kept, below in ((3, 9, 27), (9, 3, 9), (27, 1, 3)):
        climbed = [t for t in trials if t.fidelity.epochs == epochs and t.resume]
        own = [t for t in climbed if t.parent in {x.id for x in first[:below]}][:kept]
        assert len(own) == kept
        ordered = sorted(first[:below], key=lambda t: -t.metrics["score"])
        assert {t.key for t in own} == {t.key for t in ordered[:kept]}
        # ids are given in the order of asking: none was asked for before the rung below had ended
        assert min(t.id for t in own) >= max(ended[t.id] for t in first[:below]) + 1
        first = own
    sweep = [1] * 27 + [3] * 12 + [9] * 6 + [27] * 4
    asked_new = [t.fidelity.epochs for t in sorted(trials, key=lambda t: t.id) if not t.resume]
    assert asked_new == (sweep * 9)[: len(asked_new)]


def test_nobody_goes_on_twice_and_only_from_the_rung_below() -> None:
    trials = simulate(Hyperband(SPACE, SCORE, max_epochs=9, data=0.5, resolution=0.75), score, 300, workers=3)
    assert {(t.fidelity.data, t.fidelity.resolution) for t in trials} == {(0.5, 0.75)}
    by_id = {trial.id: trial for trial in trials}
    for trial in trials:
        if trial.resume:
            below = by_id[trial.parent]  # type: ignore[index]
            assert below.architecture == trial.architecture
            assert below.fidelity.epochs == trial.fidelity.epochs / 3
    assert max(Counter((t.key, t.fidelity) for t in trials).values()) == 1


def test_a_number_of_brackets_keeps_the_most_aggressive_ones() -> None:
    trials = simulate(Hyperband(SPACE, SCORE, max_epochs=9, brackets=2), score, 100)
    assert {t.fidelity.epochs for t in trials if not t.resume} == {1, 3}
    halving = simulate(make_strategy("successive-halving", SPACE, SCORE, 4, max_epochs=9), score, 60)
    single = simulate(Hyperband(SPACE, SCORE, seed=4, max_epochs=9, brackets=1), score, 60)
    assert [(t.key, t.fidelity, t.parent) for t in halving] == [(t.key, t.fidelity, t.parent) for t in single]
    assert [t.fidelity.epochs for t in halving[:26]] == [1] * 9 + [3] * 3 + [9] + [1] * 9 + [3] * 3 + [9]
    with pytest.raises(SettingError, match=r"brackets must lie in \[1, 3\]"):
        Hyperband(SPACE, SCORE, max_epochs=9, brackets=4)


def test_one_fidelity_is_the_inner_strategy() -> None:
    trials = simulate(Hyperband(SPACE, SCORE, seed=5, base_epochs=4, max_epochs=4), score, 20)
    plain = simulate(RandomSearch(SPACE, SCORE, seed=5), score, 20)
    assert [t.architecture for t in trials] == [t.architecture for t in plain]
    assert {t.fidelity for t in trials} == {Fidelity(4)}
    assert {t.origin for t in trials} == {"random"}


@pytest.mark.parametrize("workers", [1, 4])
def test_where_the_space_ends_a_bracket_is_cut_short_and_its_best_still_rise(workers: int) -> None:
    space = CountOnes(5)  # 32: the first bracket takes 27, and 5 are left for the second one, which wants 12
    strategy = Hyperband(space, SCORE, max_epochs=27)
    trials = simulate(strategy, score, 1000, workers=workers)
    assert strategy.ask() is None
    assert len({t.key for t in trials}) == 32
    assert len(at(trials, 27)) == 2
    second = [t for t in at(trials, 3) if not t.resume]
    assert len(second) == 5
    best = max(second, key=lambda t: t.metrics["score"])
    assert best.key in {t.key for t in at(trials, 27)}
    fresh = Hyperband(space, SCORE, max_epochs=27)
    for trial in trials[:-1]:
        fresh.tell(trial)
    last = fresh.ask()
    assert last is not None
    assert (last.architecture, last.fidelity) == (trials[-1].architecture, trials[-1].fidelity)


def test_failures_keep_their_place_and_what_was_never_trained_does_not() -> None:
    def unlucky(spec: list[int], fidelity: Fidelity) -> float:
        if worth(spec) > 0.4:  # the good ones fail
            raise MemoryError
        return worth(spec)

    trials = simulate(Hyperband(SPACE, SCORE, max_epochs=9), unlucky, 13)
    assert [t.fidelity.epochs for t in trials] == [1] * 9 + [3] * 3 + [9]
    assert all(t.state is TrialState.COMPLETE for t in trials[9:])

    strategy = Hyperband(SPACE, SCORE, max_epochs=9)
    for number in range(20):  # over a limit, every second one
        proposal = strategy.ask()
        assert proposal is not None
        if number < 18:
            assert proposal.fidelity == Fidelity(1)
        elif number == 18:
            assert proposal.fidelity == Fidelity(3)
        state = TrialState.INFEASIBLE if number % 2 == 0 else TrialState.COMPLETE
        metrics = {} if number % 2 == 0 else {"score": float(number)}
        key = SPACE.key(proposal.architecture)
        resume = proposal.resume
        strategy.tell(Trial(number, proposal.architecture, key, Fidelity(1), 0, state=state, metrics=metrics, resume=resume))


def test_a_bracket_whose_all_fail_is_left_behind() -> None:
    def broken(spec: list[int], fidelity: Fidelity) -> float:
        raise MemoryError

    trials = simulate(Hyperband(SPACE, SCORE, max_epochs=9), broken, 34)
    assert [t.fidelity.epochs for t in trials] == ([1] * 9 + [3] * 5 + [9] * 3) * 2


class Listening(RandomSearch):
    def __init__(self, space: Space) -> None:
        super().__init__(space, SCORE)
        self.heard: list[Trial] = []

    def learn(self, trial: Trial) -> None:
        self.heard.append(trial)
        super().learn(trial)


def test_the_inner_strategy_learns_from_the_lowest_fidelity_only() -> None:
    inner = Listening(SPACE)
    trials = simulate(Hyperband(SPACE, SCORE, inner=inner, max_epochs=9), score, 100, workers=3)
    assert [t.id for t in inner.heard] == [t.id for t in trials if not t.resume]
    for trial in inner.heard:
        lowest = trial.fidelity.epochs == 1
        assert trial.state is (TrialState.COMPLETE if lowest else TrialState.PRUNED)
    with pytest.raises(SettingError, match="need inner to be a name"):
        Hyperband(SPACE, SCORE, inner=inner, inner_options={"x": 1})


def test_several_objectives_promote_the_front() -> None:
    objectives = [Objective("score", "max"), Objective("size", "min")]
    space = ToySpace()
    trials = simulate(
        Hyperband(space, objectives, max_epochs=3),
        lambda spec, _: {"score": worth(spec), "size": len(spec["layers"])},
        4,
    )
    first, climbed = trials[:3], trials[3]
    values = [(t.metrics["score"], -t.metrics["size"]) for t in first]
    own = (climbed.metrics["score"], -climbed.metrics["size"])
    assert climbed.fidelity.epochs == 3
    assert not any(other[0] > own[0] and other[1] > own[1] for other in values)


def test_where_short_trainings_mislead_the_last_bracket_protects() -> None:
    """The lower the fidelity the more a score is turned upside down. Full trainings are drawn at random in bracket s = 0."""

    def adverse(spec: list[int], fidelity: Fidelity) -> float:
        return worth(spec) if fidelity.epochs == 27 else 1 - worth(spec)

    def regret(strategy: Any, epochs: float) -> float:
        trials, spent = simulate(strategy, adverse, 220), 0.0
        seen = {trial.id: trial.fidelity.epochs for trial in trials}
        best = 0.0
        for trial in trials:
            spent += trial.fidelity.epochs - (seen[trial.parent] if trial.resume else 0)
            if spent > epochs:
                break
            if trial.fidelity.epochs == 27:
                best = max(best, trial.metrics["score"])
        return 1 - best

    budget = 4 * 4 * 27 * 3  # three sweeps
    seeds = range(25)
    hyperband = statistics.median(regret(Hyperband(SPACE, SCORE, seed=s), budget) for s in seeds)
    halving = statistics.median(regret(Hyperband(SPACE, SCORE, seed=s, brackets=1), budget) for s in seeds)
    full = statistics.median(
        regret(Hyperband(SPACE, SCORE, seed=s, base_epochs=27), budget / 4) for s in seeds
    )  # random search with a quarter
    assert hyperband <= full + 0.02
    assert halving > 3 * hyperband


def test_a_warm_start_fills_the_places_of_its_fidelity() -> None:
    strategy = Hyperband(SPACE, SCORE, max_epochs=9)
    rng = random.Random(1)
    for number in range(9):
        architecture = SPACE.sample(rng)
        trial = Trial(100 + number, architecture, SPACE.key(architecture), Fidelity(1), 0, state=TrialState.COMPLETE)
        trial.metrics = {"score": float(number)}
        strategy.tell(trial)
    proposals = [strategy.ask() for _ in range(4)]
    assert [(p.parent, p.fidelity) for p in proposals if p is not None] == [
        (108, Fidelity(3)),
        (107, Fidelity(3)),
        (106, Fidelity(3)),
        (None, Fidelity(3)),
    ]


def test_its_notes_say_what_happened() -> None:
    strategy = Hyperband(SPACE, SCORE, max_epochs=9)
    simulate(strategy, score, 13 + 6 + 3)
    assert strategy.notes() == [
        "Hyperband at 1, 3, 9 epochs (eta 3): 17 architectures in 3 brackets, 5 of them reached 9.",
        "Random search: 17 architectures drawn uniformly.",
    ]
    halving = make_strategy("successive-halving", SPACE, SCORE, max_epochs=9)
    simulate(halving, score, 13)
    assert (
        halving.notes()[0]
        == "Successive halving at 1, 3, 9 epochs (eta 3): 9 architectures in 1 brackets, 1 of them reached 9."
    )  # type: ignore[attr-defined]
