"""Networks of the space ``dpp-net``: dense blocks of repeated cells, whose layers each read all that was computed before them.

Dong et al. 2018, https://arxiv.org/abs/1806.08198; the blocks are those of CondenseNet (Huang et al. 2018, https://arxiv.org/abs/1711.09224):
2x2 average pools between them, twice the growth behind each.   Differs from the paper: see docs/methods/dpp-net.md. Torch only.
"""

from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.spaces.dpp_net import CONVOLUTIONS, NORMS


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs), for any H and W that can be halved so often.

    Raises:
        SpaceError: for a spec that is none of this space, or still open, and images that are too small.
    """
    check_dpp_net(spec)
    check_halvings(info, spec["blocks"] - 1, "a network of the space 'dpp-net'")
    growth = spec["growth"]
    channels = 2 * growth
    parts: list[nn.Module] = [nn.Conv2d(info.input_shape[0], channels, 3, padding=1, bias=False)]
    for block in range(spec["blocks"]):
        parts += [nn.AvgPool2d(2, ceil_mode=True)] if block else []
        for layer in spec["cells"] * spec["cell"]:
            parts.append(DppLayer(layer, channels, growth, spec["groups"]))
            channels += growth
        growth *= 2
    head = [nn.BatchNorm2d(channels), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*parts, *head, nn.Linear(channels, info.outputs))


def check_dpp_net(spec: Any) -> None:
    """Raise `SpaceError` for a cell that is open or has other layers than the space's."""
    cell = spec["cell"]
    is_cell = isinstance(cell, list) and bool(cell)
    if not is_cell or not all(layer["norm"] in NORMS and layer["op"] in CONVOLUTIONS for layer in cell):
        raise SpaceError(
            f"the cell of a spec of the space 'dpp-net' must be a list of layers, each with a norm of {', '.join(NORMS)} and an op of "
            f"{', '.join(CONVOLUTIONS)}, all decided, got {cell!r:.200}"
        )


class DppLayer(nn.Module):
    """What comes in, and behind it what one layer makes of it: (N, inputs, H, W) -> (N, inputs + growth, H, W).

    Args:
        layer: its norm and its op.
        inputs: channels.
        growth: channels that it adds.
        groups: of a group convolution; both ``inputs`` and ``growth`` are multiples.
    """

    def __init__(self, layer: Any, inputs: int, growth: int, groups: int) -> None:
        super().__init__()
        parts: list[nn.Module] = [] if layer["norm"] == "none" else [nn.BatchNorm2d(inputs)]
        parts += [nn.ReLU(inplace=True)] if layer["norm"] == "bn_relu" else []
        self.body = nn.Sequential(*parts, *dpp_convolution(layer["op"], inputs, growth, groups))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, inputs + growth, H, W)."""
        return torch.cat([x, self.body(x)], 1)


def dpp_convolution(op: str, inputs: int, outputs: int, groups: int) -> list[nn.Module]:
    """The convolution of that name, without bias; the sides are kept."""
    if op == "depthwise_3x3":
        per_channel = nn.Conv2d(inputs, inputs, 3, padding=1, groups=inputs, bias=False)
        return [per_channel, nn.Conv2d(inputs, outputs, 1, bias=False)]
    kernel = 3 if op.endswith("3x3") else 1
    used = groups if op.startswith("group") else 1
    return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=used, bias=False)]
