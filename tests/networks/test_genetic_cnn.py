import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks.genetic_cnn import GeneticStage, build
from searchitect.spaces.genetic_cnn import GeneticCnn

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 7), 4, 100)


def conv(inputs: int, outputs: int) -> int:
    """Parameters of a node: a 3x3 convolution without bias and its normalisation."""
    return 9 * inputs * outputs + 2 * outputs


def stage(code: str, filters: int = 6) -> Any:
    nodes = len(code.split("-")) + 1
    return GeneticCnn(nodes=(nodes,), filters=(filters,)).from_codes([code]).spec["stages"][0]


@pytest.mark.parametrize(
    ("code", "convolutions"),
    [
        ("0-00-000", 1),  # no connections: once, not twice
        ("1-00-000", 4),  # two nodes beside input and output node; the others are isolated
        ("1", 4),
        ("1-01-001", 6),
        ("0-11-000", 5),
        ("1-11-111", 6),
    ],
)
def test_a_stage_has_its_connected_nodes_and_two_default_ones(code: str, convolutions: int) -> None:
    made = GeneticStage(stage(code), 3)
    assert count_params(made) == conv(3, 6) + (convolutions - 1) * conv(6, 6)
    assert made(torch.randn(2, 3, 5, 4)).shape == (2, 6, 5, 4)


def test_a_stage_computes_what_its_code_says() -> None:
    torch.manual_seed(0)
    # nodes 1 and 2 feed node 3, node 1 feeds node 5, node 4 is isolated
    made = GeneticStage(stage("0-11-000-1000"), 3)
    x = torch.randn(2, 3, 5, 4)
    first, second, third, fifth = made.convs
    start = made.input(x)
    one, two = first(start), second(start)
    expected = made.output(third(one + two) + fifth(one))
    torch.testing.assert_close(made(x), expected)
    assert [type(layer) for layer in made.input] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_isolated_nodes_change_nothing_but_the_code() -> None:
    few, many = GeneticStage(stage("1-01"), 3), GeneticStage(stage("0-10-000-0010"), 3)
    x = torch.randn(2, 3, 5, 4)
    assert few.state_dict().keys() == many.state_dict().keys()
    many.load_state_dict(few.state_dict())
    torch.testing.assert_close(few(x), many(x))


@pytest.mark.parametrize(
    ("space", "shape", "last", "params"),
    [
        # stage by stage, then the layers behind: 28 -> 14 -> 7 and 32 -> 16 -> 8 -> 4
        (
            GeneticCnn(nodes=(3, 5), filters=(20, 50), hidden=500),
            (1, 28, 28),
            50 * 7 * 7,
            conv(1, 20) + 4 * conv(20, 20) + conv(20, 50) + 6 * conv(50, 50),
        ),
        (
            GeneticCnn(),
            (3, 32, 32),
            32 * 4 * 4,
            conv(3, 8) + 4 * conv(8, 8) + conv(8, 16) + 5 * conv(16, 16) + conv(16, 32) + 6 * conv(32, 32),
        ),
    ],
)
def test_the_largest_published_networks(space: GeneticCnn, shape: tuple[int, ...], last: int, params: int) -> None:
    all_ones = ["-".join("1" * length for length in range(1, nodes)) for nodes in space.nodes]
    with torch.device("meta"):
        network = build(space.from_codes(all_ones).spec, TaskInfo("images", "image-classification", shape, 10, 1000))
    assert count_params(network) == params + (last + 1) * space.hidden + (space.hidden + 1) * 10


def test_every_code_gives_a_network_that_learns_with_all_its_weights() -> None:
    space = GeneticCnn(nodes=(3, 2), filters=(4, 6), hidden=8)
    for architecture in space.enumerate():
        network = build(architecture.spec, TINY)
        outputs = network(torch.randn(4, *TINY.input_shape))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("edges", [[[0, 1], [0, 1]], [[1, 0]], [[1, 1]], [[0, 3]], [[-1, 0]]])
def test_a_stage_that_is_none_is_refused(edges: Any) -> None:
    spec = {"stages": [{"filters": 4, "nodes": 3, "edges": edges}], "hidden": 8, "dropout": 0.5}
    with pytest.raises(
        SpaceError, match=r"stage 0 .* must have distinct edges, from a node to one of a higher number, all less than 3"
    ):
        build(spec, TINY)


def test_no_stages_and_small_images_are_refused() -> None:
    with pytest.raises(SpaceError, match="at least one stage"):
        build({"stages": [], "hidden": 8, "dropout": 0.5}, TINY)
    spec = GeneticCnn().sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match="halves the image 3 times and needs sides of at least 5 pixels, got 4x4"):
        build(spec, TaskInfo("specks", "image-classification", (1, 4, 4), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    space = GeneticCnn(nodes=(3, 4), filters=(4, 6), hidden=8)
    network = build(space.from_codes(["1-11", "0-01-100"]).spec, TINY).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
