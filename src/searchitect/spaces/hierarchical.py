"""The hierarchical space: small graphs of operations, motifs, are the operations of a larger graph, the cell.

Liu, Simonyan, Vinyals, Fernando, Kavukcuoglu 2018, "Hierarchical Representations for Efficient Architecture Search",
https://arxiv.org/abs/1711.00436.   Differs from the paper: nothing known; what it leaves open is in docs/methods/hierarchical.md.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import Edges, canonical_order, live_edges
from searchitect.spaces.published import Published

PRIMITIVES: Final = ("conv_1x1", "depthwise_conv_3x3", "sep_conv_3x3", "max_pool_3x3", "avg_pool_3x3", "skip_connect")
"""The operations of level 1. On an edge there may also be none."""


@dataclass(frozen=True)
class Hierarchical(Space):
    """What lies on each edge of the motifs, and which motif on each edge of the cell.

    Attributes:
        motifs: of level 2, at least 0; 0: flat, the cell's own edges carry the primitives (in the paper with 11 nodes).
        motif_nodes: of each motif, input and output included, at least 2.
        cell_nodes: of the cell, likewise.
        channels: C in the paper, of the first group, at least 1; they double from group to group.
        cells: in each group, at least 1.
        groups: at least 1; the image is halved between two.
    """

    name: ClassVar[str] = "hierarchical"
    summary: ClassVar[str] = "hierarchical representations: graphs of operations inside a graph"
    paper: ClassVar[str] = "Liu, Simonyan, Vinyals, Fernando, Kavukcuoglu 2018, arXiv:1711.00436"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)
    mutates_by_part: ClassVar[bool] = True  # section 3.1: the level, the motif, the node, the node before it

    motifs: int = 6
    motif_nodes: int = 4
    cell_nodes: int = 5
    channels: int = 16
    cells: int = 1
    groups: int = 3

    def __post_init__(self) -> None:
        for name, least in (("motifs", 0), ("motif_nodes", 2), ("cell_nodes", 2), ("channels", 1), ("cells", 1), ("groups", 1)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} of the space 'hierarchical' must be at least {least}, got {getattr(self, name)}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Three motifs of 3 nodes, a cell of 4; three groups from 3 pixels on; 8 channels up to 16 pixels, 16 above."""
        side = min(task.input_shape[1:])
        return cls(motifs=3, motif_nodes=3, cell_nodes=4, channels=8 if side <= 16 else 16, groups=min(3, side))

    def describe(self, choose: Chooser) -> Any:
        """``rows[i - 1][j]`` is on the edge from node j to node i, "none" where there is no edge. The choices are named
        ``motif/m/i/j`` and ``cell/i/j``.
        """
        of_motif = ("none", *PRIMITIVES)
        of_cell = ("none", *(f"motif_{motif}" for motif in range(self.motifs))) if self.motifs else of_motif
        return {
            "channels": self.channels,
            "cells": self.cells,
            "groups": self.groups,
            "motifs": [_rows(choose, f"motif/{motif}", self.motif_nodes, of_motif) for motif in range(self.motifs)],
            "cell": _rows(choose, "cell", self.cell_nodes, of_cell),
        }

    def canonical(self, spec: Any) -> Any:
        """One form for all numberings of the motifs and of the nodes; what no path crosses is emptied, equal motifs are one."""
        motifs = [_canonical_rows(rows) for rows in spec["motifs"]]
        # in the cell a motif is named by what it is, since its number says nothing
        texts = {f"motif_{place}": json.dumps(rows) for place, rows in enumerate(motifs)}
        cell = _canonical_rows([[texts.get(entry, entry) for entry in row] for row in cell_rows(spec)])
        used = dict.fromkeys(entry for row in cell for entry in row if entry in texts.values())
        names = {text: f"motif_{place}" for place, text in enumerate(used)}
        unused = [["none"] * len(row) for row in spec["motifs"][0]] if spec["motifs"] else []
        return {
            **spec,
            "motifs": [*map(json.loads, used), *[unused] * (len(motifs) - len(used))],
            "cell": [[names.get(entry, entry) for entry in row] for row in cell],
        }


def _rows(choose: Chooser, path: str, nodes: int, options: Sequence[str]) -> list[list[Any]]:
    return [[choose(f"{path}/{node}/{source}", options) for source in range(node)] for node in range(1, nodes)]


def cell_rows(spec: Any) -> list[list[str]]:
    """The rows of the cell, with none for motifs that no path crosses: they give nothing."""
    empty = {f"motif_{place}" for place, rows in enumerate(spec["motifs"]) if not row_edges(rows)}
    return [["none" if entry in empty else entry for entry in row] for row in spec["cell"]]


def row_edges(rows: Sequence[Sequence[str]]) -> dict[tuple[int, int], str]:
    """The edges on a path from the first node to the last, (from, to) -> what lies on it."""
    edges = {(source, node): entry for node, row in enumerate(rows, 1) for source, entry in enumerate(row) if entry != "none"}
    return live_edges(edges, 0, len(rows))


def _canonical_rows(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    edges: Edges = row_edges(rows)
    # the first node stays first, the last one last, and nodes that lost their edges go behind the others
    live = {node for edge in edges for node in edge}
    between = ["1" if node in live else "2" for node in range(1, len(rows))]
    order = canonical_order(["0", *between, "3"], edges)
    return [[edges.get((source, node), "none") for source in order[:place]] for place, node in enumerate(order) if place > 0]


# the rows of nodes 2, 3, 4 (5); M: max pool, A: average pool, C: 1x1, D: depthwise, S: separable convolution, I: identity
_MOTIFS: Final = ("M CD SCM", "M DD CSS", "S DS SIA", "A SS IMA", "I SI SIS", "D MM SIA")
_CELL: Final = "4 22 202 3444"
_LETTERS: Final = dict(zip("CDSMAI", PRIMITIVES, strict=True))


def _evolved(space: Hierarchical) -> Any:
    decisions = {
        f"motif/{motif}/{node}/{source}": _LETTERS[letter]
        for motif, text in enumerate(_MOTIFS)
        for node, row in enumerate(text.split(), 1)
        for source, letter in enumerate(row)
    }
    decisions |= {
        f"cell/{node}/{source}": f"motif_{digit}"
        for node, row in enumerate(_CELL.split(), 1)
        for source, digit in enumerate(row)
    }
    return space.decide(decisions)


PUBLISHED: Final[dict[str, Published]] = {
    "hierarchical-evolved": Published(
        summary="found by evolution: 15.7 M parameters, 3.75 % error on CIFAR-10",
        source="the paper's appendix, as read in automl/NASLib@5c845e9, naslib/search_spaces/hierarchical/graph.py; the paper's "
        "15.7 M confirm it",
        space=Hierarchical,
        describe=_evolved,
        settings={"channels": 64, "cells": 2},
    )
}
