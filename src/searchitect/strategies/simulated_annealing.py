"""Simulated annealing: a worse neighbour is accepted too, the more seldom the worse it is and the later it comes.

Kirkpatrick, Gelatt, Vecchi 1983, "Optimization by Simulated Annealing", Science 220, 671-680,
https://doi.org/10.1126/science.220.4598.671, with the rule of Metropolis et al. 1953: accept with probability exp(-loss / temperature).

Differs from the paper:
1. The temperature falls with every trial that ends, by a constant factor. The paper keeps each temperature for many steps.
2. Losses are measured in spreads: the distance between the quartiles of all scores so far. So the unit of a score does not matter, nor
   do a few very bad ones.
3. What was tried before is not tried again; near an architecture whose neighbours all were tried, the step becomes longer.
4. Asynchronous: a trial that ends is compared with the present state, whichever it was a neighbour of.
5. With several objectives the loss is the mean over them. The paper has one.
"""

import math
import random
from bisect import insort
from collections.abc import Sequence
from typing import ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.moves import Individual, individual_of, mutant
from searchitect.strategies.seen import Seen


class SimulatedAnnealing(Strategy):
    """A walk by single mutations that becomes a climb.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        temperature: at the start, in spreads of the scores. At 1 a loss as wide as the middle half of all scores is accepted
            with probability 0.37; at 0 none is.
        cooling: the factor on the temperature for each trial that ends, in (0, 1].
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "a walk by mutations that accepts losses, ever more seldom (Kirkpatrick et al. 1983)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        temperature: float = 0.3,
        cooling: float = 0.97,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if not 0 <= temperature < math.inf:
            raise SettingError(f"temperature must be at least 0 and finite, got {temperature}; the default is 0.3")
        if not 0 < cooling <= 1:
            raise SettingError(
                f"cooling must lie in (0, 1], got {cooling}; the default is 0.97, a fall to a tenth in 76 trials"
            )
        self.temperature = temperature
        self.cooling = cooling
        self._state: Individual | None = None
        self._scores: list[list[float]] = [[] for _ in self.objectives]  # of each objective, rising
        self._seen = Seen(space)
        self._told = self._gains = self._losses = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A mutation of the present state; a random start where there is none, or none is left nearby."""
        near = None if self._state is None else mutant(self.space, self._seen, self._state, rng)
        return self._seen.propose(near, rng)

    def learn(self, trial: Trial) -> None:
        """Accept it as the state, or not. The draw follows from the seed and the number of trials told."""
        self._seen.add(trial.key)
        self._told += 1
        found = individual_of(self.space, trial, self.values(trial))
        if found is None:
            return
        for scores, value in zip(self._scores, found.values, strict=True):
            insort(scores, value)
        if self._state is None:
            self._state = found
            return
        changes = zip(found.values, self._state.values, self._scores, strict=True)
        gain = sum((new - old) / spread(scores) for new, old, scores in changes) / len(self._scores)
        chance = acceptance(gain, self.temperature * self.cooling**self._told)
        if chance == 1 or random.Random(f"{self.seed}/{self._told}/accept").random() < chance:
            self._state = found
            self._gains += gain >= 0
            self._losses += gain < 0

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        reached = self.temperature * self.cooling**self._told
        return [
            f"Simulated annealing: {self._gains} steps up or level, {self._losses} down; "
            f"the temperature fell from {self.temperature:g} to {reached:.2g} spreads."
        ]


def acceptance(gain: float, temperature: float) -> float:
    """The probability that a step is accepted: 1 for a gain, exp(gain / temperature) for a loss (Metropolis et al. 1953).

    Args:
        gain: the new score less the old one.
        temperature: at least 0, in the unit of ``gain``; 0 accepts no loss.
    """
    if gain >= 0:
        return 1.0
    return math.exp(max(gain / temperature, -700.0)) if temperature > 0 else 0.0


def spread(scores: Sequence[float]) -> float:
    """The distance between the quartiles; between the ends where that is 0; 1 where all are equal.

    Args:
        scores: rising, at least one.
    """
    last = len(scores) - 1
    return (scores[-(-3 * last // 4)] - scores[last // 4]) or (scores[-1] - scores[0]) or 1.0
