import itertools
import json
import math
import random
from typing import Any

import pytest

from searchitect.core import OneOf, SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import OpenChooser, OpenNode
from searchitect.spaces import find_published, published_names
from searchitect.spaces.cells import canonical_cell
from searchitect.spaces.darts import GENOTYPES, OPERATIONS, Darts, parse_genotype, write_genotype
from searchitect.testing import check_space

CELLS = 1_037_664_180
"""Cells of one type: the product of k (k + 1) / 2 * 7^2 over k = 1..4; "about 10^9", section 2 of the paper."""


def test_the_contract_of_a_space_holds() -> None:
    check_space(Darts())
    check_space(Darts(nodes=1))
    check_space(Darts(nodes=6, none=True), samples=10)


def test_the_size_is_the_papers() -> None:
    assert math.prod(k * (k + 1) // 2 * 7**2 for k in range(1, 5)) == CELLS
    assert Darts().size() == CELLS**2  # 1.08e18
    assert Darts(none=True).size() == math.prod(k * (k + 1) // 2 * 8**2 for k in range(1, 5)) ** 2


@pytest.mark.parametrize(("none", "size"), [(False, 7**4), (True, 8**4)])
def test_cells_of_one_node_are_as_many_as_enumerated(none: bool, size: int) -> None:
    space = Darts(nodes=1, none=none)
    assert len(set(space.enumerate())) == space.size() == size


def test_two_nodes_have_the_number_of_distinct_cells_that_counting_by_hand_gives() -> None:
    space = Darts(nodes=2)
    some = OPERATIONS[1:4]  # three, so that a pair of edges has nine
    cells = set()
    for taken in (["0", "1"], ["0", "2"], ["1", "2"]):
        for first, second, third, fourth in itertools.product(some, repeat=4):
            decisions = _two_nodes("normal", [first, second], taken, [third, fourth])
            decisions |= _two_nodes("reduction", ["skip_connect"] * 2, ["0", "1"], ["skip_connect"] * 2)
            cells.add(space.key(space.decide(decisions)))
    # where both nodes read the inputs only, unordered pairs of nodes; else they cannot change places
    assert len(cells) == 9 * 10 // 2 + 2 * 9 * 9


def _two_nodes(kind: str, first: list[str], taken: list[str], second: list[str]) -> dict[str, Any]:
    return {
        f"{kind}/0/edges": ["0", "1"],
        **{f"{kind}/0/edges/{state}/op": op for state, op in zip("01", first, strict=True)},
        f"{kind}/1/edges": taken,
        **{f"{kind}/1/edges/{state}/op": op for state, op in zip(taken, second, strict=True)},
    }


def test_the_key_does_not_depend_on_the_numbering_of_the_nodes() -> None:
    space = Darts(nodes=2)
    a, b = (
        space.decide(
            {**_two_nodes("normal", [x, x], ["0", "1"], [y, y]), **_two_nodes("reduction", [x, y], ["1", "2"], [x, y])}
        )
        for x, y in (("skip_connect", "sep_conv_3x3"), ("sep_conv_3x3", "skip_connect"))
    )
    assert a != b
    assert canonical_cell(a.spec["cells"]["normal"]) == canonical_cell(b.spec["cells"]["normal"])
    assert space.key(a) != space.key(b)  # the reductions differ


def open_nodes(nodes: list[OpenNode]) -> list[OpenNode]:
    inside = [inner for node in nodes for option in getattr(node, "inner", []) for inner in open_nodes(option)]
    return [*nodes, *inside]


def test_the_open_spec_has_28_choices_of_an_operation() -> None:
    reader = OpenChooser()
    Darts().describe(reader)
    operations = [node for node in open_nodes(reader.nodes) if isinstance(node, OneOf)]
    assert len(operations) == 2 * (2 + 3 + 4 + 5) == 28
    assert all(tuple(node.labels) == OPERATIONS for node in operations)
    assert {node.path for node in operations} >= {"normal/0/edges/0/op", "reduction/3/edges/4/op"}


def test_every_sample_survives_the_authors_format() -> None:
    space = Darts()
    rng = random.Random(0)
    for _ in range(200):
        sample = space.sample(rng)
        again = space.from_genotype(json.loads(json.dumps(write_genotype(sample.spec))))
        assert again == sample
        assert again.decisions == sample.decisions


def test_the_cells_of_second_order_darts_are_the_published_ones() -> None:
    spec = Darts().from_genotype(GENOTYPES["darts-v2"]).spec
    normal, reduction = (
        [[(edge["op"], edge["from"]) for edge in node["edges"]] for node in spec["cells"][kind]["nodes"]]
        for kind in ("normal", "reduction")
    )
    sep, skip, pool = "sep_conv_3x3", "skip_connect", "max_pool_3x3"
    assert normal == [[(sep, 0), (sep, 1)], [(sep, 0), (sep, 1)], [(skip, 0), (sep, 1)], [(skip, 0), ("dil_conv_3x3", 2)]]
    assert reduction == [[(pool, 0), (pool, 1)], [(pool, 1), (skip, 2)], [(pool, 0), (skip, 2)], [(pool, 1), (skip, 2)]]


@pytest.mark.parametrize("name", list(GENOTYPES))
def test_a_published_architecture_is_its_genotype_up_to_the_order_of_a_nodes_edges(name: str) -> None:
    assert name in published_names()
    space, spec = find_published(name).make(channels=8)
    assert spec["channels"] == space.config()["channels"] == 8
    genotype = write_genotype(spec)
    assert genotype.keys() == GENOTYPES[name].keys()
    for key, listed in GENOTYPES[name].items():
        assert _sorted_nodes(genotype[key]) == _sorted_nodes(listed)


def _sorted_nodes(listed: list[Any]) -> list[Any]:
    return [sorted(map(tuple, listed[i : i + 2])) for i in range(0, len(listed), 2)] if isinstance(listed[0], list) else listed


def test_foreign_cells_are_read_but_cannot_be_mutated() -> None:
    space = Darts(nodes=5)
    architecture = space.from_genotype(GENOTYPES["nasnet-darts"])
    assert architecture.spec["cells"]["reduction"]["concat"] == [4, 5, 6]
    assert not architecture.decisions
    with pytest.raises(SpaceError, match="carries no decisions"):
        space.mutate(architecture, random.Random(0))
    fewer = Darts(nodes=2).from_genotype(GENOTYPES["darts-v2"])  # four nodes are not two
    assert len(fewer.spec["cells"]["normal"]["nodes"]) == 4
    assert not fewer.decisions


def changed(**parts: Any) -> dict[str, Any]:
    return {**GENOTYPES["darts-v2"], **parts}


V2 = GENOTYPES["darts-v2"]["normal"]


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        ({}, "must be a mapping with normal, normal_concat, reduce, reduce_concat"),
        ([], "must be a mapping"),
        (changed(normal=V2[:-1]), r"'normal' of a genotype must list two \[operation, state\] pairs for each node, got 7"),
        (changed(normal=[["skip_connect"]] * 8), "'normal' of a genotype must list two"),
        (changed(normal=[["sep_3x3", 0], *V2[1:]]), "'normal' has an unknown operation 'sep_3x3': did you mean 'sep_conv_3x3'"),
        (changed(reduce=[["skip_connect", 2], *V2[1:]]), "node 0 of the genotype's 'reduce' may read the states 0 to 1"),
        (changed(normal=[]), "'normal' must have a list of at least one node"),
        (changed(reduce_concat=[2, 6]), "the genotype's 'reduce' must be 'all', 'loose' or a list of distinct states"),
        (changed(reduce_concat=5), "got 5"),
    ],
)
def test_what_is_no_genotype_is_refused_in_one_sentence(genotype: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        parse_genotype(genotype)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 1}, "channels of the space 'darts' must be at least 2, got 1"),
        ({"layers": 2}, "layers of the space 'darts' must be at least 3, got 2"),
        ({"nodes": 9}, r"nodes of the space 'darts' must lie in \[1, 8\], got 9"),
        ({"stem": "mnist"}, "stem of the space 'darts' must be one of cifar, imagenet, got 'mnist'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Darts(**settings)


@pytest.mark.parametrize(("side", "stem", "layers"), [(8, "cifar", 3), (32, "cifar", 5), (224, "imagenet", 5)])
def test_a_space_for_everyday_use_is_small_and_has_the_stem_for_its_images(side: int, stem: str, layers: int) -> None:
    space = Darts.for_task(TaskInfo("data", "image-classification", (3, side, side), 10, 1_000))
    assert (space.stem, space.layers) == (stem, layers)
    assert space.channels <= 16
