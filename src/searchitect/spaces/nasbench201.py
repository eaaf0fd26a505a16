"""The cell space of NAS-Bench-201: 15,625 cells of four nodes with one of five operations on each of six edges.

Dong, Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
https://arxiv.org/abs/2001.00326.   Differs from the paper: the numbers of channels and cells are settings; which cells count as
equal (see ``NasBench201.canonical``); fewer operations can be offered.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

OPERATIONS: Final = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""In the order of the authors' code."""
_NODES: Final = (1, 2, 3)  # node 0 is the cell's input; node i sums its edges from all nodes before it
_EDGE = re.compile(r"([a-z0-9_]+)~([0-9])")

Term: TypeAlias = tuple[str, tuple[int, ...]]
"""An operation, and the numbers of the terms whose sum it reads."""


@dataclass(frozen=True)
class NasBench201(Space):
    """One cell, repeated.

    Attributes:
        channels: C in the paper, of the first stage; they double twice. At least 1.
        cells: N in the paper, cells per stage, of which there are three. At least 1.
        operations: those that an edge may have; fewer make a smaller space.
        merges: whether cells that compute the same count as one architecture (see `canonical`). Not so for the published table,
            whose authors trained each of them.
    """

    name: ClassVar[str] = "nasbench201"
    summary: ClassVar[str] = "NAS-Bench-201: 15,625 cells of six edges with five operations"
    paper: ClassVar[str] = "Dong, Yang 2020, arXiv:2001.00326"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 16
    cells: int = 5
    operations: tuple[str, ...] = OPERATIONS
    merges: bool = True

    def __post_init__(self) -> None:
        for name in ("channels", "cells"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'nasbench201' must be at least 1, got {getattr(self, name)}")
        object.__setattr__(self, "operations", tuple(self.operations))  # a list, where it comes from JSON
        unknown = [operation for operation in self.operations if operation not in OPERATIONS]
        if unknown or not self.operations or len(set(self.operations)) < len(self.operations):
            raise SettingError(
                f"operations of the space 'nasbench201' must be different ones of {', '.join(OPERATIONS)}, got {self.operations}"
            )

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """One cell per stage and few channels, so that a network trains in seconds on a CPU."""
        return cls(channels=8 if min(task.input_shape[1:]) <= 16 else 16, cells=1)

    def describe(self, choose: Chooser) -> Any:
        """``cell[i - 1][j]`` is the operation on the edge from node j to node i; its choice is named ``cell/i/j``."""
        return {
            "channels": self.channels,
            "cells": self.cells,
            "cell": [[choose(f"cell/{node}/{source}", self.operations) for source in range(node)] for node in _NODES],
        }

    def canonical(self, spec: Any) -> Any:
        """What the cell computes, in place of its edges: see `cell_function`. 6,245 different ones; 5,875 but for idle weights.

        The 6,466 of the paper come from another reading, which merges cells with different numbers of weights: see
        docs/methods/nasbench201.md.
        """
        if not self.merges or isinstance(spec["cell"], Mapping):  # canonical already
            return spec
        return {**spec, "cell": cell_function(spec["cell"])}

    def from_string(self, text: str) -> Architecture:
        """The architecture of a string such as ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|...~0|...~1|...~2|``.

        Raises:
            SpaceError: where the string is not a cell of this space.
        """
        return self.decide(
            {f"cell/{node}/{source}": op for node, row in enumerate(parse_cell(text), 1) for source, op in enumerate(row)}
        )


def cell_function(cell: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The function of a cell, equal for cells that compute the same with the same weights.

    Edges without operation ("none"), and what only they feed, are cut; a skip stands for what it skips from; sums have no order. A
    convolution that reads nothing stays: it gives a learned constant. An operation with weights is never merged with another one; two poolings of one value are one.

    Args:
        cell: ``[i - 1][j]`` is the operation on the edge from node j to node i.

    Returns:
        ``terms``: (operation, terms whose sum it reads) of terms 1, 2, ...; term 0 is the cell's input. ``output``: the terms whose
        sum is the output. ``idle``: how many convolutions without influence the network has, by name: they cost, and learn nothing.
    """
    terms, output = _expand(cell)
    live = set(output)
    for term in range(len(terms) - 1, 0, -1):  # a term reads only earlier ones
        if term in live:
            live.update(terms[term][1])
    kinds = ["x"]  # a text that does not depend on the terms' order; equal ones may still differ in who reads them
    for operation, reads in terms[1:]:
        kinds.append(f"{operation}({'+'.join(sorted(kinds[term] for term in reads))})")
    groups: dict[str, list[int]] = defaultdict(list)
    for term in sorted(live - {0}):
        groups[kinds[term]].append(term)
    found = min(
        _renumbered(terms, output, [0, *itertools.chain.from_iterable(order)])
        for order in itertools.product(*(itertools.permutations(groups[kind]) for kind in sorted(groups)))
    )
    convolutions = Counter(operation for row in cell for operation in row if operation.startswith("nor_conv"))
    idle = convolutions - Counter(terms[term][0] for term in live)
    return {"terms": found[0], "output": found[1], "idle": dict(idle)}


def _expand(cell: Sequence[Sequence[str]]) -> tuple[list[Term], tuple[int, ...]]:
    """Every term of a cell, the input first, and those whose sum the last node is."""
    terms: list[Term] = [("", ())]
    poolings: dict[tuple[int, ...], int] = {}
    nodes: list[tuple[int, ...]] = [(0,)]  # each as the terms that it sums
    for row in cell:
        summed: list[int] = []
        for source, operation in zip(nodes, row, strict=True):
            # a convolution of nothing still gives the shift of its normalisation, which is trained; pools and skips give nothing
            if operation == "none" or not (source or operation.startswith("nor_conv")):
                continue
            if operation == "skip_connect":
                summed += source
            elif operation == "avg_pool_3x3" and source in poolings:
                summed.append(poolings[source])
            else:
                if operation == "avg_pool_3x3":
                    poolings[source] = len(terms)
                summed.append(len(terms))
                terms.append((operation, source))
        nodes.append(tuple(sorted(summed)))
    return terms, nodes[-1]


def _renumbered(terms: Sequence[Term], output: Sequence[int], order: Sequence[int]) -> tuple[list[Any], list[int]]:
    """Terms and output as JSON data, with the terms of ``order`` numbered as they stand there."""
    numbers = {term: number for number, term in enumerate(order)}
    rows: list[Any] = [[terms[term][0], sorted(numbers[read] for read in terms[term][1])] for term in order[1:]]
    return rows, sorted(numbers[term] for term in output)


def cell_string(spec: Any) -> str:
    """The authors' string of a cell: ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|``."""
    rows = [[f"{operation}~{source}" for source, operation in enumerate(row)] for row in spec["cell"]]
    return "+".join(f"|{'|'.join(row)}|" for row in rows)


def parse_cell(text: str) -> list[list[str]]:
    """The operations in a cell's string, ``[i - 1][j]`` on the edge from node j to node i. The inverse of `cell_string`."""
    cell = [[operation for operation, _ in _EDGE.findall(row)] for row in text.strip().split("+")]
    known = all(operation in OPERATIONS for row in cell for operation in row)
    if [len(row) for row in cell] != list(_NODES) or not known or cell_string({"cell": cell}) != text.strip():
        raise SpaceError(
            f"{text!r} is not a NAS-Bench-201 cell: write '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|' with op one of "
            f"{', '.join(OPERATIONS)}"
        )
    return cell


def _published(cell: str, summary: str, source: str, **shape: Any) -> Published:
    return Published(summary, source, NasBench201, lambda space: space.from_string(cell), **shape)


_TABLE: Final = "NAS-Bench-201, arXiv:2001.00326; best mean test accuracy after 200 epochs in the table of all cells, "

PUBLISHED: Final[dict[str, Published]] = {
    "nasbench201-best-cifar10": _published(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
        "the best cell of NAS-Bench-201 on CIFAR-10: 94.37 %",
        _TABLE + "index 6111",
    ),
    "nasbench201-best-cifar100": _published(
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "the best cell of NAS-Bench-201 on CIFAR-100: 73.51 %",
        _TABLE + "index 9930",
        outputs=100,
    ),
    "nasbench201-best-imagenet16": _published(
        "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
        "the best cell of NAS-Bench-201 on ImageNet16-120: 47.31 %",
        _TABLE + "index 857",
        input_shape=(3, 16, 16),
        outputs=120,
    ),
    "nasbench201-resnet": _published(
        "|nor_conv_3x3~0|+|none~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|",
        "the residual block as a cell of NAS-Bench-201, its hand-made baseline",
        "NAS-Bench-201, arXiv:2001.00326, and D-X-Y/AutoDL-Projects",
    ),
}
