import itertools
from typing import Any

import pytest
import torch

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks.nemo import build
from searchitect.spaces.nemo import Nemo

DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
CIFAR = TaskInfo("cifar", "image-classification", (3, 32, 32), 10, 1000)


def test_lenet_has_the_weights_of_its_layers() -> None:
    space = Nemo()
    network = build(space.of_widths(space.by_hand()).spec, TaskInfo("mnist", "image-classification", (1, 28, 28), 10, 1000))
    # kernels and normalisations; 28 -> 14 -> 7; three linear layers with biases
    maps = 25 * 6 + 2 * 6 + 25 * 6 * 16 + 2 * 16
    assert count_params(network) == maps + (49 * 16 + 1) * 120 + (120 + 1) * 84 + (84 + 1) * 10
    assert network(torch.randn(2, 1, 28, 28)).shape == (2, 10)


def test_all_cnn_has_the_weights_and_the_multiply_adds_of_its_layers() -> None:
    space = Nemo(net="all-cnn")
    with torch.device("meta"):
        network = build(space.of_widths(space.by_hand()).spec, CIFAR)
    widths = [3, 96, 96, 96, 192, 192, 192, 192]
    kernels = [9 * a * b for a, b in itertools.pairwise(widths)] + [192 * 192]
    assert count_params(network) == sum(kernels) + 2 * (3 * 96 + 5 * 192) + (192 + 1) * 10
    pixels = [32 * 32] * 2 + [16 * 16] * 3 + [8 * 8] * 3
    assert count_macs(network, (3, 32, 32)) == sum(k * p for k, p in zip(kernels, pixels, strict=True)) + 192 * 10


def test_fewer_channels_anywhere_cost_less() -> None:
    space = Nemo()
    by_hand = list(space.by_hand())

    def macs(widths: list[int]) -> int:
        return count_macs(build(space.of_widths(widths).spec, DIGITS), (1, 8, 8))

    for place in range(4):
        assert macs([width - (number == place) for number, width in enumerate(by_hand)]) < macs(by_hand)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "sum"}, "the head 'softmax' or 'average', got .* and 'sum'"),
        ({"layers": [{"kind": "recurrent"}]}, "layers of the kinds conv, pool and linear"),
        ({"layers": [{"kind": "linear", "units": 3}, {"kind": "pool", "stride": 2}]}, "only linear layers may stand behind"),
        ({"layers": [{"kind": "conv", "filters": 3, "kernel": 3, "stride": 3}]}, "stride of layer 0 .* got 3"),
        ({"layers": [{"kind": "pool", "stride": 1}]}, "stride of layer 0 .* of a pool 2, got 1"),
    ],
)
def test_a_spec_that_is_none_is_refused(change: dict[str, Any], message: str) -> None:
    spec = Nemo().of_widths(Nemo().by_hand()).spec
    with pytest.raises(SpaceError, match=message):
        build({**spec, **change}, DIGITS)


def test_small_images_are_refused() -> None:
    spec = Nemo().of_widths(Nemo().by_hand()).spec
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x2"):
        build(spec, TaskInfo("specks", "image-classification", (1, 2, 2), 2, 10))
