"""Networks of the space ``hierarchical``: cells of motifs of primitives, each followed by a separable convolution.

Liu, Simonyan, Vinyals, Fernando, Kavukcuoglu 2018, https://arxiv.org/abs/1711.00436. There is no released code; where the paper is
silent, the reading taken is the one that gives its published network the published number of parameters, 15.7 million.
Differs from the paper: nothing known.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_halvings
from searchitect.spaces.hierarchical import PRIMITIVES, cell_rows, row_edges


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a spec: (N, C, H, W) -> (N, info.outputs).

    Raises:
        SpaceError: for a spec that is none of this space, or still open, and images that are too small.
    """
    check_hierarchical(spec)
    check_halvings(info, spec["groups"] - 1, "a network of the space 'hierarchical'")
    channels = width = spec["channels"]
    layers: list[nn.Module] = [hierarchical_conv(info.input_shape[0], channels, 3)]
    for group in range(spec["groups"]):
        for cell in range(spec["cells"]):
            made, width = hierarchical_cell(spec, width, channels)
            is_halving = cell == spec["cells"] - 1 and group < spec["groups"] - 1
            following = channels * 2 if is_halving else channels
            layers += [made, hierarchical_separable(width, following, 2 if is_halving else 1)]
            width = following
        channels = width
    return nn.Sequential(*layers, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, info.outputs)))


def check_hierarchical(spec: Any) -> None:
    """Raise `SpaceError` for rows that are no triangle, and entries that are no operation of their level."""
    motifs = [f"motif_{place}" for place in range(len(spec["motifs"]))]
    levels = [(f"motif {place}", rows, PRIMITIVES) for place, rows in enumerate(spec["motifs"])]
    for where, rows, known in [*levels, ("the cell", spec["cell"], motifs or PRIMITIVES)]:
        if not rows or [len(row) for row in rows] != list(range(1, len(rows) + 1)):
            raise SpaceError(
                f"{where} of a spec of the space 'hierarchical' must have rows of 1, 2, ... entries, got {rows!r:.200}"
            )
        for entry in (entry for row in rows for entry in row):
            if not isinstance(entry, str):
                raise SpaceError(
                    f"an entry of {where} of a spec of the space 'hierarchical' must be the name of an operation, decided, "
                    f"got {entry!r:.200}"
                )
            if entry not in ("none", *known):
                raise SpaceError(
                    f"{where} of a spec of 'hierarchical' has an {unknown_name('operation', entry, ('none', *known))}"
                )


def hierarchical_cell(spec: Any, inputs: int, channels: int) -> tuple[nn.Module, int]:
    """The cell of a group with ``channels``, and the width of its output. Without a path through it: the identity."""
    edges = row_edges(cell_rows(spec))
    if not edges:
        return nn.Identity(), inputs
    graph = HierarchicalGraph(edges, inputs, partial(hierarchical_edge, spec["motifs"], channels))
    return graph, graph.width


def hierarchical_edge(motifs: Sequence[Any], channels: int, name: str, inputs: int) -> tuple[nn.Module, int]:
    """The operation of one edge, primitive or motif, and the width of its output. Each edge has weights of its own."""
    kind, _, number = name.rpartition("_")
    if kind == "motif":
        graph = HierarchicalGraph(row_edges(motifs[int(number)]), inputs, partial(hierarchical_primitive, channels))
        return nn.Sequential(graph, hierarchical_conv(graph.width, channels, 1)), channels
    return hierarchical_primitive(channels, name, inputs)


def hierarchical_primitive(channels: int, name: str, inputs: int) -> tuple[nn.Module, int]:
    """The primitive of one edge, and the width of its output: ``channels``, or that of its input."""
    match name:
        case "conv_1x1":
            return hierarchical_conv(inputs, channels, 1), channels
        case "sep_conv_3x3":
            return hierarchical_separable(inputs, channels, 1), channels
        case "depthwise_conv_3x3":
            return hierarchical_conv(inputs, inputs, 3, groups=inputs), inputs
        case "max_pool_3x3":
            return nn.MaxPool2d(3, stride=1, padding=1), inputs
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), inputs
    return nn.Identity(), inputs


def hierarchical_conv(inputs: int, outputs: int, kernel: int, groups: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def hierarchical_separable(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """3x3 depthwise and 1x1 convolution, batch normalisation, ReLU; a stride of 2 halves the sides, rounding up."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, padding=1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class HierarchicalGraph(nn.Module):
    """Each node concatenates what its edges make of earlier nodes: (N, inputs, H, W) -> (N, width, H, W), that of the last node.

    Args:
        edges: (from, to) -> operation, only such as lie on a path from node 0 to the last; at least one.
        inputs: channels.
        make: operation, width of its input -> layer, width of its output.
    """

    def __init__(
        self, edges: Mapping[tuple[int, int], str], inputs: int, make: Callable[[str, int], tuple[nn.Module, int]]
    ) -> None:
        super().__init__()
        nodes = [0, *sorted({target for _, target in edges})]
        self.sources = [[nodes.index(source) for source, target in edges if target == node] for node in nodes[1:]]
        self.nodes = nn.ModuleList()
        widths = [inputs]
        for node, sources in zip(nodes[1:], self.sources, strict=True):
            made = [make(edges[nodes[source], node], widths[source]) for source in sources]
            self.nodes.append(nn.ModuleList(layer for layer, _ in made))
            widths.append(sum(width for _, width in made))
        self.width = widths[-1]

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, width, H, W)."""
        values = [x]
        for node, sources in zip(self.nodes, self.sources, strict=True):
            assert isinstance(node, nn.ModuleList)
            values.append(torch.cat([layer(values[source]) for layer, source in zip(node, sources, strict=True)], dim=1))
        return values[-1]
