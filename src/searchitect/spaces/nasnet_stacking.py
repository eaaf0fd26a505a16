"""What the spaces of NASNet, AmoebaNet and PNAS share: cells of pairwise blocks, stacked as in the code that NASNet's authors released.

Zoph, Vasudevan, Shlens, Le 2018, https://arxiv.org/abs/1707.07012, and its code (tensorflow/models, research/slim/nets/nasnet).
The cells are those of `searchitect.spaces.cells`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.cells import canonical_cell, concat_states

STEMS: Final = ("cifar", "imagenet")
FIRST_PREVIOUS: Final = ("projected", "raw")


@dataclass(frozen=True)
class CellStack(Space):
    """Base of the three spaces. A network is a stem, then stages of equal cells; each stage but the first halves the image.

    Attributes:
        channels: F in the papers, of the first stage; they double from stage to stage. At least 1, with the ImageNet stem 4.
        cells: N in the papers, cells per stage, at least 1.
        blocks: B in the papers, pairwise combinations in a cell, in [1, 8].
        operations: those to choose from.
        stages: in [1, 5]; the papers have 3.
        stem: "cifar", a 3x3 convolution, or "imagenet": a 3x3 convolution of stride 2, and two further cells of stride 2 with a
            quarter and a half of the channels.
        stem_channels: of the stem's convolution; ``None``: three times ``channels`` in "cifar", 96 in "imagenet".
        first_previous: what the first cell, before which there is only one output, takes for that of the cell before the
            previous one. "raw": the stem's output as it is, which the released code does. "projected": the stem's output made
            equal to ``channels`` like any other input, by a 1x1 convolution of its own.
    """

    known_operations: ClassVar[tuple[str, ...]]
    has_loose_inputs: ClassVar[bool] = False
    """Whether the cell's inputs belong to its "loose" states, which are concatenated, where no node reads them."""

    channels: int = 32
    cells: int = 6
    blocks: int = 5
    operations: tuple[str, ...] = ()
    stages: int = 3
    stem: str = "cifar"
    stem_channels: int | None = None
    first_previous: str = "projected"

    def __post_init__(self) -> None:
        least = 4 if self.stem == "imagenet" else 1
        for name, low, high in (("channels", least, 4096), ("cells", 1, 64), ("blocks", 1, 8), ("stages", 1, 5)):
            _check_whole(self, name, low, high)
        if self.stem_channels is not None:
            _check_whole(self, "stem_channels", 1, 4096)
        for name, allowed in (("stem", STEMS), ("first_previous", FIRST_PREVIOUS)):
            if getattr(self, name) not in allowed:
                raise SettingError(
                    f"{name} of the space {self.name!r} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}"
                )
        object.__setattr__(self, "operations", tuple(self.operations))  # a list, when it comes from JSON
        if not self.operations or len(set(self.operations)) < len(self.operations):
            raise SettingError(f"operations of the space {self.name!r} must be at least one, each once, got {self.operations}")
        for operation in self.operations:
            if operation not in self.known_operations:
                raise unknown_name(f"operation of the space {self.name!r},", operation, self.known_operations)

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """One cell per stage with few channels, and no more stages than the image side has halvings."""
        side = min(task.input_shape[1:])
        if side >= 64:
            return cls(channels=16, cells=1, stem="imagenet", stem_channels=16)
        return cls(channels=8, cells=1, stages=3 if side >= 4 else 2 if side >= 2 else 1)

    def kinds(self) -> tuple[str, ...]:
        """The cells to choose: a reduction cell only where something is reduced."""
        return ("normal", "reduction") if self.stages > 1 or self.stem == "imagenet" else ("normal",)

    def stacking(self) -> dict[str, Any]:
        """What a spec says beside its cells."""
        default = 96 if self.stem == "imagenet" else 3 * self.channels
        return {
            "channels": self.channels,
            "repeats": self.cells,
            "stages": self.stages,
            "stem": self.stem,
            "stem_channels": default if self.stem_channels is None else self.stem_channels,
            "first_previous": self.first_previous,
        }

    def canonical(self, spec: Any) -> Any:
        """Sorts the two halves of each block and puts independent blocks into one order."""
        cells = {
            kind: canonical_cell({**cell, "concat": output_states(cell, self.has_loose_inputs)})
            for kind, cell in spec["cells"].items()
        }
        return {**spec, "cells": cells}


def _check_whole(space: CellStack, name: str, low: int, high: int) -> None:
    value = getattr(space, name)
    if not isinstance(value, int) or not low <= value <= high:
        raise SettingError(f"{name} of the space {space.name!r} must be a whole number in [{low}, {high}], got {value!r}")


def choose_cell(
    choose: Chooser, kind: str, blocks: int, operations: Sequence[str], combinations: Sequence[str] = ()
) -> dict[str, Any]:
    """A cell. A block is decided in the papers' order: two earlier states, an operation for each, how to combine the results.

    Args:
        choose: who decides. The choices are named ``kind/block/first/from``, ``.../second/from``, ``.../first/op``,
            ``.../second/op`` and ``.../combine``.
        kind: of the cell, "normal" or "reduction".
        blocks: how many. Block b, counted from 0, may read b + 2 states.
        operations: to choose from.
        combinations: ways to combine, to choose from; none: the results are added.
    """
    nodes = [choose_block(choose, f"{kind}/{block}/", block, operations, combinations) for block in range(blocks)]
    return {"nodes": nodes, "concat": "loose"}


def choose_block(
    choose: Chooser, path: str, block: int, operations: Sequence[str], combinations: Sequence[str] = ()
) -> dict[str, Any]:
    """Block ``block`` of a cell, counted from 0; its choices are named ``path`` + ``first/from`` and so on. See `choose_cell`."""
    states = range(block + 2)
    sources = [choose(f"{path}{half}/from", states) for half in ("first", "second")]
    chosen = [choose(f"{path}{half}/op", operations) for half in ("first", "second")]
    node: dict[str, Any] = {"edges": [{"from": s, "op": op} for s, op in zip(sources, chosen, strict=True)]}
    if combinations:
        node["combine"] = choose(f"{path}combine", combinations)
    return node


def released_cell(
    operations: Sequence[str], states: Sequence[int], used: Sequence[int] | None = None, combine: str = ""
) -> dict[str, Any]:
    """A cell as the released code of the three papers writes it.

    Args:
        operations: two per block, by our names.
        states: that they read. The release counts the previous cell's output as 0 and the one before it as 1; here it is the
            other way round.
        used: a flag for each state: those without it are concatenated. ``None``: all blocks.
        combine: of every block, where the space chooses it.
    """
    ours = [1 - state if state < 2 else state for state in states]
    edges = [{"from": state, "op": operation} for state, operation in zip(ours, operations, strict=True)]
    nodes: list[dict[str, Any]] = [{"edges": edges[place : place + 2]} for place in range(0, len(edges), 2)]
    if combine:
        nodes = [{**node, "combine": combine} for node in nodes]
    return {"nodes": nodes, "concat": "all" if used is None else sorted(_unused(used))}


def _unused(used: Sequence[int]) -> list[int]:
    return [1 - state if state < 2 else state for state, is_used in enumerate(used) if not is_used]


def output_states(cell: Any, has_loose_inputs: bool) -> list[int]:
    """The states that a cell's output is made of. Where it is still open which states are loose: all nodes."""
    if cell["concat"] != "loose":
        return concat_states(cell)
    if any(hasattr(edge["from"], "labels") for node in cell["nodes"] for edge in node["edges"]):
        return concat_states({**cell, "concat": "all"})
    return [state for state in concat_states(cell) if has_loose_inputs or state >= 2]
