"""Networks of the space ``blockqnn``: stages of equal blocks, max pools between, averages and a linear classifier.

Zhong, Yan, Wu, Shao, Liu 2018, https://arxiv.org/abs/1708.05552. The authors' code is not public.   Differs from the paper: nothing
known; what it leaves open is decided as docs/methods/blockqnn.md says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings

BLOCKQNN_INPUTS = {"conv": 1, "max_pool": 1, "avg_pool": 1, "identity": 1, "add": 2, "concat": 2}
"""Operation -> how many earlier layers it reads."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a block: (N, C, H, W) -> (N, info.outputs).

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_blockqnn(spec["block"])
    check_halvings(info, spec["stages"] - 1, "a network of the space 'blockqnn'")
    channels = width = spec["channels"]
    layers: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(info.input_shape[0], channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
    ]
    for stage in range(spec["stages"]):
        if stage > 0:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            channels *= 2
        for _ in range(spec["blocks"]):
            block = BlockQnnBlock(spec["block"], width, channels)
            layers.append(block)
            width = block.width
    head = [nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, info.outputs)]
    network = nn.Sequential(*layers, nn.Sequential(*head))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):  # He et al. 2015, https://arxiv.org/abs/1502.01852
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def check_blockqnn(block: Sequence[Mapping[str, Any]]) -> None:
    """Raise `SpaceError` for an unknown operation, a bad kernel, and predecessors that are not earlier, or twice the same."""
    if not block:
        raise SpaceError("a block of the space 'blockqnn' must have at least one layer")
    for index, layer in enumerate(block, 1):
        where = f"layer {index} of a block of the space 'blockqnn'"
        op, kernel, sources = layer["op"], layer["kernel"], layer["from"]
        if op not in BLOCKQNN_INPUTS:
            raise SpaceError(f"{where} has an {unknown_name('operation', str(op), BLOCKQNN_INPUTS)}")
        if op in ("conv", "max_pool", "avg_pool") and not (isinstance(kernel, int) and kernel >= 1 and kernel % 2 == 1):
            raise SpaceError(f"{where} must have an odd kernel of at least 1, got {kernel!r}")
        is_earlier = all(isinstance(source, int) and 0 <= source < index for source in sources)
        if not is_earlier or len(set(sources)) < len(sources) or len(sources) != BLOCKQNN_INPUTS[op]:
            raise SpaceError(f"{where}, {op}, must read {BLOCKQNN_INPUTS[op]} of 0 to {index - 1}, each once, got {sources!r}")


class BlockQnnBlock(nn.Module):
    """The layers in order; those that nobody reads make the output: (N, inputs, H, W) -> (N, width, H, W).

    Args:
        block: of the spec.
        inputs: channels of the block's input, index 0.
        channels: of every convolution.

    Attributes:
        width: channels of the output: those of the one layer that nobody reads; of several, ``channels``.
    """

    def __init__(self, block: Sequence[Mapping[str, Any]], inputs: int, channels: int) -> None:
        super().__init__()
        self.sources = [list(layer["from"]) for layer in block]
        widths = [inputs]
        self.layers = nn.ModuleList()
        for layer, sources in zip(block, self.sources, strict=True):
            read = [widths[source] for source in sources]
            self.layers.append(blockqnn_layer(layer["op"], layer["kernel"], read, channels))
            widths.append({"conv": channels, "concat": channels}.get(layer["op"], max(read)))
        taken = {source for sources in self.sources for source in sources}
        self.loose = [index for index in range(1, len(block) + 1) if index not in taken]
        self.output = blockqnn_concat([widths[index] for index in self.loose], channels)
        self.width = widths[self.loose[0]] if len(self.loose) == 1 else channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, width, H, W)."""
        values = [x]
        for layer, sources in zip(self.layers, self.sources, strict=True):
            values.append(layer(*(values[source] for source in sources)))
        y: Tensor = self.output(*(values[index] for index in self.loose))
        return y


def blockqnn_layer(op: str, kernel: int, inputs: Sequence[int], channels: int) -> nn.Module:
    """The layer of one code, from one or two maps of ``inputs`` channels; it keeps the sides."""
    match op:
        case "conv":
            return blockqnn_conv(inputs[0], channels, kernel)
        case "max_pool":
            return nn.MaxPool2d(kernel, stride=1, padding=kernel // 2)
        case "avg_pool":
            return nn.AvgPool2d(kernel, stride=1, padding=kernel // 2, count_include_pad=False)
        case "identity":
            return nn.Identity()
        case "add":
            return BlockQnnAdd(inputs)
    return blockqnn_concat(inputs, channels)


def blockqnn_conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """The paper's pre-activation convolution, PCC: ReLU, convolution, batch normalisation."""
    return nn.Sequential(
        nn.ReLU(),  # not in place: other layers read the same input
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
    )


def blockqnn_concat(inputs: Sequence[int], channels: int) -> nn.Module:
    """Several maps concatenated and brought to ``channels`` by a 1x1 convolution; a single one stays as it is."""
    return nn.Identity() if len(inputs) == 1 else BlockQnnConcat(sum(inputs), channels)


class BlockQnnConcat(nn.Module):
    """Concatenation and a 1x1 convolution: maps with ``inputs`` channels in all -> (N, channels, H, W)."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.conv = blockqnn_conv(inputs, channels, 1)

    def forward(self, *maps: Tensor) -> Tensor:
        """(N, C_i, H, W) each -> (N, channels, H, W)."""
        y: Tensor = self.conv(torch.cat(maps, dim=1))
        return y


class BlockQnnAdd(nn.Module):
    """The sum of two maps; a 1x1 convolution brings the narrower one to the width of the other."""

    def __init__(self, inputs: Sequence[int]) -> None:
        super().__init__()
        width = max(inputs)
        self.adapted = nn.ModuleList(nn.Identity() if own == width else blockqnn_conv(own, width, 1) for own in inputs)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """(N, C_1, H, W), (N, C_2, H, W) -> (N, max C, H, W)."""
        y: Tensor = self.adapted[0](first) + self.adapted[1](second)
        return y
