"""Networks of the space ``nasbench201``: three stages of one repeated cell.

Dong, Yang 2020, https://arxiv.org/abs/2001.00326, and the authors' code (D-X-Y/AutoDL-Projects,
xautodl/models/cell_infers/tiny_network.py).   Differs from the code: halving an odd image side rounds up, where the code fails.
"""

from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import ZeroOperation, check_halvings
from searchitect.networks.mixed import EdgeRow, choice_layer


def build(spec: Any, info: TaskInfo, affine: bool = True) -> nn.Module:
    """The network of a cell, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image channels and the outputs.
        affine: whether the normalisations in the cells' operations have scale and shift, and their convolutions no bias. The
            authors train with it and search without it.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_nasbench201(spec)
    check_halvings(info, 2, "a network of the space 'nasbench201'")
    channels, cells = spec["channels"], spec["cells"]
    layers: list[nn.Module] = [
        nn.Sequential(
            nn.Conv2d(info.input_shape[0], channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
    ]
    for stage in range(3):
        width = channels * 2**stage
        if stage > 0:
            layers.append(NasBench201Reduction(width // 2, width))
        layers += [NasBench201Cell(spec["cell"], width, affine) for _ in range(cells)]
    width = channels * 4
    head = [nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, info.outputs)]
    return nn.Sequential(*layers, nn.Sequential(*head))


NASBENCH201_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


def check_nasbench201(spec: Any) -> None:
    """Raise `SpaceError` for a cell without six edges in three rows, and for an unknown operation."""
    cell = spec["cell"]
    if [len(row) for row in cell] != [1, 2, 3]:
        raise SpaceError(
            f"the cell of a spec of the space 'nasbench201' must have rows of 1, 2 and 3 operations, got {[len(r) for r in cell]}"
        )
    unknown = [edge for row in cell for edge in row if not hasattr(edge, "labels") and edge not in NASBENCH201_OPERATIONS]
    if unknown:
        raise SpaceError(
            f"unknown operation {unknown[0]!r} in a spec of the space 'nasbench201': known are {', '.join(NASBENCH201_OPERATIONS)}"
        )


class NasBench201Cell(nn.Module):
    """Node 0 is the input; every later node sums its edges; the last node is the output. (N, C, H, W) -> the same shape."""

    def __init__(self, cell: Any, channels: int, affine: bool) -> None:
        super().__init__()
        self.nodes = nn.ModuleList(
            EdgeRow(choice_layer(edge, lambda op: nasbench201_operation(op, channels, affine)) for edge in row) for row in cell
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        values = [x]
        for node in self.nodes:
            values.append(node(values))
        return values[-1]


def nasbench201_operation(name: str, channels: int, affine: bool) -> nn.Module:
    """The layer of one edge, by its published name."""
    match name:
        case "none":
            return ZeroOperation(1)
        case "skip_connect":
            return nn.Identity()
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        case "nor_conv_1x1":
            return relu_conv_norm(channels, channels, 1, affine=affine)
        case "nor_conv_3x3":
            return relu_conv_norm(channels, channels, 3, affine=affine)
    raise AssertionError(f"the unknown operation {name!r} should have been refused")


def relu_conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1, affine: bool = True) -> nn.Module:
    """ReLU, convolution, batch normalisation; the convolution has a bias only without ``affine``, as in the official code."""
    return nn.Sequential(
        nn.ReLU(),  # not in place: other edges read the same input
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, bias=not affine),
        nn.BatchNorm2d(outputs, affine=affine),
    )


class NasBench201Reduction(nn.Module):
    """The residual block between two stages: (N, inputs, H, W) -> (N, outputs, H/2, W/2)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.body = nn.Sequential(relu_conv_norm(inputs, outputs, 3, stride=2), relu_conv_norm(outputs, outputs, 3))
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False), nn.Conv2d(inputs, outputs, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Halves the sides, doubles the channels; no activation after the sum."""
        y: Tensor = self.shortcut(x) + self.body(x)
        return y
