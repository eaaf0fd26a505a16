"""One kind of graph for all cells: operations are nodes, wires are edges.

Cells come with operations on their edges (NAS-Bench-201, DARTS) or on their nodes (NAS-Bench-101). Here an edge with an operation
becomes a node, and sums, concatenations and identities become the wires through them, so that one reader serves all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from searchitect.spaces.spec_graphs import CellGraph, Node, graphs_of

OUTPUT: Final = "output"
JOIN: Final = "join"
"""The labels of nodes that are no operations, besides ``input 0``, ``input 1``, ..."""
ABSENT: Final = ("none", "zero")
_IDENTITIES: Final = ("skip_connect", "skip", "identity")


@dataclass(frozen=True, slots=True)
class OperationGraph:
    """A graph whose nodes carry labels.

    Attributes:
        title: which cell of the architecture it is.
        labels: of the nodes: the inputs first, then operations in an order in which every edge leads onwards, the outputs last.
        sources: for each node, the earlier nodes that it reads, in order; one that is read twice (x + x) twice.
    """

    title: str
    labels: tuple[str, ...]
    sources: tuple[tuple[int, ...], ...]


def operation_graphs(spec: Any) -> list[OperationGraph]:
    """The graphs in a spec; none where it has no form that is known (see `searchitect.spaces.spec_graphs`).

    An absent operation is left out, with all that then reads nothing or leads to no output. An identity is a wire (but in recurrent
    cells, where it is an activation after a matrix).
    """
    return [_contracted(graph) for graph in graphs_of(spec)]


def _contracted(graph: CellGraph) -> OperationGraph:
    nodes = _Nodes([], [], graph.has_kinds)
    arriving: list[list[tuple[int, str]]] = [[] for _ in graph.nodes]
    for edge in graph.edges:
        arriving[edge.target].append((edge.source, edge.operation))
    values: list[Sequence[int]] = []  # per node of the cell: the nodes whose sum it is
    outputs: list[Sequence[int]] = []
    for node, edges in zip(graph.nodes, arriving, strict=True):
        reads: list[int] = []
        for source, operation in edges:
            reads += nodes.passed(operation, operation, values[source]) if operation else values[source]
        values.append(nodes.value(node, reads))
        if node.kind == "output":
            outputs.append(reads)
    for found in outputs or values[-1:]:
        nodes.add(OUTPUT, found)
    return _pruned(graph.title, nodes.labels, nodes.sources)


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes found so far."""

    labels: list[str]
    sources: list[tuple[int, ...]]
    has_identities: bool

    def add(self, label: str, reads: Sequence[int]) -> Sequence[int]:
        self.labels.append(label)
        self.sources.append(tuple(sorted(reads)))
        return (len(self.labels) - 1,)

    def passed(self, operation: str, label: str, reads: Sequence[int]) -> Sequence[int]:
        """What an operation gives: a new node, or what it reads itself, or nothing."""
        if operation in ABSENT or not reads:
            return ()
        return reads if self.has_identities and operation in _IDENTITIES else self.add(label, reads)

    def value(self, node: Node, reads: Sequence[int]) -> Sequence[int]:
        """What a node of the cell gives, after the operations on the edges into it."""
        if node.kind == "input":
            return self.add(f"input {sum(label.startswith('input ') for label in self.labels)}", ())
        if node.kind in ("operation", "dot"):
            return self.passed(node.operation, node.label or node.operation, reads)
        return self.add(JOIN, reads) if node.kind == "join" and len(set(reads)) > 1 else reads


def _pruned(title: str, labels: Sequence[str], sources: Sequence[tuple[int, ...]]) -> OperationGraph:
    """Without the operations that lead to no output."""
    live = {place for place, label in enumerate(labels) if label == OUTPUT}
    for place in reversed(range(len(labels))):
        if place in live:
            live.update(sources[place])
    kept = [place for place, label in enumerate(labels) if place in live or label.startswith("input ")]
    numbers = {place: number for number, place in enumerate(kept)}
    return OperationGraph(
        title, tuple(labels[place] for place in kept), tuple(tuple(numbers[s] for s in sources[place]) for place in kept)
    )
