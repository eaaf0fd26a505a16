"""Counts are those of the released code (tensorflow/models, research/slim/nets/nasnet/pnasnet.py), without the auxiliary head."""

import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import build, published
from searchitect.reports import draw_architecture
from searchitect.spaces.pnas import Pnas


def pnasnet_5(**arguments: Any) -> nn.Module:
    with torch.device("meta"):
        return published("pnasnet-5", **arguments)


def test_pnasnet_5_large_has_its_published_parameters_in_twelve_cells_and_two_of_the_stem() -> None:
    network = pnasnet_5()
    assert count_params(network) == 86_061_989
    assert len(network.cells) == 2 + 12
    assert network.head[-1].in_features == 4320


def test_with_1000_classes_it_is_timms() -> None:
    network = pnasnet_5(outputs=1000)  # timm 1.0.31 pnasnet5large
    assert count_params(network) == 86_057_668
    assert count_macs(network, (3, 331, 331)) == 24_937_395_792


@pytest.mark.parametrize(
    ("arguments", "millions"),
    [
        # the paper: the mobile network on ImageNet, and the one on CIFAR-10
        ({"channels": 54, "cells": 3, "stem_channels": 32, "input_shape": (3, 224, 224), "outputs": 1001}, 5.1),
        ({"channels": 48, "cells": 3, "stem": "cifar", "stem_channels": None, "input_shape": (3, 32, 32), "outputs": 10}, 3.2),
    ],
)
def test_smaller_ones_have_the_papers_millions_of_parameters(arguments: dict[str, Any], millions: float) -> None:
    assert round(count_params(pnasnet_5(**arguments)) / 1e6, 1) == millions


def test_projecting_the_first_input_gives_another_count() -> None:
    assert count_params(pnasnet_5(first_previous="projected")) == 86_056_025


def test_it_can_be_trained_small() -> None:
    network = published("pnasnet-5", input_shape=(1, 8, 8), outputs=3, channels=4, cells=1, stem="cifar", stem_channels=None)
    network(torch.randn(2, 1, 8, 8)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_cells_of_fewer_blocks_are_built_and_drawn() -> None:
    space = Pnas(least_blocks=1, channels=4, cells=1, stages=2)
    info = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
    built = set()
    for seed in range(12):
        spec = space.sample(random.Random(seed)).spec
        assert build(space, spec, info)(torch.randn(2, 1, 8, 8)).shape == (2, 10)
        assert "<svg" in draw_architecture(spec, info)
        built.add(len(spec["cells"]["normal"]["nodes"]))
    assert built >= {1, 2, 5}


def test_there_is_no_supernet_of_a_varying_number_of_blocks() -> None:
    space = Pnas(least_blocks=1)
    info = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
    with pytest.raises(SpaceError, match="set least_blocks equal to blocks"):
        build(space, space.open_spec(), info)
