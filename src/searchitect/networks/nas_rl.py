"""Networks of the space ``nas-rl``: convolutions that read the concatenation of any earlier ones.

Zoph, Le 2017, https://arxiv.org/abs/1611.01578, section 3.3 (the repair rules) and 4.1.   Differs from the paper: nothing; what it
leaves open is decided as docs/methods/nas-rl.md says.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs).

    Raises:
        SpaceError: for a spec that is none of this space, or still open, and images that are too small.
    """
    check_nas_rl(spec)
    check_halvings(info, len(spec["pools"]), "a network of the space 'nas-rl'")
    return NasRlNetwork(spec, info.input_shape[0], info.outputs)


def check_nas_rl(spec: Any) -> None:
    """Raise `SpaceError` for layers with other than whole sizes, or other skips than one boolean per earlier layer."""
    if not spec["layers"]:
        raise SpaceError("a spec of the space 'nas-rl' must have at least one layer")
    for place, layer in enumerate(spec["layers"]):
        where = f"layer {place} of a spec of the space 'nas-rl'"
        numbers = [*layer["kernel"], *layer["stride"], layer["filters"]]
        is_whole = all(isinstance(number, int) and number >= 1 for number in numbers)
        if len(numbers) != 5 or not is_whole or any(side % 2 == 0 for side in layer["kernel"]):
            raise SpaceError(
                f"{where} must have an odd kernel [height, width], a stride [height, width] and filters, all decided, "
                f"got {layer!r:.200}"
            )
        skips = layer["skips"]
        if len(skips) != place or not all(isinstance(is_read, bool) for is_read in skips):
            raise SpaceError(
                f"{where} must say true or false for each of {place} earlier layers in 'skips', got {skips!r:.200}"
            )


class NasRlNetwork(nn.Module):
    """All layers in order, then the average of what nobody reads, and a linear classifier."""

    def __init__(self, spec: Any, inputs: int, outputs: int) -> None:
        super().__init__()
        layers = spec["layers"]
        self.sources = [[earlier for earlier, is_read in enumerate(layer["skips"]) if is_read] for layer in layers]
        read = {earlier for sources in self.sources for earlier in sources}
        self.loose = [place for place in range(len(layers)) if place not in read]
        self.pools = list(spec["pools"])
        filters = [layer["filters"] for layer in layers]
        self.layers = nn.ModuleList(
            NasRlBlock(layer, sum(filters[earlier] for earlier in sources) or inputs, spec["depth"])
            for layer, sources in zip(layers, self.sources, strict=True)
        )
        self.pool = nn.MaxPool2d(2, ceil_mode=True)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(sum(filters[place] for place in self.loose), outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs)."""
        values: list[Tensor] = []
        for place, (layer, sources) in enumerate(zip(self.layers, self.sources, strict=True)):
            if place in self.pools:  # also on the way of skips, so that all maps keep one size
                x, *values = [self.pool(value) for value in (x, *values)]
            values.append(layer(nas_rl_concat([values[earlier] for earlier in sources] or [x])))
        features = self.average(nas_rl_concat([values[place] for place in self.loose]))
        y: Tensor = self.classifier(features.flatten(1))
        return y


class NasRlBlock(nn.Module):
    """Layers that each read the block's input and all of them before: (N, inputs, H, W) -> (N, filters, H/stride, W/stride).

    Args:
        layer: its kernel, stride and filters hold for each of them; strides other than 1 go with a depth of 1.
        inputs: channels.
        depth: how many, at least 1. The last one gives the output.
    """

    def __init__(self, layer: Mapping[str, Any], inputs: int, depth: int) -> None:
        super().__init__()
        height, width = layer["kernel"]
        filters = layer["filters"]
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(
                    inputs + before * filters,
                    filters,
                    (height, width),
                    tuple(layer["stride"]),
                    (height // 2, width // 2),
                    bias=False,
                ),
                nn.ReLU(),
                nn.BatchNorm2d(filters),
            )
            for before in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Sides that a stride does not divide are rounded up."""
        values = [x]
        for layer in self.layers:
            values.append(layer(nas_rl_concat(values)))
        return values[-1]


def nas_rl_concat(maps: Sequence[Tensor]) -> Tensor:
    """Concatenated in depth; smaller maps get zeros at the bottom and right. (N, C_i, H_i, W_i) -> (N, sum, max H, max W)."""
    height, width = (max(value.shape[axis] for value in maps) for axis in (2, 3))
    padded = [
        value
        if value.shape[2:] == (height, width)
        else nn.functional.pad(value, (0, width - value.shape[3], 0, height - value.shape[2]))
        for value in maps
    ]
    return torch.cat(padded, dim=1)
