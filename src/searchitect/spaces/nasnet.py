"""The NASNet space: a normal and a reduction cell of five blocks; two states, two operations and their combination in each.

Zoph, Vasudevan, Shlens, Le 2018, "Learning Transferable Architectures for Scalable Image Recognition",
https://arxiv.org/abs/1707.07012.   Differs from the paper: nothing; sizes and the set of operations are settings.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.spaces.nasnet_stacking import CellStack, choose_cell, released_cell
from searchitect.spaces.published import Published

NASNET_OPERATIONS: Final = (
    "skip_connect",
    "conv_3x1_1x3",
    "conv_7x1_1x7",
    "dil_conv_3x3",
    "avg_pool_3x3",
    "max_pool_3x3",
    "max_pool_5x5",
    "max_pool_7x7",
    "conv_1x1",
    "conv_3x3",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
)
"""In the paper's order. The factorized ones are a convolution of one row, then one of one column."""


@dataclass(frozen=True)
class Nasnet(CellStack):
    """Two cells of pairwise blocks, searched together. See `CellStack` for the settings not named here.

    Attributes:
        skip_reduction_input: which output a normal cell right after a reduction cell takes for that of the cell before the
            previous one: the reduction cell's input, or (as in the released large ImageNet network) the output before that.
    """

    name: ClassVar[str] = "nasnet"
    summary: ClassVar[str] = "NASNet: a normal and a reduction cell of five blocks with 13 operations"
    paper: ClassVar[str] = "Zoph, Vasudevan, Shlens, Le 2018, arXiv:1707.07012"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)
    known_operations: ClassVar[tuple[str, ...]] = NASNET_OPERATIONS

    operations: tuple[str, ...] = NASNET_OPERATIONS
    skip_reduction_input: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.skip_reduction_input, bool):
            raise SettingError(
                f"skip_reduction_input of the space 'nasnet' must be true or false, got {self.skip_reduction_input!r}"
            )

    def describe(self, choose: Chooser) -> Any:
        """Five decisions per block, first all of the normal cell, then all of the reduction cell, as the paper's controller."""
        combinations = ("add", "concat")
        cells = {kind: choose_cell(choose, kind, self.blocks, self.operations, combinations) for kind in self.kinds()}
        return {"cells": cells, **self.stacking()}

    def stacking(self) -> dict[str, Any]:
        """What a spec says beside its cells."""
        return {**super().stacking(), "skip_reduction_input": self.skip_reduction_input}


def _nasnet_a(space: Nasnet) -> Any:
    normal = released_cell(
        [
            *("sep_conv_5x5", "sep_conv_3x3"),
            *("sep_conv_5x5", "sep_conv_3x3"),
            *("avg_pool_3x3", "skip_connect"),
            *("avg_pool_3x3", "avg_pool_3x3"),
            *("sep_conv_3x3", "skip_connect"),
        ],
        states=[0, 1, 1, 1, 0, 1, 1, 1, 0, 0],
        used=[1, 0, 0, 0, 0, 0, 0],
        combine="add",
    )
    reduction = released_cell(
        [
            *("sep_conv_5x5", "sep_conv_7x7"),
            *("max_pool_3x3", "sep_conv_7x7"),
            *("avg_pool_3x3", "sep_conv_5x5"),
            *("skip_connect", "avg_pool_3x3"),
            *("sep_conv_3x3", "max_pool_3x3"),
        ],
        states=[0, 1, 0, 1, 0, 1, 3, 2, 2, 0],
        used=[1, 1, 1, 0, 0, 0, 0],
        combine="add",
    )
    return {"cells": {"normal": normal, "reduction": reduction}, **space.stacking()}


PUBLISHED: Final[dict[str, Published]] = {
    "nasnet-a": Published(
        summary="NASNet-A, 6 @ 768: found by reinforcement learning on CIFAR-10",
        source="Zoph et al. 2018, arXiv:1707.07012, and tensorflow/models, research/slim/nets/nasnet/nasnet_utils.py",
        space=Nasnet,
        describe=_nasnet_a,
    ),
}
