"""Evolution as in single path one-shot: generations of mutants and crossovers of the ten best of all time.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling", https://arxiv.org/abs/1904.00420, section 3.4 and
algorithm 1, and its code (megvii-model/SinglePathOneShot, src/Search/search.py).
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Final, final

from searchitect.core import Architecture, Objective, Proposal, SettingError, Space, Strategy, Trial, TrialState
from searchitect.core.choosing import Domain, PolicyChooser
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of
from searchitect.strategies.seen import Seen

_TRIES: Final = 10
"""For each child that is wanted, as in the code; then an architecture is drawn at random in its place."""


@final
class EliteEvolution(Strategy):
    """A first population is drawn uniformly. Every further one is half mutants, half crossovers of the best architectures of all
    populations before it. No architecture is judged twice; those over a limit do not count.

    Args:
        population: architectures of a generation; at least 2.
        generations: the first one included; then it ends.
        parents: the best so many of all time are parents.
        mutation_rate: of each decision of a mutant, to be drawn anew, which may give the same value; in (0, 1].
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "crossover"})
    summary: ClassVar[str] = "generations of mutants and crossovers of the best of all time"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        population: int = 50,
        generations: int = 20,
        parents: int = 10,
        mutation_rate: float = 0.1,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value, least in (("population", population, 2), ("generations", generations, 1), ("parents", parents, 1)):
            if value < least:
                raise SettingError(f"{name} must be at least {least}, got {value}")
        if not 0 < mutation_rate <= 1:
            raise SettingError(f"mutation_rate must lie in (0, 1], got {mutation_rate}; the paper uses 0.1")
        self.population, self.generations = population, generations
        self.parents, self.mutation_rate = parents, mutation_rate
        self.elite: list[Individual] = []
        self._seen = Seen(space)
        self._newborn: list[Individual] = []
        self._generation = self._legal = self._refused = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        place = self._legal + sum(self._open.values())
        if self._generation >= self.generations or place >= self.population:
            return None  # the next generation waits for the last of this one
        wanted = self.population // 2
        if not self.elite:
            return self._seen.propose(None, rng)
        if place < wanted and self._refused < _TRIES * wanted:
            return self._new(self._mutant, rng)
        if self._refused < 2 * _TRIES * wanted:
            return self._new(self._crossed, rng)
        return self._seen.propose(None, rng)

    def learn(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if trial.state == TrialState.INFEASIBLE:
            self._refused += 1
            return
        self._legal += 1
        found = individual_of(self.space, trial, self.values(trial))
        if found is not None:
            self._newborn.append(found)
        if self._legal >= self.population:
            known = [*self.elite, *self._newborn]
            self.elite = [known[i] for i in best_first([individual.values for individual in known])[: self.parents]]
            self._newborn = []
            self._generation += 1
            self._legal = self._refused = 0

    def adopt(self, trial: Trial) -> None:
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"Evolution: {self._generation} of {self.generations} generations of {self.population} architectures ended."]

    def _new(self, make: Callable[[random.Random], Proposal], rng: random.Random) -> Proposal | None:
        children = (make(rng) for _ in range(_TRIES))
        return self._seen.propose(next((child for child in children if child.architecture not in self._seen), None), rng)

    def _mutant(self, rng: random.Random) -> Proposal:
        parent = rng.choice(self.elite)
        return Proposal(redrawn(self.space, parent.architecture, self.mutation_rate, rng), parent=parent.trial)

    def _crossed(self, rng: random.Random) -> Proposal:
        first, second = rng.choice(self.elite), rng.choice(self.elite)
        return Proposal(self.space.crossover(first.architecture, second.architecture, rng), parent=first.trial)


def redrawn(space: Space, parent: Architecture, rate: float, rng: random.Random) -> Architecture:
    """A copy in which every decision is drawn anew, uniformly, with probability ``rate``; and where it does not fit any more."""

    def policy(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        is_kept = path in parent.decisions and domain.allows(parent.decisions[path])
        return parent.decisions[path] if is_kept and rng.random() >= rate else domain.draw(rng)

    reader = PolicyChooser(policy)
    return space.read(reader)
