"""The PNAS space: one cell of up to five sums with eight operations, used with stride 1 and 2.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, "Progressive Neural Architecture Search",
https://arxiv.org/abs/1712.00559.   Differs from the paper: nothing; sizes and the set of operations are settings.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.spaces.nasnet_stacking import CellStack, choose_block, choose_cell, released_cell
from searchitect.spaces.published import Published

PNAS_OPERATIONS: Final = (
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "conv_7x1_1x7",
    "skip_connect",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dil_conv_3x3",
)
"""In the paper's order."""


@dataclass(frozen=True)
class Pnas(CellStack):
    """One cell of pairwise sums. See `CellStack` for the settings; a stage's first cell has stride 2, but in the first stage.

    Attributes:
        least_blocks: a cell has from this many up to ``blocks`` blocks, in [1, blocks]: with 1 the space is the one that PNAS
            walks through from cells of one block on. ``None``: all cells have ``blocks``.
    """

    name: ClassVar[str] = "pnas"
    summary: ClassVar[str] = "PNAS: one cell of up to five sums with 8 operations"
    paper: ClassVar[str] = "Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, arXiv:1712.00559"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)
    known_operations: ClassVar[tuple[str, ...]] = PNAS_OPERATIONS

    channels: int = 48
    cells: int = 3
    operations: tuple[str, ...] = PNAS_OPERATIONS
    first_previous: str = "raw"
    least_blocks: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        least = self.least_blocks
        if least is not None and (isinstance(least, bool) or not isinstance(least, int) or not 1 <= least <= self.blocks):
            raise SettingError(
                f"least_blocks of the space 'pnas' must be a whole number in [1, blocks={self.blocks}], or left out, got {least!r}"
            )

    def describe(self, choose: Chooser) -> Any:
        """Four decisions per block, and the number of blocks where it varies."""
        if self.least_blocks in (None, self.blocks):
            cell = choose_cell(choose, "normal", self.blocks, self.operations)
        else:
            cell = self._growing(choose)
        return {"cells": {"normal": cell}, **self.stacking()}

    def _growing(self, choose: Chooser) -> dict[str, Any]:
        """A cell of a varying number of blocks, whose decisions have the same names."""
        nodes = choose.repeat(
            "normal", self.least_blocks or 1, self.blocks, lambda block: choose_block(choose, "", block, self.operations)
        )
        return {"nodes": nodes, "concat": "loose"}


def _pnasnet_5(space: Pnas) -> Any:
    cell = released_cell(
        [
            *("sep_conv_5x5", "max_pool_3x3"),
            *("sep_conv_7x7", "max_pool_3x3"),
            *("sep_conv_5x5", "sep_conv_3x3"),
            *("sep_conv_3x3", "max_pool_3x3"),
            *("sep_conv_3x3", "skip_connect"),
        ],
        states=[1, 1, 0, 0, 0, 0, 4, 0, 1, 0],
    )
    return {"cells": {"normal": cell}, **space.stacking()}


PUBLISHED: Final[dict[str, Published]] = {
    "pnasnet-5": Published(
        summary="PNASNet-5 large, N=4 F=216: found by progressive search on CIFAR-10",
        source="Liu et al. 2018, arXiv:1712.00559, and tensorflow/models, research/slim/nets/nasnet/pnasnet.py",
        space=Pnas,
        describe=_pnasnet_5,
        settings={"channels": 216, "cells": 4, "stem": "imagenet", "stem_channels": 96},
        input_shape=(3, 331, 331),
        outputs=1001,
    ),
}
