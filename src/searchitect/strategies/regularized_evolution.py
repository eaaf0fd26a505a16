"""Regularized (aging) evolution: the oldest dies, not the worst. Without aging: the tournament evolution that it came from.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search", https://arxiv.org/abs/1802.01548,
Algorithm 1.

Differs from the paper:
1. Mutation is the space's own: one decision changed (or one edit). The paper chooses between an operation, a hidden state and,
   with probability 0.05, the identity.
2. Asynchronous, as the authors' released search was in practice: whoever finishes enters, so age is the order of finishing.
3. With several objectives a tournament is won by the first non-dominated front, ties by crowding distance. The paper has one.
4. Failed, pruned and infeasible trials, and those with a NaN score, never enter the population. The paper has none of them.

``dies`` makes its relatives: "worst", of the whole population, of equals the oldest: the variant that the paper compares with; "loser", the worst of
a tournament, with two in it the evolution of Real et al. 2017, https://arxiv.org/abs/1703.01041; "nobody", the population grows as in Liu et al. 2018,
https://arxiv.org/abs/1711.00436, whose tournaments are of a share of it. ``from_start`` and ``inherit`` make the rest of Real et al. 2017.
"""

import random
from collections import deque
from collections.abc import Collection, Sequence
from typing import ClassVar, Final

from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of
from searchitect.strategies.seen import Seen

DIES: Final = ("oldest", "worst", "loser", "nobody")
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
        dies: "oldest"; "worst"; "loser": the worst of a tournament of its own; or "nobody", when one more is alive than ``population_size``.
        from_start: begin with `Space.first`, such as trivial networks that grow, and not with uniform draws.
        inherit: a child begins with the weights of its parent where names and shapes agree.
        sample_share: where above 0, a tournament is of this share of those alive, rounded, at least one, in the place of ``sample_size``.
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
        dies: str = "oldest",
        sample_share: float = 0.0,
        from_start: bool = False,
        inherit: bool = False,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if population_size < 1:
            raise SettingError(f"population_size must be at least 1, got {population_size}; the paper uses 100")
        if sample_size < 1 or not (with_replacement or sample_size <= population_size):
            raise SettingError(
                f"sample_size must lie in [1, population_size] (above only with replacement), got sample_size={sample_size} "
                f"with population_size={population_size}; the paper uses 25 of 100"
            )
        if dies not in DIES:
            raise unknown_name("dies, who leaves the population:", dies, DIES)
        if not 0 <= sample_share <= 1:
            raise SettingError(
                f"sample_share must lie in [0, 1], got {sample_share}; 0 takes sample_size, the hierarchical search has 0.05"
            )
        self.population_size = population_size
        self.sample_size = sample_size
        self.sample_share = sample_share
        self.with_replacement = with_replacement
        self.dies = dies
        self.from_start = from_start
        self.inherit = inherit
        self._population: deque[Individual] = deque()  # left: the oldest
        self._seen = Seen(space, remembers=avoid_duplicates)
        self._random = self._evolved = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws, or starts, until the population is full; then a mutated tournament winner."""
        if len(self._population) >= self.population_size:
            child = self._child(rng)
        else:
            starts = self.from_start and hasattr(self.space, "start")  # otherwise `first` is a draw like the others
            child = Proposal(self.space.first(rng), is_start=True) if starts else None
        return self._seen.propose(child, rng)

    def learn(self, trial: Trial) -> None:
        """A complete trial enters on the right; the oldest leaves on the left, or whoever dies from wherever it is."""
        self.adopt(trial)
        if trial.origin == "random" or (self.from_start and trial.parent is None):
            self._random += 1
        else:
            self._evolved += 1
        found = individual_of(self.space, trial, self.values(trial))
        if found is not None:
            self._population.append(found)
        if len(self._population) > self.population_size and self.dies != "nobody":
            alive = range(len(self._population))
            if self.dies == "oldest":
                self._population.popleft()
            elif self.dies == "worst":
                del self._population[self._worst(alive)]
            else:
                rng = random.Random(f"{self.seed}/dies/{self._random + self._evolved}")
                del self._population[self._worst(rng.sample(alive, min(max(self._met(), 2), len(alive))))]

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def inheritable(self) -> Collection[int] | None:
        """Those alive, where weights are inherited."""
        return [individual.trial for individual in self._population] if self.inherit else None

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"{'Regularized' if self.dies == 'oldest' else 'Tournament'} evolution (population {self._size()}, tournaments of {self._met()}): "
            f"{self._random} {'starts' if self.from_start else 'architectures drawn uniformly'}, {self._evolved} by mutation."
        ]

    def _child(self, rng: random.Random) -> Proposal | None:
        for _ in range(_TRIES):
            parent = self._tournament(rng)
            child = self.space.mutate(parent.architecture, rng)
            if child not in self._seen:
                return Proposal(child, parent=parent.trial, inherit=self.inherit)
        return None

    def _tournament(self, rng: random.Random) -> Individual:
        alive, size = range(len(self._population)), self._met()
        drawn = rng.choices(alive, k=size) if self.with_replacement else rng.sample(alive, size)
        met = [self._population[place] for place in dict.fromkeys(drawn)]  # who was drawn twice still competes once
        return met[best_first([individual.values for individual in met])[0]]

    def _met(self) -> int:
        """How many meet in a tournament now."""
        return max(1, round(self.sample_share * len(self._population))) if self.sample_share > 0 else self.sample_size

    def _size(self) -> int:
        return len(self._population) if self.dies == "nobody" else self.population_size

    def _worst(self, places: Sequence[int]) -> int:
        """The place of the worst of some; of equals the oldest."""
        youngest_first = sorted(places, reverse=True)
        return youngest_first[best_first([self._population[place].values for place in youngest_first])[-1]]
