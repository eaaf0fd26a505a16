"""NSGA-II: a population sorted by non-dominated front, then by crowding distance; parents and children compete to survive.

Deb, Pratap, Agarwal, Meyarivan 2002, "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
https://doi.org/10.1109/4235.996017, section III. On architectures: Lu et al. 2019, "NSGA-Net", https://arxiv.org/abs/1810.03522.

Differs from the paper:
1. Crossover and mutation are the space's own: each decision from either parent by a fair coin. The paper has binary strings with
   single-point crossover, and real numbers with simulated binary crossover. ``homogeneous`` and ``exploration`` are NSGA-Net's.
2. Asynchronous: a generation ends when ``offspring`` more trials have completed, whichever they are; children are made meanwhile.
3. An architecture that was tried is not tried again, as in NSGA-Net's released code.
4. Constraints: a failed, pruned or infeasible trial never enters, so that it loses against everyone. The paper orders infeasible
   ones among themselves by their violation.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import crowding_distance, non_dominated_ranks
from searchitect.strategies.crossings import chained
from searchitect.strategies.moves import Individual, check_rates, child_or_draw, individual_of
from searchitect.strategies.seen import Seen

_DRAWS: Final = 16


@dataclass(frozen=True, slots=True)
class Ranked:
    """A member of the population.

    Attributes:
        individual: who it is.
        rank: of its front, 0 for the non-dominated.
        crowding: its crowding distance within that front; the larger, the lonelier.
    """

    individual: Individual
    rank: int
    crowding: float

    @property
    def order(self) -> tuple[int, float]:
        """The crowded-comparison operator of the paper: smaller is better."""
        return self.rank, -self.crowding


class Nsga2(Strategy):
    """Non-dominated sorting over parents and children. With one objective: a (mu + lambda) genetic algorithm.

    Args:
        space: what can be built; of a list of decisions, so that two can be crossed.
        objectives: what is to become large or small, each as important as the others.
        seed: of this strategy's own generator; global generators are never touched.
        population_size: N in the paper, how many survive; the first ones are drawn at random. The paper has 100, NSGA-Net 40.
        offspring: how many trials complete until the next generation; ``None``: as many as survive, as in the paper; 1: steady state.
        crossover_rate: the probability that a child has two parents, in [0, 1].
        mutation_rate: the probability of each decision to change afterwards, in [0, 1]; ``None``: one in the number of decisions.
        homogeneous: whether a child's decisions that are numbers, such as bits, add up to no less than the smaller and no more than the
            larger sum of its parents, so that it is about as complex as they are (NSGA-Net, section 3.2).
        exploration: generations of children of two parents. Those of later ones are drawn from a Bayesian network over the parts of
            the population's architectures (`chained`; NSGA-Net, section 3.2); ``None``: there are no such.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate", "crossover"})
    summary: ClassVar[str] = "non-dominated sorting and crowding, for several objectives (Deb et al. 2002)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 20,
        offspring: int | None = None,
        crossover_rate: float = 0.9,
        mutation_rate: float | None = None,
        homogeneous: bool = False,
        exploration: int | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 2:
            raise SettingError(
                f"population_size must be at least 2, a pair of parents, got {population_size}; the paper uses 100"
            )
        if offspring is not None and offspring < 1:
            raise SettingError(f"offspring must be at least 1, got {offspring}; leave it out for as many as survive")
        if exploration is not None and exploration < 1:
            raise SettingError(
                f"exploration must be at least 1 generation, got {exploration}; leave it out for no exploitation"
            )
        check_rates(crossover_rate, mutation_rate)
        self.population_size = population_size
        self.offspring = population_size if offspring is None else offspring
        self.crossover_rate = crossover_rate
        self.mutation_rate = mutation_rate
        self.homogeneous = homogeneous
        self.exploration = exploration
        self._population: list[Ranked] = []  # empty before the first generation
        self._new: list[Individual] = []  # completed since the last generation
        self._generations = 0
        self._seen = Seen(space)

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws until the population is full; then children of winners of binary tournaments, later draws from the network."""
        if self.exploration is not None and self._generations > self.exploration:  # the first one is the random population
            for _ in range(_DRAWS):
                drawn = chained(self.space, [member.individual.architecture for member in self._population], rng)
                if drawn not in self._seen:
                    return self._seen.propose(Proposal(drawn), rng)
        parents = (lambda: (self._winner(rng), self._winner(rng))) if self._population else None
        rates = self.crossover_rate, self.mutation_rate
        return child_or_draw(self.space, self._seen, parents, rng, *rates, self.homogeneous)

    def learn(self, trial: Trial) -> None:
        """Collect what completed; survival once there is enough."""
        self._seen.add(trial.key)
        found = individual_of(self.space, trial, self.values(trial))
        if found is None:
            return
        self._new.append(found)
        if len(self._new) >= (self.offspring if self._population else self.population_size):
            everyone = {one.architecture: one for one in (*(member.individual for member in self._population), *self._new)}
            self._population = crowded_order(list(everyone.values()))[: self.population_size]
            self._new = []
            self._generations += 1

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        front = sum(member.rank == 0 for member in self._population)
        return [
            f"NSGA-II (population {self.population_size}, {self.offspring} children per generation): {self._generations} generations; "
            f"{front} of the population are not dominated."
        ]

    def _winner(self, rng: random.Random) -> Individual:
        """Of two that are drawn; a fair coin where neither is better (the draw itself is one)."""
        return min(rng.sample(self._population, 2), key=lambda member: member.order).individual


def crowded_order(individuals: Sequence[Individual]) -> list[Ranked]:
    """All of them by front, then by crowding distance within it, the best first; equal ones in the order given."""
    ranks = non_dominated_ranks([individual.values for individual in individuals])
    fronts: dict[int, list[Individual]] = {}
    for individual, rank in zip(individuals, ranks, strict=True):
        fronts.setdefault(rank, []).append(individual)
    members = [
        Ranked(individual, rank, crowding)
        for rank, front in fronts.items()
        for individual, crowding in zip(front, crowding_distance([one.values for one in front]), strict=True)
    ]
    return sorted(members, key=lambda member: member.order)
