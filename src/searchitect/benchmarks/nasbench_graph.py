"""NAS-Bench-Graph: 26,206 graph neural networks on eight data sets, and their space, as data only.

Qin, Zhang, Wang, Zhu 2022, "NAS-Bench-Graph: Benchmarking Graph Neural Architecture Search",
https://arxiv.org/abs/2206.09166, and the authors' package nas-bench-graph 1.4.0.

Differs from the published tables:
1. Mean scores of three seeds after the whole training; the published learning curves are not in the file that is read.
2. Its ninth data set, proteins, is left out: another, smaller space.
3. Which networks are equal is decided by what they compute (`NasBenchGraph.canonical`), where the authors rewrite skips and links step by
   step. Both give the same 26,206.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.files import load_table
from searchitect.benchmarks.parquet import read_columns
from searchitect.benchmarks.rows import EqualRows
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, Space, canonical_json
from searchitect.core.choosing import Chooser

DATASETS: Final = ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv")
OPERATIONS: Final = ("gat", "gcn", "gin", "cheb", "sage", "arma", "graph", "fc", "skip")
"""In the order of the authors' digits."""
LINKS: Final = (
    (0, 0, 0, 0),
    (0, 0, 0, 1),
    (0, 0, 1, 1),
    (0, 0, 1, 2),
    (0, 0, 1, 3),
    (0, 1, 1, 1),
    (0, 1, 1, 2),
    (0, 1, 2, 2),
    (0, 1, 2, 3),
)
"""From which node each of the four reads, 0 being the input: every tree of four nodes once, in the order of the authors' digits."""
_NODES: Final = 4
_BASE: Final = 10

_Array: TypeAlias = NDArray[np.float64]
Tree: TypeAlias = "list[list[Any]]"
"""What a node feeds: (operation, what that feeds), sorted."""


@dataclass(frozen=True)
class NasBenchGraph(Space):
    """A tree of four nodes with one of nine operations each; what no other node reads is the output, joined."""

    name: ClassVar[str] = "nasbench-graph"
    summary: ClassVar[str] = "NAS-Bench-Graph: trees of four graph operations, 26,206 different ones"
    paper: ClassVar[str] = "Qin, Zhang, Wang, Zhu 2022, arXiv:2206.09166"

    def describe(self, choose: Chooser) -> Any:
        """``links[i]`` and ``operations[i]`` are of node i + 1; the choices are named ``links`` (as "0012") and ``operation/i``."""
        links = {"".join(map(str, links)): list(links) for links in LINKS}
        return {
            "links": links[choose("links", list(links))],
            "operations": [choose(f"operation/{node}", OPERATIONS) for node in range(1, _NODES + 1)],
        }

    def known_size(self) -> int:
        """Ways to decide: 59,049, of which nine are of skips alone, and in no table."""
        return len(LINKS) * len(OPERATIONS) ** _NODES

    def canonical(self, spec: Any) -> Any:
        """The tree without its idle skips, and without an order among siblings.

        A skip that others read stands for what it reads; so does one that alone reads a node. Another skip that no one reads makes its
        node an output too. Outputs of the raw input do not count.
        """
        if "tree" in spec:  # canonical already
            return spec
        return {"tree": _tree(spec["links"], spec["operations"], 0)}


def _tree(links: Sequence[int], operations: Sequence[str], node: int) -> Tree:
    readers = list(_readers(links, operations, node))
    if node == 0:
        readers = [reader for reader in readers if operations[reader - 1] != "skip"]
    elif len(readers) == 1 and operations[readers[0] - 1] == "skip":
        readers = []
    return sorted([operations[reader - 1], _tree(links, operations, reader)] for reader in readers)


def _readers(links: Sequence[int], operations: Sequence[str], node: int) -> list[int]:
    """The nodes that read ``node``, directly or through skips that are read in turn."""
    found: list[int] = []
    for reader, link in enumerate(links, 1):
        if link == node:
            through = _readers(links, operations, reader) if operations[reader - 1] == "skip" and reader in links else []
            found += through or [reader]
    return found


def published_key(spec: Any) -> int:
    """The authors' key of a network in the form that their table lists: the link's digit, then the operations' digits."""
    digits = [LINKS.index(tuple(spec["links"])), *map(OPERATIONS.index, spec["operations"])]
    return sum(digit * _BASE**place for place, digit in enumerate(reversed(digits)))


def spec_of_key(key: int) -> dict[str, Any]:
    """The network of an authors' key: the inverse of `published_key`. Raises `ValueError` for one that is none."""
    digits = [int(digit) for digit in f"{key:0{_NODES + 1}d}"]
    if len(digits) != _NODES + 1 or digits[0] >= len(LINKS) or max(digits[1:]) >= len(OPERATIONS):
        raise ValueError(f"{key} is no key of a network")
    return {"links": list(LINKS[digits[0]]), "operations": [OPERATIONS[digit] for digit in digits[1:]]}


def load(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:
    """The table of one data set out of ``nasbench_graph.parquet``, or what an import wrote. ``options`` are further fields of the table.

    Raises:
        DataError: where the file is damaged.
    """
    if path.suffix == ".npz":
        return load_table(path, options)
    columns = read_columns(path)
    try:
        chosen = [place for place, name in enumerate(columns["dataset"]) if name == dataset]
        keys = np.asarray(columns["hash"])[chosen].tolist()
        numbers = [np.asarray(columns[name], np.float64)[chosen] for name in ("valid_perf", "test_perf", "latency", "params")]
        return graph_table(dataset, keys, numbers, options)
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(f"{str(path)!r} is not the table of NAS-Bench-Graph ({error}): get it anew") from None


def graph_table(dataset: str, keys: Sequence[int], numbers: Sequence[_Array], options: Mapping[str, Any]) -> TabularBenchmark:
    """The table of networks by the authors' keys.

    Args:
        dataset: one of `DATASETS`.
        keys: of each network in the form that the authors list.
        numbers: validation and test scores in [0, 1], latencies (s) and parameters (millions), each [rows].
        options: further fields of the table.
    """
    valid, test, latency, params = numbers
    space = NasBenchGraph()
    return TabularBenchmark(
        name=f"nasbench-graph:{dataset}",
        space=space,
        rows=EqualRows({canonical_json(spec_of_key(key)): row for row, key in enumerate(keys)}, space.canonical),
        epochs=(1.0,),
        valid=valid[:, None, None],
        tested=test[:, None],
        costs={"params": np.round(params * 1e6), "latency": latency * 1e3},
        source="Qin, Zhang, Wang, Zhu 2022, arXiv:2206.09166",
        licence="Apache-2.0",
        **options,
    )
