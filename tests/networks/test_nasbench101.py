"""Counts are those of the authors' table where its record is at hand, else of romulus0914/NASBench-PyTorch@37bc332."""

import random
from typing import Any

import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.nasbench101 import NasBench101Cell, build, nasbench101_widths
from searchitect.spaces.nasbench101 import OPERATIONS, NasBench101

C3, C1, POOL = OPERATIONS
CIFAR10 = TaskInfo("cifar10", "image-classification", (3, 32, 32), 10, 50_000)
TINY = TaskInfo("tiny", "image-classification", (1, 7, 5), 4, 100)


def spec_of(operations: list[str], edges: list[list[int]], **settings: int) -> Any:
    settings = {"channels": 128, "stacks": 3, "cells": 3, **settings}
    return {**settings, "cell": {"operations": operations, "edges": edges}}


def test_the_published_cell_has_the_parameters_that_the_table_stores() -> None:
    with torch.device("meta"):
        network = published("nasbench101-inception")
    assert count_params(network) == 2_694_282
    assert count_macs(network, (3, 32, 32)) == 402_002_944


@pytest.mark.parametrize(
    ("operations", "edges", "params", "macs"),
    [
        ([C3, C3], [[0, 1], [0, 3], [1, 2], [2, 3]], 20_346_506, 2_989_888_512),
        ([C3], [[0, 1], [1, 2]], 10_177_674, 1_496_716_288),
        ([C1], [[0, 1], [1, 2]], 1_920_138, 288_756_736),
        ([POOL], [[0, 1], [1, 2]], 882_570, 137_761_792),
        ([], [[0, 1]], 882_570, 137_761_792),
    ],
)
def test_parameters_and_multiply_adds_are_the_known_ones(operations: Any, edges: Any, params: int, macs: int) -> None:
    with torch.device("meta"):
        network = build(spec_of(operations, edges), CIFAR10)
    assert (count_params(network), count_macs(network, (3, 32, 32))) == (params, macs)


@pytest.mark.parametrize(
    ("last", "edges", "outputs", "widths"),
    [
        (1, [[0, 1]], 128, [0, 128]),
        (4, [[0, 1], [0, 2], [0, 3], [1, 4], [2, 4], [3, 4]], 128, [0, 43, 43, 42, 128]),
        # vertex 1 feeds one of the widths 43 and 42, and does not reach the output itself
        (5, [[0, 1], [1, 2], [1, 4], [0, 3], [2, 5], [3, 5], [4, 5], [0, 5]], 128, [0, 43, 43, 43, 42, 128]),
        (4, [[0, 1], [1, 2], [2, 3], [1, 4], [3, 4]], 128, [0, 64, 64, 64, 128]),
    ],
)
def test_the_channels_are_split_as_in_the_authors_code(last: int, edges: Any, outputs: int, widths: list[int]) -> None:
    assert nasbench101_widths(last, edges, outputs) == widths


def test_a_wider_source_is_cut_to_the_width_of_its_reader() -> None:
    # 5 channels: 3 for vertex 1, 2 for vertex 2, which reads vertex 1 and pools what it reads
    cell = {"operations": [C1, POOL], "edges": [[0, 1], [1, 2], [1, 3], [2, 3]]}
    module = NasBench101Cell(cell, 5, 5).eval()
    y = module(torch.randn(2, 5, 6, 6))
    torch.testing.assert_close(y[:, 3:], torch.nn.functional.max_pool2d(y[:, :2], 3, 1, 1))


def test_an_edge_from_input_to_output_adds_the_projected_input() -> None:
    torch.manual_seed(0)
    cell = NasBench101Cell({"operations": [C3], "edges": [[0, 1], [0, 2], [1, 2]]}, 4, 6).eval()
    x = torch.randn(2, 4, 5, 5)
    inner = cell.operations[0](cell.projections["1"](x))
    torch.testing.assert_close(cell(x), inner + cell.projections["2"](x))


def channels_sorted(y: torch.Tensor) -> torch.Tensor:
    rows = y.transpose(0, 1).flatten(1)
    return rows[rows.sum(1).argsort()]


def test_cells_of_one_key_compute_the_same_channels_with_the_same_weights() -> None:
    space = NasBench101(channels=12, stacks=1, cells=1)
    rng = random.Random(0)
    x = torch.randn(2, 3, 6, 6)
    moved = 0
    while moved < 5:
        first = space.sample(rng).spec["cell"]
        last = len(first["operations"]) + 1
        order = [0, *rng.sample(range(1, last), last - 1), last]
        new = {vertex: place for place, vertex in enumerate(order)}
        edges = sorted([new[i], new[j]] for i, j in first["edges"])
        second = {"operations": [first["operations"][v - 1] for v in order[1:-1]], "edges": edges}
        # the input would be added to channels that stand in another order: projections would have to be permuted, too
        if any(i >= j for i, j in edges) or first == second or [0, last] in edges:
            continue
        specs = [{"channels": 12, "stacks": 1, "cells": 1, "cell": cell} for cell in (first, second)]
        assert space.canonical(specs[0]) == space.canonical(specs[1])
        a, b = (NasBench101Cell(cell, 3, 12).eval() for cell in (first, second))
        for vertex in range(1, last):
            b.operations[new[vertex] - 1].load_state_dict(a.operations[vertex - 1].state_dict())
        for vertex, projection in a.projections.items():
            b.projections[str(new[int(vertex)])].load_state_dict(projection.state_dict())
        torch.testing.assert_close(channels_sorted(a(x)), channels_sorted(b(x)))
        moved += 1


def test_every_sample_learns_from_a_batch_and_odd_sides_round_up() -> None:
    space = NasBench101(channels=6, cells=1)
    rng = random.Random(0)
    for _ in range(10):
        network = build(space.sample(rng).spec, TINY)
        outputs = network(torch.randn(4, 1, 7, 5))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(
    ("operations", "edges", "message"),
    [
        (["conv5x5"], [[0, 1], [1, 2]], "unknown operation 'conv5x5'"),
        ([C3], [[0, 1], [1, 2], [2, 1]], "distinct pairs from a vertex to a later one, 0 to 2 here"),
        ([C3], [[0, 1], [1, 2], [1, 2]], "distinct pairs"),
        ([C3], [[0, 1], [1, 3]], "distinct pairs"),
        ([C3, C3], [[0, 1], [1, 3]], "vertex 2 .* has no edge into it or out of it"),
    ],
)
def test_a_spec_that_is_no_cell_is_refused(operations: Any, edges: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build(spec_of(operations, edges), CIFAR10)


def test_too_few_channels_and_too_small_images_are_refused() -> None:
    with pytest.raises(SpaceError, match="joins 2 vertices and needs as many channels, got 1"):
        build(spec_of([C3, C3], [[0, 1], [0, 2], [1, 3], [2, 3]], channels=1), CIFAR10)
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x2"):
        build(spec_of([], [[0, 1]]), TaskInfo("dots", "image-classification", (1, 2, 2), 2, 10))
