import itertools
import math
import random
from typing import Any

import pytest

from searchitect.core.architecture import canonical_json
from searchitect.core.errors import SettingError
from searchitect.spaces.pnas import PNAS_OPERATIONS, PUBLISHED, Pnas
from searchitect.testing import check_space


def test_a_block_has_256_options_then_576_1024_1600_and_2304() -> None:
    sizes = [Pnas(blocks=blocks).size() or 0 for blocks in range(1, 6)]
    options = [256, 576, 1024, 1600, 2304]
    assert sizes == [math.prod(options[:blocks]) for blocks in range(1, 6)]
    assert sizes[-1] == 556_627_761_561_600  # the paper's 5.6e14


def test_there_are_136_cells_of_one_block() -> None:
    # the paper: 16 pairs of a state and an operation, two of them in any order, make 16 * 17 / 2
    space = Pnas(blocks=1)
    everything = list(space.enumerate())
    assert len(everything) == 256
    assert len({space.key(architecture) for architecture in everything}) == 136


def pairs(half: list[Any]) -> Any:
    return itertools.combinations_with_replacement(half, 2)


def distinct_cells(space: Pnas) -> int:
    """Counted without the canonical form: classes of cells that some renumbering of nodes and order of halves makes equal."""
    seen: set[Any] = set()
    classes = 0
    for architecture in space.enumerate():
        nodes = architecture.spec["cells"]["normal"]["nodes"]
        pairs = [[(edge["from"], edge["op"]) for edge in node["edges"]] for node in nodes]
        forms = set()
        for order in itertools.permutations(range(len(pairs))):
            numbers = {0: 0, 1: 1} | {place + 2: order.index(place) + 2 for place in range(len(pairs))}
            moved = [tuple(sorted((numbers[source], op) for source, op in pairs[place])) for place in order]
            if all(source < place + 2 for place, node in enumerate(moved) for source, _ in node):
                forms.add(tuple(moved))
        classes += not forms & seen
        seen |= forms
    return classes


@pytest.mark.parametrize("operations", [1, 2, 3])
def test_two_blocks_are_counted_once_in_whichever_order_they_come(operations: int) -> None:
    space = Pnas(blocks=2, operations=PNAS_OPERATIONS[:operations])
    pairs = 2 * operations
    one = pairs * (pairs + 1) // 2  # blocks that read the inputs only
    chained = (pairs + operations) * (pairs + operations + 1) // 2 - one  # that read the first block, too
    keys = {space.key(architecture) for architecture in space.enumerate()}
    assert len(keys) == distinct_cells(space) == one * chained + one * (one + 1) // 2


def test_there_are_31620_cells_of_two_blocks() -> None:
    # 136 blocks that read the inputs, 164 that read the first block: 136 * 164, and 136 * 137 / 2 pairs of the former
    space = Pnas(blocks=2)
    halves = [[(state, op) for state in range(states) for op in PNAS_OPERATIONS] for states in (2, 3)]
    blocks = [[{"edges": [{"from": s, "op": op} for s, op in pair]} for pair in pairs(half)] for half in halves]
    cells = ({"nodes": list(nodes), "concat": "loose"} for nodes in itertools.product(*blocks))
    keys = {canonical_json(space.canonical({"cells": {"normal": cell}})) for cell in cells}
    assert len(keys) == 136 * 164 + 136 * 137 // 2 == 31_620


def test_three_blocks_are_told_apart_exactly_where_no_renumbering_makes_them_equal() -> None:
    space = Pnas(blocks=3, operations=PNAS_OPERATIONS[:1])
    assert len({space.key(architecture) for architecture in space.enumerate()}) == distinct_cells(space)


def test_the_number_of_blocks_may_vary() -> None:
    space = Pnas(least_blocks=1)
    assert space.size() == sum(math.prod([256, 576, 1024, 1600, 2304][:blocks]) for blocks in range(1, 6))
    assert "grow" in space.abilities()
    assert "grow" not in Pnas().abilities()
    blocks = {len(space.sample(random.Random(seed)).spec["cells"]["normal"]["nodes"]) for seed in range(40)}
    assert blocks == {1, 2, 3, 4, 5}
    check_space(space)


def test_cells_of_all_blocks_are_decided_and_named_as_before() -> None:
    fixed, varying = Pnas(), Pnas(least_blocks=4)
    architecture = fixed.sample(random.Random(0))
    assert varying.decide({"normal": 5, **architecture.decisions}) == architecture
    assert Pnas(least_blocks=5).sample(random.Random(0)) == architecture


@pytest.mark.parametrize("least", [0, 6, 2.0, True])
def test_a_least_number_of_blocks_outside_its_range_is_refused(least: Any) -> None:
    with pytest.raises(SettingError, match=r"least_blocks of the space 'pnas' must be a whole number in \[1, blocks=5\]"):
        Pnas(least_blocks=least)


def test_the_released_cell_gives_out_all_blocks_though_one_of_them_is_read() -> None:
    _, spec = PUBLISHED["pnasnet-5"].make()
    cell = spec["cells"]["normal"]
    assert cell["concat"] == "all"
    assert cell["nodes"][3]["edges"] == [{"from": 4, "op": "sep_conv_3x3"}, {"from": 1, "op": "max_pool_3x3"}]
    assert cell["nodes"][4]["edges"] == [{"from": 0, "op": "sep_conv_3x3"}, {"from": 1, "op": "skip_connect"}]
