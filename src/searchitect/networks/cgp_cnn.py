"""Networks of the space ``cgp-cnn``: the active nodes of a grid, then a linear classifier on all pixels of the last map.

Suganuma, Shirakawa, Nagao 2017, https://arxiv.org/abs/1704.00764, and the released code (sg-nm/cgp-cnn, cnn_model.py).   Differs from the
code: images need not be square.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo

CGP_CNN_INPUTS = {"conv": 1, "residual": 1, "max_pool": 1, "avg_pool": 1, "concat": 2, "sum": 2}
"""Operation -> how many nodes it reads."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs), for images of the task's size only.

    Raises:
        SpaceError: for a spec that is none of this space, and inputs that are no images.
    """
    check_cgp_cnn(spec["nodes"])
    if len(info.input_shape) != 3:
        raise SpaceError(
            f"a network of the space 'cgp-cnn' takes images (channels, height, width), but {info.name!r} has inputs {info.input_shape}"
        )
    network = CgpCnnNetwork(spec["nodes"], info)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):  # He et al. 2015, https://arxiv.org/abs/1502.01852, by fan in
            nn.init.kaiming_normal_(module.weight)
            assert module.bias is not None
            nn.init.zeros_(module.bias)
    return network


def check_cgp_cnn(nodes: Sequence[Mapping[str, Any]]) -> None:
    """Raise `SpaceError` for a spec without nodes, an unknown operation, bad sizes of a block, and a node that reads others than earlier ones."""
    if not nodes:
        raise SpaceError("a spec of the space 'cgp-cnn' must have at least one node")
    for number, node in enumerate(nodes, 1):
        where = f"node {number} of a spec of the space 'cgp-cnn'"
        op, sources = node["op"], node["from"]
        if op not in CGP_CNN_INPUTS:
            raise SpaceError(f"{where} has an {unknown_name('operation', str(op), CGP_CNN_INPUTS)}")
        if op in ("conv", "residual") and (node["filters"] < 1 or node["kernel"] < 1 or node["kernel"] % 2 == 0):
            raise SpaceError(
                f"{where} must have filters and an odd kernel of at least 1, got {node['filters']!r} and {node['kernel']!r}"
            )
        is_earlier = all(isinstance(source, int) and 0 <= source < number for source in sources)
        if not is_earlier or len(sources) != CGP_CNN_INPUTS[op]:
            raise SpaceError(f"{where}, {op}, must read {CGP_CNN_INPUTS[op]} of 0 to {number - 1}, got {sources!r}")


class CgpCnnNetwork(nn.Module):
    """The nodes in order, and a classifier on the last one's map. Every map is the image halved some times, rounding down.

    A side of one pixel is halved no more.
    """

    def __init__(self, nodes: Sequence[Mapping[str, Any]], info: TaskInfo) -> None:
        super().__init__()
        image, height, breadth = info.input_shape
        self.sources = [list(node["from"]) for node in nodes]
        widths, halvings = [image], [0]
        self.layers = nn.ModuleList()
        for node, sources in zip(nodes, self.sources, strict=True):
            read = [widths[source] for source in sources]
            halved = max(halvings[source] for source in sources)
            sides = cgp_sides(height, breadth, halved)
            match node["op"]:
                case "conv":
                    layer: nn.Module = cgp_conv(read[0], node["filters"], node["kernel"])
                    width = node["filters"]
                case "residual":
                    layer = CgpResidual(read[0], node["filters"], node["kernel"])
                    width = max(read[0], node["filters"])
                case "max_pool" | "avg_pool":
                    layer = cgp_pool(*sides, average=node["op"] == "avg_pool")
                    width = read[0]
                    halved += 1
                case "concat" | "sum" as op:
                    # the larger map is brought to the side of the smaller one by max pools
                    shrink = [
                        cgp_pool(*cgp_sides(height, breadth, halvings[source]), times=halved - halvings[source])
                        for source in sources
                    ]
                    layer = CgpMerge(shrink, is_sum=op == "sum")
                    width = max(read) if op == "sum" else sum(read)
            self.layers.append(layer)
            widths.append(width)
            halvings.append(halved)
        height, breadth = cgp_sides(height, breadth, halvings[-1])
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(widths[-1] * height * breadth, info.outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs)."""
        values = [x]
        for layer, sources in zip(self.layers, self.sources, strict=True):
            values.append(layer(*(values[source] for source in sources)))
        outputs: Tensor = self.head(values[-1])
        return outputs


def cgp_sides(height: int, breadth: int, halvings: int) -> tuple[int, int]:
    """The sides after so many halvings, each rounded down, but at least 1."""
    return max(1, height >> halvings), max(1, breadth >> halvings)


def cgp_conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """ConvBlock: convolution with bias, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),  # not in place: several nodes may read it
    )


def cgp_pool(height: int, breadth: int, times: int = 1, average: bool = False) -> nn.Module:
    """``times`` 2x2 pools of stride 2 on a map of these sides, in one; a side of one pixel stays, on 1x1 it is the identity."""
    kernel = tuple(2 ** min(times, side.bit_length() - 1) for side in (height, breadth))
    if kernel == (1, 1):
        return nn.Identity()
    return nn.AvgPool2d(kernel) if average else nn.MaxPool2d(kernel)


def cgp_widen(x: Tensor, width: int) -> Tensor:
    """(N, C, H, W) -> (N, width, H, W): channels of zeros behind its own, where it has fewer."""
    return x if x.shape[1] == width else nn.functional.pad(x, (0, 0, 0, 0, 0, width - x.shape[1]))


class CgpResidual(nn.Module):
    """ResBlock: two convolutions with normalisations, ReLU between, plus the input, ReLU; the narrower of both is widened by zeros."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.width = max(inputs, outputs)
        self.body = nn.Sequential(
            *cgp_conv(inputs, outputs, kernel),
            nn.Conv2d(outputs, outputs, kernel, padding=kernel // 2),
            nn.BatchNorm2d(outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, max(inputs, outputs), H, W)."""
        return nn.functional.relu(cgp_widen(self.body(x), self.width) + cgp_widen(x, self.width))


class CgpMerge(nn.Module):
    """Two maps, brought to one size: their concatenation, or their sum, the narrower widened by zeros.

    Args:
        shrink: of each map, what brings it to the smaller size.
        is_sum: else they are concatenated.
    """

    def __init__(self, shrink: Sequence[nn.Module], is_sum: bool) -> None:
        super().__init__()
        self.shrink = nn.ModuleList(shrink)
        self.is_sum = is_sum

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, C_1, H_1, W_1), (N, C_2, H_2, W_2) -> (N, C_1 + C_2 or max C, min H, min W)."""
        maps = [self.shrink[0](first), self.shrink[1](second)]
        if not self.is_sum:
            return torch.cat(maps, dim=1)
        width = max(x.shape[1] for x in maps)
        return cgp_widen(maps[0], width) + cgp_widen(maps[1], width)
