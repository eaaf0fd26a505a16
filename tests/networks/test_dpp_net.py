import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks.dpp_net import DppLayer, build
from searchitect.spaces.dpp_net import CONVOLUTIONS, NORMS, DppNet

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 7), 4, 100)
WEIGHTS = {
    "conv_1x1": lambda i, o: i * o,
    "conv_3x3": lambda i, o: 9 * i * o,
    "group_conv_1x1": lambda i, o: i * o // 4,
    "group_conv_3x3": lambda i, o: 9 * i * o // 4,
    "depthwise_3x3": lambda i, o: 9 * i + i * o,
}


@pytest.mark.parametrize("op", CONVOLUTIONS)
@pytest.mark.parametrize("norm", NORMS)
def test_a_layer_hands_on_what_it_reads_and_adds_its_growth(norm: str, op: str) -> None:
    layer = DppLayer({"norm": norm, "op": op}, 8, 12, 4)
    assert count_params(layer) == WEIGHTS[op](8, 12) + (0 if norm == "none" else 2 * 8)
    x = torch.randn(2, 8, 5, 4)
    y = layer(x)
    assert y.shape == (2, 20, 5, 4)
    torch.testing.assert_close(y[:, :8], x)  # also in front of a ReLU that works in place
    kinds = [type(part) for part in layer.body if not isinstance(part, nn.Conv2d)]
    assert kinds == {"bn_relu": [nn.BatchNorm2d, nn.ReLU], "bn": [nn.BatchNorm2d], "none": []}[norm]


def test_blocks_are_dense_and_their_growth_doubles() -> None:
    space = DppNet(growth=4, cells=2, blocks=3, groups=4)
    cell = {"cell": 2, "cell/0/norm": "bn_relu", "cell/0/op": "conv_1x1", "cell/1/norm": "none", "cell/1/op": "group_conv_3x3"}
    network = build(space.decide(cell).spec, TINY)
    layers = [part for part in network if isinstance(part, DppLayer)]
    inputs, growths, channels = [], [4] * 4 + [8] * 4 + [16] * 4, 8
    for growth in growths:
        inputs.append(channels)
        channels += growth
    convs = [next(m for m in layer.body if isinstance(m, nn.Conv2d)) for layer in layers]
    assert [(conv.in_channels, conv.out_channels) for conv in convs] == list(zip(inputs, growths, strict=True))
    assert [conv.kernel_size[0] for conv in convs] == [1, 3] * 6
    assert channels == 8 + 4 * (4 + 8 + 16)
    places = [place for place, part in enumerate(network) if isinstance(part, nn.AvgPool2d)]
    assert places == [5, 10]
    stem = 3 * 8 * 9
    body = sum(
        WEIGHTS[op](i, o) + (2 * i if op == "conv_1x1" else 0)
        for (i, o), op in zip(zip(inputs, growths, strict=True), ["conv_1x1", "group_conv_3x3"] * 6, strict=True)
    )
    assert count_params(network) == stem + body + 2 * channels + (channels + 1) * 4
    assert network(torch.randn(2, 3, 9, 7)).shape == (2, 4)


def test_every_smallest_cell_learns_with_all_its_weights() -> None:
    space = DppNet(growth=4, layers=1, cells=1, blocks=2)
    for architecture in space.enumerate():
        network = build(architecture.spec, TINY)
        network(torch.randn(4, *TINY.input_shape)).square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("cell", [[], "conv", [{"norm": "bn", "op": "conv_5x5"}], [{"norm": "relu", "op": "conv_1x1"}]])
def test_a_cell_that_is_none_is_refused(cell: Any) -> None:
    spec = {"cell": cell, "growth": 4, "cells": 1, "blocks": 1, "groups": 4}
    with pytest.raises(SpaceError, match=r"must be a list of layers, each with a norm of bn_relu, .* all decided"):
        build(spec, TINY)


def test_open_specs_and_small_images_are_refused() -> None:
    with pytest.raises(SpaceError, match="all decided"):
        build(DppNet().open_spec(), TINY)
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x2"):
        build(next(DppNet().enumerate()).spec, TaskInfo("specks", "image-classification", (1, 2, 2), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    network = build(DppNet(growth=4, cells=1, blocks=2).sample(random.Random(3)).spec, TINY).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)


def test_the_largest_network_is_about_as_large_as_the_papers() -> None:
    """DPP-Net-PNAS, the most accurate one, has 11.39 M parameters."""
    space = DppNet()
    layers = {f"cell/{place}/{part}": value for place in range(4) for part, value in (("norm", "bn_relu"), ("op", "conv_3x3"))}
    with torch.device("meta"):
        network = build(
            space.decide({"cell": 4, **layers}).spec, TaskInfo("images", "image-classification", (3, 32, 32), 10, 1000)
        )
    assert count_params(network) == 11_234_906
