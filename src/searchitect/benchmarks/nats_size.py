"""The size space of NATS-Bench: the widths of five layers of one fixed cell network, 32,768 in all. As data only: no network.

Dong, Liu, Musial, Gabrys 2021, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
https://arxiv.org/abs/2009.00437, section 3.1.   Differs from the paper: nothing.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core import Architecture, Space, SpaceError
from searchitect.core.choosing import Chooser

WIDTHS: Final = (8, 16, 24, 32, 40, 48, 56, 64)
"""Channels that a layer may have."""
LAYERS: Final = ("stem", "stage1", "block1", "stage2", "block2")
"""In the order of the authors' strings: first convolution, cells of stage 1, residual block, cells of stage 2, residual block."""


@dataclass(frozen=True)
class NatsSize(Space):
    """Which width each of five layers has."""

    name: ClassVar[str] = "nats-size"
    summary: ClassVar[str] = "the size space of NATS-Bench: 32,768 ways to choose the widths of five layers"
    paper: ClassVar[str] = "Dong, Liu, Musial, Gabrys 2021, arXiv:2009.00437"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    def describe(self, choose: Chooser) -> Any:
        """``widths[i]`` is that of the i-th of `LAYERS`; its choice is named after the layer."""
        return {"widths": [choose(layer, WIDTHS) for layer in LAYERS]}

    def from_string(self, text: str) -> Architecture:
        """The architecture of the authors' string, such as ``8:16:24:32:64``.

        Raises:
            SpaceError: where the string is not of this space.
        """
        parts = text.split(":")
        if len(parts) != len(LAYERS) or not all(part in map(str, WIDTHS) for part in parts):
            raise SpaceError(
                f"{text!r} is no architecture of NATS-Bench's size space: write {len(LAYERS)} widths out of "
                f"{', '.join(map(str, WIDTHS))}, with colons between them"
            )
        return self.decide(dict(zip(LAYERS, map(int, parts), strict=True)))
