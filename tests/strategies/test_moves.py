import math
import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from searchitect.core import Architecture, Chooser, Fidelity, Objective, SettingError, Space, SpaceError, Trial, TrialState
from searchitect.strategies import make_strategy
from searchitect.strategies.moves import Individual, bred, check_rates, individual_of, mutated, redrawn
from searchitect.strategies.seen import Seen
from searchitect.testing import CountOnes, ToySpace, simulate

SPACE = CountOnes(12)
SCORE = [Objective("score", "max")]


@dataclass(frozen=True)
class Edited(Space):
    """Bits that change by edits, not by decisions."""

    name: ClassVar[str] = "edited"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"bit/{place}", (0, 1)) for place in range(8)]

    def edit(self, spec: Any, choose: Chooser) -> Any:
        place = choose("place", list(range(8)))
        return [1 - bit if place == number else bit for number, bit in enumerate(spec)]


class Single(Space):
    name = "single"

    def describe(self, choose: Chooser) -> Any:
        return choose("only", ["one"])


def of(spec: list[int]) -> Architecture:
    return SPACE.decide({f"bit/{place}": bit for place, bit in enumerate(spec)})


def distance(a: Architecture, b: Architecture) -> int:
    return sum(x != y for x, y in zip(a.spec, b.spec, strict=True))


def test_domination_is_nowhere_worse_and_somewhere_better() -> None:
    def one(*values: float) -> Individual:
        return Individual(0, of([0] * 12), values)

    assert one(1, 2).dominates(one(1, 1))
    assert not one(1, 2).dominates(one(1, 2))
    assert not one(1, 2).dominates(one(2, 1))
    assert one(2).dominates(one(1))
    assert not one(1).dominates(one(1))


@pytest.mark.parametrize("state", [TrialState.FAILED, TrialState.PRUNED, TrialState.INFEASIBLE])
def test_only_complete_trials_with_numbers_and_decisions_become_parents(state: TrialState) -> None:
    cell = of([1] * 12)

    def trial(architecture: Architecture, state: TrialState) -> Trial:
        return Trial(3, architecture, SPACE.key(architecture), Fidelity(1), 0, state=state)

    complete = TrialState.COMPLETE
    assert individual_of(SPACE, trial(cell, complete), (0.5,)) == Individual(3, cell, (0.5,))
    assert individual_of(SPACE, trial(cell, state), (0.5,)) is None
    for value in (math.nan, math.inf, -math.inf):
        assert individual_of(SPACE, trial(cell, complete), (0.5, value)) is None
    by_hand = Architecture([1] * 8)
    assert individual_of(SPACE, trial(by_hand, complete), (0.5,)) is None
    assert individual_of(Edited(), trial(by_hand, complete), (0.5,)) is not None


def test_a_mutation_goes_no_farther_than_it_must() -> None:
    parent, seen, rng = of([0] * 12), Seen(SPACE), random.Random(0)
    near = [mutated(SPACE, seen, parent, rng) for _ in range(50)]
    assert {distance(child, parent) for child in near if child} == {1}
    for child in SPACE.neighbours(parent):
        seen.add(SPACE.key(child))
    far = [mutated(SPACE, seen, parent, rng) for _ in range(50)]
    assert Counter(distance(child, parent) for child in far if child).most_common(1)[0][0] == 2
    assert all(child not in seen for child in far if child)


def test_steps_are_mutations_in_sequence() -> None:
    parent, rng = of([0] * 12), random.Random(0)
    found = {distance(child, parent) for _ in range(100) if (child := mutated(SPACE, Seen(SPACE), parent, rng, steps=3))}
    assert found == {1, 3}


def test_where_nothing_is_left_there_is_no_mutation() -> None:
    space = CountOnes(2)
    seen = Seen(space)
    for cell in space.enumerate():
        seen.add(space.key(cell))
    assert mutated(space, seen, next(space.enumerate()), random.Random(0)) is None
    single = next(Single().enumerate())
    assert mutated(Single(), Seen(Single()), single, random.Random(0)) is None


def test_without_mutation_a_child_holds_genes_of_its_parents_only_from_each_half_of_the_time() -> None:
    first, second, rng = of([0] * 12), of([1] * 12), random.Random(1)
    ones = [sum(bred(SPACE, first, second, rng, 1.0, 0.0).spec) for _ in range(1000)]
    assert sum(ones) / 12000 == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(12000))
    same = [bred(SPACE, first, first, rng, 1.0, 0.0) for _ in range(20)]
    assert set(same) == {first}
    assert {bred(SPACE, first, second, rng, 0.0, 0.0) for _ in range(20)} == {first}
    crossed = sum(bred(SPACE, first, second, rng, 0.3, 0.0) != first for _ in range(1000))
    assert crossed / 1000 == pytest.approx(0.3, abs=0.06)


def test_so_many_mutations_as_decisions_are_hit() -> None:
    first, rng = of([0] * 12), random.Random(2)
    unchanged = sum(bred(SPACE, first, first, rng, 1.0, None) == first for _ in range(1500)) / 1500
    # no hit, or two hits on one bit; three and more seldom cancel
    none, two = (11 / 12) ** 12, math.comb(12, 2) * (1 / 12) ** 2 * (11 / 12) ** 10 / 12
    assert unchanged == pytest.approx(none + two, abs=0.03)
    always = {distance(bred(SPACE, first, first, rng, 0.0, 1.0), first) % 2 for _ in range(20)}
    assert always == {0}  # twelve single mutations


def test_children_in_a_space_with_conditions_are_of_that_space() -> None:
    space, rng = ToySpace(), random.Random(0)
    for _ in range(100):
        child = bred(space, space.sample(rng), space.sample(rng), rng, 0.9, None)
        assert space.decide(child.decisions) == child


@pytest.mark.parametrize(("crossover_rate", "mutation_rate"), [(-0.1, None), (1.1, None), (0.5, -0.1), (0.5, 2.0)])
def test_rates_are_probabilities(crossover_rate: float, mutation_rate: float | None) -> None:
    with pytest.raises(SettingError, match=r"must lie in \[0, 1\]"):
        check_rates(crossover_rate, mutation_rate)


@pytest.mark.parametrize("name", ["local-search", "hill-climbing", "simulated-annealing", "mcts"])
def test_spaces_with_edits_are_searched_too(name: str) -> None:
    trials = simulate(make_strategy(name, Edited(), SCORE), lambda spec, _: sum(spec), 120, workers=3)
    assert len({trial.key for trial in trials}) == len(trials)
    assert max(sum(trial.architecture.spec) for trial in trials) >= 7


@pytest.mark.parametrize("name", ["genetic-algorithm", "nsga2"])
def test_two_architectures_that_came_from_edits_cannot_be_crossed(name: str) -> None:
    with pytest.raises(SpaceError, match="needs a space that can crossover"):
        make_strategy(name, Edited(), SCORE)


WALKERS = ["grid", "local-search", "hill-climbing", "simulated-annealing", "genetic-algorithm", "nsga2", "mcts"]


@pytest.mark.parametrize("workers", [1, 5])
@pytest.mark.parametrize("name", WALKERS)
def test_nothing_is_tried_twice_and_a_small_space_is_used_up(name: str, workers: int) -> None:
    options = {"population_size": 6} if name in ("genetic-algorithm", "nsga2") else {}
    trials = simulate(make_strategy(name, CountOnes(6), SCORE, **options), lambda spec, _: sum(spec), 200, workers=workers)
    assert len(trials) == 64 == len({trial.key for trial in trials})


@pytest.mark.parametrize("name", WALKERS)
def test_a_space_of_one_architecture_is_tried_once(name: str) -> None:
    assert len(simulate(make_strategy(name, Single(), SCORE), lambda *_: 0.0, 5)) == 1


def test_what_is_redrawn_gets_another_value_and_the_rest_stays() -> None:
    parent = of([0, 1] * 6)
    child = redrawn(SPACE, parent, {"bit/0", "bit/5", "bit/6"}, random.Random(0))
    assert [place for place in range(12) if child.spec[place] != parent.spec[place]] == [0, 5, 6]
    assert redrawn(SPACE, parent, (), random.Random(0)) == parent
    single = Single().sample(random.Random(0))
    assert redrawn(Single(), single, ["only"], random.Random(0)) == single  # there is no other value


def test_what_a_redrawn_decision_asks_for_is_drawn() -> None:
    space, rng = ToySpace(), random.Random(0)
    for _ in range(50):
        parent = space.sample(rng)
        child = redrawn(space, parent, ["layers", "layers/0/op"], rng)
        assert space.decide(child.decisions) == child
        assert len(child.spec["layers"]) != len(parent.spec["layers"])
        assert child.spec["layers"][0]["op"] != parent.spec["layers"][0]["op"]
        assert child.spec["rate"] == parent.spec["rate"]
