"""A Gaussian process on architectures: try what is expected to improve most on the best so far.

Jones, Schonlau, Welch 1998, "Efficient Global Optimization of Expensive Black-Box Functions",
https://doi.org/10.1023/A:1008306431147 (expected improvement); Snoek, Larochelle, Adams 2012, "Practical Bayesian Optimization of Machine
Learning Algorithms", https://arxiv.org/abs/1206.2944 (noise, several workers). The process is `searchitect.predictors.gp`.

Differs from the papers:
1. The kernel compares architectures: their decisions, the paths through their graphs, or the subtrees of those. The papers have numbers.
2. The process is fitted to ranks, as quantiles of a normal distribution, so only the order of scores matters.
3. One set of lengthscale and noise, the most probable one, found anew whenever the number of results has grown by a sixth; the amplitude is
   1, that of the quantiles. Snoek et al. average over a sample of all three.
4. What still runs is taken to have the score that is expected of it. Snoek et al. average over what it may turn out to be.
5. What failed, was pruned or is over a limit is taken for as bad as the worst, but the process is not fitted to it.
6. Small spaces are ranked as a whole; in others the candidates are mutations of the best and random draws, instead of a grid.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.predictors.acquisition import expected_improvement, upper_confidence_bound
from searchitect.predictors.gp import Hyperparameters, PoolPosterior, fit_hyperparameters
from searchitect.predictors.kernels import make_kernel
from searchitect.strategies.observed import Observation, Observed, candidates, normal_scores, scores_of
from searchitect.strategies.pool import Pool, pool_of
from searchitect.strategies.seen import Seen

Numbers = NDArray[np.float64]

_GROWTH: Final = 7 / 6
_PARENTS: Final = 10
_ROUNDING: Final = 1e-9


@dataclass
class _Fit:
    """Hyperparameters, found from the first ``count`` trials that ended, on ``tried`` architectures.

    ``posterior`` is over the whole of a small space, once it is needed.
    """

    count: int
    tried: int
    hyperparameters: Hyperparameters
    posterior: PoolPosterior | None = None


class GaussianProcessSearch(Strategy):
    """Bayesian optimisation with a Gaussian process over any space that can sample and mutate.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        initial: how many random architectures must have ended before the process is used, at least 1.
        kernel: what makes architectures alike: ``structure``, their decisions, and the operations and paths of their graphs, as
            far as the space has any; ``hamming``, the decisions alone; ``path`` or ``wl``, the paths or the subtrees alone.
        acquisition: ``ei``, expected improvement, or ``ucb``, upper confidence bound.
        exploration: of ``ucb``: how many standard deviations are added to the mean, at least 0.
        mutations: in a space that is too large to rank: how many mutations of the best 10 are candidates.
        draws: and how many random architectures are.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "Gaussian process on architectures, expected improvement (Snoek et al. 2012)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 3,
        kernel: str = "structure",
        acquisition: str = "ei",
        exploration: float = 2.0,
        mutations: int = 100,
        draws: int = 50,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value, least in (("initial", initial, 1), ("mutations", mutations, 0), ("draws", draws, 1)):
            if value < least:
                raise SettingError(f"{name} must be at least {least}, got {value}")
        if acquisition not in ("ei", "ucb"):
            raise SettingError(f"acquisition must be 'ei' or 'ucb', got {acquisition!r}")
        if not exploration >= 0:
            raise SettingError(f"exploration must be at least 0, got {exploration}; usual is 2")
        if kernel in ("structure", "hamming") and "edit" in space.abilities():
            raise SpaceError(
                f"kernel={kernel!r} compares decisions, which architectures of the space {space.name!r} do not have after an edit: "
                "use a strategy such as regularized-evolution or random"
            )
        self.initial = initial
        self.kernel = kernel
        self.acquisition = acquisition
        self.exploration = exploration
        self.mutations = mutations
        self.draws = draws
        self._kernel = make_kernel(kernel, space)
        self._observed = Observed()
        self._seen = Seen(space)
        self._known: set[str] = set()
        self._ended: list[tuple[str, Observation | None]] = []  # each trial's key, and what it said
        self._tried: dict[str, Architecture] = {}  # what ended, in the order of first ending
        self._running: dict[str, Architecture] = {}
        self._rows: dict[str, Numbers] = {}  # features of what was tried
        self._fitted: _Fit | None = None
        self._random = self._modelled = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws first; then the candidate of the largest acquisition."""
        new = self._most_wanted(rng) if len(self._observed) >= self.initial else None
        proposal = None if new is None else Proposal(new)
        if proposal is None:
            drawn = self._seen.draw(rng)
            proposal = None if drawn is None else Proposal(drawn, is_random=True)
        if proposal is not None:
            self._note(self.space.key(proposal.architecture), proposal.architecture)
        return proposal

    def learn(self, trial: Trial) -> None:
        """Keep the result."""
        self._close(trial.key)
        self._running.pop(trial.key, None)
        if trial.origin == "random":
            self._random += 1
        else:
            self._modelled += 1
        if trial.architecture.decisions:
            values = self.values(trial)
            said = Observed()
            self._observed.add(trial, values)
            self._ended.append((trial.key, said[0] if said.add(trial, values) else None))
            self._tried.setdefault(trial.key, trial.architecture)

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._note(trial.key, trial.architecture)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Gaussian process (kernel {self.kernel}, acquisition {self.acquisition}): "
            f"{self._random} architectures drawn uniformly, {self._modelled} by the process."
        ]

    def _note(self, key: str, architecture: Architecture) -> None:
        self._close(key)
        if architecture.decisions and key not in self._tried:
            self._running[key] = architecture

    def _close(self, key: str) -> None:
        self._seen.add(key)
        self._known.add(key)

    @cached_property
    def _pool(self) -> Pool | None:
        return pool_of(self.space, self.kernel)

    def _most_wanted(self, rng: random.Random) -> Architecture | None:
        """``None`` where every candidate was tried."""
        pool = self._pool
        if pool is not None:
            offered, places = pool.architectures, pool.places
            is_open = np.ones(len(offered), dtype=bool)
            is_open[[places[key] for key in self._known if key in places]] = False
        else:
            parents = [o.architecture for o in self._observed.best(_PARENTS)]
            offered = candidates(self.space, self._seen, parents, rng, self.mutations, self.draws)
            is_open = np.ones(len(offered), dtype=bool)
        if not is_open.any():
            return None
        posterior = self._new_posterior(self._kernel.features(offered)) if pool is None else self._pool_posterior(pool)
        wanted = np.where(is_open, self._acquisition(posterior), -np.inf)
        # equal but for rounding: one of them is drawn
        best = np.flatnonzero(wanted >= wanted.max() - _ROUNDING * abs(wanted.max()))
        return offered[int(best[rng.randrange(len(best))])]

    def _acquisition(self, posterior: PoolPosterior) -> Numbers:
        """Of each of the posterior's pool. What runs is observed, for a while, to be as expected: that changes no mean."""
        targets = self._targets()
        mean, std = posterior.posterior(targets)
        if self._running:
            posterior.observe(self._features(sorted(self._running)))
            std = posterior.posterior(np.append(targets, np.zeros(len(self._running))))[1]
            posterior.forget(len(self._running))
        if self.acquisition == "ucb":
            return upper_confidence_bound(mean, std, self.exploration)
        return expected_improvement(mean, std, float(targets.max()))

    def _targets(self) -> Numbers:
        """A score for each of what was tried: normal scores, and the worst of them for what did not end well."""
        known = self._observed.first(len(self._observed))
        scores = dict(zip((o.key for o in known), normal_scores(scores_of(known)), strict=True))
        worst = min(scores.values())
        return np.array([scores.get(key, worst) for key in self._tried])

    def _fit(self) -> _Fit:
        """From the first trials that ended, and as they were then: the same whenever it is made."""
        count = fitted_count(len(self._ended))
        if self._fitted is None or self._fitted.count != count:
            learned = list({key: o for key, o in self._ended[:count] if o is not None}.values())
            hyperparameters = Hyperparameters()
            if len(learned) > 1:
                features = self._kernel.features([o.architecture for o in learned])
                found = fit_hyperparameters(self._kernel, features, normal_scores(scores_of(learned)))
                hyperparameters = replace(found, amplitude=1.0)  # that of normal scores
            self._fitted = _Fit(count, len({key for key, _ in self._ended[:count]}), hyperparameters)
        return self._fitted

    def _new_posterior(self, pool: Numbers) -> PoolPosterior:
        posterior = PoolPosterior(self._kernel, pool, self._fit().hyperparameters)
        posterior.observe(self._features(list(self._tried)))
        return posterior

    def _pool_posterior(self, pool: Pool) -> PoolPosterior:
        """Over the whole space; made anew with the hyperparameters, and in between kept up to date one by one."""
        fit = self._fit()
        keys = list(self._tried)
        if fit.posterior is None:
            fit.posterior = PoolPosterior(self._kernel, pool.features, fit.hyperparameters)
            fit.posterior.observe(self._features(keys[: fit.tried]))
        for key in keys[len(fit.posterior) :]:
            fit.posterior.observe(self._features([key]))
        return fit.posterior

    def _features(self, keys: Sequence[str]) -> Numbers:
        """[n, d] of what was tried or runs."""
        for key in keys:
            if key not in self._rows:
                self._rows[key] = self._kernel.features([self._tried.get(key) or self._running[key]])[0]
        return np.array([self._rows[key] for key in keys])


def fitted_count(ended: int) -> int:
    """Of so many trials that ended, how many the hyperparameters are found from: all up to 12, then in steps of a sixth."""
    count = 0
    while (following := max(count + 1, math.floor(count * _GROWTH))) <= ended:
        count = following
    return count
