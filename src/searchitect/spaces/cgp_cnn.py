"""The space of CGP-CNN: a grid of nodes, of which only those that the output depends on are built.

Suganuma, Shirakawa, Nagao 2017, "A Genetic Programming Approach to Designing Convolutional Neural Network Architectures",
https://arxiv.org/abs/1704.00764, and the released code (sg-nm/cgp-cnn, cgp.py).   Differs from the paper: where the output's gene gives
too few or too many active nodes, the next node in the output's reach that gives a number in the range is taken.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import canonical_order

BLOCKS: Final = ("conv", "residual")
"""The kinds of block: those of the paper's ConvSet and ResSet."""
KERNELS: Final = (3, 5)
PAIR: Final = ("concat", "sum")
"""Operations that read both connections of a node; the others read the first."""


@dataclass(frozen=True)
class CgpCnn(Space):
    """The type and two connections of every node of a grid, and the node that the output reads.

    Attributes:
        rows: of the grid, at least 1.
        columns: of the grid, at least 1.
        levels_back: a node reads nodes of so many columns before its own, or the image where there are fewer; the output those of
            the last columns. In [1, columns].
        block: "conv" (ConvSet) or "residual" (ResSet).
        filters: to choose from, at least 1 each.
        active: the fewest and the most active nodes, the output included, as the released code counts. Where no node in the
            output's reach gives that, the nearest is taken.
    """

    name: ClassVar[str] = "cgp-cnn"
    summary: ClassVar[str] = "CGP-CNN: a grid of nodes with inactive ones, as in Cartesian genetic programming"
    paper: ClassVar[str] = "Suganuma, Shirakawa, Nagao 2017, arXiv:1704.00764"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)
    mutates_until_other: ClassVar[bool] = True

    rows: int = 5
    columns: int = 30
    levels_back: int = 10
    block: str = "conv"
    filters: tuple[int, ...] = (32, 64, 128)
    active: tuple[int, int] = (10, 50)

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple(self.filters))  # lists, when they come from JSON
        object.__setattr__(self, "active", tuple(self.active))
        for name in ("rows", "columns"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'cgp-cnn' must be at least 1, got {getattr(self, name)}")
        if not 1 <= self.levels_back <= self.columns:
            raise SettingError(
                f"levels_back of the space 'cgp-cnn' must lie in [1, columns={self.columns}], got {self.levels_back}"
            )
        if self.block not in BLOCKS:
            raise SettingError(f"block of the space 'cgp-cnn' must be one of {', '.join(BLOCKS)}, got {self.block!r}")
        if not self.filters or min(self.filters) < 1 or len(set(self.filters)) < len(self.filters):
            raise SettingError(f"filters of the space 'cgp-cnn' must be distinct and at least 1 each, got {self.filters!r}")
        if len(self.active) != 2 or not 1 <= self.active[0] <= self.active[1]:
            raise SettingError(f"active of the space 'cgp-cnn' must be the fewest and the most, from 1 on, got {self.active!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """A grid of 3 x 10 with 4 levels back, 4 to 15 active nodes, and few filters."""
        filters = (8, 16, 32) if min(task.input_shape[1:]) <= 16 else (16, 32, 64)
        return cls(rows=3, columns=10, levels_back=4, filters=filters, active=(4, 15))

    def describe(self, choose: Chooser) -> Any:
        """``nodes[k - 1]`` is the active node k, which reads earlier ones, 0 being the image; the last one is the output's.

        The choices are the genes of all nodes, active or not: ``nodes/k/type``, ``nodes/k/first`` and ``nodes/k/second``, column
        by column with k from 1, then ``output``.
        """
        types: list[Any] = [{}]  # of the image and the nodes
        reads: list[tuple[int, ...]] = [()]
        for node in range(1, self.rows * self.columns + 1):
            kind = choose(f"nodes/{node}/type", self._types)
            in_reach = self._in_reach((node - 1) // self.rows)
            pair = (choose(f"nodes/{node}/first", in_reach), choose(f"nodes/{node}/second", in_reach))
            types.append(kind)
            reads.append(pair if kind["op"] in PAIR else pair[:1])
        active = self._active(reads, choose("output", self._in_reach(self.columns)))
        place = {node: number for number, node in enumerate([0, *active])}
        return {"nodes": [{**types[node], "from": [place[source] for source in reads[node]]} for node in active]}

    @cached_property
    def _types(self) -> dict[str, Any]:
        blocks = {
            f"{self.block}_{filters}_{kernel}x{kernel}": {"op": self.block, "filters": filters, "kernel": kernel}
            for filters in self.filters
            for kernel in KERNELS
        }
        return blocks | {op: {"op": op} for op in ("max_pool", "avg_pool", *PAIR)}

    def _in_reach(self, column: int) -> range:
        """What a node of a column may read, 0 being the image; the output stands behind the last column."""
        first = (column - self.levels_back) * self.rows + 1 if column >= self.levels_back else 0
        return range(first, column * self.rows + 1)

    def _active(self, reads: Sequence[tuple[int, ...]], output: int) -> list[int]:
        """The nodes that the output depends on, ascending; the output reads ``output`` or the next one whose number is in range."""
        least, most = self.active
        in_reach = self._in_reach(self.columns)
        best: list[int] = []
        best_excess = None
        for step in range(len(in_reach)):
            found = _needed(reads, in_reach[(output - in_reach[0] + step) % len(in_reach)])
            excess = max(least - len(found) - 1, len(found) + 1 - most, 0)
            if best_excess is None or excess < best_excess:
                best, best_excess = found, excess
            if not excess:
                break
        return best

    def canonical(self, spec: Any) -> Any:
        """One form for all orders of the nodes, and of the two that a sum reads. Those of a concatenation count: so do its channels."""
        edges: dict[tuple[int, int], str] = {}
        for node, entry in enumerate(spec["nodes"], 1):
            for position, source in enumerate(entry["from"]):
                label = str(position) if entry["op"] == "concat" else "+"
                edges[source, node] = edges.get((source, node), "") + label
        labels = ["", *(f"{entry['op']} {entry.get('filters')} {entry.get('kernel')}" for entry in spec["nodes"])]
        order = canonical_order(labels, edges)  # the image is the first: its label is the lowest, and every node depends on it
        place = {node: number for number, node in enumerate(order)}
        nodes = [dict(spec["nodes"][node - 1]) for node in order[1:]]
        for entry in nodes:
            sources = [place[source] for source in entry["from"]]
            entry["from"] = sources if entry["op"] == "concat" else sorted(sources)
        return {**spec, "nodes": nodes}

    def known_size(self) -> int:
        """How many ways there are to fill the grid, inactive genes included."""
        columns = [len(self._types) * len(self._in_reach(column)) ** 2 for column in range(self.columns)]
        size: int = prod(columns) ** self.rows * len(self._in_reach(self.columns))
        return size


def _needed(reads: Sequence[tuple[int, ...]], output: int) -> list[int]:
    """The nodes that ``output`` depends on, itself included, ascending; 0, the image, is none of them."""
    found: set[int] = set()
    waiting = [output]
    while waiting:
        node = waiting.pop()
        if node and node not in found:
            found.add(node)
            waiting += reads[node]
    return sorted(found)
