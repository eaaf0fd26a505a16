"""A genetic algorithm: children of two parents, tournaments to be a parent and tournaments to die, the best are safe.

Syswerda 1989, "Uniform Crossover in Genetic Algorithms", ICGA 1989, pages 2-9 (uniform crossover, steady state); Goldberg, Deb 1991, "A
Comparative Analysis of Selection Schemes Used in Genetic Algorithms", https://doi.org/10.1016/B978-0-08-050684-5.50008-2 (tournaments);
De Jong 1975, "An Analysis of the Behavior of a Class of Genetic Adaptive Systems" (elitism).

Differs from the papers:
1. Crossover is the space's own: each decision from either parent by a fair coin; one that fits neither is drawn anew. The papers
   have strings of a fixed length.
2. Who leaves is found by a tournament as well. Syswerda deletes by rank, with exponential odds.
3. A child that was tried before is made anew; after four of them the parent is mutated in place of a crossover.
4. Asynchronous: a child enters when its trial ends. Failed, pruned and infeasible trials never enter.
5. With several objectives individuals are ordered by non-dominated front, then by crowding distance. The papers have one.
"""

import random
from collections.abc import Sequence
from typing import ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, check_rates, child_or_draw, individual_of
from searchitect.strategies.seen import Seen


class GeneticAlgorithm(Strategy):
    """Steady-state, elitist, with uniform crossover.

    Args:
        space: what can be built; of a list of decisions, so that two can be crossed.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        population_size: how many are alive; the first ones are drawn at random.
        tournament_size: how many meet, without replacement: the best becomes a parent; among those that are not elite, the worst dies.
        elites: so many of the best never die, in [0, population_size]. With all of them, the worst of all dies every time.
        crossover_rate: the probability that a child has two parents, in [0, 1].
        mutation_rate: the probability of each decision to change afterwards, in [0, 1]; ``None``: one in the number of decisions.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate", "crossover"})
    summary: ClassVar[str] = "tournaments, uniform crossover and mutation, the best survive (Syswerda 1989)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 30,
        tournament_size: int = 3,
        elites: int = 1,
        crossover_rate: float = 0.9,
        mutation_rate: float | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 2:
            raise SettingError(f"population_size must be at least 2, a pair of parents, got {population_size}")
        for name, value, low in (("tournament_size", tournament_size, 1), ("elites", elites, 0)):
            if not low <= value <= population_size:
                raise SettingError(f"{name} must lie in [{low}, population_size={population_size}], got {value}")
        check_rates(crossover_rate, mutation_rate)
        self.population_size = population_size
        self.tournament_size = tournament_size
        self.elites = elites
        self.crossover_rate = crossover_rate
        self.mutation_rate = mutation_rate
        self._alive: list[Individual] = []  # the best first; equal ones in the order of entering
        self._seen = Seen(space)
        self._told = self._drawn = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws until the population is full; then children."""
        parents = (lambda: (self._parent(rng), self._parent(rng))) if len(self._alive) == self.population_size else None
        return child_or_draw(self.space, self._seen, parents, rng, self.crossover_rate, self.mutation_rate)

    def learn(self, trial: Trial) -> None:
        """A complete trial enters; where that is one too many, the loser of a tournament leaves."""
        self._seen.add(trial.key)
        self._told += 1
        self._drawn += trial.origin == "random"
        found = individual_of(self.space, trial, self.values(trial))
        if found is None:
            return
        entered = [*self._alive, found]
        self._alive = [entered[place] for place in best_first([individual.values for individual in entered])]
        if len(self._alive) > self.population_size:
            del self._alive[self._victim()]

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Genetic algorithm (population {self.population_size}, tournaments of {self.tournament_size}): "
            f"{self._drawn} architectures drawn uniformly, {self._told - self._drawn} children."
        ]

    def _parent(self, rng: random.Random) -> Individual:
        return self._alive[min(rng.sample(range(len(self._alive)), self.tournament_size))]

    def _victim(self) -> int:
        """The place of who dies. The draw follows from the seed and the number of trials told."""
        mortal = range(self.elites, len(self._alive))
        rng = random.Random(f"{self.seed}/{self._told}/dies")
        return max(rng.sample(mortal, min(self.tournament_size, len(mortal))))
