"""Networks of the space ``large-scale-evolution``: a chain of layers with skips, then a linear classifier.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin 2017, https://arxiv.org/abs/1703.01041, section 3.2.

Weights are named by the numbers of vertices, edges and classifier, not by their places: ``edges.7.weight`` stays that when layers come and go
before it, so that a child can take it over.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs); without pooling for images of the task's size only.

    Raises:
        SpaceError: for a spec that is none of this space, and inputs that are no images.
    """
    if len(info.input_shape) != 3:
        raise SpaceError(
            f"a network of the space 'large-scale-evolution' takes images (channels, height, width), but {info.name!r} has inputs {info.input_shape}"
        )
    check_graph(spec["layers"], spec["skips"])
    network = GrownNetwork(spec["layers"], spec["skips"], spec["head"], info)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):  # He et al. 2015, https://arxiv.org/abs/1502.01852, by fan in
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def check_graph(layers: Sequence[Any], skips: Sequence[Sequence[int]]) -> None:
    """Raise `SpaceError` for equal numbers, an unknown edge or vertex, and a skip that does not lead onwards between vertices."""
    order = [0, *(layer["id"] for layer in layers)]
    if len(set(order)) < len(order):
        raise SpaceError(
            f"the vertices of a spec of the space 'large-scale-evolution' must differ in their numbers, got {order}"
        )
    for layer in layers:
        if layer["edge"] not in ("conv", "identity") or layer["vertex"] not in ("bn-relu", "linear"):
            raise SpaceError(
                f"vertex {layer['id']} of a spec of the space 'large-scale-evolution' must be 'bn-relu' or 'linear' and its edge 'conv' or 'identity', "
                f"got {layer['vertex']!r} and {layer['edge']!r}"
            )
    for source, target in skips:
        if source not in order or target not in order or order.index(source) >= order.index(target):
            raise SpaceError(
                f"a skip of the space 'large-scale-evolution' must lead from a vertex to a later one of {order}, got {source} to {target}"
            )


def odd_size(value: float) -> int:
    """The odd number nearest to a filter's side, at least 1; of two that are equally near one of them."""
    return max(1, 2 * round((value - 1) / 2) + 1)


def brought_to(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """(N, C, H, W) -> (N, channels, height, width): the nearest pixels; the first channels, or zeros behind them."""
    if x.shape[2:] != (height, width):
        # as interpolate(mode="nearest"), which is rounded in another way by ONNX
        rows, columns = (
            torch.arange(new, device=x.device) * old // new for old, new in zip(x.shape[2:], (height, width), strict=True)
        )
        x = x[:, :, rows][:, :, :, columns]
    if x.shape[1] < channels:
        return nn.functional.pad(x, (0, 0, 0, 0, 0, channels - x.shape[1]))
    return x[:, :channels]


class GrownNetwork(nn.Module):
    """The layers in order, each with the skips that lead to it, and the classifier."""

    def __init__(self, layers: Sequence[Any], skips: Sequence[Sequence[int]], head: Any, info: TaskInfo) -> None:
        super().__init__()
        channels, height, width = info.input_shape
        self.order = [str(layer["id"]) for layer in layers]
        self.sources = {name: [str(source) for source, target in skips if str(target) == name] for name in self.order}
        self.pool = bool(head["pool"])
        self.edges, self.vertices = nn.ModuleDict(), nn.ModuleDict()
        for name, layer in zip(self.order, layers, strict=True):
            is_normalised = layer["vertex"] == "bn-relu"
            if layer["edge"] == "conv":
                wanted, stride = max(1, round(layer["channels"])), 2 ** round(layer["stride"])
                sides = odd_size(layer["height"]), odd_size(layer["width"])
                padding = sides[0] // 2, sides[1] // 2
                self.edges[name] = nn.Conv2d(channels, wanted, sides, stride, padding, bias=not is_normalised)
                channels, height, width = wanted, -(-height // stride), -(-width // stride)
            if is_normalised:
                self.vertices[name] = nn.BatchNorm2d(channels)
        inputs = channels if self.pool else channels * height * width
        self.head = nn.ModuleDict({str(head["id"]): nn.Linear(inputs, info.outputs)})

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, outputs)."""
        values = {"0": x}
        for name in self.order:
            if name in self.edges:
                x = self.edges[name](x)
            for source in self.sources[name]:
                x = x + brought_to(values[source], x.shape[1], x.shape[2], x.shape[3])
            if name in self.vertices:
                x = nn.functional.relu(self.vertices[name](x))
            values[name] = x
        x = x.mean((2, 3)) if self.pool else x.flatten(1)
        for classifier in self.head.values():
            x = classifier(x)
        return x
