"""Hill climbing: some random mutations of the best per step, the best of them goes on; restart when it goes on no more.

Elsken, Metzen, Hutter 2017, "Simple and Efficient Architecture Search for Convolutional Neural Networks",
https://arxiv.org/abs/1711.04528, algorithm 1 (NASH).

Differs from the paper:
1. Mutations are the space's own and weights are not inherited: the paper's are network morphisms, and the incumbent is trained
   further with its children. So all ``neighbours`` of a step are children; the incumbent keeps its score.
2. Restarts. The paper climbs once, from a small network.
3. Asynchronous: a step ends when so many trials have ended, whichever of the climb they are. What was tried before is not tried again.
4. With several objectives a child goes on unless the incumbent dominates it. The paper has one.
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
from searchitect.strategies.moves import Individual, individual_of, mutant
from searchitect.strategies.seen import Seen


class HillClimbing(Strategy):
    """Steps of several children of the incumbent.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        neighbours: n_neigh in the paper, how many trials end per step; 1 is the simplest climber.
        mutations: n_NM in the paper, how many mutations in sequence lead to a child.
        patience: so many steps in a row without a better one, and the climb starts anew at a random architecture.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "some mutations of the best per step, the best of them goes on (Elsken et al. 2017)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        neighbours: int = 8,
        mutations: int = 1,
        patience: int = 3,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value, usual in (
            ("neighbours", neighbours, "the paper uses 8"),
            ("mutations", mutations, "the paper uses 5"),
            ("patience", patience, "the default is 3"),
        ):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}; {usual}")
        self.neighbours = neighbours
        self.mutations = mutations
        self.patience = patience
        self._incumbent: Individual | None = None
        self._step: list[Individual | None] = []  # what has ended since the last step; None: of no use
        self._failures = 0
        self._climb: list[int] = []  # the incumbents of this climb, by trial
        self._former: set[int] = set()  # and of those before
        self._seen = Seen(space)
        self._climbs = self._steps = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A child of the incumbent; a random start where there is none, or none is left nearby."""
        near = None if self._incumbent is None else mutant(self.space, self._seen, self._incumbent, rng, self.mutations)
        return self._seen.propose(near, rng)

    def learn(self, trial: Trial) -> None:
        """Count what has ended; at the end of a step, move."""
        self._seen.add(trial.key)
        if trial.parent in self._former:
            return  # a late child of a climb that was given up
        found = individual_of(self.space, trial, self.values(trial))
        if self._incumbent is not None:
            self._step.append(found)
            if len(self._step) == self.neighbours:
                self._move(self._incumbent, [child for child in self._step if child is not None])
        elif found is not None:
            self._climbs += 1
            self._become(found)

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"Hill climbing: {self._climbs} climbs, {self._steps} steps of {self.neighbours} children."]

    def _move(self, incumbent: Individual, children: Sequence[Individual]) -> None:
        self._step = []
        self._steps += 1
        best = children[best_first([child.values for child in children])[0]] if children else incumbent
        self._failures = 0 if best.dominates(incumbent) else self._failures + 1
        if self._failures == self.patience:
            self._former.update(self._climb)
            self._climb, self._failures, self._incumbent = [], 0, None
        elif best is not incumbent and not incumbent.dominates(best):
            self._become(best)

    def _become(self, incumbent: Individual) -> None:
        self._incumbent = incumbent
        self._climb.append(incumbent.trial)
