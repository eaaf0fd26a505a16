"""Genomes as networks."""

import math
import random
from typing import Any

import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import measure_costs
from searchitect.networks import build
from searchitect.spaces.neat import ENABLED, SOURCE, TARGET, WEIGHT, Neat

from .exported import onnx_answers

XOR = TaskInfo("xor", "table-classification", (2,), 2, 12)
DIGITS = TaskInfo("digits", "image-classification", (1, 4, 4), 3, 100)
SPACE = Neat()


def by_hand(genome: dict[str, Any], x: list[float]) -> float:
    """The output of the only output node, by recursion."""

    def value(node: int) -> float:
        if node <= 2:
            return [*x, 1.0][node]
        total = sum(link[WEIGHT] * value(link[SOURCE]) for link in genome["links"] if link[TARGET] == node and link[ENABLED])
        return 1 / (1 + math.exp(-4.9 * total))

    return value(3)


@pytest.mark.parametrize("seed", range(10))
def test_it_computes_what_the_genome_says(seed: int) -> None:
    genome = SPACE.sample(random.Random(seed)).spec
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.3, -0.7]])
    probability = torch.softmax(build(SPACE, genome, XOR)(x), 1)[:, 1]
    assert probability.tolist() == pytest.approx([by_hand(genome, row) for row in x.tolist()], abs=1e-5)


def test_a_regression_has_a_linear_output_and_codes_lie_between_0_and_1() -> None:
    info = TaskInfo("houses", "table-regression", (2,), 1, 12, cardinalities=(5,))
    genome = SPACE.founder(random.Random(0))
    a, b, bias = (link[WEIGHT] for link in genome["links"])
    answer = build(SPACE, genome, info)(torch.tensor([[2.0, 3.0]]))
    assert answer.item() == pytest.approx(2 * a + 0.75 * b + bias, rel=1e-5)


def test_parameters_and_multiply_adds_are_the_enabled_links() -> None:
    for seed in range(5):
        genome = Neat(inputs=16, outputs=3).sample(random.Random(seed)).spec
        enabled = sum(link[ENABLED] for link in genome["links"])
        costs = measure_costs(lambda genome=genome: build(SPACE, genome, DIGITS), (1, 4, 4), ["params", "macs"])
        assert costs == {"params": enabled, "macs": enabled}


def test_no_hidden_node_leaves_the_fitness_of_xor_below_nine() -> None:
    """A line through the plane has at least one corner on the wrong side: the errors sum to 1 or more."""
    rng = random.Random(0)
    best = max(fitness(SPACE.reweigh(SPACE.founder(rng), rng, 0.5)) for _ in range(2000))
    assert 4 < best < 9


def fitness(genome: dict[str, Any]) -> float:
    return (4 - sum(abs((a != b) - by_hand(genome, [a, b])) for a in (0.0, 1.0) for b in (0.0, 1.0))) ** 2


def test_xor_with_one_hidden_node_by_hand() -> None:
    links = [
        [1, 0, 3, 2.0, 1],
        [2, 1, 3, 2.0, 1],
        [3, 2, 3, -1.0, 1],
        [4, 0, 9, 2.0, 1],
        [5, 1, 9, 2.0, 1],
        [6, 2, 9, -3.0, 1],
        [7, 9, 3, -5.0, 1],
    ]
    assert fitness({"inputs": 2, "outputs": 1, "hidden": [9], "links": links}) > 15.5


def test_images_are_flattened_and_a_node_without_links_gives_one_half() -> None:
    genome = Neat(inputs=16, outputs=3).founder(random.Random(0))
    genome["links"] = [[*link[:ENABLED], 0] for link in genome["links"]] + [[99, 77, 17, 1.0, 1]]
    genome["hidden"] = [77]
    answers = build(SPACE, genome, DIGITS)(torch.randn(5, 1, 4, 4))
    assert torch.allclose(answers, torch.tensor([4.9 * 0.5, 0.0, 0.0]).expand(5, 3))


def test_it_survives_onnx() -> None:
    genome = Neat(inputs=16, outputs=3).sample(random.Random(4)).spec
    network, x = build(SPACE, genome, DIGITS).eval(), torch.randn(3, 1, 4, 4)
    assert torch.allclose(onnx_answers(network, x), network(x), atol=1e-5)


def test_cycles_and_other_tasks_are_refused() -> None:
    genome = SPACE.founder(random.Random(0))
    with pytest.raises(SpaceError, match="with 2 inputs and 1 outputs does not fit 'digits', which needs 16 and 3"):
        build(SPACE, genome, DIGITS)
    genome["hidden"] = [8, 9]
    genome["links"] += [[10, 8, 9, 1.0, 1], [11, 9, 8, 1.0, 0]]
    with pytest.raises(SpaceError, match=r"form a cycle through some of the nodes \[8, 9\]"):
        build(SPACE, genome, XOR)
