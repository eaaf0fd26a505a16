"""Encodings of the graphs in a spec: adjacency, paths, nodes with features, subtrees.

They see the graphs alone: whatever else a space decides (a width, a number of repetitions) is not in them.
"""

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.predictors.encodings.encoding import Encoding, draws
from searchitect.predictors.encodings.operation_graphs import ABSENT, JOIN, OUTPUT, OperationGraph, operation_graphs
from searchitect.spaces.spec_graphs import CellGraph, graphs_of

MOST_COLUMNS: Final = 4096
_MOST_PATHS: Final = 1000
_MOST_COUNTED: Final = 16
Path = tuple[str, ...]
_Item = TypeVar("_Item", bound=Hashable)


def _read(architecture: Architecture, reader: Callable[[Any], list[_Item]]) -> list[_Item]:
    found = reader(architecture.spec)
    if not found:
        raise SpaceError(f"the spec of the architecture {architecture.key} holds no graph in a form that is known")
    return found


def _counted(
    architectures: Sequence[Architecture], columns: dict[_Item, int], count: Callable[[Architecture], Counter[_Item]]
) -> NDArray[np.float64]:
    """How often each of the columns occurs: [n, d]. What has no column is left out."""
    encoded = np.zeros((len(architectures), len(columns)))
    for row, architecture in zip(encoded, architectures, strict=True):
        for item, number in count(architecture).items():
            if item in columns:
                row[columns[item]] = number
    return encoded


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
        return _counted(architectures, self._columns, lambda a: self._items(_read(a, graphs_of)))

    @staticmethod
    def _items(graphs: Iterable[CellGraph]) -> Counter[Path]:
        items: Counter[Path] = Counter()
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


class PathEncoding(Encoding):
    """A bit for each sequence of operations that may lead from an input to the output; set where such a path exists.

    White, Neiswanger, Savani 2021, "BANANAS", https://arxiv.org/abs/1910.11858, section 3. Identities and absent operations are no
    steps. It does not change when nodes are renumbered. With n steps at most and q operations there are q^0 + ... + q^n bits per input: 364 for
    NAS-Bench-101, 40 for NAS-Bench-201. Where that makes more than 4,096, those that are most frequent in 500 draws are kept: the truncated encoding of the paper.
    """

    def __init__(self, space: Space) -> None:
        met = Counter(path for spec, _ in draws(space) for path in _paths_of(operation_graphs(spec)))
        found = _all_paths(met) or sorted(met, key=lambda path: (-met[path], len(path), path))[:MOST_COLUMNS]
        self._columns = {path: column for column, path in enumerate(found)}
        self.columns = tuple(" > ".join(path) for path in found)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        return _counted(architectures, self._columns, lambda a: Counter(_paths_of(_read(a, operation_graphs))))


class CountsEncoding(Encoding):
    """Counts as bits: a column for "at least once", one for "at least twice", and so on, of what occurs in 500 draws.

    The squared distance of two rows is then the difference of the counts, summed. Columns go on to the most that all counts of a draw sum up to,
    or 16, since the best architectures may be extreme ones. There are at most 4,096, of what is most frequent.

    Args:
        space: whose specs hold graphs.
        count: what is counted in the graphs of a spec: `path_counts` or `operation_counts`.
    """

    def __init__(self, space: Space, count: Callable[[Any], Counter[Path]]) -> None:
        self._count = count
        counted = [count(spec) for spec, _ in draws(space)]
        met = Counter(step for counts in counted for step in _steps(counts))
        most = min(max((counts.total() for counts in counted), default=0), _MOST_COUNTED)
        met.update({(item, step): 0 for item, _ in list(met) for step in range(1, most + 1)})
        found = sorted(met, key=lambda step: (-met[step], step))[:MOST_COLUMNS]
        self._columns = {step: column for column, step in enumerate(found)}
        self.columns = tuple(f"{' > '.join(item)} x{number}" for item, number in found)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        return _counted(architectures, self._columns, lambda a: Counter(_steps(self._count(a.spec))))


def _steps(counts: Counter[Path]) -> list[tuple[Path, int]]:
    return [(item, step) for item, number in counts.items() for step in range(1, number + 1)]


def operation_counts(spec: Any) -> Counter[Path]:
    """How often each operation stands between inputs and output, identities too: (title of the graph, operation) -> number.

    What is absent, or without influence on the output, counts as "none".
    """
    found: Counter[Path] = Counter()
    for graph in graphs_of(spec):
        wires = sorted((edge for edge in graph.edges if edge.operation not in ABSENT), key=lambda edge: edge.target)
        reached = {place for place, node in enumerate(graph.nodes) if node.kind == "input"}
        for edge in wires:  # every edge leads onwards
            if edge.source in reached:
                reached.add(edge.target)
        leading = {place for place, node in enumerate(graph.nodes) if node.kind == "output"} or {len(graph.nodes) - 1}
        for edge in reversed(wires):
            if edge.target in leading:
                leading.add(edge.source)
        for edge in graph.edges:
            if edge.operation:
                is_live = edge.operation not in ABSENT and edge.source in reached and edge.target in leading
                found[graph.title, edge.operation if is_live else "none"] += 1
        for place, node in enumerate(graph.nodes):
            if node.operation:
                is_live = node.operation not in ABSENT and place in reached and place in leading
                found[graph.title, (node.label or node.operation) if is_live else "none"] += 1
    return found


def path_counts(spec: Any) -> Counter[Path]:
    """How often each sequence of operations leads from an input to the output: (title, input, operations...) -> number."""
    found: Counter[Path] = Counter()
    for graph in operation_graphs(spec):
        found.update(_paths(graph))
    return found


def has_few_paths(space: Space) -> bool:
    """Whether all sequences of operations that may occur fit into 4,096 columns. Where they do not, two draws hardly share one."""
    return bool(_all_paths({path for spec, _ in draws(space) for path in _paths_of(operation_graphs(spec))}))


def _paths_of(graphs: Iterable[OperationGraph]) -> list[Path]:
    """Every path of every graph, once: the title of the graph, the input, then the operations."""
    return [path for graph in graphs for path in _paths(graph)]


def _paths(graph: OperationGraph) -> Counter[Path]:
    """Every path, and how often it occurs."""
    arriving: list[Counter[Path]] = []
    ends: Counter[Path] = Counter()
    for label, sources in zip(graph.labels, graph.sources, strict=True):
        paths: Counter[Path] = Counter()
        for source in sources:
            paths.update(arriving[source])
        if len(paths) > _MOST_PATHS:
            kept = sorted(paths, key=lambda path: (len(path), path))[:_MOST_PATHS]
            paths = Counter({path: paths[path] for path in kept})
        if label == OUTPUT:
            ends.update(paths)
        elif label.startswith("input "):
            paths = Counter([(graph.title, label)])
        elif label != JOIN:
            paths = Counter({(*path, label): number for path, number in paths.items()})
        arriving.append(paths)
    return ends


def _all_paths(met: Iterable[Path]) -> list[Path]:
    """All sequences of the operations that were met in a graph, up to the longest; none where there are too many."""
    labels: dict[str, set[str]] = {}
    inputs: dict[str, set[str]] = {}
    longest: Counter[str] = Counter()
    for title, start, *steps in met:
        labels.setdefault(title, set()).update(steps)
        inputs.setdefault(title, set()).add(start)
        longest[title] = max(longest[title], len(steps))
    size = sum(len(inputs[title]) * sum(len(labels[title]) ** n for n in range(longest[title] + 1)) for title in labels)
    if size > MOST_COLUMNS:
        return []
    return [
        (title, start, *steps)
        for title in sorted(labels)
        for start in sorted(inputs[title])
        for length in range(longest[title] + 1)
        for steps in itertools.product(sorted(labels[title]), repeat=length)
    ]


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
        return _counted(architectures, self._columns, lambda a: self._items(_read(a, operation_graphs)))

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
        read = [_read(architecture, operation_graphs) for architecture in architectures]
        nodes = max([self._most, *(sum(len(graph.labels) for graph in graphs) for graphs in read)])
        features = np.zeros((len(read), nodes, self.features))
        edges = np.zeros((len(read), nodes, nodes))
        for row, graphs in enumerate(read):
            first = 0
            for graph in graphs:
                for place, (label, sources) in enumerate(zip(graph.labels, graph.sources, strict=True), start=first):
                    if label in self._labels:
                        features[row, place, self._labels[label]] = 1
                    if graph.title in self._titles:
                        features[row, place, self._titles[graph.title]] = 1
                    edges[row, place, [first + source for source in sources]] = 1
                first += len(graph.labels)
        return np.concatenate([features.reshape(len(read), nodes * self.features), edges.reshape(len(read), nodes**2)], axis=1)

    def unpack(self, encoded: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The features [n, nodes, features] and the edges [n, nodes, nodes]: 1 at [i, j] where node i reads node j."""
        width = self.features
        nodes = round((np.sqrt(width**2 + 4 * encoded.shape[1]) - width) / 2)
        cut = nodes * width
        return encoded[:, :cut].reshape(-1, nodes, width), encoded[:, cut:].reshape(-1, nodes, nodes)
