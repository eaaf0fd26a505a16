"""Regularized (aging) evolution: the oldest dies, not the worst. Without aging: the tournament evolution that it came from.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search", https://arxiv.org/abs/1802.01548,
Algorithm 1.

Differs from the paper:
1. Mutation is the space's own: one decision changed (or one edit). The paper chooses between an operation, a hidden state and,
   with probability 0.05, the identity.
2. Asynchronous, as the authors' released search was in practice: whoever finishes enters, so age is the order of finishing.
3. With several objectives a tournament is won by the first non-dominated front, ties by crowding distance. The paper has one.
4. Failed, pruned and infeasible trials, and those with a NaN score, never enter the population. The paper has none of them.

Without aging the worst of the population dies, of equals the oldest: the variant that the paper compares with. In the evolution of Real et
al. 2017, https://arxiv.org/abs/1703.01041, it is the worse of two.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import ClassVar, Final

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of
from searchitect.strategies.seen import Seen

_TRIES: Final = 20


class RegularizedEvolution(Strategy):
    """Aging evolution over any space that can sample and mutate.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        population_size: P in the paper, the number of architectures alive.
        sample_size: S in the paper, how many of them meet in a tournament; 1 is no selection at all.
        with_replacement: whether one individual can be drawn into a tournament twice, as in the authors' notebook. Without
            replacement selection is a little stronger, and ``sample_size`` is at most ``population_size``.
        avoid_duplicates: redraw a child that was proposed before (up to 20 times, then draw at random). Sensible where scores
            are repeatable; the paper trains such a child again.
        aging: whether the oldest dies; otherwise the worst.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "aging evolution: tournament, one mutation, the oldest dies (Real et al. 2019)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 100,
        sample_size: int = 25,
        with_replacement: bool = True,
        avoid_duplicates: bool = False,
        aging: bool = True,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 1:
            raise SettingError(f"population_size must be at least 1, got {population_size}; the paper uses 100")
        if sample_size < 1 or not (with_replacement or sample_size <= population_size):
            raise SettingError(
                f"sample_size must lie in [1, population_size] (above only with replacement), got sample_size={sample_size} "
                f"with population_size={population_size}; the paper uses 25 of 100"
            )
        self.population_size = population_size
        self.sample_size = sample_size
        self.with_replacement = with_replacement
        self.aging = aging
        self._population: deque[Individual] = deque()  # left: the oldest
        self._seen = Seen(space, remembers=avoid_duplicates)
        self._random = self._evolved = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws until the population is full; then a mutated tournament winner."""
        child = None if len(self._population) < self.population_size else self._child(rng)
        return self._seen.propose(child, rng)

    def learn(self, trial: Trial) -> None:
        """A complete trial enters on the right; the oldest leaves on the left, or the worst from wherever it is."""
        self.adopt(trial)
        if trial.origin == "random":
            self._random += 1
        else:
            self._evolved += 1
        found = individual_of(self.space, trial, self.values(trial))
        if found is not None:
            self._population.append(found)
        if len(self._population) > self.population_size:
            if self.aging:
                self._population.popleft()
            else:
                del self._population[self._worst()]

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"{'Regularized' if self.aging else 'Tournament'} evolution (population {self.population_size}, tournaments of {self.sample_size}): "
            f"{self._random} architectures drawn uniformly, {self._evolved} by mutation."
        ]

    def _child(self, rng: random.Random) -> Proposal | None:
        for _ in range(_TRIES):
            parent = self._tournament(rng)
            child = self.space.mutate(parent.architecture, rng)
            if child not in self._seen:
                return Proposal(child, parent=parent.trial)
        return None

    def _tournament(self, rng: random.Random) -> Individual:
        alive = range(len(self._population))
        drawn = rng.choices(alive, k=self.sample_size) if self.with_replacement else rng.sample(alive, self.sample_size)
        met = [self._population[place] for place in dict.fromkeys(drawn)]  # who was drawn twice still competes once
        return met[best_first([individual.values for individual in met])[0]]

    def _worst(self) -> int:
        """The place of the worst; of equals the oldest."""
        youngest_first = [individual.values for individual in reversed(self._population)]
        return len(youngest_first) - 1 - best_first(youngest_first)[-1]
