"""Networks of the space ``nasbench101``: stacks of one repeated cell, a graph with an operation on each vertex.

Ying et al. 2019, https://arxiv.org/abs/1902.09635, and the authors' code (google-research/nasbench, nasbench/lib/model_builder.py).
Differs from the code: initial weights and the momentum of batch normalisation are this project's, see docs/methods/nasbench101.md.
"""

from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.networks.operations import conv_norm

NASBENCH101_KERNELS = {"conv3x3-bn-relu": 3, "conv1x1-bn-relu": 1, "maxpool3x3": 0}
"""Operation -> size of its convolution's kernel, 0 without one."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a cell: (N, C, H, W) -> (N, info.outputs).

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_nasbench101(spec)
    check_halvings(info, spec["stacks"] - 1, "a network of the space 'nasbench101'")
    width = spec["channels"]
    layers: list[nn.Module] = [nasbench101_conv(info.input_shape[0], width, 3)]
    for stack in range(spec["stacks"]):
        inputs = width
        if stack > 0:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
            width *= 2
        for _ in range(spec["cells"]):
            layers.append(NasBench101Cell(spec["cell"], inputs, width))
            inputs = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, info.outputs))


def check_nasbench101(spec: Any) -> None:
    """Raise `SpaceError` for an unknown operation, an edge that leads nowhere, and a vertex that is on no path."""
    cell = spec["cell"]
    last = len(cell["operations"]) + 1
    unknown = [name for name in cell["operations"] if name not in NASBENCH101_KERNELS]
    if unknown:
        raise SpaceError(
            f"unknown operation {unknown[0]!r} in a spec of the space 'nasbench101': known are {', '.join(NASBENCH101_KERNELS)}"
        )
    edges = [(source, target) for source, target in cell["edges"]]
    if len(set(edges)) < len(edges) or any(not 0 <= source < target <= last for source, target in edges):
        raise SpaceError(
            f"the edges of a spec of the space 'nasbench101' must be distinct pairs from a vertex to a later one, "
            f"0 to {last} here, got {cell['edges']}"
        )
    idle = sorted({*range(last)} - {source for source, _ in edges} | {*range(1, last + 1)} - {target for _, target in edges})
    if idle:
        raise SpaceError(
            f"vertex {idle[0]} of a spec of the space 'nasbench101' has no edge into it or out of it: make the cell with "
            "NasBench101().from_matrix, which prunes it"
        )
    branches = sum(target == last and source > 0 for source, target in edges)
    if spec["channels"] < branches:
        raise SpaceError(
            f"the output of this cell joins {branches} vertices and needs as many channels, got {spec['channels']}"
        )


def nasbench101_widths(last: int, edges: Any, outputs: int) -> list[int]:
    """Channels of every vertex, input left at 0: the output's are split among the vertices it joins, the first ones get the rest.

    A vertex that the output does not join is as wide as the widest that reads it.
    """
    widths = [0] * last + [outputs]
    branches = sorted(source for source, target in edges if target == last and source > 0)
    for place, vertex in enumerate(branches):
        widths[vertex] = outputs // len(branches) + (place < outputs % len(branches))
    for vertex in range(last - 1, 0, -1):
        if vertex not in branches:
            widths[vertex] = max(widths[target] for source, target in edges if source == vertex)
    return widths


class NasBench101Cell(nn.Module):
    """(N, inputs, H, W) -> (N, outputs, H, W).

    A vertex sums what its edges bring, cut to its own width, and applies its operation. The input comes through a projection
    wherever it is read. The output joins its vertices along the channels and adds the projected input where an edge says so.
    """

    def __init__(self, cell: Any, inputs: int, outputs: int) -> None:
        super().__init__()
        last = len(cell["operations"]) + 1
        self.widths = nasbench101_widths(last, cell["edges"], outputs)
        self.sources = [sorted(s for s, t in cell["edges"] if t == vertex and s > 0) for vertex in range(last + 1)]
        self.projections = nn.ModuleDict(
            {str(vertex): nasbench101_conv(inputs, self.widths[vertex], 1) for s, vertex in cell["edges"] if s == 0}
        )
        self.operations = nn.ModuleList(
            nasbench101_operation(name, self.widths[vertex]) for vertex, name in enumerate(cell["operations"], 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, outputs, H, W)."""
        values = [x]
        for vertex, operation in enumerate(self.operations, 1):
            width = self.widths[vertex]
            # a source is at most one channel wider, by the rest of the split
            terms = [v if v.shape[1] == width else v[:, :width] for v in (values[s] for s in self.sources[vertex])]
            if str(vertex) in self.projections:
                terms.append(self.projections[str(vertex)](x))
            values.append(operation(sum(terms[1:], terms[0])))
        last = len(values)
        joined = [values[source] for source in self.sources[last]]
        terms = [torch.cat(joined, 1)] if joined else []
        if str(last) in self.projections:
            terms.append(self.projections[str(last)](x))
        y: Tensor = sum(terms[1:], terms[0])
        return y


def nasbench101_operation(name: str, width: int) -> nn.Module:
    """The layer of a vertex, by its published name: (N, width, H, W) -> the same shape."""
    kernel = NASBENCH101_KERNELS[name]
    return nasbench101_conv(width, width, kernel) if kernel else nn.MaxPool2d(3, stride=1, padding=1)


def nasbench101_conv(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolution without bias, batch normalisation, ReLU: (N, inputs, H, W) -> (N, outputs, H, W)."""
    return nn.Sequential(*conv_norm(inputs, outputs, kernel), nn.ReLU(inplace=True))
