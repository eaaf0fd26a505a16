"""Encodings of the graphs in a spec: adjacency, subtrees, nodes with features. `paths` and `counts` lie beside them.

They see the graphs alone: whatever else a space decides (a width, a number of repetitions) is not in them.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings.encoding import MOST_COLUMNS, Encoding, counted_columns, draws, read
from searchitect.predictors.encodings.operation_graphs import OUTPUT, OperationGraph, operation_graphs
from searchitect.spaces.spec_graphs import CellGraph, graphs_of


class AdjacencyEncoding(Encoding):
    """The upper triangle of the adjacency matrix and the operations, one-hot.

    Where operations are on nodes: a column for each pair of nodes, and one for each node and operation. Where they are on edges:
    one for each pair of nodes and operation (NAS-Bench-201: 6 x 5 = 30). Nodes count from the input on; the output stands for itself, whatever the
    number of nodes before it. The value says how often (DARTS may have two equal edges between two nodes). There are columns for what 500 draws hold.
    """

    def __init__(self, space: Space) -> None:
        met = {item for spec, _ in draws(space) for item in self._items(graphs_of(spec))}
        self._columns = {item: column for column, item in enumerate(sorted(met))}
        self.columns = tuple(" ".join(filter(None, item)) for item in self._columns)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        return counted_columns(architectures, self._columns, lambda a: self._items(read(a, graphs_of)))

    @staticmethod
    def _items(graphs: Iterable[CellGraph]) -> Counter[tuple[str, ...]]:
        items: Counter[tuple[str, ...]] = Counter()
        for graph in graphs:
            names = _node_names(graph)
            for edge in graph.edges:
                if names[edge.source] != names[edge.target]:
                    items[graph.title, names[edge.source], names[edge.target], edge.operation] += 1
            for name, node in zip(names, graph.nodes, strict=True):
                if node.operation:
                    items[graph.title, name, "", node.label or node.operation] += 1
        return items


def _node_names(graph: CellGraph) -> list[str]:
    """Inputs and inner nodes by number, the output (and the concatenation before it) by name."""
    kinds: Counter[str] = Counter()
    names = []
    for node in graph.nodes:
        kind = OUTPUT if node.kind in ("output", "concat") else "input" if node.kind == "input" else "node"
        names.append(kind if kind == OUTPUT else f"{kind} {kinds[kind]:03}")
        kinds[kind] += 1
    return names


class SubtreeEncoding(Encoding):
    """How often each neighbourhood occurs: a node with what it reads, with what that reads, down to ``depth`` steps.

    The features of the Weisfeiler-Lehman subtree kernel: Shervashidze et al. 2011, https://www.jmlr.org/papers/v12/shervashidze11a.html;
    for architectures, Ru et al. 2021, "NAS-BOWL", https://arxiv.org/abs/2006.07556. There are columns for the neighbourhoods that occur at least twice in 500 draws, the
    4,096 most frequent of them.
    """

    depth: Final = 2

    def __init__(self, space: Space) -> None:
        met = Counter[str]()
        for spec, _ in draws(space):
            met.update(self._items(operation_graphs(spec)))
        found = sorted((item for item in met if met[item] > 1), key=lambda item: (-met[item], item))[:MOST_COLUMNS]
        self._columns = {item: column for column, item in enumerate(found)}
        self.columns = tuple(found)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        return counted_columns(architectures, self._columns, lambda a: self._items(read(a, operation_graphs)))

    def _items(self, graphs: Sequence[OperationGraph]) -> Counter[str]:
        items = Counter[str]()
        for graph in graphs:
            prefix = f"{graph.title}: " if len(graphs) > 1 else ""
            labels = [prefix + label for label in graph.labels]
            items.update(labels)
            for _ in range(self.depth):
                labels = [
                    f"{label}({','.join(sorted(labels[source] for source in sources))})"
                    for label, sources in zip(labels, graph.sources, strict=True)
                ]
                items.update(labels)
        return items


class GraphEncoding(Encoding):
    """Features of nodes and the matrix of edges, flattened into a row; `unpack` gives both back.

    A node's features are its label, one-hot, and where a spec holds several graphs, the graph it is of, one-hot. A node that is
    only there to fill up has no features. There are features for the labels in 500 draws.
    """

    def __init__(self, space: Space) -> None:
        met = [operation_graphs(spec) for spec, _ in draws(space)]
        titles = sorted({graph.title for graphs in met for graph in graphs})
        labels = sorted({label for graphs in met for graph in graphs for label in graph.labels})
        self._labels = {label: place for place, label in enumerate(labels)}
        self._titles = {title: len(labels) + place for place, title in enumerate(titles if len(titles) > 1 else ())}
        self._most = max((sum(len(graph.labels) for graph in graphs) for graphs in met), default=0)
        self.columns = tuple([*labels, *self._titles] * self._most) + ("edge",) * self._most**2

    @property
    def features(self) -> int:
        """Of one node."""
        return len(self._labels) + len(self._titles)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """[n, nodes * (features + nodes)], where ``nodes`` is the most of 500 draws, or of what is asked for if that is more."""
        found = [read(architecture, operation_graphs) for architecture in architectures]
        nodes = max([self._most, *(sum(len(graph.labels) for graph in graphs) for graphs in found)])
        features = np.zeros((len(found), nodes, self.features))
        edges = np.zeros((len(found), nodes, nodes))
        for row, graphs in enumerate(found):
            first = 0
            for graph in graphs:
                for place, (label, sources) in enumerate(zip(graph.labels, graph.sources, strict=True), start=first):
                    if label in self._labels:
                        features[row, place, self._labels[label]] = 1
                    if graph.title in self._titles:
                        features[row, place, self._titles[graph.title]] = 1
                    edges[row, place, [first + source for source in sources]] = 1
                first += len(graph.labels)
        return np.concatenate(
            [features.reshape(len(found), nodes * self.features), edges.reshape(len(found), nodes**2)], axis=1
        )

    def unpack(self, encoded: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The features [n, nodes, features] and the edges [n, nodes, nodes]: 1 at [i, j] where node i reads node j."""
        width = self.features
        nodes = round((np.sqrt(width**2 + 4 * encoded.shape[1]) - width) / 2)
        cut = nodes * width
        return encoded[:, :cut].reshape(-1, nodes, width), encoded[:, cut:].reshape(-1, nodes, nodes)
