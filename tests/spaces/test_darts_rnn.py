import math
from collections.abc import Callable
from typing import Any

import pytest

from searchitect.core import SettingError, Space, SpaceError, TaskInfo
from searchitect.spaces import make_space
from searchitect.spaces.darts_rnn import PUBLISHED, DartsRnn
from searchitect.spaces.recurrent import canonical_tree
from searchitect.testing import check_space

TEXT = TaskInfo("text", "language-modelling", (35,), 60, 100_000)


def forests(nodes: int, colours: int) -> int:
    """How many forests of rooted trees there are with so many nodes, each of one of the colours (Euler transform)."""
    trees, found = [0], [1]  # by the number of nodes
    for n in range(1, nodes + 1):
        trees.append(colours * found[n - 1])
        total = sum(sum(d * trees[d] for d in range(1, k + 1) if k % d == 0) * found[n - k] for k in range(1, n + 1))
        found.append(total // n)
    return found[nodes]


def test_the_space_has_its_published_size() -> None:
    assert DartsRnn().size() == math.factorial(8) * 4**8 == 2_642_411_520  # 2.64e9
    assert DartsRnn(none=True).size() == math.factorial(8) * 5**8


def test_a_node_reads_any_state_before_it() -> None:
    space = DartsRnn(nodes=3)
    cells = [tuple((node["from"], node["activation"]) for node in cell.spec["nodes"]) for cell in space.enumerate()]
    assert len(set(cells)) == len(cells) == space.size() == math.factorial(3) * 4**3
    assert {tuple(source for source, _ in cell) for cell in cells} == {(0, b, c) for b in range(2) for c in range(3)}


@pytest.mark.parametrize(("nodes", "classes"), [(2, 26), (3, 188), (4, 1499)])
def test_cells_are_merged_where_only_the_numbers_of_their_nodes_differ(nodes: int, classes: int) -> None:
    space = DartsRnn(nodes=nodes)
    assert len({space.key(cell) for cell in space.enumerate()}) == classes == forests(nodes, 4)


def test_shapes_of_cells_are_rooted_trees() -> None:
    # OEIS A000081: rooted trees with 6 nodes, one of which is the start state
    def shapes(made: list[int]) -> list[list[int]]:
        return [made] if len(made) == 5 else [full for source in range(len(made) + 1) for full in shapes([*made, source])]

    found = {str(canonical_tree([{"from": source, "activation": "tanh"} for source in shape])) for shape in shapes([])}
    assert len(shapes([])) == math.factorial(5)
    assert len(found) == 20 == forests(5, 1)


def test_the_published_cells_are_those_of_the_authors_code() -> None:
    space, spec = PUBLISHED["darts-rnn-v2"].make()
    assert [(node["activation"], node["from"]) for node in spec["nodes"]] == [
        *(("sigmoid", 0), ("relu", 1), ("relu", 1), ("identity", 1), ("tanh", 2), ("sigmoid", 5), ("tanh", 3), ("relu", 5)),
    ]
    _, first = PUBLISHED["darts-rnn-v1"].make(hidden=10)
    assert [node["from"] for node in first["nodes"]] == [0, 1, 2, 3, 4, 1, 5, 1]
    assert (spec["hidden"], first["hidden"]) == (850, 10)
    assert isinstance(space, DartsRnn)


@pytest.mark.parametrize(
    ("genotype", "message"),
    [
        ([("tanh", 0)], "has 1 nodes, but the space 'darts-rnn' has nodes=2"),
        ([("tanh", 0), ("tanh", 2)], "no valid value for the choice 'nodes/1/from'"),
        ([("tanh", 0), ("none", 1)], "no valid value for the choice 'nodes/1/from/1/activation'"),
    ],
)
def test_a_genotype_that_is_no_cell_of_the_space_is_refused(genotype: list[tuple[str, int]], message: str) -> None:
    with pytest.raises((SettingError, SpaceError), match=message):
        DartsRnn(nodes=2).from_genotype(genotype)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DartsRnn(hidden=0), r"hidden of the space 'darts-rnn' must be a whole number in \[1, 8192\], got 0"),
        (lambda: DartsRnn(nodes=2.5), r"nodes of the space 'darts-rnn' must be a whole number in \[1, 64\], got 2.5"),  # type: ignore[arg-type]
        (lambda: DartsRnn(drop_output=1.0), r"drop_output of the space 'darts-rnn' must lie in \[0, 1\), got 1.0"),
    ],
)
def test_settings_outside_their_range_are_refused(make: Callable[[], Space], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize("name", ["darts-rnn", "enas-rnn", "nas-rl-rnn"])
def test_it_keeps_the_contract_of_spaces_and_takes_texts_only(name: str) -> None:
    space: Any = make_space(name, TEXT)
    check_space(space, samples=20)
    assert space.size() > 10_000
    assert space.hidden == 64
    assert make_space(name, TaskInfo("words", "language-modelling", (35,), 10_000, 100)).config()["hidden"] == 128
    with pytest.raises(SpaceError, match="builds no networks for image-classification"):
        make_space(name, TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
