"""Networks of NASNet's, AmoebaNet's and PNAS's cells, stacked as in the code that NASNet's authors released.

Zoph et al. 2018, https://arxiv.org/abs/1707.07012, and its code (tensorflow/models, research/slim/nets/nasnet/nasnet_utils.py,
nasnet.py and pnasnet.py).   Differs from the code: padding is the same on both sides, where TensorFlow pads less at the top and left;
what no later layer reads is not built; numbers of batch normalisation are torch's. Torch only: this file is copied into stand-alone
exports.

An open spec gives the supernet. It concatenates all nodes of a cell: which of them are loose depends on choices that are open. The
next cell's 1x1 convolutions bring that back to its channels.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import AuxiliaryHead, FactorizedReduction, check_halvings, halved, relu_conv_bn
from searchitect.networks.mixed import choice_layer, edge_layer
from searchitect.networks.operations import DropPath
from searchitect.spaces.cells import check_cell
from searchitect.spaces.nasnet_stacking import output_states


def build_nasnet_stack(
    spec: Any,
    info: TaskInfo,
    operation: Callable[[str, int, int, int], nn.Module],
    known: Collection[str],
    what: str,
    *,
    has_combinations: bool = False,
    has_reduction: bool = True,
    has_loose_inputs: bool = False,
    auxiliary: bool = False,
) -> nn.Module:
    """The network of a spec, or, of an open one, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: ``cells``, of which "normal" also serves with stride 2 where there is no "reduction", and the stacking.
        info: gives the image's shape and the outputs.
        operation: the layer of (name, channels in, channels out, stride).
        known: the names of the operations allowed.
        what: the network's name in messages.
        has_combinations: whether a node may say how it combines its edges, and the spec what a cell after a reduction reads.
        has_reduction: whether there is a reduction cell, where anything is reduced.
        has_loose_inputs: whether a cell's inputs that no node reads are concatenated, too.
        auxiliary: add the auxiliary classifier, on the last cell before the second reduction.

    Raises:
        SpaceError: for a spec of another of the three spaces, a cell that cannot be built, an image that is too small, and an
            auxiliary classifier without two reductions.
    """
    for kind, cell in spec["cells"].items():
        check_cell(cell, known, what=f"the {kind} cell")
    nodes = [node for cell in spec["cells"].values() for node in cell["nodes"]]
    reduces = spec["stages"] > 1 or spec["stem"] == "imagenet"
    if (
        (has_reduction and reduces and "reduction" not in spec["cells"])
        or (not has_reduction and "reduction" in spec["cells"])
        or ("skip_reduction_input" in spec) != has_combinations
        or any("combine" in node and not has_combinations for node in nodes)
    ):
        raise SpaceError(f"the spec is not one of {what}, but of another space with such cells: build it with its own space")
    is_strided = spec["stem"] == "imagenet"
    check_halvings(info, spec["stages"] - 1 + 3 * is_strided, what, margin=2 * is_strided)
    return NasnetNetwork(spec, info, operation, has_loose_inputs, _auxiliary_place(spec, what) if auxiliary else None)


@dataclass(frozen=True)
class NasnetPlace:
    """One cell of the stack.

    Attributes:
        kind: of the cell.
        channels: of its operations.
        stride: 1 or 2.
        previous: whose output is its state 0: 0 is the stem, p + 1 the cell at place p.
    """

    kind: str
    channels: int
    stride: int
    previous: int


def nasnet_places(spec: Any) -> list[NasnetPlace]:
    """The cells of a network, in order; the cell at place p reads the output p and that of an earlier one."""
    channels, stem_cells = spec["channels"], 2 * (spec["stem"] == "imagenet")
    shrinking = "reduction" if "reduction" in spec["cells"] else "normal"
    cells = [(shrinking, channels // 4, 2), (shrinking, channels // 2, 2)][:stem_cells]
    for stage in range(spec["stages"]):
        width = channels * 2**stage
        # PNAS's stages begin with a cell of stride 2; NASNet's have a cell of another kind before them
        normal = spec["repeats"] - (stage > 0 and shrinking == "normal")
        cells += [(shrinking, width, 2)] * (stage > 0) + [("normal", width, 1)] * normal
    places = []
    for place, (kind, width, stride) in enumerate(cells):
        follows_reduction = stride == 1 and place > stem_cells and cells[place - 1][2] == 2
        skips = spec.get("skip_reduction_input", False) and follows_reduction
        places.append(NasnetPlace(kind, width, stride, max(place - 1 - skips, 0)))
    return places


def _auxiliary_place(spec: Any, what: str) -> int:
    """The last cell before the second reduction that is not the stem's."""
    stem_cells = 2 * (spec["stem"] == "imagenet")
    reductions = [place for place, cell in enumerate(nasnet_places(spec)) if cell.stride == 2 and place >= stem_cells]
    if len(reductions) < 2:
        raise SpaceError(
            f"the auxiliary classifier of {what} sits before the second reduction: set stages to 3, or leave it out (training.auxiliary=0)"
        )
    return reductions[1] - 1


class NasnetNetwork(nn.Module):
    """Stem, cells, and a linear head on the averages of the last cell's output. (N, C, H, W) -> (N, outputs).

    With an auxiliary classifier at a place, while training: the pair of outputs and auxiliary outputs.
    """

    def __init__(
        self,
        spec: Any,
        info: TaskInfo,
        operation: Callable[[str, int, int, int], nn.Module],
        has_loose_inputs: bool,
        auxiliary_place: int | None,
    ) -> None:
        super().__init__()
        places = nasnet_places(spec)
        concats = {kind: output_states(cell, has_loose_inputs) for kind, cell in spec["cells"].items()}
        reads = {kind: _read_inputs(cell, concats[kind]) for kind, cell in spec["cells"].items()}
        is_strided = spec["stem"] == "imagenet"
        width = spec["stem_channels"]
        self.stem = nn.Sequential(
            nn.Conv2d(info.input_shape[0], width, 3, 2 if is_strided else 1, padding=0 if is_strided else 1, bias=False),
            nn.BatchNorm2d(width),
        )
        needed = _needed_outputs(places, reads, auxiliary_place)
        self.cells = nn.ModuleDict()  # by place, so that names do not depend on which are needed
        self.wiring: list[tuple[int, int, int]] = []  # of each cell: the outputs that it reads and the one that it makes
        outputs = [(width, 0)]  # channels and halvings since the stem
        for place, at in enumerate(places):
            previous, current = outputs[at.previous], outputs[place]
            outputs.append((len(concats[at.kind]) * at.channels, current[1] + (at.stride == 2)))
            if place + 1 not in needed:
                continue
            is_raw = place == 0 and spec["first_previous"] == "raw"
            inputs = [
                nn.Identity() if is_raw or 0 not in reads[at.kind] else _adapt_previous(previous, current, at.channels),
                nn.Identity() if 1 not in reads[at.kind] else relu_conv_bn(current[0], at.channels, 1),
            ]
            widths = [previous[0] if is_raw else at.channels, at.channels]
            make = partial(_with_drop_path, operation, (place + 1) / len(places))
            self.cells[str(place)] = NasnetCell(
                spec["cells"][at.kind]["nodes"], concats[at.kind], inputs, widths, at.channels, at.stride, make
            )
            read = [output for state, output in enumerate((at.previous, place)) if state in reads[at.kind]]
            self.wiring.append((read[0], read[-1], place + 1))
        self.head = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs[-1][0], info.outputs))
        self.auxiliary_output = None if auxiliary_place is None else auxiliary_place + 1
        if self.auxiliary_output is not None:
            channels, halvings = outputs[self.auxiliary_output]
            sides = [halved((side - 1) // 2 if is_strided else side, halvings) for side in info.input_shape[1:]]
            self.auxiliary = AuxiliaryHead(channels, info.outputs, sides)

    def forward(self, x: Tensor) -> Any:
        """(N, C, H, W) -> (N, outputs), or a pair of them."""
        outputs = {0: self.stem(x)}
        extra = None
        for cell, (previous, current, own) in zip(self.cells.values(), self.wiring, strict=True):
            outputs[own] = cell(outputs[previous], outputs[current])
            if own == self.auxiliary_output and self.training:
                extra = self.auxiliary(outputs[own])
            # no cell reads further back than three outputs
            outputs = {place: output for place, output in outputs.items() if place > own - 3}
        y: Tensor = self.head(outputs[self.wiring[-1][2]])
        return y if extra is None else (y, extra)


def _read_inputs(cell: Any, concat: Sequence[int]) -> set[int]:
    """Which of its two inputs a cell reads. An open cell may come to read both."""
    sources = [edge["from"] for node in cell["nodes"] for edge in node["edges"]]
    return {state for state in (0, 1) if state in concat or any(hasattr(s, "labels") or s == state for s in sources)}


def _needed_outputs(places: Sequence[NasnetPlace], reads: dict[str, set[int]], auxiliary_place: int | None) -> set[int]:
    """The outputs that reach the head or the auxiliary classifier: where a cell reads only one input, others may not."""
    needed = {len(places)} if auxiliary_place is None else {len(places), auxiliary_place + 1}
    for place in reversed(range(len(places))):
        if place + 1 in needed:
            needed |= {(places[place].previous, place)[state] for state in reads[places[place].kind]}
    return needed


def _adapt_previous(previous: tuple[int, int], current: tuple[int, int], channels: int) -> nn.Module:
    """Makes the output of the cell before the previous one as wide as the cell, and as large as the previous output."""
    if previous[1] < current[1]:
        return FactorizedReduction(previous[0], channels)
    return relu_conv_bn(previous[0], channels, 1) if previous[0] != channels else nn.Identity()


def _with_drop_path(
    operation: Callable[[str, int, int, int], nn.Module], depth: float, name: str, inputs: int, outputs: int, stride: int
) -> nn.Module:
    """ScheduledDropPath: paths of later cells are left out more often; the identity never is, not even where it has a stride."""
    layer = operation(name, inputs, outputs, stride)
    return layer if name == "skip_connect" else nn.Sequential(layer, DropPath(depth))


class NasnetCell(nn.Module):
    """Two inputs, nodes, and the concatenation of some of these states. (N, C, H, W) twice -> (N, states * channels, H', W').

    Args:
        nodes: of the spec, decided or open.
        concat: the states that the output is made of.
        inputs: layers that make the two inputs equal before use.
        widths: their channels after that.
        channels: of the nodes.
        stride: of operations on the inputs, and of nothing else.
        make: the layer of an operation from (name, channels in, channels out, stride).
    """

    def __init__(
        self,
        nodes: Any,
        concat: Sequence[int],
        inputs: Sequence[nn.Module],
        widths: Sequence[int],
        channels: int,
        stride: int,
        make: Callable[[str, int, int, int], nn.Module],
    ) -> None:
        super().__init__()
        self.inputs = nn.ModuleList(inputs)
        self.nodes = nn.ModuleList(NasnetNode(node, widths, channels, stride, make) for node in nodes)
        self.concat = list(concat)
        self.fitted = nn.ModuleDict(
            {
                str(state): NasnetFit(widths[state], channels, stride)
                for state in self.concat
                if state < 2 and (stride == 2 or widths[state] != channels)
            }
        )

    def forward(self, previous: Tensor, current: Tensor) -> Tensor:
        """The output of the cell before the previous one, and the previous cell's."""
        states = [layer(x) for layer, x in zip(self.inputs, (previous, current), strict=True)]
        for node in self.nodes:
            states.append(node(states))
        for state, fit in self.fitted.items():
            states[int(state)] = fit(states[int(state)])
        return torch.cat([states[state] for state in self.concat], 1)


class NasnetNode(nn.Module):
    """Two states, an operation on each, and their combination. States before it -> a new one."""

    def __init__(
        self, node: Any, widths: Sequence[int], channels: int, stride: int, make: Callable[[str, int, int, int], nn.Module]
    ) -> None:
        super().__init__()

        def on_state(source: int, name: str) -> nn.Module:
            return make(name, widths[source], channels, stride) if source < 2 else make(name, channels, channels, 1)

        # in a supernet each source has operations of its own, as in ENAS's code: they may differ in stride
        self.edges = nn.ModuleList(edge_layer(edge, on_state) for edge in node["edges"])
        self.combination = choice_layer(
            node.get("combine", "add"), lambda name: NasnetSum() if name == "add" else NasnetJoin(channels)
        )

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """The new state."""
        y: Tensor = self.combination([edge(states) for edge in self.edges])
        return y


class NasnetSum(nn.Module):
    """Adds the two halves of a node."""

    def forward(self, halves: Sequence[Tensor]) -> Tensor:
        """Two tensors of one shape -> the same shape."""
        return halves[0] + halves[1]


class NasnetJoin(nn.Module):
    """Concatenates the two halves of a node; a 1x1 convolution brings them back to its channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.project = relu_conv_bn(2 * channels, channels, 1)

    def forward(self, halves: Sequence[Tensor]) -> Tensor:
        """Two tensors of one shape -> the same shape."""
        y: Tensor = self.project(torch.cat([halves[0], halves[1]], 1))
        return y


class NasnetFit(nn.Module):
    """Makes a cell's input fit its output: 1x1 convolutions and batch normalisation, without the ReLU of `FactorizedReduction`.

    (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        shares = [outputs] if stride == 1 else [outputs // 2, outputs - outputs // 2]
        self.convolutions = nn.ModuleList(nn.Conv2d(inputs, share, 1, stride, bias=False) for share in shares)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """With a stride of 2 each convolution makes half of the channels, the second one pixel further."""
        shifted = [x] if len(self.convolutions) == 1 else [x, nn.functional.pad(x, (-1, 1, -1, 1))]
        y: Tensor = self.bn(torch.cat([conv(part) for conv, part in zip(self.convolutions, shifted, strict=True)], 1))
        return y


def nasnet_operation(name: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """The layer of an operation: (N, inputs, H, W) -> (N, outputs, ceil(H / stride), ceil(W / stride)).

    A convolution is ReLU, convolution, batch normalisation. The released code holds no factorized and dilated ones: here they are
    ordinary convolutions.
    """
    kind, _, size = name.rpartition("_")
    if kind == "skip":
        return nn.Identity() if stride == 1 and inputs == outputs else relu_conv_bn(inputs, outputs, 1, stride)
    kernel = int(size.rpartition("x")[2])
    match kind:
        case "max_pool":
            return nasnet_pool(nn.MaxPool2d(kernel, stride, kernel // 2), inputs, outputs)
        case "avg_pool":
            return nasnet_pool(nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False), inputs, outputs)
        case "sep_conv":
            return nasnet_separable(inputs, outputs, kernel, stride)
        case "dil_conv":
            dilated = nn.Conv2d(inputs, outputs, kernel, stride, 2 * (kernel // 2), 2, bias=False)
            return nn.Sequential(nn.ReLU(), dilated, nn.BatchNorm2d(outputs))
        case "conv":
            return relu_conv_bn(inputs, outputs, kernel, stride)
        case "conv_3x1" | "conv_7x1":
            return nn.Sequential(
                nn.ReLU(),
                nn.Conv2d(inputs, outputs, (1, kernel), (1, stride), (0, kernel // 2), bias=False),
                nn.BatchNorm2d(outputs),
                nn.ReLU(),
                nn.Conv2d(outputs, outputs, (kernel, 1), (stride, 1), (kernel // 2, 0), bias=False),
                nn.BatchNorm2d(outputs),
            )
    raise ValueError(f"unknown operation {name!r} of a cell")


def nasnet_pool(pool: nn.Module, inputs: int, outputs: int) -> nn.Module:
    """A pool; where the channels differ, a 1x1 convolution and batch normalisation, without ReLU, follow."""
    if inputs == outputs:
        return pool
    return nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def nasnet_separable(inputs: int, outputs: int, kernel: int, stride: int, dilation: int = 1) -> nn.Module:
    """Twice ReLU, depthwise and pointwise convolution, batch normalisation; the first has the stride and changes the channels."""
    layers: list[nn.Module] = []
    for width, step in ((inputs, stride), (outputs, 1)):
        padding = dilation * (kernel // 2)
        layers += [
            nn.ReLU(),  # not in place: other edges read the same input
            nn.Conv2d(width, width, kernel, step, padding, dilation, groups=width, bias=False),
            nn.Conv2d(width, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        ]
    return nn.Sequential(*layers)
