import itertools
import random
from collections import Counter, defaultdict
from typing import Any

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.spaces import find_published
from searchitect.spaces.nasbench101 import OPERATIONS, NasBench101, canonical_cell, prune
from searchitect.testing import check_space

C3, C1, POOL = OPERATIONS


def matrix_of(size: int, edges: Any) -> list[list[int]]:
    present = {tuple(edge) for edge in edges}
    return [[int((i, j) in present) for j in range(size)] for i in range(size)]


def pairs(size: int) -> list[tuple[int, int]]:
    return list(itertools.combinations(range(size), 2))


def is_whole(size: int, edges: set[tuple[int, int]]) -> bool:
    """Whether each vertex but the output has an edge out of it, and each but the input one into it."""
    return len({i for i, _ in edges}) == len({j for _, j in edges}) == size - 1


def graphs(size: int, limit: int) -> list[set[tuple[int, int]]]:
    """Every graph that needs no pruning, by trying all."""
    subsets = (set(chosen) for count in range(limit + 1) for chosen in itertools.combinations(pairs(size), count))
    return [edges for edges in subsets if is_whole(size, edges)]


def class_of(spec: Any) -> str:
    return str(canonical_cell(spec["cell"]["operations"], spec["cell"]["edges"]))


def test_the_space_has_as_many_cells_as_the_benchmark_has_pruned_matrices() -> None:
    # what google-research/nasbench's generate_graphs.py counts "without hashing", "roughly" three times the unique ones; the number
    # is that of the designs in Design-Bench's copy of the benchmark
    assert NasBench101().size() == 1_293_208


@pytest.mark.parametrize(("vertices", "edges"), [(2, 9), (3, 9), (4, 9), (4, 4), (4, 2), (5, 5), (7, 4)])
def test_the_formula_of_the_size_agrees_with_the_enumeration(vertices: int, edges: int) -> None:
    space = NasBench101(vertices=vertices, edges=edges)
    assert len({cell.text for cell in space.enumerate()}) == sum(1 for _ in space.enumerate()) == space.size()


@pytest.mark.parametrize("limit", [9, 6, 5])
def test_every_pruned_graph_within_the_limits_can_be_decided_for_and_no_other(limit: int) -> None:
    space = NasBench101(vertices=5, edges=limit)
    found = defaultdict(set)
    for cell in space.enumerate():
        spec = cell.spec["cell"]
        found[len(spec["operations"]) + 2].add((tuple(spec["operations"]), frozenset(map(tuple, spec["edges"]))))
    for size in (2, 3, 4, 5):
        tried = {(ops, frozenset(g)) for g in graphs(size, limit) for ops in itertools.product(OPERATIONS, repeat=size - 2)}
        assert found[size] == tried


def test_up_to_five_vertices_there_are_as_many_cells_up_to_isomorphism_as_in_the_benchmark() -> None:
    classes = defaultdict(set)
    for cell in NasBench101(vertices=5).enumerate():
        classes[len(cell.spec["cell"]["operations"]) + 2].add(class_of(cell.spec))
    # by brute force in the next test; with those of 6 and 7 vertices they sum up to the published 423,624
    assert {size: len(found) for size, found in classes.items()} == {2: 1, 3: 6, 4: 84, 5: 2_441}


def labelled_classes(size: int) -> float:
    """Cells of that many vertices up to isomorphism, without any canonical form: Burnside's lemma, one graph at a time.

    An unlabelled graph G appears as e(G) / |Aut(G)| matrices, e(G) being its orders with all edges forward, and its labellings have
    1 / |Aut(G)| * (sum over Aut(G) of 3^cycles) orbits.
    """
    total = 0.0
    for edges in graphs(size, 9):
        orders = fixed = 0
        for permuted in itertools.permutations(range(1, size - 1)):
            new = (0, *permuted, size - 1)
            moved = {(new[i], new[j]) for i, j in edges}
            orders += all(i < j for i, j in moved)
            if moved == edges:
                left, cycles = set(permuted), 0
                while left:
                    cycles += 1
                    vertex = next(iter(left))
                    while vertex in left:
                        left.remove(vertex)
                        vertex = new[vertex]
                fixed += 3**cycles
        total += fixed / orders
    return total


def test_the_benchmark_has_423624_cells_up_to_isomorphism() -> None:
    # google-research/nasbench, README.md: "exactly 423,624 computationally unique modules"
    counts = [round(labelled_classes(size), 6) for size in range(2, 8)]
    assert counts == [1, 6, 84, 2_441, 62_010, 359_082]
    assert sum(counts) == 423_624


@pytest.mark.slow
def test_the_canonical_form_finds_the_62010_cells_of_six_vertices() -> None:
    cells = (cell.spec for cell in NasBench101(vertices=6).enumerate())
    assert len({class_of(spec) for spec in cells if len(spec["cell"]["operations"]) == 4}) == 62_010


def relabelled(spec: Any, rng: random.Random) -> Any:
    """The same cell with its vertices in another order that keeps edges forward."""
    cell = spec["cell"]
    inner = len(cell["operations"])
    while True:
        order = [0, *rng.sample(range(1, inner + 1), inner), inner + 1]
        new = {vertex: place for place, vertex in enumerate(order)}
        edges = [[new[i], new[j]] for i, j in cell["edges"]]
        if all(i < j for i, j in edges):
            return {**spec, "cell": {"operations": [cell["operations"][v - 1] for v in order[1:-1]], "edges": sorted(edges)}}


def test_the_order_of_the_vertices_does_not_matter_to_the_canonical_form() -> None:
    space = NasBench101(channels=144)  # which its 2, 3 and 4 branches divide evenly
    rng = random.Random(0)
    changed = 0
    for _ in range(200):
        spec = space.sample(rng).spec
        other = relabelled(spec, rng)
        changed += spec != other
        assert space.canonical(other) == space.canonical(spec)
        assert class_of(space.canonical(spec)) == class_of(spec)  # it is the same cell still
    assert changed > 50


def test_branches_that_get_another_share_of_the_channels_are_not_exchanged() -> None:
    def cell(first: str, second: str, channels: int) -> str:
        space = NasBench101(channels=channels)
        matrix = matrix_of(5, [(0, 1), (0, 2), (0, 3), (1, 4), (2, 4), (3, 4)])
        return space.key(space.from_matrix(matrix, ["input", first, second, C1, "output"]))

    # 128 channels are split into 43, 43, 42, then 256 into 86, 85, 85: the second branch is a case of its own
    assert cell(C3, POOL, 128) != cell(POOL, C3, 128)
    assert cell(C3, POOL, 144) == cell(POOL, C3, 144) == cell(C3, POOL, 144)


def test_the_cell_of_the_documentation_is_the_one_that_the_table_stores_for_it() -> None:
    # a record of the table as gary9987/tensorflow-get-started, gcn/NAS_BENCH_101.md, prints it
    rows = ["0111100", "0000001", "0000001", "0000001", "0000010", "0000001", "0000000"]
    stored = NasBench101().from_matrix([list(map(int, row)) for row in rows], ["input", C3, C1, POOL, C3, C3, "output"])
    space, spec = find_published("nasbench101-inception").make()
    assert spec != stored.spec
    assert space.canonical(spec) == space.canonical(stored.spec)


def test_a_matrix_is_pruned_of_what_lies_on_no_path() -> None:
    # vertex 2 is never read, vertex 3 reads nothing
    matrix = matrix_of(6, [(0, 1), (0, 2), (1, 4), (3, 4), (4, 5), (0, 5)])
    spec = NasBench101().from_matrix(matrix, ["input", C3, C1, "nonsense", POOL, "output"]).spec
    assert spec["cell"] == {"operations": [C3, POOL], "edges": [[0, 1], [0, 3], [1, 2], [2, 3]]}


def test_every_pruned_matrix_comes_back_as_it_was() -> None:
    space = NasBench101()
    rng = random.Random(0)
    for _ in range(200):
        sample = space.sample(rng)
        cell = sample.spec["cell"]
        size = len(cell["operations"]) + 2
        assert space.from_matrix(matrix_of(size, cell["edges"]), ["", *cell["operations"], ""]) == sample


@pytest.mark.parametrize(
    ("matrix", "operations", "message"),
    [
        (matrix_of(3, [(0, 1)]), ["", C3, ""], "no path leads from the input"),
        (matrix_of(3, [(0, 1), (1, 2)]), ["", "sep_conv", ""], "unknown operation 'sep_conv'"),
        (matrix_of(3, [(0, 1), (1, 2)]), [C3], r"rows of lengths \[3, 3, 3\] and 1 operations"),
        ([[0, 1], [1, 0]], ["", ""], "1 only above its diagonal"),
        ([[0, 2], [0, 0]], ["", ""], "holds 0 and 1"),
        ([[0]], [""], "at least two rows"),
        (matrix_of(5, pairs(5)), ["", C3, C3, C3, ""], r"5 vertices and 10 edges once pruned, .* at most 7 and 9"),
        (matrix_of(8, [(i, i + 1) for i in range(7)]), ["", *[C3] * 6, ""], "8 vertices and 7 edges"),
    ],
)
def test_what_is_no_cell_is_refused(matrix: Any, operations: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        NasBench101().from_matrix(matrix, operations)


def test_more_edges_than_the_limit_are_no_matter_when_pruning_removes_them() -> None:
    matrix = matrix_of(7, [pair for pair in pairs(7) if pair[1] != 6] + [(0, 6)])
    assert NasBench101().from_matrix(matrix, ["", *[C3] * 5, ""]).spec["cell"] == {"operations": [], "edges": [[0, 1]]}


def test_samples_are_valid_and_half_of_them_of_the_largest_size() -> None:
    space = NasBench101()
    rng = random.Random(0)
    sizes = Counter()
    for _ in range(2_000):
        cell = space.sample(rng).spec["cell"]
        size = len(cell["operations"]) + 2
        sizes[size] += 1
        assert is_whole(size, {(i, j) for i, j in cell["edges"]})
        assert size - 1 <= len(cell["edges"]) <= 9
        assert prune(matrix_of(size, cell["edges"]), ["", *cell["operations"], ""]) == (cell["operations"], cell["edges"])
    # five standard deviations: 5 * sqrt(2000 / 4) = 112, 5 * sqrt(2000 * 3 / 16) = 97
    assert abs(sizes[7] - 1_000) < 112
    assert abs(sizes[6] - 500) < 97
    assert sizes[2] > 0


def test_a_mutation_mostly_changes_one_edge_or_operation() -> None:
    space = NasBench101()
    rng = random.Random(0)
    parent = space.sample(rng)
    changes = []
    for _ in range(300):
        child = space.mutate(parent, rng)
        assert child != parent
        changes.append(sum(child.decisions.get(path) != value for path, value in parent.decisions.items()))
        parent = child
    assert sorted(changes)[len(changes) // 2] <= 2


@pytest.mark.parametrize("space", [NasBench101(), NasBench101(channels=6, stacks=1, vertices=4, edges=4)])
def test_the_contract_of_spaces_holds(space: NasBench101) -> None:
    check_space(space)


def test_it_has_no_open_spec_since_edges_depend_on_one_another() -> None:
    assert space_abilities() >= {"sample", "mutate", "crossover", "enumerate"}
    assert "open" not in space_abilities()


def space_abilities() -> frozenset[str]:
    return NasBench101().abilities()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 4}, "channels .* must be at least 5, got 4"),
        ({"stacks": 0}, r"stacks .* must lie in \[1, 6\], got 0"),
        ({"cells": 0}, "cells .* must be at least 1, got 0"),
        ({"vertices": 8}, r"vertices .* must lie in \[2, 7\], got 8"),
        ({"edges": 0}, "edges .* must be at least 1, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        NasBench101(**settings)


@pytest.mark.parametrize(("side", "stacks"), [(1, 1), (3, 2), (8, 3), (32, 3)])
def test_it_fits_itself_to_the_size_of_the_images(side: int, stacks: int) -> None:
    space = NasBench101.for_task(TaskInfo("task", "image-classification", (3, side, side), 10, 1_000))
    assert (space.stacks, space.cells, space.vertices, space.edges) == (stacks, 1, 7, 9)
