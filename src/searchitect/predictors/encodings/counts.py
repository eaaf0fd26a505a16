"""How often operations and paths occur in the graphs of a spec, and the encoding by such counts."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings.encoding import MOST_COLUMNS, Encoding, counted_columns, draws
from searchitect.predictors.encodings.operation_graphs import ABSENT, operation_graphs
from searchitect.predictors.encodings.paths import Path, all_paths, paths, paths_of
from searchitect.spaces.spec_graphs import graphs_of

_MOST_COUNTED: Final = 16


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
        return counted_columns(architectures, self._columns, lambda a: Counter(_steps(self._count(a.spec))))


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
        found.update(paths(graph))
    return found


def has_few_paths(space: Space) -> bool:
    """Whether all sequences of operations that may occur fit into 4,096 columns. Where they do not, two draws hardly share one."""
    return bool(all_paths({path for spec, _ in draws(space) for path in paths_of(operation_graphs(spec))}))
