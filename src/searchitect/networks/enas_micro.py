"""Networks of the space ``enas-micro``: final ones, and the one that shares weights, whose cells are wired in another way.

Pham et al. 2018, https://arxiv.org/abs/1802.03268, and the released code (melodyguan/enas, src/cifar10/micro_child.py).   Differs from
the code: layers of stride 2 pad both sides alike, where the code's pad the right and the bottom; odd image sides are halved and
rounded up, where the code fails; the auxiliary classifier's pool shrinks on small images.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.cells import FactorizedReduction, cell_operation, check_halvings, halved, relu_conv_bn
from searchitect.networks.mixed import EdgeSum, Mixed, inputs_layer
from searchitect.networks.operations import DropPath
from searchitect.spaces.cells import check_cell, concat_states

ENAS_MICRO_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect")


def build(spec: Any, info: TaskInfo, auxiliary: bool = False, searching: bool = False) -> nn.Module:
    """The network of a pair of cells, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image's channels and sides, and the outputs.
        auxiliary: with the auxiliary classifier behind the first cell after the second reduction; while training, forward then
            gives a pair, outputs and auxiliary outputs.
        searching: the network that the cells are inside the supernet, instead of the final one. The supernet of an open spec is
            always built so.

    Raises:
        SpaceError: for a malformed cell, and for images too small for two halvings.
    """
    for kind in ("normal", "reduction"):
        check_cell(spec["cells"][kind], ENAS_MICRO_OPERATIONS, what=f"the {kind} cell")
    check_halvings(info, 2, "a network of the space 'enas-micro'")
    sources = [
        edge["from"] for kind in ("normal", "reduction") for node in spec["cells"][kind]["nodes"] for edge in node["edges"]
    ]
    if len({hasattr(source, "labels") for source in sources}) > 1:
        raise SpaceError("in a spec of the space 'enas-micro' the states that nodes read must be all decided or all open")
    network = EnasMicroNetwork(spec, info, auxiliary, searching or enas_micro_is_open(spec["cells"]["normal"]))
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight)
    return network


def enas_micro_is_open(cell: Any) -> bool:
    """Whether a cell's choices are left in place."""
    return hasattr(cell["nodes"][0]["edges"][0]["from"], "labels")


class EnasMicroNetwork(nn.Module):
    """Stem, cells, average, linear; see `build`.

    Attributes:
        auxiliary: the auxiliary classifier, or ``None``.
    """

    def __init__(self, spec: Any, info: TaskInfo, has_auxiliary: bool, searching: bool) -> None:
        super().__init__()
        width, layers = spec["channels"], spec["layers"]
        reductions = (layers // 3, 2 * (layers // 3) + 1)
        self.auxiliary_place = reductions[1] + 1
        before = previous = 3 * width  # channels
        self.stem = nn.Sequential(nn.Conv2d(info.input_shape[0], previous, 3, padding=1, bias=False), nn.BatchNorm2d(previous))
        self.halvings = nn.ModuleDict()
        self.cells = nn.ModuleList()
        self.auxiliary: nn.Module | None = None
        for place in range(layers + 2):
            is_reduction = place in reductions
            width *= 2 if is_reduction else 1
            cell = spec["cells"]["reduction" if is_reduction else "normal"]
            if searching:
                if is_reduction:  # the cell reads the previous output twice, halved in two ways
                    self.halvings[str(place)] = enas_micro_halving(previous, width)
                    before, previous = previous, width
                inputs = EnasMicroInputs(before, previous, width, is_reduction)
                self.cells.append(EnasMicroSearchCell(cell, inputs, width))
                before, previous = previous, width
            else:
                inputs = EnasMicroInputs(before, previous, width, place - 1 in reductions)
                depth = (place + 1) / (layers + 2)
                self.cells.append(EnasMicroFinalCell(cell, inputs, width, is_reduction, depth))
                before, previous = previous, len(concat_states(cell)) * width
            if place == self.auxiliary_place and has_auxiliary:
                sides = [halved(side, 2) for side in info.input_shape[1:]]
                self.auxiliary = EnasMicroAuxiliary(previous, info.outputs, sides)
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(spec["dropout"]),
            nn.Linear(previous, info.outputs, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, outputs); with the auxiliary classifier, while training, a pair of them."""
        before = previous = self.stem(x)
        auxiliary = None
        for place, cell in enumerate(self.cells):
            if str(place) in self.halvings:
                before, previous = previous, self.halvings[str(place)](previous)
            before, previous = previous, cell(before, previous)
            if place == self.auxiliary_place and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(previous)
        outputs: Tensor = self.head(previous)
        return outputs if auxiliary is None else (outputs, auxiliary)


class EnasMicroInputs(nn.Module):
    """Brings both inputs of a cell to one shape; one that has it already passes as it is.

    Args:
        before: channels of the output of the cell before the previous one.
        previous: channels of the previous cell's output.
        width: channels wanted.
        is_larger: whether the first has sides twice as large as the second.
    """

    def __init__(self, before: int, previous: int, width: int, is_larger: bool) -> None:
        super().__init__()
        self.before: nn.Module = nn.Identity()
        if is_larger:
            self.before = FactorizedReduction(before, width)
        elif before != width:
            self.before = relu_conv_bn(before, width, 1)
        self.previous = relu_conv_bn(previous, width, 1) if previous != width else nn.Identity()

    def forward(self, before: Tensor, previous: Tensor) -> list[Tensor]:
        """The outputs of the two cells before -> the first two states of the cell."""
        return [self.before(before), self.previous(previous)]


class EnasMicroFinalCell(nn.Module):
    """A cell of a decided network: one more 1x1 convolution on the second input, nodes, the loose states concatenated.

    Args:
        cell: of a spec, decided.
        inputs: of the cell.
        width: channels of every state.
        is_reduction: operations on the inputs halve the sides.
        depth: of the cell in the network, for `DropPath`.
    """

    def __init__(self, cell: Any, inputs: EnasMicroInputs, width: int, is_reduction: bool, depth: float) -> None:
        super().__init__()
        self.inputs = inputs
        self.base = relu_conv_bn(width, width, 1)
        make = partial(enas_micro_operation, width, is_reduction, depth)
        self.nodes = nn.ModuleList(inputs_layer(node["edges"], make) for node in cell["nodes"])
        self.concat = concat_states(cell)
        # inputs that no node reads are halved on their way out
        larger = [state for state in self.concat if state < 2 and is_reduction]
        self.exits = nn.ModuleDict({str(state): enas_micro_halving(width, width) for state in larger})

    def forward(self, before: Tensor, previous: Tensor) -> Tensor:
        """The outputs of the two cells before -> (N, width * states concatenated, H, W)."""
        states = self.inputs(before, previous)
        states[1] = self.base(states[1])
        for node in self.nodes:
            states.append(node(states))
        taken = [self.exits[str(s)](states[s]) if str(s) in self.exits else states[s] for s in self.concat]
        return torch.cat(taken, dim=1)


class EnasMicroSearchCell(nn.Module):
    """A cell of the supernet, or of one path through it: stride 1 everywhere, a projection of the loose states.

    Each edge has operations of its own for every state that it may read, and each state has a slice of the projection. How loose
    a state is follows from the weights of the open indices: it is the product of what all edges leave to other states, 1 for a
    state that none takes, 0 for one that some edge takes.
    """

    def __init__(self, cell: Any, inputs: EnasMicroInputs, width: int) -> None:
        super().__init__()
        self.inputs = inputs
        make = partial(enas_micro_search_operation, width)
        self.nodes = nn.ModuleList(inputs_layer(node["edges"], make) for node in cell["nodes"])
        may_be_loose = range(2 + len(cell["nodes"])) if enas_micro_is_open(cell) else concat_states(cell)
        self.slices = nn.ModuleDict({str(state): nn.Conv2d(width, width, 1, bias=False) for state in may_be_loose})
        self.relu = nn.ReLU()
        self.norm = nn.BatchNorm2d(width)

    def forward(self, before: Tensor, previous: Tensor) -> Tensor:
        """The outputs of the two cells before -> (N, width, H, W)."""
        states = self.inputs(before, previous)
        for node in self.nodes:
            states.append(node(states))
        total: Tensor | float = 0.0
        for state, project in self.slices.items():
            share = self.looseness(int(state))
            if isinstance(share, Tensor) or share != 0:
                total = total + share * project(self.relu(states[int(state)]))
        y: Tensor = self.norm(total)
        return y

    def looseness(self, state: int) -> float | Tensor:
        """How loose ``state`` is, in [0, 1]."""
        share: float | Tensor = 1.0
        for node in self.nodes:
            assert isinstance(node, EdgeSum)
            for edge in node.edges:
                if isinstance(edge, Mixed) and state in edge.labels:
                    weights = edge.weights
                    taken = 1 / len(edge.labels) if weights is None else weights[edge.labels.index(state)]
                    share = share * (1.0 - taken)
        return share


def enas_micro_operation(width: int, is_reduction: bool, depth: float, source: int, name: str) -> nn.Module:
    """The layer of one edge of a final cell, which leaves the state ``source``."""
    stride = 2 if is_reduction and source < 2 else 1
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else enas_micro_halving(width, width)
    return nn.Sequential(cell_operation(name, width, stride), DropPath(depth))


def enas_micro_search_operation(width: int, source: int, name: str) -> nn.Module:
    """The layer of one edge of a searching cell, from any state."""
    del source  # it has weights of its own, but no other shape
    return cell_operation(name, width)


def enas_micro_halving(inputs: int, outputs: int) -> nn.Module:
    """A factorized reduction without an activation in front: (N, inputs, H, W) -> (N, outputs, H/2, W/2)."""
    return FactorizedReduction(inputs, outputs, has_relu=False)


class EnasMicroAuxiliary(nn.Module):
    """The auxiliary classifier: ReLU, 5x5 average pool, 1x1 convolution, a convolution as large as the image left, average, linear.

    Other than DARTS's, the large convolution keeps the image's size, padded with zeros, and the classifier has no bias.

    Args:
        inputs: channels.
        outputs: classes.
        sides: height and width of its input; where less than 5, the pool shrinks to it.
    """

    def __init__(self, inputs: int, outputs: int, sides: Sequence[int]) -> None:
        super().__init__()
        window = [min(5, side) for side in sides]
        height, width = ((side - size) // 3 + 1 for side, size in zip(sides, window, strict=True))
        self.layers = nn.Sequential(
            nn.ReLU(),
            nn.AvgPool2d((window[0], window[1]), 3),
            nn.Conv2d(inputs, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.ZeroPad2d(((width - 1) // 2, width // 2, (height - 1) // 2, height // 2)),
            nn.Conv2d(128, 768, (height, width), bias=False),
            nn.BatchNorm2d(768),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(768, outputs, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, *sides) -> (N, outputs)."""
        y: Tensor = self.layers(x)
        return y
