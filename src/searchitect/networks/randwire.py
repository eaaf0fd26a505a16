"""Networks of the space ``randwire``: convolutions, stages of randomly wired nodes, a wide 1x1 convolution, a classifier.

Xie, Kirillov, Girshick, He 2019, https://arxiv.org/abs/1904.01569.   Where the paper is silent, as in its re-implementations
(seungwonpark/RandWireNN, JiaminRen/RandWireNN): a node with a single input has no weight for it, a ReLU follows the last convolution.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.networks.operations import conv_norm


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of its graphs: (N, C, H, W) -> (N, info.outputs).

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_randwire(spec)
    channels, stride = spec["channels"], 2 if spec["stem"] == "imagenet" else 1
    before = 2 if spec["regime"] == "small" else 1
    check_halvings(info, len(spec["stages"]) + before * (stride == 2), "a network of the space 'randwire'")
    width = channels // 2
    layers: list[nn.Module] = [*conv_norm(info.input_shape[0], width, 3, stride)]
    if before == 2:
        layers += [nn.ReLU(inplace=True), *conv_norm(width, channels, 3, stride)]
        width = channels
    for stage in spec["stages"]:
        layers.append(RandwireStage(stage, width, spec["drop_edge"]))
        width = stage["channels"]
    head = [
        nn.ReLU(),
        *conv_norm(width, spec["head"], 1),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(spec["head"], info.outputs),
    ]
    return nn.Sequential(*layers, *head)


def check_randwire(spec: Any) -> None:
    """Raise `SpaceError` for an unknown regime or stem, a stage without nodes, and edges that are no pairs of nodes in order."""
    for name, known in (("regime", ("small", "regular")), ("stem", ("imagenet", "cifar"))):
        if spec[name] not in known:
            raise SpaceError(f"{name} in a spec of the space 'randwire' must be one of {', '.join(known)}, got {spec[name]!r}")
    for number, stage in enumerate(spec["stages"]):
        nodes, edges = stage["nodes"], [(source, target) for source, target in stage["edges"]]
        if nodes < 1 or len(set(edges)) < len(edges) or any(not 0 <= source < target < nodes for source, target in edges):
            raise SpaceError(
                f"stage {number} of a spec of the space 'randwire' must have nodes and distinct edges, from a node to one of a "
                f"higher number, all less than {nodes}"
            )


class RandwireStage(nn.Module):
    """A graph of nodes: (N, inputs, H, W) -> (N, channels, ceil(H / 2), ceil(W / 2)).

    Nodes without an edge into them read the stage's input, with stride 2; the mean of those without an edge out of them is its output.
    """

    def __init__(self, stage: Any, inputs: int, drop_edge: float) -> None:
        super().__init__()
        channels = stage["channels"]
        self.sources = [[source for source, target in stage["edges"] if target == node] for node in range(stage["nodes"])]
        self.ends = sorted({*range(stage["nodes"])} - {source for source, _ in stage["edges"]})
        self.nodes = nn.ModuleList(
            RandwireNode(channels, channels, 1, len(sources), drop_edge) if sources else RandwireNode(inputs, channels, 2)
            for sources in self.sources
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, channels, ceil(H / 2), ceil(W / 2))."""
        values: list[Tensor] = []
        for node, sources in zip(self.nodes, self.sources, strict=True):
            values.append(node([values[source] for source in sources] or [x]))
        ends = [values[node] for node in self.ends]
        y: Tensor = sum(ends[1:], ends[0])
        return y / len(ends)


class RandwireNode(nn.Module):
    """Weighted sum, ReLU, 3x3 separable convolution, batch normalisation.

    Args:
        degree: how many values it sums. The weight of each is the sigmoid of a parameter; they are not normalised. A single
            value has none, since the normalisation would undo it.
        drop_edge: probability that, while training, a node with several inputs misses one of them, the same for a whole batch.
    """

    def __init__(self, inputs: int, channels: int, stride: int, degree: int = 1, drop_edge: float = 0.0) -> None:
        super().__init__()
        self.drop_edge = drop_edge
        self.weights = nn.Parameter(torch.zeros(degree)) if degree > 1 else None
        self.body = nn.Sequential(
            nn.ReLU(),  # not in place: other nodes read the same value
            nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
            *conv_norm(inputs, channels, 1),
        )

    def forward(self, values: Sequence[Tensor]) -> Tensor:
        """``degree`` values of one shape (N, inputs, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride))."""
        total = values[0]
        if self.weights is not None:
            shares = self.weights.sigmoid()
            if self.training and self.drop_edge > 0:
                missed = torch.randint(len(values), (1,), device=shares.device)
                is_whole = torch.rand(1, device=shares.device) >= self.drop_edge
                shares = shares * ((torch.arange(len(values), device=shares.device) != missed) | is_whole)
            total = values[0] * shares[0]
            for value, share in zip(values[1:], shares[1:], strict=True):
                total = total + value * share
        y: Tensor = self.body(total)
        return y
