"""Counts are those of the released building rules (tensorflow/models, research/slim/nets/nasnet), without the auxiliary head."""

import pytest
import torch
from torch import nn

from searchitect.costs import count_macs, count_params
from searchitect.networks import published

MOBILE = {"channels": 44, "cells": 4, "stem": "imagenet", "stem_channels": 32}
LARGE = {"channels": 168, "cells": 6, "stem": "imagenet", "stem_channels": 96, "skip_reduction_input": True}


def nasnet_a(side: int = 32, outputs: int = 10, auxiliary: bool = False, **settings: object) -> nn.Module:
    with torch.device("meta"):
        return published("nasnet-a", input_shape=(3, side, side), outputs=outputs, auxiliary=auxiliary, **settings)


@pytest.mark.parametrize(
    ("cells", "channels", "params", "width"),
    [(6, 32, 3_328_234, 768), (2, 32, 1_276_394, 768), (6, 96, 28_066_474, 2304), (7, 96, 32_443_882, 2304)],
)
def test_nasnet_a_has_its_published_parameters_on_cifar(cells: int, channels: int, params: int, width: int) -> None:
    network = nasnet_a(cells=cells, channels=channels)
    assert count_params(network) == params
    assert network.head[-1].in_features == width == 24 * channels


@pytest.mark.parametrize(
    ("settings", "side", "projected", "raw"),
    [
        # 5,289,978: nasnetamobile of Cadene/pretrained-models.pytorch; 88,753,150: nasnetalarge of timm 1.0.31. Both read the
        # authors' weights, so their first cell takes the stem's output as it is, where the other count projects it
        (MOBILE, 224, 5_287_076, 5_289_978),
        (LARGE, 331, 88_743_820, 88_753_150),
    ],
)
def test_nasnet_a_has_its_published_parameters_on_imagenet(
    settings: dict[str, object], side: int, projected: int, raw: int
) -> None:
    assert count_params(nasnet_a(side, 1000, **settings)) == projected
    assert count_params(nasnet_a(side, 1000, **settings, first_previous="raw")) == raw


def test_the_large_network_has_timms_multiply_adds() -> None:
    # timm 1.0.31 nasnetalarge; the paper says 23.8 B
    assert count_macs(nasnet_a(331, 1000, **LARGE, first_previous="raw"), (3, 331, 331)) == 23_783_414_658


def test_the_mobile_network_has_the_papers_564_million_multiply_adds() -> None:
    assert round(count_macs(nasnet_a(224, 1000, **MOBILE, first_previous="raw"), (3, 224, 224)) / 1e6) == 564


def test_the_auxiliary_head_of_the_release_adds_its_parameters_while_training() -> None:
    network = nasnet_a(auxiliary=True)
    # on 6 * 64 channels of 16x16: pool to 4x4, 1x1 to 128, 4x4 to 768, each with batch normalisation, linear
    head = 384 * 128 + 2 * 128 + 128 * 768 * 16 + 2 * 768 + 768 * 10 + 10
    assert count_params(network) == 3_328_234 + head
    outputs = network(torch.empty(2, 3, 32, 32, device="meta"))
    assert [tuple(each.shape) for each in outputs] == [(2, 10), (2, 10)]
    assert network.eval()(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)
