"""Random search: uniform draws without repetition. The baseline that every other strategy has to beat."""

import random
from collections.abc import Sequence
from typing import ClassVar

from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.seen import Seen


class RandomSearch(Strategy):
    """Draws every decision uniformly, and never the same architecture twice.

    A finite space of up to 10,000 architectures is exhausted: then ``ask`` gives ``None``.
    """

    summary: ClassVar[str] = "uniform draws without repetition: the baseline"

    def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0) -> None:
        super().__init__(space, objectives, seed=seed)
        self._seen = Seen(space)
        self._told = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A uniform draw that was not proposed before."""
        return self._seen.propose(None, rng)

    def learn(self, trial: Trial) -> None:
        """Remember what was tried; scores are not looked at."""
        self._seen.add(trial.key)
        self._told += 1

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"Random search: {self._told} architectures drawn uniformly."]
