"""What a model-based strategy learns from, and what it chooses among: observations, their scores, candidates."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.core.trial import Trial, TrialState
from searchitect.metrics.pareto import best_first
from searchitect.metrics.ranks import mean_ranks
from searchitect.strategies.seen import Seen


@dataclass(frozen=True, slots=True)
class Observation:
    """A complete trial with a finite score.

    Attributes:
        trial: its id.
        key: of the architecture in its space.
        architecture: what was judged.
        values: one per objective, higher is better.
    """

    trial: int
    key: str
    architecture: Architecture
    values: tuple[float, ...]


class Observed:
    """The observations of a search, in the order of their first ending. An architecture counts once, with its latest score."""

    def __init__(self) -> None:
        self._by_key: dict[str, Observation] = {}
        self._added: list[Observation] = []

    @property
    def additions(self) -> int:
        """How many trials were taken in, an architecture that was tried twice counting twice."""
        return len(self._added)

    def __len__(self) -> int:
        return len(self._by_key)

    def __getitem__(self, place: int) -> Observation:
        return self.first(len(self))[place]

    def add(self, trial: Trial, values: Sequence[float]) -> bool:
        """Take in a trial with its objective values (`Strategy.values`). False: it says nothing to a model.

        That is a failed, pruned or infeasible one, one without a finite number for each objective, and a spec without decisions,
        such as one that was written by hand.
        """
        known = trial.state is TrialState.COMPLETE and bool(trial.architecture.decisions)
        if not known or not all(map(math.isfinite, values)):
            return False
        self._by_key[trial.key] = Observation(trial.id, trial.key, trial.architecture, tuple(values))
        self._added.append(self._by_key[trial.key])
        return True

    def after(self, additions: int) -> list[Observation]:
        """The observations as they were after so many additions: what comes later changes nothing, not even a score."""
        return list({o.key: o for o in self._added[:additions]}.values())

    def first(self, count: int) -> list[Observation]:
        """The first ``count`` observations."""
        return list(itertools.islice(self._by_key.values(), count))

    def best(self, count: int) -> list[Observation]:
        """The best ``count``, the best first: by value, or by non-dominated front and crowding distance."""
        found = self.first(len(self))
        return [found[place] for place in best_first([o.values for o in found])[:count]]


def scores_of(observations: Sequence[Observation]) -> NDArray[np.float64]:
    """One number each, higher is better: the value of the only objective, or how many of the others come later in `best_first`."""
    if observations and len(observations[0].values) == 1:
        return np.array([o.values[0] for o in observations])
    scores = np.empty(len(observations))
    scores[best_first([o.values for o in observations])] = np.arange(len(observations), 0, -1)
    return scores


def normal_scores(scores: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores by rank alone, as quantiles of the standard normal distribution: the i-th of n at (i - 1/2) / n, equal ones at their mean rank.

    Whatever follows does not change when the scores are transformed monotonously.
    """
    ranks = mean_ranks(np.asarray(scores, dtype=np.float64))
    quantiles: NDArray[np.float64] = ndtri((ranks - 0.5) / max(len(ranks), 1))
    return quantiles


def candidates(
    space: Space, seen: Seen, parents: Sequence[Architecture], rng: random.Random, mutations: int, draws: int
) -> list[Architecture]:
    """Different architectures that were not tried: mutations of the parents, taken in turn, and uniform draws.

    Args:
        space: where they come from.
        seen: what was tried.
        parents: may be empty.
        rng: draws them.
        mutations: how many to make of the parents, those that were tried included.
        draws: how many to draw uniformly, those that were tried included.

    Returns:
        At most ``mutations + draws``; none where all of them were tried.
    """
    made: list[Callable[[], Architecture]] = [
        lambda parent=parent: space.mutate(parent, rng)  # type: ignore[misc]
        for parent in itertools.islice(itertools.cycle(parents), mutations)
    ]
    made += [lambda: space.sample(rng)] * draws
    found: dict[str, Architecture] = {}
    for make in made:
        try:
            architecture = make()
        except SpaceError:  # a space with a single architecture has no mutation
            continue
        key = space.key(architecture)
        if key not in found and not seen.knows(key):
            found[key] = architecture
    return list(found.values())
