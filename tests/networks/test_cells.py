"""Layers of pairwise cells. Counts of the auxiliary heads are those of quark0/darts, cnn/model.py."""

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_params
from searchitect.networks.cells import (
    AuxiliaryHead,
    FactorizedReduction,
    cell_operation,
    check_halvings,
    halved,
    relu_conv_bn,
    separable,
)
from searchitect.spaces.cells import CELL_OPERATIONS


@pytest.mark.parametrize("name", CELL_OPERATIONS)
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("sides", [(8, 8), (7, 10), (3, 1)])
def test_an_operation_keeps_the_channels_and_rounds_the_halved_sides_up(name: str, stride: int, sides: tuple[int, int]) -> None:
    with torch.device("meta"):
        y = cell_operation(name, 6, stride)(torch.empty(2, 6, *sides))
    assert y.shape == (2, 6, *(halved(side, stride - 1) for side in sides))


@pytest.mark.parametrize(
    ("name", "params"),
    [
        # C = 6: depthwise k*k*C, pointwise C*C, scale and shift 2*C; all of it twice in sep_conv
        ("sep_conv_3x3", 2 * (9 * 6 + 36 + 12)),
        ("sep_conv_5x5", 2 * (25 * 6 + 36 + 12)),
        ("sep_conv_7x7", 2 * (49 * 6 + 36 + 12)),
        ("dil_conv_3x3", 9 * 6 + 36 + 12),
        ("dil_conv_5x5", 25 * 6 + 36 + 12),
        ("conv_1x1", 36 + 12),
        ("conv_3x3", 9 * 36 + 12),
        ("conv_3x1_1x3", 2 * 3 * 36 + 12),
        ("conv_7x1_1x7", 2 * 7 * 36 + 12),
        ("none", 0),
        ("skip_connect", 0),
        ("max_pool_3x3", 0),
        ("avg_pool_3x3", 0),
    ],
)
def test_an_operation_has_the_parameters_of_its_formula(name: str, params: int) -> None:
    assert count_params(cell_operation(name, 6)) == params
    norms = 2 if name.startswith("sep") else 1
    without = count_params(cell_operation(name, 6, affine=False))
    assert without == (params - norms * 12 if params else 0)


def test_a_skip_of_stride_two_reduces() -> None:
    assert isinstance(cell_operation("skip_connect", 6), nn.Identity)
    assert count_params(cell_operation("skip_connect", 6, 2)) == 36 + 12


def test_an_unknown_operation_is_refused() -> None:
    for name in ("sep", "sep_conv", "big_conv_3x3", ""):
        with pytest.raises(ValueError, match=f"unknown operation {name!r}"):
            cell_operation(name, 6)


def seen(layer: nn.Module, side: int = 15) -> tuple[int, int]:
    """Height and width of what the middle pixel of the output is computed from."""
    for module in layer.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)
    x = torch.rand(1, 2, side, side, requires_grad=True)
    layer.eval()(x)[0, 0, side // 2, side // 2].backward()
    assert x.grad is not None
    used = x.grad[0, 0] != 0
    rows, columns = used.any(1).nonzero().flatten(), used.any(0).nonzero().flatten()
    return int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("sep_conv_3x3", 5),  # applied twice
        ("sep_conv_5x5", 9),
        ("dil_conv_3x3", 5),  # as the paper's code comments say
        ("dil_conv_5x5", 9),
        ("conv_7x1_1x7", 7),
        ("avg_pool_3x3", 3),
    ],
)
def test_an_operation_sees_its_receptive_field(name: str, field: int) -> None:
    assert seen(cell_operation(name, 2)) == (field, field)


def test_pooling_leaves_the_padding_out() -> None:
    ones = torch.ones(1, 2, 5, 5)
    torch.testing.assert_close(cell_operation("avg_pool_3x3", 2)(ones), ones)
    torch.testing.assert_close(cell_operation("max_pool_3x3", 2, 2)(-ones), -ones[..., ::2, ::2])


def test_no_connection_gives_zeros_that_keep_the_graph_connected() -> None:
    x = torch.rand(1, 2, 5, 5, requires_grad=True)
    y = cell_operation("none", 2, 2)(x)
    assert y.shape == (1, 2, 3, 3)
    assert (y == 0).all()
    y.sum().backward()
    assert x.grad is not None
    assert (x.grad == 0).all()


@pytest.mark.parametrize("sides", [(6, 6), (5, 6), (7, 7), (1, 2)])
def test_a_factorized_reduction_reads_even_pixels_and_those_one_further(sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = FactorizedReduction(3, 5).eval()
    layer.bn.eps = 0.0
    x = torch.randn(2, 3, *sides)
    height, width = (2 * halved(side, 1) for side in sides)
    padded = torch.zeros(2, 3, height, width)
    padded[:, :, : sides[0], : sides[1]] = x.relu()

    def pointwise(conv: nn.Conv2d, values: Tensor) -> Tensor:
        return torch.einsum("oc,nchw->nohw", conv.weight[:, :, 0, 0], values)

    expected = torch.cat([pointwise(layer.even, padded[:, :, ::2, ::2]), pointwise(layer.odd, padded[:, :, 1::2, 1::2])], dim=1)
    torch.testing.assert_close(layer(x), expected)
    assert (layer.even.out_channels, layer.odd.out_channels) == (2, 3)


def test_the_layers_of_a_convolution_come_in_the_order_of_the_code() -> None:
    order = [type(layer).__name__ for layer in relu_conv_bn(2, 4, 1)]
    assert order == ["ReLU", "Conv2d", "BatchNorm2d"]
    layers = list(separable(2, 4, 3, 2))
    assert [type(layer).__name__ for layer in layers] == ["ReLU", "Conv2d", "Conv2d", "BatchNorm2d"] * 2
    convs = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [(conv.stride[0], conv.groups, conv.out_channels) for conv in convs] == [(2, 2, 2), (1, 1, 2), (1, 2, 2), (1, 1, 4)]


@pytest.mark.parametrize(
    ("inputs", "sides", "stride", "has_last_norm", "outputs", "params"),
    [(4 * 144, (8, 8), 3, True, 10, 476_426), (4 * 192, (7, 7), 2, False, 1000, 1_260_776)],
)
def test_the_auxiliary_heads_have_the_published_numbers_of_parameters(
    inputs: int, sides: tuple[int, int], stride: int, has_last_norm: bool, outputs: int, params: int
) -> None:
    with torch.device("meta"):
        head = AuxiliaryHead(inputs, outputs, sides, stride, has_last_norm)
        assert head(torch.empty(2, inputs, *sides)).shape == (2, outputs)
    assert count_params(head) == params


@pytest.mark.parametrize("sides", [(1, 1), (2, 3), (4, 9), (16, 16)])
def test_an_auxiliary_head_fits_itself_to_any_sides(sides: tuple[int, int]) -> None:
    with torch.device("meta"):
        assert AuxiliaryHead(6, 3, sides)(torch.empty(2, 6, *sides)).shape == (2, 3)


def test_halving_rounds_up_each_time() -> None:
    for side in range(1, 70):
        one_by_one = side
        for times in range(5):
            assert halved(side, times) == one_by_one
            one_by_one = (one_by_one + 1) // 2


@pytest.mark.parametrize(("halvings", "least"), [(0, 1), (1, 2), (2, 3), (5, 17)])
def test_images_must_be_large_enough_for_every_halving_to_shrink_them(halvings: int, least: int) -> None:
    check_halvings(TaskInfo("data", "image-classification", (3, least, 40), 10, 9), halvings, "the network")
    assert halved(least, halvings) == 1
    if least > 1:
        small = TaskInfo("data", "image-classification", (3, least - 1, 40), 10, 9)
        with pytest.raises(SpaceError, match=f"the network halves .* at least {least} pixels, got {least - 1}x40"):
            check_halvings(small, halvings, "the network")


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"takes images .* but 'table' has inputs \(5,\)"):
        check_halvings(TaskInfo("table", "table-classification", (5,), 3, 9), 2, "the network")
