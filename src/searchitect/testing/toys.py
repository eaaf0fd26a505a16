"""Spaces that are judged in microseconds."""

import math
from dataclasses import dataclass
from typing import Any, ClassVar

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space


@dataclass(frozen=True)
class CountOnes(Space):
    """``bits`` bits; the more ones the better. The toy of Real et al. 2019, supplement (100 bits, Gaussian noise of 0.01).

    The score of a spec is ``sum(spec) / len(spec)``.
    """

    bits: int = 100

    name: ClassVar[str] = "count-ones"
    summary: ClassVar[str] = "a list of bits, the more ones the better"

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise SettingError(f"bits must be at least 1, got {self.bits}")

    def describe(self, choose: Chooser) -> Any:
        """A list of zeros and ones."""
        return [choose(f"bit/{place}", (0, 1)) for place in range(self.bits)]


@dataclass(frozen=True)
class ToySpace(Space):
    """Every kind of choice once: nested, several of a set, whole and logarithmic numbers, a variable length."""

    most_layers: int = 3

    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "every kind of choice once"

    def describe(self, choose: Chooser) -> Any:
        """A dict of optimizer, skips and layers."""
        return {
            "rate": choose.between("rate", 1e-4, 1e-1, log=True),
            "skips": choose.some("skips", ["first", "second", "third", "fourth"], 2),
            "layers": choose.repeat("layers", 1, self.most_layers, lambda _: _layer(choose)),
        }


def _layer(choose: Chooser) -> Any:
    return choose(
        "op",
        {
            "conv": lambda: {
                "op": "conv",
                "kernel": choose("kernel", [1, 3, 5]),
                "width": choose.between("width", 8, 64, log=True),
            },
            "pool": lambda: {"op": "pool", "kind": choose("kind", ["max", "mean"])},
            "skip": lambda: {"op": "skip"},
        },
    )


def toy_score(spec: Any) -> float:
    """A smooth score of a `ToySpace` spec: wide convolutions of size 3, and a rate near 0.01, are good. Between -4 and 3."""
    convolutions = [layer for layer in spec["layers"] if layer["op"] == "conv"]
    good: float = sum(math.log2(layer["width"] / 8) / 3 - abs(layer["kernel"] - 3) / 4 for layer in convolutions)
    good -= abs(math.log10(spec["rate"]) + 2) / 2
    return good + 0.1 * ("first" in spec["skips"])
