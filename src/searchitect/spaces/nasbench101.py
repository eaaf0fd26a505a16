"""The cell space of NAS-Bench-101: small graphs with an operation on each vertex, 423,624 of them up to isomorphism.

Ying, Klein, Christiansen, Real, Murphy, Hutter 2019, "NAS-Bench-101: Towards Reproducible Neural Architecture Search",
https://arxiv.org/abs/1902.09635, and the authors' code, google-research/nasbench.   Differs from the paper: the numbers of
channels, stacks and cells, and both limits, are settings; draws are not uniform (see ``NasBench101.describe``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb
from typing import Any, ClassVar, Final, Self, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

OPERATIONS: Final = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""In the order of the authors' code."""

Edges: TypeAlias = Sequence[Sequence[int]]


@dataclass(frozen=True)
class NasBench101(Space):
    """One cell, repeated. Vertex 0 is its input, the last vertex its output; the others carry one operation each.

    Attributes:
        channels: of the first stack; they double from stack to stack. At least as many as a cell has operations.
        stacks: of equal cells, with a halving of the image between two. In [1, 6].
        cells: in one stack. At least 1.
        vertices: of a cell at most, input and output included. In [2, 7].
        edges: of a cell at most. At least 1.
    """

    name: ClassVar[str] = "nasbench101"
    summary: ClassVar[str] = "NAS-Bench-101: graphs of up to seven vertices and nine edges, an operation on each vertex"
    paper: ClassVar[str] = "Ying, Klein, Christiansen, Real, Murphy, Hutter 2019, arXiv:1902.09635"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 128
    stacks: int = 3
    cells: int = 3
    vertices: int = 7
    edges: int = 9

    def __post_init__(self) -> None:
        for name, low, high in (("stacks", 1, 6), ("vertices", 2, 7)):
            if not low <= getattr(self, name) <= high:
                raise SettingError(f"{name} of the space 'nasbench101' must lie in [{low}, {high}], got {getattr(self, name)}")
        least = max(1, self.vertices - 2)  # each operation needs a channel of the output
        for name, low in (("channels", least), ("cells", 1), ("edges", 1)):
            if getattr(self, name) < low:
                raise SettingError(f"{name} of the space 'nasbench101' must be at least {low}, got {getattr(self, name)}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """One cell per stack and few channels, so that a network trains in seconds on a CPU."""
        side = min(task.input_shape[1:])
        return cls(channels=16 if side <= 16 else 32, stacks=3 if side >= 4 else 2 if side >= 2 else 1, cells=1)

    def describe(self, choose: Chooser) -> Any:
        """A cell that needs no pruning; every such cell within the limits comes from exactly one way to decide.

        First a coin says whether the cell has the largest number of vertices, then the next smaller one, and so on. An edge
        is a yes or no; the answers that leave no valid cell are not offered. Each vertex needs one edge into it and one out
        of it. The first edge out of a vertex costs nothing, since every cell has vertices - 1 such edges; any further one
        takes from the edges to spare. Drawn cells are thus not uniform: half of them are of the largest size, and the
        edges to spare go to early vertices more often than to late ones.
        """
        largest = min(self.vertices, self.edges + 1)
        last = next((size for size in range(largest, 2, -1) if choose(f"vertices/{size}", [True, False])), 2) - 1
        operations = [choose(f"operation/{vertex}", OPERATIONS) for vertex in range(1, last)]
        spare = self.edges - last
        loose = {0}  # vertices without an edge out of them
        edges: list[list[int]] = []
        for target in range(1, last + 1):
            is_fed = False
            for source in range(target):
                is_free = source in loose
                # what could still feed the target when this source does not
                others = [vertex for vertex in range(source + 1, target) if vertex in loose or spare > 0]
                may_be_absent = not is_free if target == last else is_fed or bool(others)
                answers = [False] * may_be_absent + [True] * (is_free or spare > 0)
                if choose(edge_path(source, target, last), answers):
                    edges.append([source, target])
                    is_fed = True
                    spare -= not is_free
                    loose.discard(source)
            loose.add(target)
        return self._spec(operations, edges)

    def from_matrix(self, matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> Architecture:
        """The architecture of an upper triangular adjacency matrix, pruned as the authors do.

        Args:
            matrix: ``matrix[i][j]`` is 1 where an edge goes from vertex i to vertex j.
            operations: one per vertex; the first and the last, of input and output, are not looked at.

        Raises:
            SpaceError: where that is no cell of this space.
        """
        kept_operations, edges = prune(matrix, operations)
        last = len(kept_operations) + 1
        if last + 1 > self.vertices or len(edges) > self.edges:
            raise SpaceError(
                f"the cell has {last + 1} vertices and {len(edges)} edges once pruned, but the space 'nasbench101' takes "
                f"at most {self.vertices} and {self.edges}: raise its settings vertices and edges, or take out some"
            )
        found = {(source, target) for source, target in edges}
        decisions: dict[str, Any] = {
            f"vertices/{size}": size == last + 1 for size in range(max(3, last + 1), self.vertices + 1)
        }
        decisions |= {f"operation/{vertex}": operation for vertex, operation in enumerate(kept_operations, 1)}
        for target in range(1, last + 1):
            for source in range(target):
                decisions[edge_path(source, target, last)] = (source, target) in found
        return self.decide(decisions)

    def canonical(self, spec: Any) -> Any:
        """The cell with its vertices in the one order that equal cells share.

        Where a width does not divide evenly, the first branches into the output get a channel more, as in the authors' code. Such
        branches are not exchanged, so that cells of one key have equal parameters; the benchmark itself overlooks that.
        """
        cell = spec["cell"]
        last = len(cell["operations"]) + 1
        branches = sorted(source for source, target in cell["edges"] if target == last and source > 0)
        rests = [spec["channels"] * 2**stack % max(1, len(branches)) for stack in range(spec["stacks"])]
        ranks = {vertex: sum(place >= rest for rest in rests) for place, vertex in enumerate(branches)}
        operations, edges = canonical_cell(cell["operations"], cell["edges"], ranks)
        return {**spec, "cell": {"operations": operations, "edges": edges}}

    def known_size(self) -> int:
        """The number of pruned matrices with their operations: 1,293,208 by default."""
        largest = min(self.vertices, self.edges + 1)
        return sum(len(OPERATIONS) ** inner * _count_graphs(1, 1, self.edges, inner) for inner in range(largest - 1))

    def _spec(self, operations: Sequence[str], edges: Edges) -> Any:
        return {
            "channels": self.channels,
            "stacks": self.stacks,
            "cells": self.cells,
            "cell": {"operations": list(operations), "edges": sorted(list(edge) for edge in edges)},
        }


def edge_path(source: int, target: int, last: int) -> str:
    """The name of the choice of an edge; those into the output keep theirs when the number of vertices changes."""
    return f"edge/{'output' if target == last else target}/{source}"


@cache
def _count_graphs(placed: int, loose: int, edges: int, inner: int) -> int:
    """How many pruned graphs go on from here.

    Args:
        placed: vertices with their edges in decided, of which ``loose`` have no edge out yet.
        edges: left to give.
        inner: operations still to place, before the output.
    """
    bound = placed - loose
    if inner == 0:  # the output takes every loose vertex
        return sum(comb(bound, more) for more in range(edges - loose + 1))
    return sum(
        comb(loose, freed) * comb(bound, more) * _count_graphs(placed + 1, loose - freed + 1, edges - freed - more, inner - 1)
        for freed in range(loose + 1)
        for more in range(bound + 1)
        if 1 <= freed + more <= edges
    )


def prune(matrix: Sequence[Sequence[int]], operations: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Operations and edges of what lies on a path from input to output.

    Raises:
        SpaceError: for a matrix that is not square, not upper triangular or without such a path, and for an unknown operation.
    """
    size = len(matrix)
    if size < 2 or any(len(row) != size for row in matrix) or len(operations) != size:
        raise SpaceError(
            f"a NAS-Bench-101 cell is a square matrix of at least two rows and an operation per row, got rows of lengths "
            f"{[len(row) for row in matrix]} and {len(operations)} operations"
        )
    if any(row[j] not in (0, 1) or (row[j] and j <= i) for i, row in enumerate(matrix) for j in range(size)):
        raise SpaceError(
            "the matrix of a NAS-Bench-101 cell holds 0 and 1, and 1 only above its diagonal: an edge leads to a later vertex"
        )
    edges = [(i, j) for i in range(size) for j in range(i + 1, size) if matrix[i][j]]
    fed, read = {0}, {size - 1}
    for source, target in edges:  # by source: all edges into a vertex come before those out of it
        if source in fed:
            fed.add(target)
    for source, target in reversed(edges):
        if target in read:
            read.add(source)
    kept = sorted(fed & read)
    if len(kept) < 2:
        raise SpaceError("no path leads from the input of this NAS-Bench-101 cell to its output: add edges that make one")
    unknown = [operations[vertex] for vertex in kept[1:-1] if operations[vertex] not in OPERATIONS]
    if unknown:
        raise SpaceError(f"unknown operation {unknown[0]!r} of a NAS-Bench-101 cell: known are {', '.join(OPERATIONS)}")
    names = {vertex: place for place, vertex in enumerate(kept)}
    inner = [operations[vertex] for vertex in kept[1:-1]]
    return inner, sorted([names[i], names[j]] for i, j in edges if i in names and j in names)


def canonical_cell(
    operations: Sequence[str], edges: Edges, ranks: Mapping[int, int] | None = None
) -> tuple[list[str], list[list[int]]]:
    """Operations and edges in an order of the vertices that all isomorphic cells share, and no others.

    Of all orders in which edges lead forward, the one whose list of (operation, sources) per vertex comes first. Without ``ranks``
    two cells agree exactly where the benchmark has one entry for both.

    Args:
        operations: of the vertices between input and output.
        edges: as pairs (from, to), from < to.
        ranks: of some vertices; those of a lower rank stay before those of a higher one.
    """
    last = len(operations) + 1
    ranks = ranks or {}
    sources = [[source for source, target in edges if target == vertex] for vertex in range(last + 1)]
    orders: list[dict[int, int]] = [{0: 0}]  # vertex -> new number: every beginning that gives the first list
    found: list[tuple[str, list[int]]] = []
    for place in range(1, last):
        lines = [
            ((operations[vertex - 1], sorted(order[source] for source in sources[vertex])), {**order, vertex: place})
            for order in orders
            for vertex in range(1, last)
            if vertex not in order
            and all(source in order for source in sources[vertex])
            and not (vertex in ranks and any(rank < ranks[vertex] and other not in order for other, rank in ranks.items()))
        ]
        found.append(min(line for line, _ in lines))
        orders = [order for line, order in lines if line == found[-1]]
    into_output = min(sorted(order[source] for source in sources[last]) for order in orders)
    numbered = [*(line[1] for line in found), into_output]
    return [line[0] for line in found], sorted([source, target] for target, row in enumerate(numbered, 1) for source in row)


_INCEPTION: Final = (
    (0, 1, 1, 1, 0, 1, 0),
    (0, 0, 0, 0, 0, 0, 1),
    (0, 0, 0, 0, 0, 0, 1),
    (0, 0, 0, 0, 1, 0, 0),
    (0, 0, 0, 0, 0, 0, 1),
    (0, 0, 0, 0, 0, 0, 1),
    (0, 0, 0, 0, 0, 0, 0),
)
_INCEPTION_OPERATIONS: Final = ("input", OPERATIONS[1], OPERATIONS[0], OPERATIONS[0], OPERATIONS[0], OPERATIONS[2], "output")

PUBLISHED: Final[dict[str, Published]] = {
    "nasbench101-inception": Published(
        summary="the Inception-like cell of NAS-Bench-101's documentation",
        source="google-research/nasbench, README.md",
        space=NasBench101,
        describe=lambda space: space.from_matrix(_INCEPTION, _INCEPTION_OPERATIONS),
    )
}
