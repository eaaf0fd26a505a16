"""The concatenations of NASNet's and AmoebaNet's cells are those in quark0/darts, cnn/genotypes.py."""

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

from searchitect.core import OneOf, SpaceError
from searchitect.core.choosing import OpenChooser
from searchitect.spaces.cells import CELL_OPERATIONS, canonical_cell, check_cell, concat_states, loose_states
from searchitect.spaces.darts import GENOTYPES, parse_genotype

Pairs = Sequence[tuple[int, str]]


def cell(*nodes: Pairs, concat: Any = "all") -> dict[str, Any]:
    return {"nodes": [{"edges": [{"from": s, "op": op} for s, op in pairs]} for pairs in nodes], "concat": concat}


TWO = cell([(0, "sep_conv_3x3"), (1, "skip_connect")], [(2, "none"), (2, "max_pool_3x3")])


def test_a_cell_that_can_be_built_passes() -> None:
    check_cell(TWO, CELL_OPERATIONS)
    check_cell({**TWO, "concat": [1, 3]}, CELL_OPERATIONS)
    check_cell({**TWO, "concat": "loose"}, CELL_OPERATIONS)


def test_open_choices_pass() -> None:
    choose = OpenChooser()
    edges = [{"from": choose("from", [0, 1]), "op": choose("op", ["any"])}, {"from": 1, "op": "none"}]
    assert isinstance(edges[0]["op"], OneOf)
    check_cell({"nodes": [{"edges": edges, "combine": choose("combine", ["add", "concat"])}], "concat": "all"}, CELL_OPERATIONS)
    check_cell({"nodes": [{"edges": choose.some("edges", ["a", "b"], 2)}], "concat": "all"}, CELL_OPERATIONS)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ([], "the normal cell must have a list of at least one node in 'nodes'"),
        (cell(), "at least one node"),
        ({"nodes": TWO["nodes"]}, "and 'concat', got"),
        (
            cell([(0, "sep_3x3"), (1, "none")]),
            "node 0 of the normal cell has an unknown operation 'sep_3x3': did you mean 'sep_conv_3x3'",
        ),
        (cell([(0, "none"), (2, "none")]), "node 0 of the normal cell may read the states 0 to 1, which come before it, got 2"),
        (cell([(0, "none"), (-1, "none")]), "0 to 1, which come before it, got -1"),
        (cell([(0, "none"), ("1", "none")]), "0 to 1, which come before it, got '1'"),  # type: ignore[list-item]
        (cell([(0, "none")]), "node 0 of the normal cell must have two edges"),
        ({"nodes": [{"edges": [[0, "none"], [1, "none"]]}], "concat": "all"}, r"each edge of node 0 .* must be \{'from'"),
        ({"nodes": [{**TWO["nodes"][0], "combine": "mean"}], "concat": "all"}, "by 'add' or 'concat', got 'mean'"),
        ({**TWO, "concat": [2, 4]}, r"distinct states in \[0, 3\], got \[2, 4\]"),
        ({**TWO, "concat": [2, 2]}, r"distinct states in \[0, 3\], got \[2, 2\]"),
        ({**TWO, "concat": []}, r"got \[\]"),
        ({**TWO, "concat": "last"}, "must be 'all', 'loose' or a list"),
    ],
)
def test_a_cell_that_cannot_be_built_is_refused_in_one_sentence(broken: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        check_cell(broken, CELL_OPERATIONS, what="the normal cell")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["nasnet-darts", "amoebanet-darts"])
def test_the_loose_states_of_nasnet_and_amoebanet_are_their_published_concatenations(name: str) -> None:
    for found in parse_genotype(GENOTYPES[name]).values():
        assert loose_states(found["nodes"]) == concat_states(found)


def test_an_input_that_no_node_reads_is_loose() -> None:
    assert loose_states(cell([(0, "a"), (0, "b")], [(0, "a"), (2, "a")])["nodes"]) == [1, 3]


def relabelled(found: Any, order: Sequence[int]) -> Any | None:
    """The cell with its nodes in another order, edges of a node sorted; ``None`` where a node would come before what it reads."""
    numbers = {0: 0, 1: 1, **{2 + old: 2 + new for new, old in enumerate(order)}}
    nodes = []
    for new, old in enumerate(order):
        edges = sorted((numbers[edge["from"]], edge["op"]) for edge in found["nodes"][old]["edges"])
        if any(state >= 2 + new for state, _ in edges):
            return None
        nodes.append(edges)
    return nodes, sorted(numbers[state] for state in concat_states(found))


def orbit(found: Any) -> Any:
    """The smallest of all relabellings: equal for isomorphic cells, and for no others."""
    forms = (relabelled(found, order) for order in itertools.permutations(range(len(found["nodes"]))))
    return min(form for form in forms if form is not None)


def random_cell(rng: random.Random, nodes: int, operations: Sequence[str]) -> Any:
    pairs = [[(rng.randrange(2 + place), rng.choice(operations)) for _ in range(2)] for place in range(nodes)]
    concat = rng.choice(["all", "loose", sorted(rng.sample(range(2 + nodes), 3))])
    return cell(*pairs, concat=concat)


def test_the_canonical_form_is_equal_for_isomorphic_cells_and_for_no_others() -> None:
    rng = random.Random(0)
    cells = [random_cell(rng, nodes, ["a", "b"]) for nodes in (2, 3, 4) for _ in range(400)]
    by_form: dict[str, Any] = {}
    by_orbit: dict[str, Any] = {}
    for found in cells:
        form, smallest = repr(canonical_cell(found)), repr(orbit(found))
        assert by_form.setdefault(form, smallest) == smallest
        assert by_orbit.setdefault(smallest, form) == form
    assert len(by_form) < len(cells) - 100  # many were isomorphic


def test_equal_nodes_with_different_readers_may_be_numbered_either_way() -> None:
    same = [(0, "a"), (1, "a")]
    first = cell(same, same, [(0, "a"), (2, "a")], [(0, "a"), (3, "b")])
    second = cell(same, same, [(0, "a"), (3, "a")], [(0, "a"), (2, "b")])
    assert canonical_cell(first) == canonical_cell(second)
    assert canonical_cell(first) != canonical_cell(cell(same, same, [(0, "a"), (2, "a")], [(0, "a"), (2, "b")]))


def test_the_canonical_form_is_a_cell_of_the_same_kind() -> None:
    rng = random.Random(1)
    for _ in range(200):
        found = random_cell(rng, 5, ["skip_connect", "conv_1x1"])
        form = canonical_cell(found)
        check_cell(form, CELL_OPERATIONS)
        assert orbit(form) == orbit(found)
        assert canonical_cell(form) == form


def test_how_a_node_combines_is_part_of_the_canonical_form() -> None:
    summed, joined = ({**TWO["nodes"][0], "combine": how} for how in ("add", "concat"))
    forms = [
        canonical_cell({"nodes": nodes, "concat": "all"}) for nodes in ([summed, joined], [joined, summed], [summed, summed])
    ]
    assert forms[0] == forms[1] != forms[2]
    assert [node["combine"] for node in forms[0]["nodes"]] == ["add", "concat"]


def test_equal_nodes_do_not_make_it_slow() -> None:
    same = cell(*[[(0, "a"), (1, "a")]] * 12)
    assert canonical_cell(same)["concat"] == list(range(2, 14))
