"""Networks of the space ``nsga-net``: phases of connected convolutions, max pools between them, averages, a linear classifier.

Lu et al. 2019, https://arxiv.org/abs/1810.03522, and the released code (ianwhale/nsga-net, models/macro_decoder.py).   Differs from
the code: odd sides are halved and rounded up; a phase that keeps the number of channels has no first convolution, where the code
makes one and does not use it; the output of a phase of one loose end is not projected in residual phases, and always in dense ones,
as in the code for filters other than 64. Torch only.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import check_edges, check_halvings
from searchitect.networks.operations import conv_norm

NSGA_BOTTLENECK = 4
"""Channels between the two convolutions of a dense node, for each that it gives; as in DenseNet, https://arxiv.org/abs/1608.06993."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of its phases: (N, C, H, W) -> (N, info.outputs), for images of any size.

    A phase without connections is left out, and so is the pool before it. Without any phase the classifier reads the averages of
    the image's channels.

    Raises:
        SpaceError: for a spec that is none of this space, and images that are too small.
    """
    check_nsga_net(spec)
    phases = [phase for phase in spec["phases"] if phase["edges"]]
    check_halvings(info, max(len(phases) - 1, 0), "a network of the space 'nsga-net'")
    width = info.input_shape[0]
    layers: list[nn.Module] = []
    for number, phase in enumerate(phases):
        if number > 0:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        filters = spec["filters"][number]
        growth = spec["growth"] if spec["node"] == "dense" else 0
        layers.append(NsgaPhase(phase, width, filters, 1 if number else 3, growth))
        width = filters
    return nn.Sequential(*layers, nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, info.outputs)))


def check_nsga_net(spec: Any) -> None:
    """Raise `SpaceError` for an unknown kind of node, too few filters, and edges that do not lead from a node to a later one."""
    if spec["node"] not in ("residual", "dense"):
        raise SpaceError(f"a spec of the space 'nsga-net' must have 'residual' or 'dense' nodes, got {spec['node']!r}")
    if len(spec["filters"]) < sum(bool(phase["edges"]) for phase in spec["phases"]):
        raise SpaceError(f"a spec of the space 'nsga-net' must have filters for each of its phases, got {spec['filters']!r}")
    for number, phase in enumerate(spec["phases"]):
        check_edges(phase, f"phase {number} of a spec of the space 'nsga-net'")


class NsgaPhase(nn.Module):
    """The connected nodes: (N, inputs, H, W) -> (N, filters, H, W).

    A node without an edge into it reads the phase's input, at the phase's number of filters; nodes without an edge out of them, and
    the input itself where the residual bit is set, make the output. Where several values arrive they are concatenated.

    Args:
        phase: of a spec, with at least one edge.
        inputs: channels that come in.
        filters: channels that go out.
        kernel: of the first convolution, which there is where the two differ.
        growth: channels of a dense node; 0: nodes are residual ones.
    """

    def __init__(self, phase: Any, inputs: int, filters: int, kernel: int, growth: int) -> None:
        super().__init__()
        edges = phase["edges"]
        used = sorted({node for edge in edges for node in edge})
        # place 0 is the input, place k the k-th of the nodes that are used
        self.sources = [[used.index(source) + 1 for source, target in edges if target == node] or [0] for node in used]
        read = {source for sources in self.sources for source in sources}
        self.ends = [*([0] if phase["residual"] else []), *(place for place in range(1, len(used) + 1) if place not in read)]
        widths = [filters, *[growth or filters] * len(used)]
        self.first = nsga_conv(inputs, filters, kernel) if inputs != filters else nn.Identity()
        self.nodes = nn.ModuleList(
            nsga_dense_node(sum(widths[source] for source in sources), growth)
            if growth
            else nsga_residual_node(filters, len(sources))
            for sources in self.sources
        )
        is_projected = growth > 0 or len(self.ends) > 1
        project = nsga_conv(sum(widths[end] for end in self.ends), filters, 1) if is_projected else nn.Identity()
        self.output = nn.Sequential(project, nn.BatchNorm2d(filters), nn.ReLU(inplace=True))

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, H, W) -> (N, filters, H, W)."""
        values: list[Tensor] = [self.first(x)]
        for node, sources in zip(self.nodes, self.sources, strict=True):
            values.append(node(nsga_concat([values[source] for source in sources])))
        y: Tensor = self.output(nsga_concat([values[end] for end in self.ends]))
        return y


def nsga_residual_node(filters: int, inputs: int) -> nn.Sequential:
    """A 1x1 convolution of several inputs of ``filters`` channels each; then 3x3 convolution, batch normalisation, ReLU."""
    project = [nsga_conv(inputs * filters, filters, 1)] if inputs > 1 else []
    return nn.Sequential(*project, *conv_norm(filters, filters, 3), nn.ReLU(inplace=True))


def nsga_dense_node(inputs: int, growth: int) -> nn.Sequential:
    """DenseNet's layer, normalised before each convolution: 1x1 to four times the growth, 3x3 to the growth."""
    hidden = NSGA_BOTTLENECK * growth
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(inplace=True),
        nsga_conv(inputs, hidden, 1),
        nn.BatchNorm2d(hidden),
        nn.ReLU(inplace=True),
        nsga_conv(hidden, growth, 3),
    )


def nsga_conv(inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
    """A convolution without bias that keeps the sides."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def nsga_concat(values: Sequence[Tensor]) -> Tensor:
    """One or more values side by side, along the channels."""
    return values[0] if len(values) == 1 else torch.cat(list(values), 1)
