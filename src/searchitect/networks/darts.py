"""Networks of the space ``darts``: a stem, cells that read the outputs of the two cells before them, a linear head.

Liu, Simonyan, Yang 2019, https://arxiv.org/abs/1806.09055, and its code (quark0/darts, cnn/model.py for the networks that are
trained in the end, cnn/model_search.py for the one that is searched).   Differs from the code: odd image sides are halved and
rounded up, where the code fails; inputs may have any number of channels.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.task import TaskInfo
from searchitect.networks.cells import AuxiliaryHead, FactorizedReduction, cell_operation, check_halvings, halved, relu_conv_bn
from searchitect.networks.mixed import inputs_layer
from searchitect.networks.operations import DropPath
from searchitect.spaces.cells import CELL_OPERATIONS, check_cell, concat_states


def darts_node(edges: Any, channels: int, is_reduction: bool, searching: bool) -> nn.Module:
    """A module from the list of states to one node; see `DartsCell`."""
    return inputs_layer(edges, partial(darts_operation, channels, is_reduction, searching))


def build(
    spec: Any,
    info: TaskInfo,
    auxiliary: bool = False,
    searching: bool = False,
    node: Callable[[Any, int, bool, bool], nn.Module] = darts_node,
) -> nn.Module:
    """The network of a pair of cells, or, of an open spec, the supernet: (N, C, H, W) -> (N, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: gives the image's channels and sides, and the outputs.
        auxiliary: with the auxiliary head after the second reduction; while training, forward then gives a pair, outputs and
            auxiliary outputs.
        searching: the network as it is while one searches: in the cells, no normalisation has scale and shift, each pool is
            followed by a normalisation, and no path is dropped. The supernet of an open spec is always built so.
        node: makes a node, of the arguments of `darts_node`.

    Raises:
        SpaceError: for a malformed cell, and for images too small for the halvings: two, and three more in the ImageNet stem.
    """
    for kind, cell in spec["cells"].items():
        check_cell(cell, CELL_OPERATIONS, what=f"the {kind} cell")
    check_halvings(info, 5 if spec["stem"] == "imagenet" else 2, f"the space 'darts' with the stem {spec['stem']!r}")
    is_open = any(hasattr(node["edges"], "labels") for cell in spec["cells"].values() for node in cell["nodes"])
    return DartsNetwork(spec, info, auxiliary, searching or is_open, node)


class DartsNetwork(nn.Module):
    """Stem, cells, average, linear; see `build`.

    Attributes:
        auxiliary: the auxiliary head, or ``None``.
    """

    def __init__(
        self,
        spec: Any,
        info: TaskInfo,
        has_auxiliary: bool,
        searching: bool,
        node: Callable[[Any, int, bool, bool], nn.Module] = darts_node,
    ) -> None:
        super().__init__()
        channels, layers = spec["channels"], spec["layers"]
        reductions = (layers // 3, 2 * layers // 3)
        self.last_reduction = reductions[1]
        halvings = 0
        if spec["stem"] == "imagenet":
            # the first cell reads the outputs of both parts, of which the first is twice as large
            self.stem0: nn.Module = nn.Sequential(
                *_darts_stem_conv(info.input_shape[0], channels // 2),
                nn.ReLU(inplace=True),
                *_darts_stem_conv(channels // 2, channels),
            )
            self.stem1: nn.Module = nn.Sequential(nn.ReLU(), *_darts_stem_conv(channels, channels))
            before = previous = channels
            after_reduction = True
            halvings = 3
        else:
            before = previous = 3 * channels
            self.stem0 = nn.Sequential(
                nn.Conv2d(info.input_shape[0], previous, 3, padding=1, bias=False), nn.BatchNorm2d(previous)
            )
            self.stem1 = nn.Identity()
            after_reduction = False
        self.cells = nn.ModuleList()
        self.auxiliary: nn.Module | None = None
        for layer in range(layers):
            is_reduction = layer in reductions
            if is_reduction:
                channels *= 2
                halvings += 1
            cell = spec["cells"]["reduction" if is_reduction else "normal"]
            self.cells.append(DartsCell(cell, (before, previous), channels, is_reduction, after_reduction, searching, node))
            after_reduction = is_reduction
            before, previous = previous, len(concat_states(cell)) * channels
            if layer == self.last_reduction and has_auxiliary:
                sides = [halved(side, halvings) for side in info.input_shape[1:]]
                is_large = spec["stem"] == "imagenet"
                self.auxiliary = AuxiliaryHead(previous, info.outputs, sides, 2 if is_large else 3, not is_large)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(previous, info.outputs)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """(N, C, H, W) -> (N, outputs); with the auxiliary head, while training, a pair of them."""
        before = self.stem0(x)
        previous = self.stem1(before)
        auxiliary = None
        for layer, cell in enumerate(self.cells):
            before, previous = previous, cell(before, previous)
            if layer == self.last_reduction and self.auxiliary is not None and self.training:
                auxiliary = self.auxiliary(previous)
        outputs: Tensor = self.classifier(self.pool(previous).flatten(1))
        return outputs if auxiliary is None else (outputs, auxiliary)


class DartsCell(nn.Module):
    """Both inputs brought to one shape, the nodes in order, the concatenation of some of them.

    Args:
        cell: of a spec, decided or open.
        inputs: channels of the outputs of the cell before the previous one and of the previous one.
        channels: of every node.
        is_reduction: edges from the inputs halve the sides.
        after_reduction: the output of the cell before the previous one has sides twice as large.
        searching, node: see `build`.
    """

    def __init__(
        self,
        cell: Any,
        inputs: tuple[int, int],
        channels: int,
        is_reduction: bool,
        after_reduction: bool,
        searching: bool,
        node: Callable[[Any, int, bool, bool], nn.Module] = darts_node,
    ) -> None:
        super().__init__()
        affine = not searching
        before, previous = inputs
        self.preprocess0 = (
            FactorizedReduction(before, channels, affine)
            if after_reduction
            else relu_conv_bn(before, channels, 1, affine=affine)
        )
        self.preprocess1 = relu_conv_bn(previous, channels, 1, affine=affine)
        self.nodes = nn.ModuleList(node(part["edges"], channels, is_reduction, searching) for part in cell["nodes"])
        self.concat = concat_states(cell)

    def forward(self, before: Tensor, previous: Tensor) -> Tensor:
        """The outputs of the two cells before -> (N, channels * nodes concatenated, H, W)."""
        states = [self.preprocess0(before), self.preprocess1(previous)]
        for node in self.nodes:
            states.append(node(states))
        return torch.cat([states[state] for state in self.concat], dim=1)


def darts_operation(channels: int, is_reduction: bool, searching: bool, source: int, name: str) -> nn.Module:
    """The layer of one edge, which leaves the state ``source``: of stride 2 from a reduction cell's inputs."""
    stride = 2 if is_reduction and source < 2 else 1
    layer = cell_operation(name, channels, stride, affine=not searching)
    if searching:
        return nn.Sequential(layer, nn.BatchNorm2d(channels, affine=False)) if "pool" in name else layer
    return layer if isinstance(layer, nn.Identity) else nn.Sequential(layer, DropPath())


def _darts_stem_conv(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(outputs)]
