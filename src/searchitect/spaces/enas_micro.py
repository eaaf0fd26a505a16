"""The micro space of ENAS: two cells, whose nodes each add two operations on any two earlier states.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, and
the released code (melodyguan/enas, src/cifar10/micro_child.py).   Differs from the paper: nothing; it counts the space otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.cells import canonical_cell
from searchitect.spaces.published import Published

OPERATIONS: Final = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect")
"""In the order of the released code."""
KINDS: Final = ("normal", "reduction")


@dataclass(frozen=True)
class EnasMicro(Space):
    """A normal cell and a reduction cell; their outputs are the states that no node reads.

    Attributes:
        nodes: of each cell, B - 2 in the paper, in [1, 12].
        layers: normal cells, at least 1; two reduction cells come in between.
        channels: of the first cells, even and at least 2; they double with each reduction.
        dropout: before the classifier, in [0, 1).
    """

    name: ClassVar[str] = "enas-micro"
    summary: ClassVar[str] = "ENAS's micro space: a normal and a reduction cell of nodes with two inputs"
    paper: ClassVar[str] = "Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    nodes: int = 5
    layers: int = 15
    channels: int = 36
    dropout: float = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 12:
            raise SettingError(f"nodes of the space 'enas-micro' must lie in [1, 12], got {self.nodes}")
        if self.layers < 1:
            raise SettingError(f"layers of the space 'enas-micro' must be at least 1, got {self.layers}")
        if self.channels < 2 or self.channels % 2:
            raise SettingError(f"channels of the space 'enas-micro' must be even and at least 2, got {self.channels}")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout of the space 'enas-micro' must lie in [0, 1), got {self.dropout}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Three nodes, four normal cells of 8 channels up to 16 pixels, of 16 above."""
        return cls(nodes=3, layers=4, channels=8 if min(task.input_shape[1:]) <= 16 else 16)

    def describe(self, choose: Chooser) -> Any:
        """The choices of a node are named ``normal/i/index_1``, ``index_2``, ``op_1``, ``op_2``, in this order, the controller's."""
        return {
            "channels": self.channels,
            "layers": self.layers,
            "dropout": self.dropout,
            "cells": {kind: self._cell(choose, kind) for kind in KINDS},
        }

    def _cell(self, choose: Chooser, kind: str) -> Any:
        nodes = []
        for node in range(self.nodes):
            indices = [choose(f"{kind}/{node}/index_{side}", list(range(node + 2))) for side in (1, 2)]
            operations = [choose(f"{kind}/{node}/op_{side}", OPERATIONS) for side in (1, 2)]
            edges = [{"from": index, "op": operation} for index, operation in zip(indices, operations, strict=True)]
            nodes.append({"edges": edges})
        return {"nodes": nodes, "concat": "loose"}

    def canonical(self, spec: Any) -> Any:
        """Cells that are equal up to the order of a node's edges and the numbering of the nodes are the same."""
        return {**spec, "cells": {kind: canonical_cell(cell) for kind, cell in spec["cells"].items()}}

    def from_tokens(self, tokens: Sequence[int]) -> Architecture:
        """The architecture of the released code's sequence: for each node index, operation, index, operation; normal cell first.

        Raises:
            SpaceError: where the sequence is not of this space.
        """
        nodes = [tokens[start : start + 4] for start in range(0, len(tokens), 4)]
        is_valid = len(tokens) == 8 * self.nodes and all(
            index in range(2 + place % self.nodes) and operation in range(len(OPERATIONS))
            for place, node in enumerate(nodes)
            for index, operation in (node[:2], node[2:])
        )
        if not is_valid:
            raise SpaceError(
                f"an architecture of the space 'enas-micro' with {self.nodes} nodes has {8 * self.nodes} tokens, for each node of "
                f"the normal and then of the reduction cell index, operation in [0, {len(OPERATIONS) - 1}], index, operation, where "
                f"an index is a state before the node; got {list(tokens)}"
            )
        decisions: dict[str, Any] = {}
        for place, (first, op_1, second, op_2) in enumerate(nodes):
            at = f"{KINDS[place // self.nodes]}/{place % self.nodes}"
            decisions |= {f"{at}/index_1": first, f"{at}/index_2": second}
            decisions |= {f"{at}/op_1": OPERATIONS[op_1], f"{at}/op_2": OPERATIONS[op_2]}
        return self.decide(decisions)


def micro_tokens(spec: Any) -> list[int]:
    """The released code's sequence of a spec. The inverse of `EnasMicro.from_tokens`."""
    return [
        token
        for kind in KINDS
        for node in spec["cells"][kind]["nodes"]
        for edge in node["edges"]
        for token in (edge["from"], OPERATIONS.index(edge["op"]))
    ]


_RELEASED: Final = """
0 2 0 0  0 4 0 1  0 4 1 1  1 0 0 1  0 2 1 1
1 0 1 0  0 3 0 2  1 1 3 1  1 0 0 4  0 3 1 1
"""


def _released(space: EnasMicro) -> Any:
    return space.from_tokens([int(token) for token in _RELEASED.split()])


PUBLISHED: Final[dict[str, Published]] = {
    "enas-micro": Published(
        summary="found in the micro space: 3.9 M parameters",
        source="melodyguan/enas@014bae1, scripts/cifar10_micro_final.sh",
        space=EnasMicro,
        describe=_released,
        settings={"nodes": 5, "layers": 15, "channels": 36, "dropout": 0.2},
    )
}
