"""Random architectures, and what is known of them."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from searchitect.core import Architecture, Space

_TRIES: Final = 50


@dataclass(frozen=True)
class Known:
    """Architectures with what is known of them.

    Attributes:
        space: theirs.
        architectures: [k].
        truth: scores after a whole training [k], higher is better: times -1, where ``direction`` says so.
        metric: what the truth is.
        direction: "max", or "min", of the metric.
        costs: name -> [k], those that are known without building them.
        task: with data, or shapes alone, on which a proxy looks at them; ``None`` where nothing is looked at.
        short: epochs -> scores after so many, higher is better.
        curves: (epochs, scores) of whole trainings, higher is better.
        full: epochs of a whole training.
    """

    space: Space
    architectures: list[Architecture]
    truth: list[float]
    metric: str
    direction: str
    costs: Mapping[str, list[float]]
    task: Any
    short: Callable[[float], list[float]]
    curves: list[tuple[list[float], list[float]]]
    full: float

    @property
    def sign(self) -> float:
        """What a value of the metric is multiplied with, so that higher is better."""
        return 1.0 if self.direction == "max" else -1.0


def draw_different(space: Space, k: int, seed: int, fits: Callable[[Architecture], bool]) -> list[Architecture]:
    """k uniform draws that differ and fit; the first ones are the same for a smaller k. Fewer where the space has too few."""
    rng = random.Random(f"{seed}/trust")
    found: dict[str, Architecture] = {}
    for _ in range(_TRIES * k):
        drawn = space.sample(rng)
        if fits(drawn):
            found.setdefault(space.key(drawn), drawn)
        if len(found) == k:
            break
    return list(found.values())
