import itertools
import random
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pandas
import pytest

from searchitect.core import SpaceError, TaskInfo
from searchitect.spaces import find_published
from searchitect.spaces.nasbench201 import OPERATIONS, NasBench201, cell_function, cell_string, parse_cell
from searchitect.testing import check_space

from ..real_data import real_data

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


def all_cells(operations: Sequence[str] = OPERATIONS) -> list[list[list[str]]]:
    return [[[a], [b, c], [d, e, f]] for a, b, c, d, e, f in itertools.product(operations, repeat=6)]


def published_class(cell: list[list[str]]) -> str:
    """The authors' string, equal for cells that they call isomorphic: a skip is what it skips from; sums are sorted texts.

    A cut edge leaves a mark in its sum, nothing says whether two equal texts are one value or two, and sums inside sums are not sorted
    together: with other characters for the same signs there are 6,344 classes.
    """
    nodes = ["0"]
    for row in cell:
        texts = []
        for source, operation in zip(nodes, row, strict=True):
            if operation == "none" or source == "#":
                texts.append("#")
            else:
                texts.append(source if operation == "skip_connect" else f"({source})@{operation}")
        nodes.append("+".join(sorted(texts)))
    return nodes[-1]


def function(cell: list[list[str]]) -> tuple[str, str]:
    found = cell_function(cell)
    return str((found["terms"], found["output"])), str(sorted(found["idle"].items()))


def by_class(cells: Iterable[Any], key: Any) -> dict[Any, list[Any]]:
    classes = defaultdict(list)
    for cell in cells:
        classes[key(cell)].append(cell)
    return classes


def test_the_authors_reading_gives_their_6466_classes() -> None:
    # D-X-Y/NATS-Bench, notebooks/issue-12.ipynb: "There are 6466 isomorphism architectures on the topology search space"
    assert len(by_class(all_cells(), published_class)) == 6_466


def live_convolutions(cell: list[list[str]]) -> Counter[str]:
    """Those on a path from input to output, found on the edges."""
    fed = [True]
    for row in cell:
        fed.append(any(there and operation != "none" for there, operation in zip(fed, row, strict=True)))
    read = [False, False, False, True]
    for node in (3, 2, 1):
        for source, operation in enumerate(cell[node - 1]):
            read[source] |= read[node] and operation != "none"
    return Counter(
        operation
        for node, row in enumerate(cell, 1)
        for source, operation in enumerate(row)
        if fed[source] and read[node] and operation.startswith("nor_conv")
    )


def test_the_authors_classes_hold_cells_with_different_numbers_of_weights_and_ours_do_not() -> None:
    cells = all_cells()
    mixed = [
        found
        for found in by_class(cells, published_class).values()
        if len({str(sorted(live_convolutions(c).items())) for c in found}) > 1
    ]
    assert len(mixed) == 430
    for found in by_class(cells, function).values():
        assert len({str(sorted(live_convolutions(cell).items())) for cell in found}) == 1
        assert (
            len({str(sorted(Counter(itertools.chain(*c))[op] for op in ("nor_conv_1x1", "nor_conv_3x3")) for c in found)}) == 1
        )


def brute_force_function(cell: list[list[str]]) -> str:
    """The first, over all numberings of the convolutions that matter, of the texts of the output with numbered convolutions."""
    edges = [(node, source) for node in (1, 2, 3) for source in range(node) if cell[node - 1][source].startswith("nor_conv")]
    texts = []
    for numbers in itertools.permutations(range(len(edges))):
        names = dict(zip(edges, numbers, strict=True))
        nodes: list[list[str]] = [["x"]]
        for node, row in enumerate(cell, 1):
            summed: list[str] = []
            for source, operation in enumerate(row):
                inner = "+".join(nodes[source])
                if operation == "none" or not (inner or operation.startswith("nor_conv")):
                    continue
                name = f"{operation}{names.get((node, source), '')}"
                summed += nodes[source] if operation == "skip_connect" else [f"{name}({inner})"]
            nodes.append(sorted(summed))
        texts.append("+".join(nodes[-1]))
    return min(texts)


@pytest.mark.parametrize(
    "left_out", [("nor_conv_1x1", "avg_pool_3x3"), ("nor_conv_3x3", "none"), ("nor_conv_1x1", "skip_connect")]
)
def test_cells_are_equal_exactly_where_their_convolutions_can_be_matched(left_out: tuple[str, str]) -> None:
    cells = all_cells([operation for operation in OPERATIONS if operation not in left_out])
    # idle convolutions take numbers in the brute force, too, so that texts are compared with as many of them
    ours = by_class(cells, lambda cell: (function(cell)[0], sum(op.startswith("nor_conv") for row in cell for op in row)))
    theirs = by_class(
        cells, lambda cell: (brute_force_function(cell), sum(op.startswith("nor_conv") for row in cell for op in row))
    )
    assert sorted(map(str, ours.values())) == sorted(map(str, theirs.values()))


def test_6245_cells_train_or_cost_differently_and_5875_compute_differently() -> None:
    space = NasBench201()
    cells = list(space.enumerate())
    assert len({space.key(cell) for cell in cells}) == 6_245
    assert len({function(cell.spec["cell"])[0] for cell in cells}) == 5_875


def test_dead_edges_are_cut_and_idle_convolutions_counted() -> None:
    # node 1 is fed and never read; node 2 is read and never fed
    cell = parse_cell("|nor_conv_3x3~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|")
    assert cell_function(cell) == {"terms": [["nor_conv_1x1", [0]]], "output": [1], "idle": {"nor_conv_3x3": 1}}


def test_a_convolution_that_reads_nothing_gives_a_learned_constant() -> None:
    """Its normalisation's shift, so that the cell differs from one that has the convolution where nobody reads it."""
    constant = parse_cell("|none~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|")
    unread = parse_cell("|none~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|none~1|none~2|")
    assert cell_function(constant) == {"terms": [["nor_conv_3x3", []]], "output": [0, 1], "idle": {}}
    assert cell_function(unread) == {"terms": [], "output": [0], "idle": {"nor_conv_3x3": 1}}


def reads_its_input(found: dict[str, Any]) -> bool:
    """Whether there is a path from the cell's input to its output."""
    reached, waiting = set[int](), list(found["output"])
    while waiting:
        term = waiting.pop()
        if term not in reached:
            reached.add(term)
            waiting += found["terms"][term - 1][1] if term else []
    return 0 in reached


def test_341_cells_have_no_path_from_input_to_output() -> None:
    dead = [cell for cell in all_cells() if not reads_its_input(cell_function(cell))]
    assert len(dead) == 341


def table(*columns: str) -> pandas.DataFrame:
    return pandas.read_parquet(real_data("nasbench201.parquet"), columns=["arch_str", *columns])


def test_the_dead_cells_are_those_at_chance_in_the_table() -> None:
    rows = table("cifar10_test_acc_200ep")
    at_chance = set(rows["arch_str"][rows["cifar10_test_acc_200ep"] == 10.0])
    assert at_chance == {text for text in rows["arch_str"] if not reads_its_input(cell_function(parse_cell(text)))}


def test_the_authors_classes_are_those_of_the_table() -> None:
    rows = table("isomorph")
    classes = by_class(zip(rows["arch_str"], rows["isomorph"], strict=True), lambda row: published_class(parse_cell(row[0])))
    assert len(classes) == rows["isomorph"].nunique() == 6_466
    assert all(len({representative for _, representative in found}) == 1 for found in classes.values())


def test_cells_of_one_key_differ_in_the_table_by_no_more_than_two_trainings_do() -> None:
    space = NasBench201()
    rows = table("cifar10_test_acc_200ep", "cifar10_params_computed")
    classes = by_class(rows.itertuples(), lambda row: space.key(space.from_string(row.arch_str)))
    shared = [found for found in classes.values() if len(found) > 1]
    assert len(shared) == 1_743
    assert all(len({row.cifar10_params_computed for row in found}) == 1 for found in shared)
    spread = [statistics.pstdev(row.cifar10_test_acc_200ep for row in found) for found in shared]
    # points of accuracy; over all cells it is 12.94
    assert statistics.mean(spread) < 0.2


def test_the_best_published_cells_are_the_best_of_the_table() -> None:
    rows = table(*(f"{name}_test_acc_200ep" for name in ("cifar10", "cifar100", "imagenet16_120")))
    for name, accuracy in (("cifar10", 94.3733), ("cifar100", 73.5133), ("imagenet16", 47.3111)):
        column = rows[f"{name}{'_120' if name == 'imagenet16' else ''}_test_acc_200ep"]
        _, spec = find_published(f"nasbench201-best-{name}").make()
        assert cell_string(spec) == rows["arch_str"][column.idxmax()]
        assert column.max() == pytest.approx(accuracy, abs=1e-4)


def test_the_contract_of_spaces_holds() -> None:
    check_space(NasBench201())


@pytest.mark.parametrize(("side", "channels"), [(8, 8), (16, 8), (32, 16)])
def test_it_fits_itself_to_the_size_of_the_images(side: int, channels: int) -> None:
    space = NasBench201.for_task(TaskInfo("task", "image-classification", (3, side, side), 10, 1_000))
    assert (space.channels, space.cells) == (channels, 1)
