import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks.monas import build
from searchitect.spaces.monas import Monas

from .exported import onnx_answers

IMAGE = TaskInfo("images", "image-classification", (3, 9, 7), 4, 100)
SPACE = Monas(layers=2, pools=2, filters=(4, 6), sides=(3, 5), units=(10,))


def spec_of(**decisions: Any) -> Any:
    usual = {
        f"layers/{place}/{part}": value for place in range(2) for part, value in (("filters", 4), ("height", 3), ("width", 3))
    }
    return SPACE.decide({**usual, **{path.replace("_", "/"): value for path, value in decisions.items()}}).spec


def test_a_network_is_what_its_spec_says() -> None:
    spec = spec_of(layers_0_height=5, layers_1_filters=6)
    network = build(spec, IMAGE)
    kinds = [type(part) for part in network]
    conv = [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]
    assert kinds == [*conv, nn.MaxPool2d, *conv, nn.MaxPool2d, nn.Flatten, nn.Linear, nn.ReLU, nn.Linear]
    # 9x7 -> 5x4 -> 3x2
    weights = 3 * 4 * 5 * 3 + 2 * 4 + 4 * 6 * 9 + 2 * 6 + (6 * 3 * 2 + 1) * 10 + 11 * 4
    assert count_params(network) == weights
    assert count_macs(network, IMAGE.input_shape) == 63 * 3 * 4 * 15 + 20 * 4 * 6 * 9 + 36 * 10 + 10 * 4
    assert network(torch.randn(2, 3, 9, 7)).shape == (2, 4)


def test_the_cheapest_network_has_the_fewest_filters_and_smallest_kernels() -> None:
    costs = {a.text: count_macs(build(a.spec, IMAGE), IMAGE.input_shape) for a in SPACE.enumerate()}
    assert (
        min(costs, key=costs.__getitem__)
        == SPACE.decide(
            {
                f"layers/{place}/{part}": value
                for place in range(2)
                for part, value in (("filters", 4), ("height", 3), ("width", 3))
            }
        ).text
    )
    assert max(costs.values()) > 4 * min(costs.values())


def test_without_fully_connected_layers_the_classifier_reads_the_maps() -> None:
    space = Monas(layers=1, pools=1, filters=(4,), sides=(3,), units=())
    network = build(next(space.enumerate()).spec, IMAGE)
    last = network[-1]
    assert isinstance(last, nn.Linear)
    assert last.in_features == 4 * 5 * 4
    assert network(torch.randn(2, 3, 9, 7)).shape == (2, 4)


def wrong(change: Any) -> Any:
    spec = spec_of()
    change(spec["layers"])
    return spec


@pytest.mark.parametrize(
    "change",
    [
        lambda layers: layers[0].update(kernel=[2, 3]),
        lambda layers: layers[0].update(kernel=3),
        lambda layers: layers[0].update(filters=0),
        lambda layers: layers[0].update(kind="norm"),
        lambda layers: layers.insert(5, dict(layers[0])),
    ],
)
def test_a_spec_that_is_none_is_refused(change: Any) -> None:
    with pytest.raises(SpaceError, match=r"layer \d of a spec of the space 'monas' must be a convolution .* all decided"):
        build(wrong(change), IMAGE)


def test_open_specs_and_small_images_are_refused() -> None:
    with pytest.raises(SpaceError, match="all decided"):
        build(SPACE.open_spec(), IMAGE)
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x9"):
        build(spec_of(), TaskInfo("specks", "image-classification", (1, 2, 9), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    network = build(SPACE.sample(random.Random(1)).spec, IMAGE).eval()
    x = torch.randn(2, *IMAGE.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
