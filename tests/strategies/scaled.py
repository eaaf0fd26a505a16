"""A toy space whose networks can be scaled."""

from dataclasses import dataclass
from typing import Any, ClassVar

from searchitect.core import Chooser, Space

GRID = ("deep", "wide", "large")


@dataclass(frozen=True)
class Scaled(Space):
    """Five numbers, and how far and by which compound they are scaled."""

    name: ClassVar[str] = "scaled"

    largest_phi: int = 3

    def describe(self, choose: Chooser) -> Any:
        phi = choose("phi", range(self.largest_phi + 1)) if self.largest_phi else 0
        compound = choose("compound", GRID) if phi else ""
        return {"numbers": [choose(f"n/{place}", range(4)) for place in range(5)], "phi": phi, "compound": compound}
