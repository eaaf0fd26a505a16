import random
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.nas_rl import NasRlBlock, NasRlNetwork, build, nas_rl_concat
from searchitect.spaces.nas_rl import NasRl

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 9, 7), 4, 100)


def spec_of(*layers: tuple[int, int, list[int]], stride: int = 1, depth: int = 1, pools: tuple[int, ...] = ()) -> Any:
    """Layers of (kernel, filters, places that are read)."""
    return {
        "layers": [
            {
                "kernel": [kernel, kernel],
                "stride": [stride, stride],
                "filters": filters,
                "skips": [earlier in read for earlier in range(place)],
            }
            for place, (kernel, filters, read) in enumerate(layers)
        ],
        "depth": depth,
        "pools": list(pools),
    }


def test_figure_7_has_the_published_number_of_parameters() -> None:
    # table 1: 4.2 M. To the parameter: the reading in JoacoTschopp/VC-ARN@4ef1ed4, app/src/arqui_cnn.py
    with torch.device("meta"):
        network = published("nas-rl-v1")
    params = count_params(network)
    assert params == 4_201_630
    assert round(params / 1e6, 1) == 4.2
    # no strides: every weight of a convolution works at each of 32x32 places; BN has 2 * 636, the classifier 490
    assert count_macs(network, (3, 32, 32)) == (4_201_630 - 2 * 636 - 490) * 32**2 + 480


def test_inputs_are_concatenated_and_a_layer_without_any_reads_the_image() -> None:
    with torch.device("meta"):
        network = build(spec_of((1, 5, []), (3, 6, []), (5, 7, [0, 1]), (3, 8, [2]), (3, 9, [])), TINY)
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert [(conv.in_channels, conv.out_channels) for conv in convolutions] == [(3, 5), (3, 6), (11, 7), (7, 8), (3, 9)]
    assert isinstance(network, NasRlNetwork)
    assert network.classifier.in_features == 8 + 9  # of the two layers that nobody reads


def test_a_chain_computes_what_a_plain_sequence_does() -> None:
    torch.manual_seed(0)
    network = build(spec_of((3, 5, []), (1, 6, [0]), (5, 7, [1]), stride=2), TINY)
    assert isinstance(network, NasRlNetwork)
    x = torch.randn(4, *TINY.input_shape)
    layers = [module for module in network.layers.modules() if not list(module.children())]
    features = nn.Sequential(*layers)(x)
    torch.testing.assert_close(network(x), network.classifier(features.mean((2, 3))))


def test_smaller_maps_are_padded_with_zeros_to_the_largest() -> None:
    joined = nas_rl_concat([torch.ones(1, 2, 3, 2), torch.ones(1, 1, 2, 5)])
    assert joined.shape == (1, 3, 3, 5)
    assert joined[0, 0].tolist() == [[1, 1, 0, 0, 0]] * 3
    assert joined[0, 2].tolist() == [[1] * 5, [1] * 5, [0] * 5]


def test_a_dense_block_reads_all_that_came_before_and_gives_its_last_layer() -> None:
    block = NasRlBlock({"kernel": [3, 1], "stride": [1, 1], "filters": 6}, 4, 3)
    convolutions = [module for module in block.modules() if isinstance(module, nn.Conv2d)]
    assert [convolution.in_channels for convolution in convolutions] == [4, 10, 16]
    assert block(torch.zeros(2, 4, 5, 5)).shape == (2, 6, 5, 5)


def test_pools_halve_whatever_crosses_them() -> None:
    network = build(spec_of((1, 5, []), (1, 6, [0]), (1, 7, [0, 1]), (1, 8, []), depth=3, pools=(1, 2)), TINY)
    assert isinstance(network, NasRlNetwork)
    sides: list[list[int]] = []
    for block in network.layers:
        block.register_forward_hook(lambda _, __, y: sides.append(list(y.shape[2:])))
    network(torch.zeros(2, *TINY.input_shape))
    assert sides == [[9, 7], [5, 4], [3, 2], [3, 2]]


@pytest.mark.parametrize("space", [NasRl("v1", 4, (4, 6)), NasRl("v2", 6, (4, 6)), NasRl("v3", 4, (4, 6))])
def test_every_sample_learns_with_all_its_weights(space: NasRl) -> None:
    rng = random.Random(0)
    for _ in range(8):
        network = build(space.sample(rng).spec, TINY)
        outputs = network(torch.randn(4, *TINY.input_shape))
        assert outputs.shape == (4, 4)
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def broken(**changes: Any) -> Any:
    spec = spec_of((3, 5, []), (3, 6, [0]))
    spec["layers"][1] |= changes
    return spec


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"layers": [], "depth": 1, "pools": []}, "must have at least one layer"),
        (broken(kernel=[3]), "layer 1 .* must have an odd kernel"),
        (broken(kernel=[2, 3]), "layer 1 .* must have an odd kernel"),
        (broken(filters=0), "layer 1 .* must have an odd kernel"),
        (broken(stride=["1", 1]), "layer 1 .* must have an odd kernel"),
        (broken(skips=[]), r"for each of 1 earlier layers in 'skips', got \[\]"),
        (broken(skips=[1]), r"for each of 1 earlier layers in 'skips', got \[1\]"),
        (NasRl("v1", 2).open_spec(), "layer 0 .* all decided"),
    ],
)
def test_a_spec_that_is_none_is_refused(spec: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build(spec, TINY)


def test_images_too_small_for_the_pools_are_refused() -> None:
    spec = NasRl("v3").sample(random.Random(0)).spec
    with pytest.raises(SpaceError, match="halves the image 2 times and needs sides of at least 3 pixels, got 2x5"):
        build(spec, TaskInfo("specks", "image-classification", (1, 2, 5), 2, 10))


def test_it_can_be_exported_to_onnx() -> None:
    torch.manual_seed(0)
    spec = spec_of((3, 4, []), (1, 5, []), (3, 6, [0, 1]), depth=2, pools=(2,))
    spec["layers"][0]["stride"] = [3, 1]
    spec["depth"] = 1
    network = build(spec, TINY)
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
