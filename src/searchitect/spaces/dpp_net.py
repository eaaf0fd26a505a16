"""The space of DPP-Net: a cell of densely connected layers, each a normalisation and a convolution of a mobile kind.

Dong, Cheng, Juan, Wei, Sun 2018, "DPP-Net: Device-aware Progressive Search for Pareto-optimal Neural Architectures",
https://arxiv.org/abs/1806.08198.   Differs from the paper: without the learned group convolution; see docs/methods/dpp-net.md.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo

NORMS: Final = ("bn_relu", "bn", "none")
"""What comes before the convolution of a layer."""
CONVOLUTIONS: Final = ("conv_1x1", "conv_3x3", "group_conv_1x1", "group_conv_3x3", "depthwise_3x3")
"""A depthwise one is followed by a 1x1 convolution."""


@dataclass(frozen=True)
class DppNet(Space):
    """One cell, repeated in dense blocks between which the image is halved and the growth doubles, as in CondenseNet.

    Attributes:
        growth: channels that a layer adds in the first block, a multiple of ``groups``.
        layers: of the cell, at most, at least 1.
        cells: in each block, at least 1.
        blocks: at least 1.
        groups: of the group convolutions, at least 1.
    """

    name: ClassVar[str] = "dpp-net"
    summary: ClassVar[str] = "DPP-Net: a cell of up to four densely connected mobile layers"
    paper: ClassVar[str] = "Dong, Cheng, Juan, Wei, Sun 2018, arXiv:1806.08198"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    growth: int = 8
    layers: int = 4
    cells: int = 7
    blocks: int = 3
    groups: int = 4

    def __post_init__(self) -> None:
        for name in ("growth", "layers", "cells", "blocks", "groups"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'dpp-net' must be at least 1, got {getattr(self, name)}")
        if self.growth % self.groups:
            raise SettingError(f"growth of the space 'dpp-net' must be a multiple of groups={self.groups}, got {self.growth}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Up to 16 pixels two blocks of one cell, above three of two; never more than the image can be halved."""
        side = min(task.input_shape[1:])
        blocks, cells = (2, 1) if side <= 16 else (3, 2)
        return cls(cells=cells, blocks=min(blocks, side.bit_length()))

    def describe(self, choose: Chooser) -> Any:
        """Two choices per layer, ``cell/i/norm`` and ``cell/i/op``, and the number of layers."""
        cell = choose.repeat(
            "cell", 1, self.layers, lambda _: {"norm": choose("norm", NORMS), "op": choose("op", CONVOLUTIONS)}
        )
        return {"cell": cell, "growth": self.growth, "cells": self.cells, "blocks": self.blocks, "groups": self.groups}
