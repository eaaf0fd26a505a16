import math

import pytest

from searchitect.core import SpaceError
from searchitect.spaces.enas_rnn import PUBLISHED, EnasRnn


def test_the_space_has_its_published_size() -> None:
    assert EnasRnn().size() == 4**12 * math.factorial(11)  # 6.7e14
    assert EnasRnn().size() == pytest.approx(6.7e14, rel=0.01)


def test_the_first_node_has_an_activation_only_and_the_others_read_those_before_them() -> None:
    space = EnasRnn(nodes=3)
    cells = [cell.spec["nodes"] for cell in space.enumerate()]
    assert len(cells) == space.size() == 4**3 * math.factorial(2)
    assert all(set(cell[0]) == {"activation"} for cell in cells)
    assert {(cell[1]["from"], cell[2]["from"]) for cell in cells} == {(0, 0), (0, 1)}


def test_cells_are_merged_where_only_the_numbers_of_their_nodes_differ() -> None:
    # rooted trees of 4 nodes in 4 colours: 4 times the forests of 3 nodes, 188 (as for DARTS, whose root has no colour)
    space = EnasRnn(nodes=4)
    cells = list(space.enumerate())
    assert len(cells) == 4**4 * math.factorial(3)
    assert len({space.key(cell) for cell in cells}) == 4 * 188


def test_the_published_cell_is_that_of_the_released_script() -> None:
    _, spec = PUBLISHED["enas-rnn"].make()
    assert [node["activation"] for node in spec["nodes"]] == [
        *("tanh", "tanh", "relu", "relu", "tanh", "tanh", "relu", "tanh", "relu", "relu", "relu", "relu"),
    ]
    assert [node.get("from") for node in spec["nodes"]] == [None, 0, 1, 2, 2, 2, 5, 1, 6, 8, 8, 8]
    assert spec["hidden"] == 748


@pytest.mark.parametrize("text", ["", "0", "0 0", "0 0 4", "4 0 0", "0 0 0 0 0", "0 x 1", "-1 0 0"])
def test_numbers_that_are_no_cell_are_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="is not a cell of 2 nodes: write 3 numbers"):
        EnasRnn(nodes=2).from_arc(text)


def test_a_node_that_reads_itself_is_refused() -> None:
    with pytest.raises(SpaceError, match="no valid value for the choice 'nodes/1/from'"):
        EnasRnn(nodes=2).from_arc("0 1 0")
