import math
import random
import statistics
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Strategy, Trial, TrialState
from searchitect.metrics.pareto import hypervolume
from searchitect.strategies import nsga2
from searchitect.strategies.crossings import chained, total
from searchitect.strategies.moves import Individual
from searchitect.strategies.nsga2 import Nsga2, crowded_order
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes, simulate

BOTH = [Objective("first", "max"), Objective("second", "max")]
SPACE = CountOnes(10)
CELLS = list(SPACE.enumerate())


def trial(number: int, first: float, second: float, state: TrialState = TrialState.COMPLETE) -> Trial:
    metrics = {"first": first, "second": second}
    return Trial(number, CELLS[number], SPACE.key(CELLS[number]), Fidelity(1), 0, state=state, metrics=metrics)


def told(points: list[tuple[float, float]], **options: Any) -> Nsga2:
    strategy = Nsga2(SPACE, BOTH, **options)
    for number, point in enumerate(points):
        strategy.tell(trial(number, *point))
    return strategy


def alive(strategy: Nsga2) -> set[int]:
    return {member.individual.trial for member in strategy._population}


def leading_ones_trailing_zeros(spec: Any, _: Fidelity) -> dict[str, float]:
    """The classical pair in conflict: bits set before the first zero, bits clear after the last one."""
    text = "".join(map(str, spec))
    return {"first": float(len(text) - len(text.lstrip("1"))), "second": float(len(text) - len(text.rstrip("0")))}


def test_the_order_is_that_of_the_crowded_comparison_by_hand() -> None:
    points = [(1, 5), (2, 3), (4, 1), (3, 4), (5, 5), (4.5, 2)]
    negated = [
        (-a, -b) for a, b in points
    ]  # published as a minimisation: fronts 1st three, then (3, 4) and (4.5, 2), then (5, 5)
    ranked = crowded_order([Individual(number, CELLS[number], point) for number, point in enumerate(negated)])
    assert {m.individual.trial: m.rank for m in ranked} == {0: 0, 1: 0, 2: 0, 3: 1, 5: 1, 4: 2}
    crowding = {
        m.individual.trial: m.crowding for m in ranked if m.individual.trial != 4
    }  # who is alone in a front has no neighbours
    assert crowding == {0: math.inf, 2: math.inf, 1: (4 - 1) / 3 + (5 - 1) / 4, 3: math.inf, 5: math.inf}
    assert [m.individual.trial for m in ranked[:3]] == [0, 2, 1]
    assert ranked[-1].individual.trial == 4


def test_a_generation_ends_after_so_many_children_and_the_best_survive() -> None:
    strategy = told([(1, 1), (2, 2), (3, 1)], population_size=3)
    assert alive(strategy) == {0, 1, 2}
    strategy.tell(trial(3, 4, 4))
    strategy.tell(trial(4, 0, 0))
    assert alive(strategy) == {0, 1, 2}  # the generation is not over
    strategy.tell(trial(5, 1, 5))
    assert alive(strategy) == {3, 5, 1}  # 1 and 2, the ends of the second front, are equal: the earlier one
    steady = told([(1, 1), (2, 2), (3, 1)], population_size=3, offspring=1)
    steady.tell(trial(3, 4, 4))
    assert 3 in alive(steady)
    assert 0 not in alive(steady)


def test_of_the_front_that_does_not_fit_the_loneliest_survive() -> None:
    front = [(0.0, 10.0), (10.0, 0.0), (5.0, 5.0), (5.1, 4.9), (5.2, 4.8), (2.0, 8.0)]
    strategy = told(front[:4], population_size=4, offspring=2)
    strategy.tell(trial(4, *front[4]))
    strategy.tell(trial(5, *front[5]))
    # crowding by hand: ends infinite; 5: (5 + 5) / 10; 2: (3.1 + 3.1) / 10; 3: 0.04; 4: (4.9 + 4.9) / 10
    assert alive(strategy) == {0, 1, 5, 4}


def test_a_tournament_is_won_by_rank_then_by_crowding() -> None:
    # places: 0 is alone in front; 1 and 2 are the ends of the second front, 3 lies between them
    strategy = told([(9, 9), (0, 5), (5, 0), (2, 2)], population_size=4, crossover_rate=0.0, mutation_rate=0.0)
    won = Counter(p.parent for _ in range(400) if (p := strategy.ask()))
    assert won[3] == 0  # loses against each of the others
    assert won[0] / 400 == pytest.approx(1 / 2, abs=0.08)  # wins whenever it is drawn: in half of all pairs
    assert won[1] / 400 == pytest.approx(1 / 4, abs=0.08)
    assert won[2] / 400 == pytest.approx(1 / 4, abs=0.08)


def test_the_population_never_loses_hypervolume_and_holds_nobody_twice() -> None:
    space = CountOnes(12)
    strategy = Nsga2(space, BOTH, population_size=14)
    trials: list[Trial] = []
    volumes = []
    for _ in range(12):
        trials += simulate(strategy, leading_ones_trailing_zeros, 14, told=trials)
        values = [member.individual.values for member in strategy._population]
        volumes.append(hypervolume(values, (-1.0, -1.0)))
        architectures = [member.individual.architecture for member in strategy._population]
        assert len(set(architectures)) == len(architectures) == 14
    assert volumes == sorted(volumes)
    assert volumes[-1] > volumes[0]


@pytest.mark.parametrize("options", [{}, {"offspring": 1}], ids=["generations", "steady-state"])
@pytest.mark.parametrize("workers", [1, 4])
def test_it_beats_random_search_in_hypervolume(options: dict[str, Any], workers: int) -> None:
    space = CountOnes(20)

    def volume(strategy: Strategy) -> float:
        trials = simulate(strategy, leading_ones_trailing_zeros, 300, workers=workers)
        return hypervolume([strategy.values(t) for t in trials], (-1.0, -1.0))

    bred = [volume(Nsga2(space, BOTH, seed=seed, **options)) for seed in range(4)]
    drawn = [volume(RandomSearch(space, BOTH, seed=seed)) for seed in range(4)]
    assert statistics.median(bred) > 1.1 * max(drawn)


def test_with_one_objective_constant_the_best_survive() -> None:
    strategy = told([(float(n % 7), 1.0) for n in range(21)], population_size=7)
    assert sorted(m.individual.values[0] for m in strategy._population) == [4.0, 5.0, 5.0, 5.0, 6.0, 6.0, 6.0]
    only = Nsga2(SPACE, BOTH[:1], population_size=7)
    for number in range(21):
        only.tell(trial(number, float(number % 7), 1.0))
    assert alive(only) == alive(strategy)


@pytest.mark.parametrize("homogeneous", [True, False])
def test_homogeneous_children_of_parents_of_so_many_ones_have_as_many(homogeneous: bool) -> None:
    space = CountOnes(24)
    paths = list(space.sample(random.Random(0)).decisions)
    rng = random.Random(0)
    strategy = Nsga2(space, BOTH, population_size=8, mutation_rate=0.0, crossover_rate=1.0, homogeneous=homogeneous)
    for number in range(8):
        ones = rng.sample(paths, 12)
        half = space.decide({path: int(path in ones) for path in paths})
        strategy.tell(replace(trial(0, number, -number), id=number, architecture=half, key=space.key(half)))
    totals = {total(proposal.architecture) for _ in range(30) if (proposal := strategy.ask()) is not None}
    assert (totals == {12}) == homogeneous


def test_after_the_exploration_children_are_drawn_from_the_chain_over_the_population(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn_from: list[set[Any]] = []

    def noted(space: Any, known: Any, rng: random.Random) -> Any:
        drawn_from.append(set(known))
        return chained(space, known, rng)

    monkeypatch.setattr(nsga2, "chained", noted)
    space = CountOnes(10)
    strategy = Nsga2(space, BOTH, population_size=4, exploration=2)
    trials = simulate(strategy, leading_ones_trailing_zeros, 12)
    assert drawn_from == []  # 4 random ones, two generations of children
    alive_then = {member.individual.architecture for member in strategy._population}
    simulate(strategy, leading_ones_trailing_zeros, 1, told=trials)
    assert drawn_from
    assert all(known == alive_then for known in drawn_from)
    plain = Nsga2(space, BOTH, population_size=4)
    drawn_from.clear()
    simulate(plain, leading_ones_trailing_zeros, 40)
    assert drawn_from == []


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.PRUNED, TrialState.INFEASIBLE])
def test_an_infeasible_one_loses_against_everyone(state: TrialState) -> None:
    strategy = told([(1, 1), (2, 2), (3, 3)], population_size=3, offspring=1)
    strategy.tell(trial(3, 9, 9, state))
    assert alive(strategy) == {0, 1, 2}


def test_its_notes_say_what_happened() -> None:
    strategy = told([(1, 1), (2, 2), (3, 1), (1, 3), (0, 0)], population_size=2, offspring=1)
    assert strategy.notes() == [
        "NSGA-II (population 2, 1 children per generation): 4 generations; 2 of the population are not dominated."
    ]


@pytest.mark.parametrize(
    "options",
    [{"population_size": 1}, {"offspring": 0}, {"crossover_rate": -0.1}, {"mutation_rate": 1.5}, {"exploration": 0}],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"must (be at least|lie in)"):
        Nsga2(SPACE, BOTH, **options)
