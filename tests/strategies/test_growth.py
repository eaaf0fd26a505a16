import itertools
import random
from typing import Any

import pytest

from searchitect.core import Chooser, Space, SpaceError
from searchitect.spaces.pnas import PNAS_OPERATIONS, Pnas
from searchitect.strategies.growth import at_most, drawn, extended, level_of, one_body_more
from searchitect.testing import ToySpace


class Nested(Space):
    """One or two stages of one to three blocks; a block is one of two."""

    name = "nested"

    def describe(self, choose: Chooser) -> Any:
        return choose.repeat("stages", 1, 2, lambda _: choose.repeat("blocks", 1, 3, lambda _: choose("op", "ab")))


def test_the_smallest_are_those_whose_lists_are_as_short_as_can_be() -> None:
    assert [a.spec for a in extended(Nested(), {})] == [[["a"]], [["b"]]]


def test_there_are_256_ways_to_decide_on_one_block_of_pnas_and_576_to_add_a_second() -> None:
    space = Pnas(least_blocks=1)
    first = list(extended(space, {}))
    assert len(first) == 256
    assert len({space.key(a) for a in first}) == 136
    for parent in (first[0], first[100], first[-1]):
        (start,) = one_body_more(space, parent)
        grown = list(extended(space, start))
        assert len(grown) == 576  # of each of the 256: 147,456
        assert all(a.spec["cells"]["normal"]["nodes"][0] == parent.spec["cells"]["normal"]["nodes"][0] for a in grown)
        assert {len(a.spec["cells"]["normal"]["nodes"]) for a in grown} == {2}


def test_extensions_of_all_make_all_of_the_next_level() -> None:
    space = Pnas(least_blocks=1, blocks=2, operations=PNAS_OPERATIONS[:2])
    starts = [start for parent in extended(space, {}) for start in one_body_more(space, parent)]
    grown = list(itertools.chain.from_iterable(extended(space, start) for start in starts))
    fixed = Pnas(blocks=2, operations=PNAS_OPERATIONS[:2])
    assert len(grown) == 16 * 36
    assert {a.text for a in grown} == {a.text for a in fixed.enumerate()}
    assert not [start for a in grown for start in one_body_more(space, a)]  # full


def test_each_list_may_grow_and_new_lists_begin_short() -> None:
    space = Nested()
    parent = space.decide({"stages": 1, "stages/0/blocks": 2, "stages/0/blocks/0/op": "a", "stages/0/blocks/1/op": "b"})
    found = [a.spec for start in one_body_more(space, parent) for a in extended(space, start)]
    assert found == [[["a", "b"], ["a"]], [["a", "b"], ["b"]], [["a", "b", "a"]], [["a", "b", "b"]]]


def test_the_level_is_the_number_of_bodies_beyond_the_fewest() -> None:
    space = Nested()
    for architecture in (space.sample(random.Random(seed)) for seed in range(20)):
        stages = architecture.spec
        assert level_of(space, architecture) == 1 + (len(stages) - 1) + sum(len(blocks) - 1 for blocks in stages)


def test_continuous_choices_are_drawn_and_what_was_decided_stays() -> None:
    space, rng = ToySpace(), random.Random(0)
    parent = drawn(space, {}, rng)
    assert len(parent.spec["layers"]) == 1
    (start,) = one_body_more(space, parent)
    child = drawn(space, start, rng)
    assert child.spec["rate"] == parent.spec["rate"]
    assert child.spec["layers"][:1] == parent.spec["layers"]
    assert len(child.spec["layers"]) == 2
    with pytest.raises(SpaceError, match="continuous"):
        next(extended(space, {}))
    assert at_most(extended(space, {}), 100) == []
    assert len(at_most(extended(space, start), 1000)) == 3 * 57 + 2 + 1  # kernel and width; kind; skip


def test_more_than_so_many_are_none() -> None:
    space = Nested()
    assert len(at_most(extended(space, {}), 2)) == 2
    assert at_most(extended(space, {}), 1) == []
