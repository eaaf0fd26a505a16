import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks.cgp_cnn import CgpMerge, CgpResidual, build, cgp_conv, cgp_pool

from .exported import onnx_answers

TINY = TaskInfo("tiny", "image-classification", (3, 14, 10), 4, 100)


def node(op: str, *sources: int, **sizes: int) -> Any:
    return {"op": op, "from": list(sources), **sizes}


CONV = node("conv", 0, filters=8, kernel=3)


def halved(x: Tensor, times: int) -> Tensor:
    """The released code's way: one 2x2 pool after the other, none on a map of one pixel."""
    for _ in range(times):
        x = functional.max_pool2d(x, 2) if x.shape[2] > 1 else x
    return x


@pytest.mark.parametrize(("inputs", "outputs", "kernel"), [(3, 32, 3), (64, 32, 5), (32, 128, 3)])
def test_the_blocks_have_the_parameters_that_the_released_code_counts(inputs: int, outputs: int, kernel: int) -> None:
    first, second = kernel**2 * inputs * outputs + outputs, kernel**2 * outputs**2 + outputs
    assert count_params(cgp_conv(inputs, outputs, kernel)) == first + 2 * outputs
    residual = CgpResidual(inputs, outputs, kernel)
    assert count_params(residual) == first + second + 4 * outputs
    assert residual(torch.randn(2, inputs, 4, 4)).shape == (2, max(inputs, outputs), 4, 4)


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 5), (5, 3), (4, 4)])
def test_a_residual_block_adds_its_input_with_zeros_for_missing_channels(inputs: int, outputs: int) -> None:
    torch.manual_seed(0)
    block = CgpResidual(inputs, outputs, 3)
    x = torch.randn(2, inputs, 4, 4)
    y = block.body(x)
    common = min(inputs, outputs)
    expected = torch.cat([y[:, :common] + x[:, :common], x[:, common:] if inputs > outputs else y[:, common:]], 1)
    torch.testing.assert_close(block(x), expected.relu())
    assert [type(layer) for layer in block.body] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.Conv2d, nn.BatchNorm2d]


@pytest.mark.parametrize("side", [32, 14, 7, 1])
def test_pools_in_one_are_pools_one_after_the_other(side: int) -> None:
    x = torch.randn(1, 2, side, side)
    for times in range(7):
        torch.testing.assert_close(cgp_pool(side, side, times)(x), halved(x, times))


def test_a_side_of_one_pixel_is_not_halved() -> None:
    assert isinstance(cgp_pool(1, 1), nn.Identity)
    assert cgp_pool(1, 8, average=True)(torch.randn(1, 2, 1, 8)).shape == (1, 2, 1, 4)


def graph(*nodes: Any, info: TaskInfo = TINY) -> nn.Module:
    torch.manual_seed(0)
    return build({"nodes": list(nodes)}, info)


@pytest.mark.parametrize("op", ["sum", "concat"])
@pytest.mark.parametrize("side", [32, 14])
def test_any_two_maps_are_merged_at_the_smaller_size(op: str, side: int) -> None:
    info = TaskInfo("square", "image-classification", (2, side, side), 3, 100)
    x = torch.randn(2, *info.input_shape)
    pools = [node("max_pool", place) for place in range(6)]  # 32, 16, 8, 4, 2, 1, 1
    for first, second in itertools.combinations_with_replacement(range(7), 2):
        maps = [halved(x, max(first, second))] * 2
        expected = maps[0] + maps[1] if op == "sum" else torch.cat(maps, 1)
        for sources in ((first, second), (second, first)):
            network = graph(*pools, node(op, *sources), info=info)
            inside: list[Tensor] = []
            network.head.register_forward_hook(lambda _, given, __, inside=inside: inside.append(given[0]))  # type: ignore[union-attr,operator]
            network(x)
            torch.testing.assert_close(inside[0], expected)


def test_a_sum_adds_zeros_for_the_channels_that_the_narrower_lacks() -> None:
    narrow, wide = torch.randn(1, 2, 4, 4), torch.randn(1, 3, 4, 4)
    merge = CgpMerge([nn.Identity(), nn.Identity()], is_sum=True)
    expected = wide + torch.cat([narrow, torch.zeros(1, 1, 4, 4)], 1)
    torch.testing.assert_close(merge(narrow, wide), expected)
    torch.testing.assert_close(merge(wide, narrow), expected)


def test_a_network_computes_what_its_nodes_say() -> None:
    network: Any = graph(
        CONV, node("avg_pool", 1), node("residual", 0, filters=4, kernel=5), node("concat", 3, 2), node("sum", 4, 0)
    )
    x = torch.randn(2, *TINY.input_shape)
    conv, _, residual, _, _ = network.layers
    joined = torch.cat([functional.max_pool2d(residual(x), 2), functional.avg_pool2d(conv(x), 2)], 1)
    image = functional.max_pool2d(x, 2)
    total = torch.cat([joined[:, :3] + image, joined[:, 3:]], 1)
    torch.testing.assert_close(network(x), network.head[1](total.flatten(1)))


@pytest.mark.parametrize(("pools", "pixels"), [(0, 14 * 10), (1, 7 * 5), (2, 3 * 2), (3, 1), (5, 1)])
def test_the_classifier_reads_every_pixel_of_the_last_map(pools: int, pixels: int) -> None:
    network = graph(CONV, *(node("avg_pool", place) for place in range(1, pools + 1)))
    assert count_params(network) == 9 * 3 * 8 + 8 + 16 + (8 * pixels + 1) * 4


def test_weights_start_as_he_et_al_draw_them_and_biases_at_zero() -> None:
    info = TaskInfo("wide", "image-classification", (64, 8, 8), 10, 100)
    conv = graph(node("conv", 0, filters=128, kernel=5), info=info).layers[0][0]  # type: ignore[index,union-attr]
    assert conv.weight.std().item() == pytest.approx((2 / (25 * 64)) ** 0.5, rel=0.02)
    assert not conv.bias.any()


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([], "must have at least one node"),
        ([node("conv_3x3", 0)], "node 1 .* unknown operation 'conv_3x3': did you mean 'conv'"),
        ([node("conv", 0, filters=8, kernel=4)], "node 1 .* an odd kernel of at least 1, got 8 and 4"),
        ([node("residual", 0, filters=0, kernel=3)], "node 1 .* an odd kernel of at least 1, got 0 and 3"),
        ([CONV, node("max_pool", 2)], r"node 2 .*, max_pool, must read 1 of 0 to 1, got \[2\]"),
        ([CONV, node("sum", 1)], r"node 2 .*, sum, must read 2 of 0 to 1, got \[1\]"),
    ],
)
def test_nodes_that_are_none_are_refused(nodes: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        build({"nodes": nodes}, TINY)


def test_a_table_is_refused() -> None:
    with pytest.raises(SpaceError, match="takes images"):
        build({"nodes": [CONV]}, TaskInfo("table", "table-classification", (5,), 3, 500))


def test_it_can_be_exported_to_onnx() -> None:
    network = graph(
        CONV, node("max_pool", 0), node("sum", 1, 2), node("residual", 3, filters=4, kernel=3), node("concat", 4, 1)
    ).eval()
    x = torch.randn(2, *TINY.input_shape)
    torch.testing.assert_close(onnx_answers(network, x), network(x).detach(), rtol=1e-4, atol=1e-4)
