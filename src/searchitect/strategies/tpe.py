"""TPE, the tree-structured Parzen estimator: what do good architectures choose that the others do not?

Bergstra, Bardenet, Bengio, Kegl 2011, "Algorithms for Hyper-Parameter Optimization",
https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html, section 4; Bergstra, Yamins, Cox 2013,
"Making a Science of Model Search", https://proceedings.mlr.press/v28/bergstra13.html, and its code, hyperopt.

Differs from the papers:
1. The tree is the program of the space: a decision's estimator learns from those architectures in which that decision is made.
2. Old observations count as much as new ones; hyperopt lets those beyond the newest 25 fade.
3. What still runs, and what failed, was pruned or is over a limit, counts among the others (never among the good ones), so that
   several workers do not look at the same place. In the papers it counts for nothing.
4. An architecture is proposed once. With several objectives the good ones are the first by non-dominated front and crowding distance.
5. Choosing several of a set has an estimator of its own (`parzen.SubsetDensity`). The papers do not have that choice.
"""

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, PolicyChooser
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.observed import Observed
from searchitect.strategies.parzen import Density, parzen
from searchitect.strategies.seen import Seen

_MOST_GOOD: Final = 25


class Tpe(Strategy):
    """Tree-structured Parzen estimator over any space.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        initial: how many random architectures must have ended well before the estimators are used, at least 1.
        candidates: how many architectures are drawn from the density of the good ones; the one with the largest ratio of
            the two densities is proposed. At least 1.
        gamma: the fraction of the observations that counts as good, in (0, 1]. ``None``: hyperopt's rule, a quarter of the
            square root of their number, at most 25; at least one.
    """

    summary: ClassVar[str] = (
        "tree-structured Parzen estimator: what good architectures choose more often (Bergstra et al. 2011)"
    )

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        initial: int = 20,
        candidates: int = 24,
        gamma: float | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value, usual in (("initial", initial, 20), ("candidates", candidates, 24)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}; usual are {usual}")
        if gamma is not None and not 0 < gamma <= 1:
            raise SettingError(f"gamma must lie in (0, 1], or be left out for hyperopt's rule, got {gamma}")
        self.initial = initial
        self.candidates = candidates
        self.gamma = gamma
        self._observed = Observed()
        self._seen = Seen(space)
        self._running: dict[str, Architecture] = {}
        self._lost: dict[str, Architecture] = {}
        self._split: tuple[_Estimators, _Estimators] | None = None
        self._random = self._modelled = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """Random draws first; then the best of the candidates that were not tried, or a draw where all were."""
        if len(self._observed) >= self.initial:
            good, others = self._estimators()
            drawn = [self._candidate(good, others, rng) for _ in range(self.candidates)]
            for _, architecture in sorted(drawn, key=lambda pair: -pair[0]):
                if architecture not in self._seen:
                    return self._opened(Proposal(architecture))
        new = self._seen.draw(rng)
        return None if new is None else self._opened(Proposal(new, is_random=True))

    def learn(self, trial: Trial) -> None:
        """Count the trial with the observations, or with those that did not end well."""
        self._seen.add(trial.key)
        self._running.pop(trial.key, None)
        self._split = None
        if trial.origin == "random":
            self._random += 1
        else:
            self._modelled += 1
        if self._observed.add(trial, self.values(trial)):
            self._lost.pop(trial.key, None)
        else:
            self._lost[trial.key] = trial.architecture

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._note(trial.key, trial.architecture)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Tree-structured Parzen estimator ({self.initial} random architectures first, best of {self.candidates} candidates): "
            f"{self._random} architectures drawn uniformly, {self._modelled} from the estimators."
        ]

    def _opened(self, proposal: Proposal) -> Proposal:
        self._note(self.space.key(proposal.architecture), proposal.architecture)
        return proposal

    def _note(self, key: str, architecture: Architecture) -> None:
        self._seen.add(key)
        self._running[key] = architecture
        self._split = None

    def _estimators(self) -> tuple["_Estimators", "_Estimators"]:
        """Of the good ones, and of all the others."""
        if self._split is None:
            ordered = {o.key: o.architecture for o in self._observed.best(len(self._observed))}
            good = dict(list(ordered.items())[: good_count(len(ordered), self.gamma)])
            tried = {**self._lost, **self._running, **ordered}  # an architecture that was tried twice counts as it ended well
            self._split = _Estimators(good.values()), _Estimators(tried[key] for key in tried if key not in good)
        return self._split

    def _candidate(self, good: "_Estimators", others: "_Estimators", rng: random.Random) -> tuple[float, Architecture]:
        """An architecture drawn from l(x), the density of the good ones, and log l(x) - log g(x)."""
        ratio = 0.0

        def decide(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
            nonlocal ratio
            density = good.at(path, domain)
            value = density.draw(rng)
            ratio += density.log(value) - others.at(path, domain).log(value)
            return value

        chooser = PolicyChooser(decide)
        spec = self.space.describe(chooser)
        return ratio, Architecture(spec, chooser.decisions)


def good_count(observations: int, gamma: float | None) -> int:
    """How many of the observations count as good: see `Tpe`."""
    if gamma is not None:
        return math.ceil(gamma * observations)
    return min(math.ceil(math.sqrt(observations) / 4), _MOST_GOOD)


class _Estimators:
    """One estimator per decision, of the values that the architectures decided for; made when it is asked for."""

    def __init__(self, architectures: Iterable[Architecture]) -> None:
        self._history: dict[str, list[Any]] = {}
        self._made: dict[str, tuple[Domain, Density]] = {}
        for architecture in architectures:
            for path, value in architecture.decisions.items():
                self._history.setdefault(path, []).append(value)

    def at(self, path: str, domain: Domain) -> Density:
        """The estimator of the decision at ``path``, whose domain may depend on the decisions before it."""
        known = self._made.get(path)
        if known is None or (known[0] is not domain and known[0] != domain):
            known = domain, parzen(domain, self._history.get(path, ()))
            self._made[path] = known
        return known[1]
