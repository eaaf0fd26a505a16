import itertools
import math
import random
from typing import Any

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces import find_published
from searchitect.spaces.enas_micro import OPERATIONS, EnasMicro, micro_tokens


@pytest.mark.parametrize("nodes", [1, 2, 5, 12])
def test_the_size_is_that_of_the_closed_form(nodes: int) -> None:
    # node i of a cell: two of i + 2 states, two of five operations
    assert EnasMicro(nodes=nodes).size() == (5**nodes * math.factorial(nodes + 1)) ** 4


def test_the_papers_count_is_smaller_by_what_it_leaves_out() -> None:
    # (5 (B - 2)!)^4 = 1.3e11 for B = 7: one operation per half of a cell, and a state fewer for each node
    papers = (5 * math.factorial(5)) ** 4
    assert f"{papers:.1e}" == "1.3e+11"
    assert EnasMicro().size() == papers * (5**4 * 6) ** 4


def test_the_size_equals_the_number_enumerated() -> None:
    space = EnasMicro(nodes=1)
    assert len(set(space.enumerate())) == space.size() == 10**4


def test_the_choices_of_a_node_come_in_the_order_of_the_controller() -> None:
    asked = []

    def last(path: str, domain, decisions):
        asked.append(path)
        return domain.values()[-1]

    spec = EnasMicro(nodes=2).describe(PolicyChooser(last))
    of_a_node = ["index_1", "index_2", "op_1", "op_2"]
    assert asked == [f"{kind}/{node}/{what}" for kind in ("normal", "reduction") for node in (0, 1) for what in of_a_node]
    assert spec["cells"]["normal"]["nodes"][1] == {"edges": [{"from": 2, "op": "skip_connect"}] * 2}


def test_the_released_cells_are_those_of_the_script() -> None:
    # melodyguan/enas, scripts/cifar10_micro_final.sh
    space, spec = find_published("enas-micro").make()
    assert micro_tokens(spec) == [
        *(0, 2, 0, 0, 0, 4, 0, 1, 0, 4, 1, 1, 1, 0, 0, 1, 0, 2, 1, 1),
        *(1, 0, 1, 0, 0, 3, 0, 2, 1, 1, 3, 1, 1, 0, 0, 4, 0, 3, 1, 1),
    ]
    normal, reduction = (spec["cells"][kind]["nodes"] for kind in ("normal", "reduction"))
    assert normal[0]["edges"] == [{"from": 0, "op": "avg_pool_3x3"}, {"from": 0, "op": "sep_conv_3x3"}]
    assert reduction[2]["edges"] == [{"from": 1, "op": "sep_conv_5x5"}, {"from": 3, "op": "sep_conv_5x5"}]
    assert space == EnasMicro(nodes=5, layers=15, channels=36)


def test_every_architecture_survives_the_tokens_of_the_released_code() -> None:
    space = EnasMicro()
    rng = random.Random(0)
    for _ in range(20):
        sample = space.sample(rng)
        assert len(micro_tokens(sample.spec)) == 40
        assert space.from_tokens(micro_tokens(sample.spec)) == sample


@pytest.mark.parametrize("tokens", [[], [0] * 7, [0] * 9, [2, *[0] * 7], [0, 5, *[0] * 6], [0, 0, -1, *[0] * 5]])
def test_tokens_of_another_space_are_refused(tokens: list[int]) -> None:
    with pytest.raises(SpaceError, match="with 1 nodes has 8 tokens"):
        EnasMicro(nodes=1).from_tokens(tokens)


def edge_pairs(states: int, operations: int) -> list[Any]:
    edges = [{"from": state, "op": op} for state in range(states) for op in OPERATIONS[:operations]]
    return [{"edges": list(pair)} for pair in itertools.product(edges, repeat=2)]


def test_the_order_of_edges_does_not_matter_and_nothing_else_does_for_one_node() -> None:
    space = EnasMicro(nodes=1)
    unordered = 10 * 11 // 2  # of 2 * 5 edges
    assert len({space.key(architecture) for architecture in space.enumerate()}) == unordered**2


def test_the_numbering_of_two_nodes_does_not_matter() -> None:
    space = EnasMicro(nodes=2)
    spec = space.sample(random.Random(0)).spec
    keys = set()
    for nodes in itertools.product(edge_pairs(2, 2), edge_pairs(3, 2)):
        cells = {**spec["cells"], "normal": {"nodes": list(nodes), "concat": "loose"}}
        keys.add(str(space.canonical({**spec, "cells": cells})))
    # of two operations only: a second node that reads the first; or two that do not, in no order
    first, second = 4 * 5 // 2, 6 * 7 // 2
    assert len(keys) == first * (second - first) + first * (first + 1) // 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": 0}, r"nodes of the space 'enas-micro' must lie in \[1, 12\], got 0"),
        ({"nodes": 13}, r"nodes of the space 'enas-micro' must lie in \[1, 12\], got 13"),
        ({"layers": 0}, "layers of the space 'enas-micro' must be at least 1, got 0"),
        ({"channels": 9}, "channels of the space 'enas-micro' must be even and at least 2, got 9"),
        ({"dropout": -0.1}, r"dropout of the space 'enas-micro' must lie in \[0, 1\), got -0.1"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        EnasMicro(**settings)


def test_a_task_gets_a_small_space() -> None:
    small = EnasMicro.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
    large = EnasMicro.for_task(TaskInfo("photos", "image-classification", (3, 64, 64), 10, 1000))
    assert (small.nodes, small.layers, small.channels, large.channels) == (3, 4, 8, 16)
