"""A generational genetic algorithm: each generation is drawn from the last one by a roulette wheel, then crossed or mutated.

Xie, Yuille 2017, "Genetic CNN", https://arxiv.org/abs/1703.01513, Algorithm 1; fitness-proportional selection and generations that replace
each other go back to Holland 1975, "Adaptation in Natural and Artificial Systems".

Differs from the paper:
1. Crossover and mutation are the space's own: groups of decisions (`Space.crossover_group`, such as stages) are swapped, and a decision that is
   hit takes another one of its values. The paper has stages of bits.
2. An individual that was judged before counts with that value. The paper trains it again and takes the mean over its occurrences.
3. The first generation has no individual twice.
4. Trials of a generation run at a time, but generations do not overlap: who asks while the last ones are judged gets nothing.
5. Failed, pruned and infeasible trials never survive, and are left out of the first generation. If nobody of a generation may survive, the
   one before breeds again.
6. After 50 generations in a row in which nothing is new, it draws uniformly.
7. With several objectives a value is the place in the order of non-dominated fronts and crowding distance. The paper has one.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of, redrawn
from searchitect.strategies.seen import Seen

_STALE: Final = 50
"""Generations in a row without anything new after which there are no more."""


class GenerationalGeneticAlgorithm(Strategy):
    """Roulette-wheel selection, crossover of consecutive pairs by groups, mutation of those that were not crossed.

    Args:
        space: what can be built; of a list of decisions, so that two can be crossed.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        population_size: N in the paper, individuals of a generation; the first ones are drawn at random.
        crossover_rate: p_C, the probability that a pair is crossed, in [0, 1].
        swap_rate: q_C, the probability of each group of decisions to be swapped in a crossover, in [0, 1].
        mutation_rate: p_M, the probability that an individual which was not crossed mutates, in [0, 1].
        flip_rate: q_M, the probability of each of its decisions to change then, in [0, 1].
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "crossover"})
    summary: ClassVar[str] = "generations by a roulette wheel, then crossover or mutation (Xie, Yuille 2017, Genetic CNN)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population_size: int = 20,
        crossover_rate: float = 0.2,
        swap_rate: float = 0.2,
        mutation_rate: float = 0.8,
        flip_rate: float = 0.05,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 2:
            raise SettingError(
                f"population_size must be at least 2, a pair of parents, got {population_size}; the paper uses 20"
            )
        rates = {
            "crossover_rate": (crossover_rate, 0.2),
            "swap_rate": (swap_rate, 0.2),
            "mutation_rate": (mutation_rate, 0.8),
            "flip_rate": (flip_rate, 0.05),
        }
        for name, (rate, usual) in rates.items():
            if not 0 <= rate <= 1:
                raise SettingError(f"{name} must lie in [0, 1], got {rate}; the paper uses {usual}")
        self.population_size = population_size
        self.crossover_rate = crossover_rate
        self.swap_rate = swap_rate
        self.mutation_rate = mutation_rate
        self.flip_rate = flip_rate
        self._judged: dict[str, Individual | None] = {}  # by key, the first result of each; None: it may not survive
        self._generation: list[tuple[str, Proposal]] = []  # individuals with their keys; none before the first are all judged
        self._parents: list[Individual] = []  # those of the last generation that may survive, one who occurs twice twice
        self._known: set[str] = set()  # the keys of all generations
        self._generations = self._stale = 0
        self._seen = Seen(space)

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws for the first generation; then the individuals of the generation that were not judged."""
        if not self._generations:
            running = self._open.total()
            is_waiting = running > 0 and len(self._first()) + running >= self.population_size
            return None if is_waiting else self._seen.propose(None, rng)
        for key, individual in self._generation:
            if not self._seen.knows(key):
                self._seen.add(key)
                return individual
        return self._seen.propose(None, rng) if self._stale >= _STALE else None

    def learn(self, trial: Trial) -> None:
        """Keep the result; where it was the last of its generation, breed the next one."""
        self._seen.add(trial.key)
        self._judged.setdefault(trial.key, individual_of(self.space, trial, self.values(trial)))
        if not self._generations:
            found = self._first()
            if len(found) < self.population_size:
                return
            self._parents = sorted(found, key=lambda individual: individual.trial)  # not by who ended first
            self._breed()
        while self._stale < _STALE and all(key in self._judged for key, _ in self._generation):
            self._parents = self._survivors() or self._parents
            self._breed()

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Generational genetic algorithm (population {self.population_size}): {self._generations} generations bred, "
            f"{len(self._judged)} different architectures judged."
        ]

    def _first(self) -> list[Individual]:
        """Of the first generation, so far."""
        return [found for found in self._judged.values() if found is not None]

    def _survivors(self) -> list[Individual]:
        """Of this generation, each as it is itself: an equal network that was judged before may have other decisions."""
        return [
            replace(found, architecture=individual.architecture)
            for key, individual in self._generation
            if (found := self._judged[key]) is not None
        ]

    def _breed(self) -> None:
        """The next generation. It follows from the seed, its number and its parents."""
        self._generations += 1
        rng = random.Random(f"{self.seed}/generation/{self._generations}")
        drawn = rng.choices(self._parents, roulette([parent.values for parent in self._parents]), k=self.population_size)
        children: list[Architecture] = []
        for place in range(0, len(drawn), 2):
            pair = [parent.architecture for parent in drawn[place : place + 2]]
            if len(pair) == 2 and rng.random() < self.crossover_rate:
                children += swapped(self.space, pair[0], pair[1], rng, self.swap_rate)
            else:
                children += [self._mutated(one, rng) if rng.random() < self.mutation_rate else one for one in pair]
        keys = [self.space.key(child) for child in children]
        self._generation = [
            (key, Proposal(child, parent=parent.trial)) for key, child, parent in zip(keys, children, drawn, strict=True)
        ]
        self._stale = self._stale + 1 if self._known.issuperset(keys) else 0
        self._known.update(keys)

    def _mutated(self, parent: Architecture, rng: random.Random) -> Architecture:
        hit = {path for path in parent.decisions if rng.random() < self.flip_rate}
        return redrawn(self.space, parent, hit, rng) if hit else parent


def roulette(values: Sequence[tuple[float, ...]]) -> list[float]:
    """Weights of selection: by how much each is better than the worst, whose weight is 0; all 1 where all are equal.

    Args:
        values: of each individual one number per objective, higher is better. With several, the weight is how many come later in `best_first`.
    """
    found = [value[0] for value in values]
    if len(values[0]) > 1:
        place = {one: rank for rank, one in enumerate(best_first(values))}
        found = [-float(place[one]) for one in range(len(values))]
    lowest = min(found)
    weights = [value - lowest for value in found]
    return weights if any(weights) else [1.0] * len(values)


def swapped(space: Space, first: Architecture, second: Architecture, rng: random.Random, rate: float) -> list[Architecture]:
    """Both children of two parents: each `Space.crossover_group` is swapped with the probability ``rate``."""
    draws = rng.random()  # the same for both: what one takes from elsewhere, the other gives
    return [space.crossover(*pair, random.Random(draws), share=1 - rate) for pair in ((first, second), (second, first))]
