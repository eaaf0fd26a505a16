import random

from searchitect.spaces.nasnet import NASNET_OPERATIONS, PUBLISHED, Nasnet


def test_there_are_5e36_ways_to_decide() -> None:
    # sheet: (2*3*4*5*6)^2 choices of states and (13^2 * 2)^5 of operations and combinations, in each of two cells
    assert Nasnet().size() == ((2 * 3 * 4 * 5 * 6) ** 2 * (13**2 * 2) ** 5) ** 2
    assert len(NASNET_OPERATIONS) == 13


def test_a_smaller_space_has_as_many_architectures_as_its_formula_says() -> None:
    space = Nasnet(blocks=1, operations=("skip_connect", "conv_1x1", "max_pool_7x7"))
    everything = list(space.enumerate())
    assert len(everything) == len(set(everything)) == space.size() == (2**2 * 3**2 * 2) ** 2
    # one block is an unordered pair of 2 * 3 (state, operation) pairs, added or concatenated
    assert len({space.key(architecture) for architecture in everything}) == (6 * 7 // 2 * 2) ** 2


def test_an_architecture_is_exactly_50_decisions_five_a_block_the_normal_cell_first() -> None:
    decisions = list(Nasnet().sample(random.Random(0)).decisions)
    assert len(decisions) == 50
    assert decisions[:5] == [
        "normal/0/first/from",
        "normal/0/second/from",
        "normal/0/first/op",
        "normal/0/second/op",
        "normal/0/combine",
    ]
    assert [path.split("/")[0] for path in decisions] == ["normal"] * 25 + ["reduction"] * 25


def test_nasnet_a_gives_out_what_its_release_does() -> None:
    space, spec = PUBLISHED["nasnet-a"].make()
    # all states but the previous cell's output, which is 1 here; and 3 to 6
    assert spec["cells"]["normal"]["concat"] == [0, 2, 3, 4, 5, 6]
    assert spec["cells"]["reduction"]["concat"] == [3, 4, 5, 6]
    assert (spec["channels"], spec["repeats"], spec["stem_channels"]) == (32, 6, 96)
    assert space.canonical(spec) != spec


def test_nasnet_a_without_its_concatenation_lists_is_a_member_of_the_space() -> None:
    space, spec = PUBLISHED["nasnet-a"].make()
    decisions = {}
    for kind, cell in spec["cells"].items():
        for block, node in enumerate(cell["nodes"]):
            for half, edge in zip(("first", "second"), node["edges"], strict=True):
                decisions |= {f"{kind}/{block}/{half}/from": edge["from"], f"{kind}/{block}/{half}/op": edge["op"]}
            decisions[f"{kind}/{block}/combine"] = node["combine"]
    cells = {kind: {**cell, "concat": "loose"} for kind, cell in spec["cells"].items()}
    assert space.decide(decisions).spec == {**spec, "cells": cells}
