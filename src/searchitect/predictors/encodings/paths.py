"""The sequences of operations that lead through the graphs in a spec, and the encoding by them."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings.encoding import MOST_COLUMNS, Encoding, counted_columns, draws, read
from searchitect.predictors.encodings.operation_graphs import JOIN, OUTPUT, OperationGraph, operation_graphs

Path = tuple[str, ...]
"""The title of the graph, the input, then the operations."""
_MOST_PATHS: Final = 1000


class PathEncoding(Encoding):
    """A bit for each sequence of operations that may lead from an input to the output; set where such a path exists.

    White, Neiswanger, Savani 2021, "BANANAS", https://arxiv.org/abs/1910.11858, section 3. Identities and absent operations are no
    steps. It does not change when nodes are renumbered. With n steps at most and q operations there are q^0 + ... + q^n bits per input: 364 for
    NAS-Bench-101, 40 for NAS-Bench-201. Where that makes more than 4,096, those that are most frequent in 500 draws are kept: the truncated encoding of the paper.
    """

    def __init__(self, space: Space) -> None:
        met = Counter(path for spec, _ in draws(space) for path in paths_of(operation_graphs(spec)))
        found = all_paths(met) or sorted(met, key=lambda path: (-met[path], len(path), path))[:MOST_COLUMNS]
        self._columns = {path: column for column, path in enumerate(found)}
        self.columns = tuple(" > ".join(path) for path in found)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        return counted_columns(architectures, self._columns, lambda a: Counter(paths_of(read(a, operation_graphs))))


def paths_of(graphs: Iterable[OperationGraph]) -> list[Path]:
    """Every path of every graph, once: the title of the graph, the input, then the operations."""
    return [path for graph in graphs for path in paths(graph)]


def paths(graph: OperationGraph) -> Counter[Path]:
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


def all_paths(met: Iterable[Path]) -> list[Path]:
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
