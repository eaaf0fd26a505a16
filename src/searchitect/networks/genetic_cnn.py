"""Networks of the space ``genetic-cnn``: stages of connected convolutions, max pools between them, a fully connected layer.

Xie, Yuille 2017, https://arxiv.org/abs/1703.01513, section 3.1. The authors' code is not public.   Differs from the paper: odd sides are
halved and rounded up.
"""

from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_edges, check_halvings
from searchitect.networks.operations import conv_norm


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of its stages: (N, C, H, W) -> (N, info.outputs), for images of the task's size only.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_genetic_cnn(spec)
    check_halvings(info, len(spec["stages"]), "a network of the space 'genetic-cnn'")
    width, height, breadth = info.input_shape
    layers: list[nn.Module] = []
    for stage in spec["stages"]:
        layers += [GeneticStage(stage, width), nn.MaxPool2d(2, ceil_mode=True)]
        width, height, breadth = stage["filters"], -(-height // 2), -(-breadth // 2)
    head = [
        nn.Flatten(),
        nn.Linear(width * height * breadth, spec["hidden"]),
        nn.ReLU(inplace=True),
        nn.Dropout(spec["dropout"]),
        nn.Linear(spec["hidden"], info.outputs),
    ]
    return nn.Sequential(*layers, nn.Sequential(*head))


def check_genetic_cnn(spec: Any) -> None:
    """Raise `SpaceError` for a spec without stages, and for edges that do not lead from a node to a later one of the stage."""
    if not spec["stages"]:
        raise SpaceError("a spec of the space 'genetic-cnn' must have at least one stage")
    for number, stage in enumerate(spec["stages"]):
        check_edges(stage, f"stage {number} of a spec of the space 'genetic-cnn'")


class GeneticStage(nn.Module):
    """The default input node, the connected nodes, the default output node: (N, inputs, H, W) -> (N, filters, H, W).

    A node without an edge into it reads the input node, one without an edge out of it is read by the output node. An isolated node
    is left out; without any edge the stage is the input node alone.
    """

    def __init__(self, stage: Any, inputs: int) -> None:
        super().__init__()
        filters, edges = stage["filters"], stage["edges"]
        used = sorted({node for edge in edges for node in edge})
        self.sources = [[used.index(source) for source, target in edges if target == node] for node in used]
        read = {source for sources in self.sources for source in sources}
        self.ends = [place for place in range(len(used)) if place not in read]
        self.input = genetic_conv(inputs, filters)
        self.convs = nn.ModuleList(genetic_conv(filters, filters) for _ in used)
        self.output = genetic_conv(filters, filters) if used else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, filters, H, W)."""
        x = self.input(x)
        values: list[Tensor] = []
        for conv, sources in zip(self.convs, self.sources, strict=True):
            values.append(conv(genetic_sum([values[source] for source in sources] or [x])))
        y: Tensor = self.output(genetic_sum([values[end] for end in self.ends] or [x]))
        return y


def genetic_conv(inputs: int, outputs: int) -> nn.Sequential:
    """A node: 3x3 convolution, batch normalisation, ReLU."""
    return nn.Sequential(*conv_norm(inputs, outputs, 3), nn.ReLU())  # not in place: several nodes may read it


def genetic_sum(values: list[Tensor]) -> Tensor:
    """The sum of one or more values of one shape."""
    y: Tensor = sum(values[1:], values[0])
    return y
