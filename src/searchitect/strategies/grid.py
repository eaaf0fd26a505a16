"""Grid search: every architecture, one after the other; of a choice among many numbers, only some evenly spaced ones.

A baseline without a paper; Bergstra, Bengio 2012, "Random Search for Hyper-Parameter Optimization",
https://jmlr.org/papers/v13/bergstra12a.html, say why random draws usually beat it: most of its points differ in what does not matter.

Differs from the paper:
1. The grid follows a space's conditional choices. The paper's is a product of lists.
2. Architectures that the space knows to train identically are visited once.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, NumberDomain, PolicyChooser
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.seen import Seen


class Grid(Strategy):
    """The enumeration of a space, the last choice changing fastest. At its end ``ask`` gives ``None``.

    Args:
        space: what can be built.
        objectives: what is to become large or small; the grid does not look at it.
        seed: of the order where ``shuffled``; else without effect.
        points: how many evenly spaced values, both ends among them, stand for a range of more numbers, and for a continuous one; at
            least 2. Even in the logarithm where the choice is logarithmic.
        shuffled: walk through the values of each choice in an order drawn by the seed, in place of the order in which they are written.
    """

    summary: ClassVar[str] = "the enumeration in order, on an even grid where there are many numbers"

    def __init__(
        self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, points: int = 8, shuffled: bool = False
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if points < 2:
            raise SettingError(f"points must be at least 2, the ends of a range, got {points}")
        self.points = points
        self.shuffled = shuffled
        self._places: list[int] | None = []  # of the architecture to look at next: an index per decision; None: past the last
        self._values: dict[str, tuple[Domain, Sequence[Any]]] = {}  # by path: those of the domain that was last met there
        self._seen = Seen(space)
        self._told = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """The next one that was not tried."""
        while self._places is not None:
            architecture = self._step(self._places)
            key = self.space.key(architecture)
            if not self._seen.knows(key):
                self._seen.add(key)
                return Proposal(architecture, is_start=True)  # no score is ever looked at
        return None

    def learn(self, trial: Trial) -> None:
        """Remember what was tried; scores are not looked at."""
        self._seen.add(trial.key)
        self._told += 1

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        order = "a drawn order" if self.shuffled else "order"
        end = "; the grid is used up" if self._places is None else ""
        return [f"Grid search: {self._told} architectures in {order}{end}."]

    def _step(self, given: Sequence[int]) -> Architecture:
        """The architecture at these places, first values after them. Moves on to the following one, in the order of an odometer."""
        places: list[int] = []
        counts: list[int] = []

        def follow(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
            values = self._values_of(path, domain)
            place = given[len(places)] if len(places) < len(given) else 0
            places.append(place)
            counts.append(len(values))
            return values[place]

        reader = PolicyChooser(follow)
        architecture = self.space.read(reader)
        moving = next((step for step in reversed(range(len(places))) if places[step] + 1 < counts[step]), None)
        self._places = None if moving is None else [*places[:moving], places[moving] + 1]
        return architecture

    def _values_of(self, path: str, domain: Domain) -> Sequence[Any]:
        known = self._values.get(path)
        if known is not None and known[0] == domain:
            return known[1]
        values = grid_values(domain, self.points) if isinstance(domain, NumberDomain) else domain.values()
        if self.shuffled:
            values = random.Random(f"{self.seed}/{path}").sample(list(values), len(values))
        self._values[path] = domain, values
        return values


def grid_values(domain: NumberDomain, points: int) -> list[Any]:
    """At most ``points`` values of a range, evenly spaced and rising, both ends among them; all of them where there are no more.

    Args:
        domain: the range.
        points: at least 2.
    """
    low, high = domain.low, domain.high
    if low == high or (domain.whole and high - low < points):
        return [low] if low == high else list(domain.values())
    ends = (math.log(low), math.log(high)) if domain.log else (low, high)
    spaced = [ends[0] + (ends[1] - ends[0]) * step / (points - 1) for step in range(1, points - 1)]
    inner = [math.exp(value) if domain.log else value for value in spaced]
    if not domain.whole:
        return [low, *inner, high]
    return list(dict.fromkeys([low, *(min(max(round(value), int(low)), int(high)) for value in inner), high]))
