import math
import random
from typing import Any

import pytest

from searchitect.core import Architecture, Chooser, Space, SpaceError
from searchitect.core.choosing import is_varying_length

from .spaces import NESTED_SIZE, Cells, Computing, Continuous, Nested, Single


def test_a_mutation_changes_exactly_one_decision_and_keeps_the_others() -> None:
    space = Cells()
    generator = random.Random(0)
    parent = space.sample(generator)
    assert len(parent.decisions) == 28
    changed = set()
    for _ in range(500):
        child = space.mutate(parent, generator)
        different = [path for path, value in parent.decisions.items() if child.decisions[path] != value]
        assert len(different) == 1
        changed.add(different[0])
    assert changed == set(parent.decisions)  # and reaches every one


def test_a_mutation_of_an_option_redraws_only_what_lay_inside_it() -> None:
    space = Nested()
    generator = random.Random(0)
    parent = space.sample(generator)
    for _ in range(300):
        child = space.mutate(parent, generator)
        both = parent.decisions.keys() & child.decisions.keys()
        changed = [path for path in both if parent.decisions[path] != child.decisions[path]]
        assert len(changed) == 1
        for path in parent.decisions.keys() ^ child.decisions.keys():
            assert path.startswith(changed[0] + "/")
        parent = child


def test_a_space_of_one_architecture_cannot_be_mutated() -> None:
    space = Single()
    with pytest.raises(SpaceError, match="has a single architecture"):
        space.mutate(space.sample(random.Random(0)), random.Random(0))


def test_crossing_equals_gives_an_equal_and_crossing_others_mixes_both() -> None:
    space = Cells()
    generator = random.Random(0)
    a, b = space.sample(generator), space.sample(generator)
    assert space.crossover(a, a, generator) == a
    paths = [path for path in a.decisions if a.decisions[path] != b.decisions[path]]
    shares = [
        sum(child.decisions[path] == a.decisions[path] for path in paths) / len(paths)
        for child in (space.crossover(a, b, generator) for _ in range(200))
    ]
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.04)


def test_a_group_of_decisions_is_crossed_as_one() -> None:
    class Halves(Space):
        name = "halves"

        def describe(self, choose: Chooser) -> Any:
            return [choose(f"{half}/{place}", range(9)) for half in "ab" for place in range(4)]

        def crossover_group(self, path: str) -> str:
            return path[0]

    space = Halves()
    a, b = (space.decide({f"{half}/{place}": value for half in "ab" for place in range(4)}) for value in (1, 2))
    rng = random.Random(0)
    drawn = [space.crossover(a, b, rng, share=0.8).spec for _ in range(500)]
    assert {(tuple(spec[:4]), tuple(spec[4:])) for spec in drawn} == {((i,) * 4, (j,) * 4) for i in (1, 2) for j in (1, 2)}
    assert sum(spec.count(1) for spec in drawn) / 4000 == pytest.approx(0.8, abs=0.03)
    # the same draws the other way round give the other half
    child, other = (space.crossover(*pair, random.Random(7), share=0.8).spec for pair in ((a, b), (b, a)))
    assert all(i + j == 3 for i, j in zip(child, other, strict=True))


def test_a_mutation_can_be_asked_to_have_an_effect() -> None:
    class Idle(Space):
        name = "idle"

        def describe(self, choose: Chooser) -> Any:
            return [choose(f"gene/{place}", range(3)) for place in range(20)]

        def canonical(self, spec: Any) -> Any:
            return spec[:1]

    class Forced(Idle):
        mutates_until_other = True

    rng = random.Random(0)
    parent = Idle().sample(rng)
    free, forced = ([space.mutate(parent, rng) for _ in range(100)] for space in (Idle(), Forced()))
    assert sum(Idle().key(child) == Idle().key(parent) for child in free) > 80
    assert all(child.spec[0] != parent.spec[0] and child.spec[1:] == parent.spec[1:] for child in forced)


def test_the_size_is_exact() -> None:
    nested = Nested()
    assert nested.size() == NESTED_SIZE
    assert len({a.text for a in nested.enumerate()}) == NESTED_SIZE
    assert Computing().size() == 2 + 4  # counted one by one, since it has no open spec
    assert Continuous().size() == math.inf
    edges = [2 + node for node in (0, 1, 2)] + [2 + node for node in (0, 1, 2, 3)]
    assert Cells().size() == math.prod((n * 7) ** 2 for n in edges)


def test_neighbours_differ_in_one_decision_each_and_none_is_missing() -> None:
    space = Nested()
    center = next(space.enumerate())
    neighbours = list(space.neighbours(center))
    assert center not in neighbours
    assert len(set(neighbours)) == len(neighbours)
    # optimizer 1, momentum 1, blocks 2, its op 1, inputs 2, the scale inside it 2, width 3
    assert len(neighbours) == 1 + 1 + 2 + 1 + 2 + 2 + 3
    for neighbour in neighbours:
        shared = center.decisions.keys() & neighbour.decisions.keys()
        assert sum(center.decisions[path] != neighbour.decisions[path] for path in shared) == 1


def test_abilities_are_computed_from_what_the_space_defines() -> None:
    assert Nested().abilities() == {"sample", "mutate", "crossover", "enumerate", "open", "grow"}
    assert Computing().abilities() == {"sample", "mutate", "crossover", "enumerate"}
    assert Continuous().abilities() == {"sample", "mutate", "crossover", "open"}


def test_the_length_of_a_list_is_told_from_other_numbers() -> None:
    space = Nested()
    lengths = {path for path, domain in space.domains(space.sample(random.Random(0))).items() if is_varying_length(domain)}
    assert lengths == {"blocks"}


def test_an_architecture_without_decisions_is_refused_where_they_are_needed() -> None:
    with pytest.raises(SpaceError, match="carries no decisions of the space 'nested'"):
        Nested().mutate(Architecture({"written": "by hand"}), random.Random(0))


def test_recorded_decisions_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SpaceError, match="no valid value for the choice"):
        Nested().decide({"optimizer": "rmsprop"})
