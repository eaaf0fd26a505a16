"""Layers that the networks of pairwise cells share, as the DARTS code has them.

Liu, Simonyan, Yang 2019, https://arxiv.org/abs/1806.09055, and its code (quark0/darts, cnn/operations.py and cnn/model.py); the
operations are NASNet's (Zoph et al. 2018, https://arxiv.org/abs/1707.07012).   Differs from the code: odd image sides are halved and
rounded up, where the code fails. Torch only: this file is copied into stand-alone exports.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo


def cell_operation(name: str, channels: int, stride: int = 1, affine: bool = True) -> nn.Module:
    """The layer of one edge: (N, channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)).

    Args:
        name: of `searchitect.spaces.cells.CELL_OPERATIONS`.
        channels: in and out.
        stride: 1 or 2.
        affine: whether its batch normalisations have scale and shift.
    """
    if name == "none":
        return ZeroOperation(stride)
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else FactorizedReduction(channels, channels, affine)
    kind, _, size = name.rpartition("_")  # "sep_conv", "3x3"; "conv_7x1", "1x7"
    kernel = int(size.rpartition("x")[2]) if size[-1:].isdigit() else 0
    match kind:
        case "max_pool":
            return nn.MaxPool2d(kernel, stride, padding=kernel // 2)
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride, padding=kernel // 2, count_include_pad=False)
        case "sep_conv":
            return separable(channels, channels, kernel, stride, affine)
        case "dil_conv":
            return dilated(channels, channels, kernel, stride, affine)
        case "conv":
            return relu_conv_bn(channels, channels, kernel, stride, affine)
        case "conv_3x1" | "conv_7x1":
            return factorized(channels, channels, kernel, stride, affine)
    raise ValueError(f"unknown operation {name!r} of a cell")


def relu_conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU, convolution without bias, batch normalisation; the side is halved, rounding up, by a stride of 2."""
    return nn.Sequential(
        nn.ReLU(),  # not in place, here and below: other edges read the same input
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs, affine=affine),
    )


def separable(inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation: all of it twice, the stride on the first."""
    return nn.Sequential(
        *_relu_depthwise_bn(inputs, inputs, kernel, stride, affine), *_relu_depthwise_bn(inputs, outputs, kernel, 1, affine)
    )


def dilated(inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU, depthwise convolution with dilation 2, pointwise convolution, batch normalisation: once."""
    return nn.Sequential(*_relu_depthwise_bn(inputs, outputs, kernel, stride, affine, dilation=2))


def _relu_depthwise_bn(inputs: int, outputs: int, kernel: int, stride: int, affine: bool, dilation: int = 1) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(inputs, inputs, kernel, stride, padding, dilation, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs, affine=affine),
    ]


def factorized(inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Sequential:
    """ReLU, a convolution of one row and one of one column, batch normalisation; each strides along its own axis."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), (0, kernel // 2), bias=False),
        nn.Conv2d(outputs, outputs, (kernel, 1), (stride, 1), (kernel // 2, 0), bias=False),
        nn.BatchNorm2d(outputs, affine=affine),
    )


class FactorizedReduction(nn.Module):
    """Halves the sides without losing pixels: two 1x1 convolutions of stride 2, the second one pixel further.

    (N, inputs, H, W) -> (N, outputs, ceil(H / 2), ceil(W / 2)). Each convolution makes half of the channels. ENAS has no ReLU before
    them.
    """

    def __init__(self, inputs: int, outputs: int, affine: bool = True, has_relu: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU() if has_relu else nn.Identity()
        self.even = nn.Conv2d(inputs, outputs // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs - outputs // 2, 1, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """Halves the sides."""
        x = self.relu(x)
        # one row and column off at the top and left; zeros at the bottom and right, which only odd sides come to read
        shifted = nn.functional.pad(x, (-1, 1, -1, 1))
        y: Tensor = self.bn(torch.cat([self.even(x), self.odd(shifted)], dim=1))
        return y


class ZeroOperation(nn.Module):
    """No connection: zeros of the output's shape that keep the graph connected, as the DARTS code has them."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> zeros (N, C, ceil(H / stride), ceil(W / stride))."""
        return x[:, :, :: self.stride, :: self.stride].mul(0.0)


class AuxiliaryHead(nn.Module):
    """The auxiliary classifier: ReLU, 5x5 average pool, 1x1 convolution, a convolution over the whole that is left, linear.

    (N, inputs, *sides) -> (N, outputs). 476,426 parameters in DARTS on CIFAR-10 (8x8), 1,260,776 on ImageNet (7x7).

    Args:
        inputs: channels.
        outputs: classes.
        sides: height and width of its input; where less than 5, the pool shrinks to it.
        stride: of the pool: 3 in CIFAR networks, 2 in DARTS's ImageNet network.
        has_last_norm: whether batch normalisation follows the second convolution. DARTS's ImageNet network leaves it out: a
            slip, says its code, that is kept for the sake of the published results.
    """

    def __init__(self, inputs: int, outputs: int, sides: Sequence[int], stride: int = 3, has_last_norm: bool = True) -> None:
        super().__init__()
        window = [min(5, side) for side in sides]
        left = [(side - size) // stride + 1 for side, size in zip(sides, window, strict=True)]
        self.features = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d((window[0], window[1]), stride),
            nn.Conv2d(inputs, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 768, (left[0], left[1]), bias=False),
            *([nn.BatchNorm2d(768)] if has_last_norm else []),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Linear(768, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, *sides) -> (N, outputs)."""
        y: Tensor = self.classifier(self.features(x).flatten(1))
        return y


def halved(side: int, times: int) -> int:
    """An image side after ``times`` halvings that round up."""
    return -(-side >> times)  # shifting rounds down, and so the negative up


def check_edges(graph: Any, what: str) -> None:
    """Raise `SpaceError` where edges of a graph are repeated, or do not lead from one of its nodes to a later one.

    Args:
        graph: ``nodes``, their number, and ``edges``, pairs (from, to) of them.
        what: the graph is, for the message.
    """
    edges = [(source, target) for source, target in graph["edges"]]
    if len(set(edges)) < len(edges) or any(not 0 <= source < target < graph["nodes"] for source, target in edges):
        raise SpaceError(
            f"{what} must have distinct edges, from a node to one of a higher number, all less than {graph['nodes']}"
        )


def check_halvings(info: TaskInfo, halvings: int, what: str, margin: int = 0) -> None:
    """Check that a network that halves the image fits the task.

    Args:
        info: gives the input's shape.
        halvings: how often the sides are halved, rounding up.
        what: the network's name in messages.
        margin: pixels that a first convolution without padding takes off before.

    Raises:
        SpaceError: for inputs that are no images, and for sides that are 1 before the last halving.
    """
    if len(info.input_shape) != 3:
        raise SpaceError(f"{what} takes images (channels, height, width), but {info.name!r} has inputs {info.input_shape}")
    least = (2 ** (halvings - 1) + 1 if halvings else 1) + margin
    _, height, width = info.input_shape
    if min(height, width) < least:
        raise SpaceError(
            f"{what} halves the image {halvings} times and needs sides of at least {least} pixels, got {height}x{width}: "
            "enlarge the images, or choose fewer halvings in the settings of its space"
        )
