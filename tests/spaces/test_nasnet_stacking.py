import itertools
import random
from typing import Any

import pytest

from searchitect.core import SettingError, Space, TaskInfo
from searchitect.spaces.amoebanet import Amoebanet
from searchitect.spaces.nasnet import Nasnet
from searchitect.spaces.nasnet_stacking import output_states, released_cell
from searchitect.spaces.pnas import Pnas
from searchitect.testing import check_space

SPACES = [
    Nasnet(),
    Amoebanet(),
    Pnas(),
    Nasnet(blocks=1, operations=("skip_connect", "conv_1x1")),
    Pnas(blocks=2, operations=("sep_conv_3x3", "max_pool_3x3")),
]


@pytest.mark.parametrize("space", SPACES, ids=lambda space: f"{space.name}-{space.blocks}")
def test_the_contract_of_spaces_holds(space: Space) -> None:
    check_space(space)


def shuffled(cell: Any, rng: random.Random) -> Any:
    """The same cell with the halves of its nodes exchanged, and its nodes in another topological order."""
    nodes, numbers, ordered = cell["nodes"], {0: 0, 1: 1}, []
    while len(ordered) < len(nodes):
        ready = [
            place
            for place, node in enumerate(nodes)
            if place + 2 not in numbers and all(edge["from"] in numbers for edge in node["edges"])
        ]
        place = rng.choice(ready)
        numbers[place + 2] = len(ordered) + 2
        ordered.append(nodes[place])
    moved = []
    for node in ordered:
        edges = [{**edge, "from": numbers[edge["from"]]} for edge in node["edges"]]
        moved.append({**node, "edges": rng.sample(edges, 2)})
    concat = cell["concat"] if isinstance(cell["concat"], str) else sorted(numbers[state] for state in cell["concat"])
    return {"nodes": moved, "concat": concat}


@pytest.mark.parametrize("space", SPACES[:3], ids=lambda space: space.name)
def test_the_order_of_halves_and_of_independent_blocks_does_not_matter(space: Space) -> None:
    rng = random.Random(0)
    changed = 0
    for _ in range(50):
        spec = space.sample(rng).spec
        other = {**spec, "cells": {kind: shuffled(cell, rng) for kind, cell in spec["cells"].items()}}
        changed += other != spec
        assert space.canonical(other) == space.canonical(spec)
    assert changed > 40


@pytest.mark.parametrize(
    ("what", "change"),
    [
        ("an operation", lambda nodes: nodes[0]["edges"][0].update(op="sep_conv_3x3")),
        ("a source", lambda nodes: nodes[0]["edges"][0].update({"from": 1})),
        ("which node is read", lambda nodes: nodes[2]["edges"][1].update({"from": 2})),
    ],
)
def test_other_cells_have_other_keys(what: str, change: Any) -> None:
    def spec() -> Any:
        nodes = [
            {"edges": [{"from": 0, "op": "max_pool_3x3"}, {"from": 1, "op": "max_pool_3x3"}]},
            {"edges": [{"from": 0, "op": "max_pool_3x3"}, {"from": 1, "op": "max_pool_3x3"}]},
            {"edges": [{"from": 2, "op": "max_pool_3x3"}, {"from": 3, "op": "max_pool_3x3"}]},
        ]
        return {"cells": {"normal": {"nodes": nodes, "concat": "loose"}}, **Pnas().stacking()}

    first, second = spec(), spec()
    change(second["cells"]["normal"]["nodes"])
    assert Pnas().canonical(first) != Pnas().canonical(second)


def test_two_equal_blocks_are_not_one_that_is_read_twice() -> None:
    # first: two blocks with weights of their own are added; second: one of them is doubled and the other concatenated
    pair = {"edges": [{"from": 0, "op": "sep_conv_3x3"}, {"from": 1, "op": "sep_conv_3x3"}]}

    def spec(a: int, b: int) -> Any:
        last = {"edges": [{"from": a, "op": "skip_connect"}, {"from": b, "op": "skip_connect"}]}
        return {"cells": {"normal": {"nodes": [pair, pair, last], "concat": "loose"}}, **Pnas().stacking()}

    assert Pnas().canonical(spec(2, 3)) == Pnas().canonical(spec(3, 2))
    assert Pnas().canonical(spec(2, 2)) == Pnas().canonical(spec(3, 3))
    assert Pnas().canonical(spec(2, 3)) != Pnas().canonical(spec(2, 2))


def test_loose_states_are_nodes_and_in_amoebanet_unread_inputs_too() -> None:
    nodes = [
        {"edges": [{"from": 1, "op": "skip_connect"}, {"from": 1, "op": "skip_connect"}]},
        {"edges": [{"from": 2, "op": "skip_connect"}, {"from": 1, "op": "skip_connect"}]},
        {"edges": [{"from": 1, "op": "skip_connect"}, {"from": 1, "op": "skip_connect"}]},
    ]
    cell = {"nodes": nodes, "concat": "loose"}
    assert output_states(cell, Pnas.has_loose_inputs) == [3, 4]
    assert output_states(cell, Nasnet.has_loose_inputs) == [3, 4]
    assert output_states(cell, Amoebanet.has_loose_inputs) == [0, 3, 4]
    assert output_states({**cell, "concat": "all"}, True) == [2, 3, 4]
    assert output_states({**cell, "concat": [0, 4]}, False) == [0, 4]


def test_an_open_cell_gives_out_all_its_nodes() -> None:
    cell = Nasnet(blocks=3).open_spec()["cells"]["normal"]
    assert output_states(cell, has_loose_inputs=True) == [2, 3, 4]


def test_the_release_counts_the_previous_cell_first() -> None:
    cell = released_cell(["conv_1x1", "skip_connect", "conv_3x3", "skip_connect"], [0, 1, 2, 0], used=[1, 0, 1, 0])
    assert cell == {
        "nodes": [
            {"edges": [{"from": 1, "op": "conv_1x1"}, {"from": 0, "op": "skip_connect"}]},
            {"edges": [{"from": 2, "op": "conv_3x3"}, {"from": 1, "op": "skip_connect"}]},
        ],
        "concat": [0, 3],
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 0}, r"channels of the space 'nasnet' must be a whole number in \[1, 4096\], got 0"),
        ({"channels": 3, "stem": "imagenet"}, r"channels .* in \[4, 4096\], got 3"),
        ({"channels": 1.5}, "channels .* got 1.5"),
        ({"cells": 0}, r"cells .* in \[1, 64\], got 0"),
        ({"blocks": 9}, r"blocks .* in \[1, 8\], got 9"),
        ({"stages": 0}, r"stages .* in \[1, 5\], got 0"),
        ({"stem": "mnist"}, "stem .* must be one of cifar, imagenet, got 'mnist'"),
        ({"stem_channels": 0}, "stem_channels .* got 0"),
        ({"first_previous": "none"}, "first_previous .* must be one of projected, raw, got 'none'"),
        ({"operations": ()}, "operations .* at least one, each once"),
        ({"operations": ("conv_1x1", "conv_1x1")}, "operations .* at least one, each once"),
        ({"operations": ("conv_1x2",)}, "unknown operation of the space 'nasnet', 'conv_1x2': did you mean 'conv_1x1'"),
        ({"skip_reduction_input": 2}, "skip_reduction_input .* true or false, got 2"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Nasnet(**settings)


@pytest.mark.parametrize(
    ("side", "expected"), [(1, ("cifar", 1)), (3, ("cifar", 2)), (8, ("cifar", 3)), (32, ("cifar", 3)), (224, ("imagenet", 3))]
)
def test_it_is_fitted_to_the_side_of_the_image(side: int, expected: tuple[str, int]) -> None:
    for space in (Nasnet, Amoebanet, Pnas):
        fitted = space.for_task(TaskInfo("data", "image-classification", (3, side + 3, side), 10, 100))
        assert (fitted.stem, fitted.stages) == expected
        assert (fitted.cells, fitted.blocks, fitted.operations) == (1, 5, space().operations)


def test_all_decisions_of_a_block_are_named_and_bounded() -> None:
    space = Nasnet()
    domains = space.domains(space.sample(random.Random(0)))
    for kind, block, half in itertools.product(("normal", "reduction"), range(5), ("first", "second")):
        assert list(domains[f"{kind}/{block}/{half}/from"].values()) == list(range(block + 2))
        assert len(domains[f"{kind}/{block}/{half}/op"].values()) == 13
