"""Counts of cells and rules as released (tensorflow/tpu, models/official/amoeba_net), without the auxiliary head."""

from typing import Any

import pytest
import torch
from torch import nn

from searchitect.costs import count_params
from searchitect.networks import published
from searchitect.networks.amoebanet import amoebanet_operation

IMAGENET = {"stem": "imagenet", "stem_channels": 32}


def amoebanet(name: str, side: int = 32, outputs: int = 10, **settings: Any) -> nn.Module:
    with torch.device("meta"):
        return published(name, input_shape=(3, side, side), outputs=outputs, **settings)


@pytest.mark.parametrize(("cells", "channels", "params"), [(6, 32, 2_558_858), (6, 36, 3_207_106), (3, 24, 838_186)])
def test_amoebanet_a_has_its_published_parameters_on_cifar(cells: int, channels: int, params: int) -> None:
    network = amoebanet("amoebanet-a", cells=cells, channels=channels)
    assert count_params(network) == params
    assert network.head[-1].in_features == 16 * channels


@pytest.mark.parametrize(
    ("name", "outputs", "settings", "millions"),
    [
        # the paper's tables 1 and 2, in millions
        ("amoebanet-a", 10, {"channels": 32}, 2.6),
        ("amoebanet-a", 10, {"channels": 36}, 3.2),
        ("amoebanet-a", 1000, {"channels": 190, **IMAGENET}, 86.7),
        ("amoebanet-b", 10, {"channels": 36}, 2.8),
        ("amoebanet-b", 10, {"channels": 128}, 34.9),
        ("amoebanet-c", 1000, {"channels": 50, "cells": 4, **IMAGENET}, 6.4),
    ],
)
def test_networks_have_the_papers_parameters_where_the_first_input_is_as_released(
    name: str, outputs: int, settings: dict[str, Any], millions: float
) -> None:
    network = amoebanet(name, 32 if outputs == 10 else 224, outputs, **settings, first_previous="raw")
    assert round(count_params(network) / 1e6, 1) == millions


def test_factorized_and_full_convolutions_pass_a_bottleneck_of_a_quarter() -> None:
    assert count_params(amoebanet_operation("conv_7x1_1x7", 16, 16, 1)) == (
        (16 * 4 + 8) + 2 * (7 * 4 * 4 + 8) + (4 * 16 + 32)  # 1x1 to 4 channels, 1x7 and 7x1, 1x1 back
    )
    assert count_params(amoebanet_operation("conv_3x3", 16, 16, 1)) == (16 * 4 + 8) + (9 * 4 * 4 + 8) + (4 * 16 + 32)
    assert count_params(amoebanet_operation("conv_3x1_1x3", 16, 16, 1)) == (
        (16 * 6 + 12) + 2 * (3 * 6 * 6 + 12) + (6 * 16 + 32)  # of three eighths
    )
    assert count_params(amoebanet_operation("conv_1x1", 16, 16, 1)) == 16 * 16 + 32
    assert count_params(amoebanet_operation("conv_3x3", 3, 3, 1)) == 9 * 3 * 3 + 6  # too narrow for one


def test_dilated_convolutions_are_separable_and_applied_twice() -> None:
    assert count_params(amoebanet_operation("dil_conv_5x5", 4, 4, 1)) == 2 * (25 * 4 + 4 * 4 + 8)
    x = torch.zeros(1, 1, 17, 17)
    x[0, 0, 8, 8] = 1
    layers = amoebanet_operation("dil_conv_3x3", 1, 1, 1).eval()
    reached = layers[1](layers[0](x))[0, 0].abs() > 0  # the first depthwise convolution
    assert reached.nonzero().tolist() == [[i, j] for i in (6, 8, 10) for j in (6, 8, 10)]


@pytest.mark.parametrize("side", [4, 5])
def test_a_pool_of_two_pixels_leaves_out_what_lies_outside(side: int) -> None:
    x = torch.arange(float(side * side)).view(1, 1, side, side) - 100  # grows to the bottom and right; padding with 0 would win
    last = side - 1
    rows = [min(i + 1, last) for i in range(side)]
    torch.testing.assert_close(amoebanet_operation("max_pool_2x2", 1, 1, 1)(x), x[:, :, rows][..., rows])
    halved = [min(i + 1, last) for i in range(0, side, 2)]
    torch.testing.assert_close(amoebanet_operation("max_pool_2x2", 1, 1, 2)(x), x[:, :, halved][..., halved])


@pytest.mark.parametrize("name", ["conv_7x1_1x7", "conv_3x3", "dil_conv_5x5", "max_pool_2x2", "skip_connect", "sep_conv_3x3"])
@pytest.mark.parametrize(("inputs", "stride"), [(8, 1), (8, 2), (12, 1), (12, 2)])
def test_operations_change_channels_and_sides(name: str, inputs: int, stride: int) -> None:
    y = amoebanet_operation(name, inputs, 8, stride)(torch.randn(2, inputs, 7, 7))
    assert y.shape == (2, 8, 7 // stride + stride - 1, 7 // stride + stride - 1)


def test_amoebanet_b_and_c_can_be_trained() -> None:
    for name in ("amoebanet-b", "amoebanet-c"):
        network = published(name, input_shape=(1, 8, 8), outputs=3, channels=4, cells=1, stem="cifar")
        network(torch.randn(2, 1, 8, 8)).square().sum().backward()
        assert all(parameter.grad is not None for parameter in network.parameters())
