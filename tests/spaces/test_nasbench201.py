import random
from collections import Counter

import pytest

from searchitect.core import SpaceError
from searchitect.spaces.nasbench201 import OPERATIONS, NasBench201, cell_string, parse_cell

BEST = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"


def test_there_are_15625_cells() -> None:
    space = NasBench201()
    assert space.size() == 5**6 == 15_625
    assert len({cell_string(cell.spec) for cell in space.enumerate()}) == 15_625


def test_every_cell_survives_the_authors_string() -> None:
    space = NasBench201()
    for cell in space.enumerate():
        assert space.from_string(cell_string(cell.spec)) == cell


def test_the_string_names_the_edges_as_the_authors_do() -> None:
    assert parse_cell(BEST) == [
        ["nor_conv_3x3"],
        ["nor_conv_3x3", "nor_conv_3x3"],
        ["skip_connect", "nor_conv_3x3", "nor_conv_1x1"],
    ]
    architecture = NasBench201().from_string(BEST)
    assert architecture.decisions["cell/3/2"] == "nor_conv_1x1"
    assert architecture.spec["channels"] == 16


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        BEST[:-1],
        BEST.replace("skip_connect", "sep_conv"),
        BEST.replace("nor_conv_1x1~2", "nor_conv_1x1~1"),
        BEST + "+|none~0|",
    ],
)
def test_a_string_that_is_no_cell_is_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="is not a NAS-Bench-201 cell"):
        parse_cell(text)


def test_a_cell_has_24_neighbours() -> None:
    space = NasBench201()
    cell = space.from_string(BEST)
    neighbours = set(space.neighbours(cell))
    assert len(neighbours) == 6 * 4
    assert cell not in neighbours


def test_samples_are_uniform_over_the_operations_of_each_edge() -> None:
    space = NasBench201()
    rng = random.Random(0)
    counts = Counter(space.sample(rng).decisions["cell/2/1"] for _ in range(5_000))
    assert counts.keys() == set(OPERATIONS)
    # five standard deviations of a binomial count are 5 * sqrt(5000 * 0.2 * 0.8) = 141
    assert all(abs(count - 1_000) < 141 for count in counts.values())
