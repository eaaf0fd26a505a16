"""Progressive search: from the smallest architectures to larger ones, keeping those that a surrogate expects to be best.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, "Progressive Neural Architecture Search",
https://arxiv.org/abs/1712.00559, Algorithm 1. With several objectives the beam may be chosen by Pareto dominance, as in Dong, Cheng, Juan, Wei,
Sun 2018, "DPP-Net: Device-aware Progressive Search for Pareto-optimal Neural Architectures", https://arxiv.org/abs/1806.08198.

Differs from the papers:
1. Any space whose program repeats a body a varying number of times can grow, not only the cell of PNAS: an architecture is extended
   by one body of one list. Its level is how many bodies it has beyond the fewest, counted from 1.
2. Where a level has more architectures than ``first`` (level 1) or ``extensions``, so many are drawn; the paper takes all.
3. The surrogate learns ranks (as quantiles of a normal distribution), so only the order of scores matters. The paper fits accuracies.
4. Asynchronous within a level. The next level begins when all results of a level are there; until then there may be nothing to ask.
5. After the last level its beam goes on, with the surrogate fitted anew; when nothing is left to extend, architectures are drawn.
6. Failed, pruned and infeasible trials are not learned from and not extended. The paper has none of them.
7. By Pareto dominance: what is counted without computing (parameters, multiply-adds, memory) is counted for every extension; what is
   measured, such as latency, is predicted by a surrogate of its own from what was measured so far. DPP-Net measures it for all of them;
   that would take long, and no two times the same numbers, so that an interrupted search could not go on as it was.
"""

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SearchitectError, SettingError
from searchitect.core.objective import COUNTED, Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.predictors import make_predictor, predictor_names
from searchitect.strategies.growth import at_most, drawn, extended, one_body_more
from searchitect.strategies.observed import Observation, Observed, normal_scores, scores_of
from searchitect.strategies.seen import Seen

BOTH: Final = "lstm+mlp-mean"
"""The surrogate that averages the paper's two."""
SELECTIONS: Final = ("score", "pareto")
"""By one score, the first objective's or the place among the fronts; or by non-dominated front over all objectives, then by crowding."""


@dataclass(frozen=True)
class _Level:
    """What is tried at one level.

    Attributes:
        number: 1, 2, ...
        beam: by key, the most promising first; empty: nothing is left to extend.
        parents: what its architectures are extensions of; none at level 1.
        start: how many trials had ended when it began.
    """

    number: int
    beam: Mapping[str, Architecture]
    parents: Sequence[Architecture]
    start: int


class Progressive(Strategy):
    """Sequential model-based search by growing complexity, over spaces that can grow.

    Args:
        space: what can be built. Refused where no list in it varies in length.
        objectives: what is to become large or small, the first one leading.
        seed: of the draws and of the surrogate.
        beam: K in the paper, how many architectures are tried at each level but the first.
        first: how many are tried at level 1, at most. All of them where there are no more; the paper's space has 136.
        predictor: the surrogate: ``lstm`` or ``mlp-mean``, the two of the paper, ``lstm+mlp-mean``, the mean of both, or any
            other predictor.
        extensions: how many extensions of the beam are ranked at a level, at most.
        select: how the beam is chosen with several objectives, one of `SELECTIONS`.
        costs: counts what is asked for (of `COUNTED`) of an architecture, for ``pareto``; ``None``: it is predicted, as everything else.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "grow"})
    summary: ClassVar[str] = "from small architectures to large ones, a beam chosen by a surrogate (Liu et al. 2018, PNAS)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        beam: int = 256,
        first: int = 256,
        predictor: str = "lstm",
        extensions: int = 10_000,
        select: str = "score",
        costs: Callable[[Architecture, Sequence[str]], Mapping[str, float]] | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value in (("beam", beam), ("first", first), ("extensions", extensions)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}; the paper's beam is 256")
        known = [*predictor_names(), BOTH]
        if predictor not in known:
            raise SettingError(f"predictor must be one of {', '.join(known)}, got {predictor!r}; the paper's is lstm")
        if select not in SELECTIONS:
            raise SettingError(f"select must be one of {', '.join(SELECTIONS)}, got {select!r}")
        self.beam = beam
        self.first = first
        self.extensions = extensions
        self.predictor = predictor
        self.select = select
        self._costs = costs
        self._names = ["lstm", "mlp-mean"] if predictor == BOTH else [predictor]
        self._ended: list[tuple[str, Observation | None]] = []  # each trial's key, and what it said
        self._seen = Seen(space)
        self._level: _Level | None = None

    def propose(self, rng: random.Random) -> Proposal | None:
        """The most promising architecture of the level that was not tried; none while the level waits for its last results."""
        level = self._current_level()
        for key, architecture in level.beam.items():
            if not self._seen.knows(key):
                self._seen.add(key)
                return Proposal(architecture, is_start=level.number == 1)
        if level.beam:
            return None
        return self._seen.propose(None, rng)

    def learn(self, trial: Trial) -> None:
        """Keep the result. Which level it completes is found when the next architecture is asked for."""
        self.adopt(trial)
        observed = Observed()
        self._ended.append((trial.key, observed[0] if observed.add(trial, self.values(trial)) else None))

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        reached = self._level.number if self._level is not None else 1
        return [f"Progressive search (beam {self.beam}, surrogate {self.predictor}): reached level {reached}."]

    def _current_level(self) -> _Level:
        """Follows from the trials that ended, in their order, and from nothing else."""
        level = self._level or _Level(1, self._smallest(), [], 0)
        while level.beam and (end := self._end_of(level)) is not None:
            level = self._next_level(level, end)
        self._level = level
        return level

    def _end_of(self, level: _Level) -> int | None:
        """How many trials had ended when the last one of the beam did; ``None``: some are still to come."""
        missing = set(level.beam)
        for place, (key, _) in enumerate(self._ended, start=1):
            missing.discard(key)
            if not missing:
                return max(place, level.start)
        return None

    def _next_level(self, level: _Level, end: int) -> _Level:
        told = dict(self._ended[:end])
        grown = [a for key, a in level.beam.items() if told[key] is not None] or list(level.beam.values())
        for number, parents in ((level.number + 1, grown), (level.number, level.parents)):
            rng = random.Random(f"{self.seed}/{number}/{end}")
            found = {self.space.key(a): a for a in self._extensions(parents, rng)}
            fresh = {key: a for key, a in found.items() if key not in told}
            if fresh:
                return _Level(number, self._best(fresh, end), parents, end)
        return _Level(level.number, {}, [], end)

    def _best(self, fresh: Mapping[str, Architecture], end: int) -> dict[str, Architecture]:
        """The K with the highest predicted scores, or the first K by front and crowding; ties in order."""
        learned = list({key: o for key, o in self._ended[:end] if o is not None}.values())
        if len(learned) < 2 or len(fresh) <= self.beam:  # nothing to learn from, or nothing to choose
            return dict(itertools.islice(fresh.items(), self.beam))
        architectures = list(fresh.values())
        if self.select == "pareto":
            order = best_first(self._forecasts(learned, architectures, end))
        else:
            order = np.argsort(-self._predict(learned, scores_of(learned), architectures, end), kind="stable").tolist()
        keys = list(fresh)
        return {keys[place]: fresh[keys[place]] for place in order[: self.beam]}

    def _forecasts(
        self, learned: Sequence[Observation], architectures: Sequence[Architecture], end: int
    ) -> list[tuple[float, ...]]:
        """What is known of each architecture, one value per objective, higher is better: logarithms of counts, predicted scores."""
        counted = [o.metric for o in self.objectives if self._costs is not None and o.metric in COUNTED]
        counts = [self._counts(architecture, counted) for architecture in architectures] if counted else []
        columns = [
            np.array([objective.value(found) for found in counts])
            if objective.metric in counted
            else self._predict(learned, np.array([o.values[place] for o in learned]), architectures, end)
            for place, objective in enumerate(self.objectives)
        ]
        return [tuple(row) for row in np.array(columns).T.tolist()]

    def _counts(self, architecture: Architecture, names: Sequence[str]) -> dict[str, float]:
        """Logarithms, so that crowding sees factors; nothing where it cannot be built, which makes it the last choice of all."""
        assert self._costs is not None
        try:
            return {name: math.log1p(count) for name, count in self._costs(architecture, names).items()}
        except SearchitectError:
            return {}

    def _predict(
        self, learned: Sequence[Observation], values: NDArray[np.float64], architectures: Sequence[Architecture], end: int
    ) -> NDArray[np.float64]:
        scores = normal_scores(values)
        found = np.zeros(len(architectures))
        for name in self._names:
            predictor = make_predictor(name, self.space, seed=random.Random(f"{self.seed}/{end}").randrange(2**31))
            predictor.fit([o.architecture for o in learned], scores)
            found += predictor.predict(architectures)[0]
        return found

    def _smallest(self) -> dict[str, Architecture]:
        """Level 1 in a random order: all architectures whose lists are as short as can be, or draws of them."""
        rng = random.Random(f"{self.seed}/1")
        found = list(at_most(extended(self.space, {}), self.extensions)) or [
            drawn(self.space, {}, rng) for _ in range(4 * self.first)
        ]
        different = {self.space.key(a): a for a in found}
        keys = rng.sample(list(different), min(self.first, len(different)))
        return {key: different[key] for key in keys}

    def _extensions(self, parents: Sequence[Architecture], rng: random.Random) -> list[Architecture]:
        """Every extension of every parent by one body, or so many draws of them."""
        starts = [start for parent in parents for start in one_body_more(self.space, parent)]
        if not starts:
            return []
        every = itertools.chain.from_iterable(extended(self.space, start) for start in starts)
        found = list(at_most(every, self.extensions))
        return found or [drawn(self.space, rng.choice(starts), rng) for _ in range(self.extensions)]
