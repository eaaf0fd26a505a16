"""The convolutional cell space of DARTS: two cells of four nodes, each node the sum of operations on two earlier states.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, and its code
(quark0/darts).   Differs from the paper: nothing; the numbers of channels, layers and nodes are settings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.cells import CELL_OPERATIONS, canonical_cell, check_cell, concat_states
from searchitect.spaces.published import Published

OPERATIONS: Final = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""In the order of the authors' code, in which ``none`` comes first."""
STEMS: Final = ("cifar", "imagenet")
_KINDS: Final = {"normal": "normal", "reduction": "reduce"}  # a cell's name here -> in a genotype


@dataclass(frozen=True)
class Darts(Space):
    """A normal cell, repeated, and a reduction cell after each third of the layers.

    Attributes:
        channels: C in the paper, of the first cells' nodes; they double at each reduction. At least 2.
        layers: cells in all, at least 3; the cells ``layers // 3`` and ``2 * layers // 3``, from 0, are reductions.
        stem: "cifar", one convolution, or "imagenet", three that divide the sides by 8.
        nodes: of a cell, in [1, 8].
        none: whether an edge may also be "none", as in the relaxed space of gradient search. Derived cells have no such edge.
    """

    name: ClassVar[str] = "darts"
    summary: ClassVar[str] = "DARTS: normal and reduction cell of four nodes, 10^18 pairs of cells"
    paper: ClassVar[str] = "Liu, Simonyan, Yang 2019, arXiv:1806.09055"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 36
    layers: int = 20
    stem: str = "cifar"
    nodes: int = 4
    none: bool = False

    def __post_init__(self) -> None:
        for name, least in (("channels", 2), ("layers", 3)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} of the space 'darts' must be at least {least}, got {getattr(self, name)}")
        if not 1 <= self.nodes <= 8:
            raise SettingError(f"nodes of the space 'darts' must lie in [1, 8], got {self.nodes}")
        if self.stem not in STEMS:
            raise SettingError(f"stem of the space 'darts' must be one of {', '.join(STEMS)}, got {self.stem!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Small networks: an epoch of a few thousand small images takes seconds on a CPU."""
        side = min(task.input_shape[1:])
        if side >= 96:
            return cls(channels=16, layers=5, stem="imagenet")
        return cls(channels=8, layers=3 if side <= 16 else 5)

    @property
    def operations(self) -> tuple[str, ...]:
        """What an edge may be, in the order of the authors' code."""
        return ("none", *OPERATIONS) if self.none else OPERATIONS

    def describe(self, choose: Chooser) -> Any:
        """Node i takes two of the states 0 to i + 1: the choice ``normal/i/edges``, and ``normal/i/edges/<state>/op`` inside."""
        return {**self._size(), "cells": {kind: self._cell(choose, kind) for kind in _KINDS}}

    def canonical(self, spec: Any) -> Any:
        """Equal for cells that differ in the numbering of their nodes only."""
        return {**spec, "cells": {kind: canonical_cell(cell) for kind, cell in spec["cells"].items()}}

    def from_genotype(self, genotype: Mapping[str, Any]) -> Architecture:
        """The architecture of a genotype as the authors' code writes it.

        Args:
            genotype: ``{"normal": [["sep_conv_3x3", 0], ...], "normal_concat": [2, 3, 4, 5], "reduce": ..., "reduce_concat": ...}``,
                two pairs of operation and state per node.

        Returns:
            Of this space at this size. A cell that the space does not hold, such as NASNet's, whose nodes may read one state
            twice, can be built too, but its architecture carries no decisions, so that it cannot be mutated.

        Raises:
            SpaceError: for what is no genotype: an unknown operation, a state that comes later, an odd list.
        """
        cells = parse_genotype(genotype)
        decisions: dict[str, Any] = {}
        for kind, cell in cells.items():
            for place, node in enumerate(cell["nodes"]):
                edges = sorted(node["edges"], key=lambda edge: int(edge["from"]))
                decisions[f"{kind}/{place}/edges"] = [str(edge["from"]) for edge in edges]
                decisions |= {f"{kind}/{place}/edges/{edge['from']}/op": edge["op"] for edge in edges}
        has_all = all(cell["concat"] == "all" and len(cell["nodes"]) == self.nodes for cell in cells.values())
        try:
            return self.decide(decisions if has_all else {})
        except SpaceError:
            return Architecture({**self._size(), "cells": cells})

    def _size(self) -> dict[str, Any]:
        return {"channels": self.channels, "layers": self.layers, "stem": self.stem}

    def _cell(self, choose: Chooser, kind: str) -> Any:
        nodes = [
            choose.some(
                f"{kind}/{node}/edges", {str(state): partial(self._edge, choose, state) for state in range(node + 2)}, 2
            )
            for node in range(self.nodes)
        ]
        return {"nodes": [{"edges": edges} for edges in nodes], "concat": "all"}

    def _edge(self, choose: Chooser, state: int) -> Any:
        return {"from": state, "op": choose("op", self.operations)}


def parse_genotype(genotype: Mapping[str, Any]) -> dict[str, Any]:
    """The normal and the reduction cell of a genotype, see `Darts.from_genotype`. The inverse of `write_genotype`."""
    wanted = [key for name in _KINDS.values() for key in (name, f"{name}_concat")]
    if not isinstance(genotype, Mapping) or not set(wanted) <= genotype.keys():
        raise SpaceError(f"a genotype must be a mapping with {', '.join(wanted)}, got {genotype!r:.200}")
    cells = {}
    for kind, name in _KINDS.items():
        pairs, concat = genotype[name], genotype[f"{name}_concat"]
        is_list = isinstance(pairs, Sequence) and all(isinstance(p, Sequence) and len(p) == 2 for p in pairs)
        if not is_list or len(pairs) % 2:
            raise SpaceError(
                f"{name!r} of a genotype must list two [operation, state] pairs for each node, got {len(pairs)}: {pairs!r:.200}"
            )
        edges = [{"from": state, "op": operation} for operation, state in pairs]
        nodes = [{"edges": edges[start : start + 2]} for start in range(0, len(edges), 2)]
        states = list(concat) if isinstance(concat, (Sequence, range)) else concat
        cells[kind] = {"nodes": nodes, "concat": "all" if states == [*range(2, 2 + len(nodes))] else states}
        check_cell(cells[kind], CELL_OPERATIONS, what=f"the genotype's {name!r}")
    return cells


def write_genotype(spec: Any) -> dict[str, Any]:
    """The genotype of an architecture's spec, in the form of the authors' code, as plain JSON data."""
    genotype: dict[str, Any] = {}
    for kind, name in _KINDS.items():
        cell = spec["cells"][kind]
        genotype[name] = [[edge["op"], edge["from"]] for node in cell["nodes"] for edge in node["edges"]]
        genotype[f"{name}_concat"] = concat_states(cell)
    return genotype


_SHORT: Final = {
    "skip": "skip_connect",
    "max": "max_pool_3x3",
    "avg": "avg_pool_3x3",
    "sep3": "sep_conv_3x3",
    "sep5": "sep_conv_5x5",
    "sep7": "sep_conv_7x7",
    "dil3": "dil_conv_3x3",
    "conv7": "conv_7x1_1x7",
}


def _pairs(text: str) -> list[list[Any]]:
    """``"sep3 0, skip 1"`` -> [["sep_conv_3x3", 0], ["skip_connect", 1]]."""
    return [[_SHORT[operation], int(state)] for operation, state in (pair.split() for pair in text.split(","))]


GENOTYPES: Final[dict[str, dict[str, Any]]] = {
    "darts-v1": {
        "normal": _pairs("sep3 1, sep3 0, skip 0, sep3 1, skip 0, sep3 1, sep3 0, skip 2"),
        "normal_concat": [2, 3, 4, 5],
        "reduce": _pairs("max 0, max 1, skip 2, max 0, max 0, skip 2, skip 2, avg 0"),
        "reduce_concat": [2, 3, 4, 5],
    },
    "darts-v2": {
        "normal": _pairs("sep3 0, sep3 1, sep3 0, sep3 1, sep3 1, skip 0, skip 0, dil3 2"),
        "normal_concat": [2, 3, 4, 5],
        "reduce": _pairs("max 0, max 1, skip 2, max 1, max 0, skip 2, skip 2, max 1"),
        "reduce_concat": [2, 3, 4, 5],
    },
    "pc-darts-cifar": {
        "normal": _pairs("sep3 1, skip 0, sep3 0, dil3 1, sep5 0, sep3 1, avg 0, dil3 1"),
        "normal_concat": [2, 3, 4, 5],
        "reduce": _pairs("sep5 1, max 0, sep5 1, sep5 2, sep3 0, sep3 3, sep3 1, sep3 2"),
        "reduce_concat": [2, 3, 4, 5],
    },
    "nasnet-darts": {
        "normal": _pairs("sep5 1, sep3 0, sep5 0, sep3 0, avg 1, skip 0, avg 0, avg 0, sep3 1, skip 1"),
        "normal_concat": [2, 3, 4, 5, 6],
        "reduce": _pairs("sep5 1, sep7 0, max 1, sep7 0, avg 1, sep5 0, skip 3, avg 2, sep3 2, max 1"),
        "reduce_concat": [4, 5, 6],
    },
    "amoebanet-darts": {
        "normal": _pairs("avg 0, max 1, sep3 0, sep5 2, sep3 0, avg 3, sep3 1, skip 1, skip 0, avg 1"),
        "normal_concat": [4, 5, 6],
        "reduce": _pairs("avg 0, sep3 1, max 0, sep7 2, sep7 0, avg 1, max 0, max 1, conv7 0, sep3 5"),
        "reduce_concat": [3, 4, 6],
    },
}
"""Name -> genotype, in the order of states and edges in which the sources have them."""


def _spec(name: str, space: Darts) -> Any:
    return space.from_genotype(GENOTYPES[name])


PUBLISHED: Final[dict[str, Published]] = {
    "darts-v1": Published(
        "the cells found by first-order DARTS, 3.00 % error on CIFAR-10",
        "arXiv:1806.09055; quark0/darts, cnn/genotypes.py, DARTS_V1",
        Darts,
        partial(_spec, "darts-v1"),
    ),
    "darts-v2": Published(
        "the cells found by second-order DARTS, 2.76 % error on CIFAR-10",
        "arXiv:1806.09055; quark0/darts, cnn/genotypes.py, DARTS_V2",
        Darts,
        partial(_spec, "darts-v2"),
    ),
    "pc-darts-cifar": Published(
        "the cells that PC-DARTS found on CIFAR-10, 2.57 % error",
        "Xu et al. 2020, arXiv:1907.05737; yuhuixu1993/PC-DARTS, genotypes.py, PC_DARTS_cifar",
        Darts,
        partial(_spec, "pc-darts-cifar"),
    ),
    "nasnet-darts": Published(
        "NASNet-A's cells in the network of DARTS, as the DARTS paper compares with them",
        "quark0/darts, cnn/genotypes.py, NASNet",
        Darts,
        partial(_spec, "nasnet-darts"),
        {"nodes": 5},
    ),
    "amoebanet-darts": Published(
        "AmoebaNet-A's cells in the network of DARTS, as the DARTS paper compares with them",
        "quark0/darts, cnn/genotypes.py, AmoebaNet",
        Darts,
        partial(_spec, "amoebanet-darts"),
        {"nodes": 5},
    ),
}
