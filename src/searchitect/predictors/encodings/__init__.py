"""Architectures as numbers, in ways that are derived from the space itself.

one-hot     a column for each option of each decision, with a mask of what is decided     every space
tokens      the sequence of decisions                                                     every space
adjacency   the matrix of a cell's graph and its operations                               spaces whose specs hold graphs
path        a bit for each sequence of operations from input to output                    spaces whose specs hold graphs
graph       nodes with features and the matrix of their edges, for graph networks         spaces whose specs hold graphs
subtrees    how often each neighbourhood of nodes occurs (Weisfeiler, Lehman)              spaces whose specs hold graphs
path-counts, operation-counts    how often each path and each operation occurs, as bits   spaces whose specs hold graphs
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.space import Space
from searchitect.predictors.encodings.cells import AdjacencyEncoding, GraphEncoding, SubtreeEncoding
from searchitect.predictors.encodings.counts import CountsEncoding, has_few_paths, operation_counts, path_counts
from searchitect.predictors.encodings.decisions import PADDING, UNKNOWN, OneHotEncoding, TokenEncoding
from searchitect.predictors.encodings.encoding import Encoding, draws
from searchitect.predictors.encodings.operation_graphs import operation_graphs
from searchitect.predictors.encodings.paths import PathEncoding

_OF_DECISIONS: Final[dict[str, Callable[[Space], Encoding]]] = {"one-hot": OneHotEncoding, "tokens": TokenEncoding}
_OF_GRAPHS: Final[dict[str, Callable[[Space], Encoding]]] = {
    "adjacency": AdjacencyEncoding,
    "path": PathEncoding,
    "graph": GraphEncoding,
    "subtrees": SubtreeEncoding,
    "path-counts": partial(CountsEncoding, count=path_counts),
    "operation-counts": partial(CountsEncoding, count=operation_counts),
}
_LOOKS: Final = 20

__all__ = [
    "PADDING",
    "UNKNOWN",
    "AdjacencyEncoding",
    "CountsEncoding",
    "Encoding",
    "GraphEncoding",
    "OneHotEncoding",
    "PathEncoding",
    "SubtreeEncoding",
    "TokenEncoding",
    "encoding_names",
    "fitting_encodings",
    "has_few_paths",
    "make_encoding",
    "usual_encoding",
]


def encoding_names() -> list[str]:
    """The names of all encodings."""
    return [*_OF_DECISIONS, *_OF_GRAPHS]


def fitting_encodings(space: Space) -> list[str]:
    """The names of those that fit a space."""
    return encoding_names() if _has_graphs(space) else list(_OF_DECISIONS)


def usual_encoding(space: Space) -> str:
    """What a predictor takes unless it is told: ``path`` where the specs hold graphs, else ``one-hot``."""
    return "path" if _has_graphs(space) else "one-hot"


def make_encoding(name: str, space: Space) -> Encoding:
    """The encoding of that name for a space. Equal spaces share one.

    Raises:
        SettingError: for an unknown name.
        SpaceError: where the specs of the space hold no graph and the encoding is one of graphs.
    """
    if name not in encoding_names():
        raise unknown_name("encoding", name, encoding_names())
    try:
        return _cached(name, space)
    except TypeError:  # a space that cannot be hashed
        return _make(name, space)


def _make(name: str, space: Space) -> Encoding:
    if name in _OF_DECISIONS:
        return _OF_DECISIONS[name](space)
    if not _has_graphs(space):
        raise SpaceError(
            f"the encoding {name!r} reads graphs, and the specs of the space {space.name!r} hold none in a form that is known; "
            f"encodings that fit are {', '.join(_OF_DECISIONS)}"
        )
    return _OF_GRAPHS[name](space)


_cached = lru_cache(maxsize=32)(_make)


def _has_graphs(space: Space) -> bool:
    return all(operation_graphs(spec) for spec, _ in draws(space)[:_LOOKS])
