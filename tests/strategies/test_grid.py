from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from searchitect.core import Chooser, Objective, SettingError, Space
from searchitect.core.choosing import NumberDomain
from searchitect.strategies.grid import Grid, grid_values
from searchitect.testing import CountOnes, ToySpace, simulate, toy_score

SCORE = [Objective("score", "max")]


@dataclass(frozen=True)
class Twins(Space):
    """Two of its four architectures train identically."""

    name: ClassVar[str] = "twins"

    def describe(self, choose: Chooser) -> Any:
        return [choose("a", (0, 1)), choose("b", (0, 1))]

    def canonical(self, spec: Any) -> Any:
        return sorted(spec)


@dataclass(frozen=True)
class Numbers(Space):
    name: ClassVar[str] = "numbers"

    def describe(self, choose: Chooser) -> Any:
        return [choose.between("rate", 0.01, 1.0, log=True), choose.between("seed", 0, 2**31), choose.between("depth", 1, 3)]


def test_without_numbers_it_is_the_enumeration() -> None:
    space = CountOnes(7)
    trials = simulate(Grid(space, SCORE), lambda spec, _: sum(spec), 200)
    assert [trial.architecture for trial in trials] == list(space.enumerate())
    assert {trial.origin for trial in trials} == {"start"}  # chosen by no score


def test_shuffled_it_is_the_same_set_in_an_order_of_the_seed() -> None:
    space = CountOnes(7)
    orders = [
        [trial.architecture for trial in simulate(Grid(space, SCORE, seed=seed, shuffled=True), lambda *_: 0.0, 200)]
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert all(sorted(order, key=lambda a: a.text) == sorted(space.enumerate(), key=lambda a: a.text) for order in orders)


def test_what_trains_identically_is_visited_once() -> None:
    assert [t.architecture.spec for t in simulate(Grid(Twins(), SCORE), lambda *_: 0.0, 9)] == [[0, 0], [0, 1], [1, 1]]


def test_ranges_become_a_few_even_values() -> None:
    trials = simulate(Grid(Numbers(), SCORE, points=3), lambda *_: 0.0, 100)
    rates, seeds, depths = zip(*(trial.architecture.spec for trial in trials), strict=True)
    assert len(trials) == 27
    assert sorted(set(rates)) == pytest.approx([0.01, 0.1, 1.0])
    assert Counter(seeds) == {0: 9, 2**30: 9, 2**31: 9}
    assert set(depths) == {1, 2, 3}


@pytest.mark.parametrize(
    ("domain", "points", "expected"),
    [
        (NumberDomain(0.0, 1.0), 5, [0, 0.25, 0.5, 0.75, 1]),
        (NumberDomain(1.0, 16.0, log=True), 3, [1, 4, 16]),
        (NumberDomain(1, 5), 5, [1, 2, 3, 4, 5]),
        (NumberDomain(1, 9), 3, [1, 5, 9]),
        (NumberDomain(8, 64, log=True), 4, [8, 16, 32, 64]),
        (NumberDomain(1, 7, log=True), 6, [1, 2, 3, 5, 7]),  # two of the six round to 2 or 3
        (NumberDomain(0.5, 0.5), 4, [0.5]),
        (NumberDomain(0.0, 1.0), 2, [0, 1]),
    ],
)
def test_the_values_of_a_range(domain: NumberDomain, points: int, expected: list[float]) -> None:
    values = grid_values(domain, points)
    assert values == pytest.approx(expected)
    assert all(domain.allows(value) for value in values)


def test_conditional_choices_are_followed() -> None:
    space = ToySpace(most_layers=1)
    trials = simulate(Grid(space, SCORE, points=2), lambda spec, _: toy_score(spec), 500)
    assert len(trials) == 2 * 6 * (3 * 2 + 2 + 1)  # rate, skips, one layer: convolution (kernel, width), pooling, skip
    assert all(space.decide(trial.architecture.decisions) == trial.architecture for trial in trials)


def test_its_notes_say_whether_it_is_used_up() -> None:
    strategy = Grid(CountOnes(2), SCORE)
    simulate(strategy, lambda *_: 0.0, 3)
    assert strategy.notes() == ["Grid search: 3 architectures in order."]
    simulate(strategy, lambda *_: 0.0, 3)
    assert strategy.notes() == ["Grid search: 4 architectures in order; the grid is used up."]


def test_a_grid_needs_both_ends() -> None:
    with pytest.raises(SettingError, match="points must be at least 2"):
        Grid(CountOnes(3), SCORE, points=1)
