"""The AmoebaNet space: NASNet's two cells with eight operations, combined by addition only.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search",
https://arxiv.org/abs/1802.01548.   Differs from the paper: nothing; sizes and the set of operations are settings.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core.choosing import Chooser
from searchitect.spaces.nasnet_stacking import CellStack, choose_cell, released_cell
from searchitect.spaces.published import Published

AMOEBANET_OPERATIONS: Final = (
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "avg_pool_3x3",
    "max_pool_3x3",
    "dil_conv_3x3",
    "conv_7x1_1x7",
)
"""In the paper's order; ``dil_conv_3x3`` is separable."""

AMOEBANET_FURTHER_OPERATIONS: Final = ("conv_1x1", "conv_3x3", "conv_3x1_1x3", "dil_conv_5x5", "max_pool_2x2")
"""Those that the released code has besides, for the larger spaces in which AmoebaNet-B and C were found."""


@dataclass(frozen=True)
class Amoebanet(CellStack):
    """Two cells of pairwise sums. See `CellStack` for the settings."""

    name: ClassVar[str] = "amoebanet"
    summary: ClassVar[str] = "AmoebaNet: a normal and a reduction cell of five sums with 8 operations"
    paper: ClassVar[str] = "Real, Aggarwal, Huang, Le 2019, arXiv:1802.01548"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)
    known_operations: ClassVar[tuple[str, ...]] = (*AMOEBANET_OPERATIONS, *AMOEBANET_FURTHER_OPERATIONS)
    has_loose_inputs: ClassVar[bool] = True

    operations: tuple[str, ...] = AMOEBANET_OPERATIONS

    def describe(self, choose: Chooser) -> Any:
        """Four decisions per block, first all of the normal cell, then all of the reduction cell."""
        cells = {kind: choose_cell(choose, kind, self.blocks, self.operations) for kind in self.kinds()}
        return {"cells": cells, **self.stacking()}


def _amoebanet_a(space: Amoebanet) -> Any:
    normal = released_cell(
        [
            *("avg_pool_3x3", "max_pool_3x3"),
            *("sep_conv_3x3", "skip_connect"),
            *("skip_connect", "avg_pool_3x3"),
            *("sep_conv_3x3", "sep_conv_5x5"),
            *("avg_pool_3x3", "sep_conv_3x3"),
        ],
        states=[0, 0, 1, 1, 0, 1, 0, 2, 5, 0],
        used=[1, 0, 1, 0, 0, 1, 0],
    )
    reduction = released_cell(
        [
            *("sep_conv_3x3", "avg_pool_3x3"),
            *("max_pool_3x3", "sep_conv_7x7"),
            *("max_pool_3x3", "max_pool_3x3"),
            *("sep_conv_3x3", "conv_7x1_1x7"),
            *("avg_pool_3x3", "sep_conv_7x7"),
        ],
        states=[1, 0, 0, 2, 1, 0, 4, 0, 1, 0],
        used=[1, 1, 0, 0, 0, 0, 0],
    )
    return {"cells": {"normal": normal, "reduction": reduction}, **space.stacking()}


def _amoebanet_b(space: Amoebanet) -> Any:
    normal = released_cell(
        [
            *("conv_1x1", "max_pool_3x3"),
            *("skip_connect", "sep_conv_3x3"),
            *("conv_1x1", "sep_conv_3x3"),
            *("conv_1x1", "skip_connect"),
            *("avg_pool_3x3", "conv_1x1"),
        ],
        states=[1, 1, 1, 0, 1, 0, 2, 2, 1, 5],
        used=[0, 1, 1, 0, 0, 1, 0],
    )
    reduction = released_cell(
        [
            *("max_pool_2x2", "max_pool_3x3"),
            *("skip_connect", "conv_3x3"),
            *("dil_conv_5x5", "max_pool_3x3"),
            *("skip_connect", "sep_conv_3x3"),
            *("avg_pool_3x3", "conv_1x1"),
        ],
        states=[0, 0, 2, 1, 2, 2, 3, 1, 4, 3],
        used=[1, 1, 1, 1, 1, 0, 0],
    )
    return {"cells": {"normal": normal, "reduction": reduction}, **space.stacking()}


def _amoebanet_c(space: Amoebanet) -> Any:
    normal = released_cell(
        [
            *("avg_pool_3x3", "sep_conv_3x3"),
            *("skip_connect", "sep_conv_3x3"),
            *("avg_pool_3x3", "sep_conv_3x3"),
            *("skip_connect", "sep_conv_3x3"),
            *("avg_pool_3x3", "sep_conv_3x3"),
        ],
        states=[0, 0, 0, 0, 2, 1, 0, 1, 3, 0],
        used=[1, 0, 0, 1, 0, 0, 0],
    )
    reduction = released_cell(
        [
            *("max_pool_3x3", "max_pool_3x3"),
            *("sep_conv_7x7", "sep_conv_3x3"),
            *("sep_conv_7x7", "max_pool_3x3"),
            *("sep_conv_5x5", "sep_conv_5x5"),
            *("max_pool_3x3", "sep_conv_3x3"),
        ],
        states=[0, 0, 2, 0, 0, 1, 4, 4, 1, 1],
        used=[0, 1, 0, 0, 0, 0, 0],
    )
    return {"cells": {"normal": normal, "reduction": reduction}, **space.stacking()}


_SOURCE: Final = "Real et al. 2019, arXiv:1802.01548, and tensorflow/tpu, models/official/amoeba_net/model_specs.py"

PUBLISHED: Final[dict[str, Published]] = {
    "amoebanet-a": Published(
        summary="AmoebaNet-A, N=6 F=32: found by regularized evolution on CIFAR-10",
        source=_SOURCE,
        space=Amoebanet,
        describe=_amoebanet_a,
    ),
    "amoebanet-b": Published(
        summary="AmoebaNet-B, N=6 F=36: found by regularized evolution on CIFAR-10, with more operations",
        source=_SOURCE,
        space=Amoebanet,
        describe=_amoebanet_b,
        settings={"channels": 36, "operations": (*AMOEBANET_OPERATIONS, *AMOEBANET_FURTHER_OPERATIONS)},
    ),
    "amoebanet-c": Published(
        summary="AmoebaNet-C, N=4 F=50: found by regularized evolution on CIFAR-10, sized for ImageNet on mobiles",
        source=_SOURCE,
        space=Amoebanet,
        describe=_amoebanet_c,
        settings={"channels": 50, "cells": 4, "stem": "imagenet", "stem_channels": 32},
        input_shape=(3, 224, 224),
        outputs=1000,
    ),
}
