"""The cell space of NAS-Bench-201: 15,625 cells of four nodes with one of five operations on each of six edges.

Dong, Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
https://arxiv.org/abs/2001.00326.   Differs from the paper: nothing; the numbers of channels and cells are settings.
"""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""In the order of the authors' code."""
_NODES: Final = (1, 2, 3)  # node 0 is the cell's input; node i sums its edges from all nodes before it
_EDGE = re.compile(r"([a-z0-9_]+)~([0-9])")


@dataclass(frozen=True)
class NasBench201(Space):
    """One cell, repeated.

    Attributes:
        channels: C in the paper, of the first stage; they double twice. At least 1.
        cells: N in the paper, cells per stage, of which there are three. At least 1.
    """

    name: ClassVar[str] = "nasbench201"
    summary: ClassVar[str] = "NAS-Bench-201: 15,625 cells of six edges with five operations"
    paper: ClassVar[str] = "Dong, Yang 2020, arXiv:2001.00326"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 16
    cells: int = 5

    def __post_init__(self) -> None:
        for name in ("channels", "cells"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'nasbench201' must be at least 1, got {getattr(self, name)}")

    def describe(self, choose: Chooser) -> Any:
        """``cell[i - 1][j]`` is the operation on the edge from node j to node i; its choice is named ``cell/i/j``."""
        return {
            "channels": self.channels,
            "cells": self.cells,
            "cell": [[choose(f"cell/{node}/{source}", OPERATIONS) for source in range(node)] for node in _NODES],
        }

    def from_string(self, text: str) -> Architecture:
        """The architecture of a string such as ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...~0|...~1|...~2|``.

        Raises:
            SpaceError: where the string is not a cell of this space.
        """
        return self.decide(
            {f"cell/{node}/{source}": op for node, row in enumerate(parse_cell(text), 1) for source, op in enumerate(row)}
        )


def cell_string(spec: Any) -> str:
    """The authors' string of a cell: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    rows = [[f"{operation}~{source}" for source, operation in enumerate(row)] for row in spec["cell"]]
    return "+".join(f"|{'|'.join(row)}|" for row in rows)


def parse_cell(text: str) -> list[list[str]]:
    """The operations in a cell's string, ``[i - 1][j]`` on the edge from node j to node i. The inverse of `cell_string`."""
    cell = [[operation for operation, _ in _EDGE.findall(row)] for row in text.strip().split("+")]
    known = all(operation in OPERATIONS for row in cell for operation in row)
    if [len(row) for row in cell] != list(_NODES) or not known or cell_string({"cell": cell}) != text.strip():
        raise SpaceError(
            f"{text!r} is not a NAS-Bench-201 cell: write '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|' with op one of "
            f"{', '.join(OPERATIONS)}"
        )
    return cell
