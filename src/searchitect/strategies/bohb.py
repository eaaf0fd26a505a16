"""BOHB: Hyperband, whose new configurations come from a model of what was good at the largest budget that tells enough.

Falkner, Klein, Hutter 2018, "BOHB: Robust and Efficient Hyperparameter Optimization at Scale", https://arxiv.org/abs/1807.01774,
Algorithm 2, with the settings of the authors' code, HpBandSter.

Differs from the paper:
1. Whatever `hyperband` does otherwise than its paper: resumed weights, several objectives, workers that do not idle.
2. The bandwidth of labels follows from their frequencies, without regard to an order, and ends where a kernel is uniform. The
   authors' code takes the standard deviation of the labels' numbers.
3. A choice of several labels is as many columns as there are labels, each taken or not.
4. What was proposed before is not proposed again: the best of the candidates that are new is taken.
5. Failed, pruned and infeasible trials are no observations. The authors' code counts crashes as the worst.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final, TypeAlias, Unpack

import numpy as np

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, ReplayChooser
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial
from searchitect.strategies import make_strategy
from searchitect.strategies.inner import notes_of
from searchitect.strategies.kernel_density import KernelDensity, Vectors, impute
from searchitect.strategies.observed import Observation, Observed
from searchitect.strategies.rungs import HalvingOptions
from searchitect.strategies.seen import Seen

_GOOD: Final = 0.15
_FLOOR: Final = 1e-3

_Pair: TypeAlias = tuple[Vectors, KernelDensity, KernelDensity]


class Bohb(Strategy):
    """Hyperband with kernel densities of good and bad configurations.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator.
        random_fraction: of the new configurations that are drawn uniformly whatever the model says, in [0, 1]; at 1 it is Hyperband.
        candidates: how many configurations are drawn near good ones; the one with the largest ratio of the densities is proposed.
        bandwidth_factor: by how much the bandwidths of numbers are widened for drawing candidates, above 0.
        halving: base_epochs (of the most aggressive bracket), max_epochs, eta, data, resolution; see
            `searchitect.strategies.rungs.Halving`.
    """

    summary: ClassVar[str] = "Hyperband with kernel densities of good and bad architectures (Falkner et al. 2018)"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        random_fraction: float = 1 / 3,
        candidates: int = 64,
        bandwidth_factor: float = 3,
        **halving: Unpack[HalvingOptions],
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if not 0 <= random_fraction <= 1:
            raise SettingError(f"random_fraction must lie in [0, 1], got {random_fraction}; the paper uses 1/3")
        if candidates < 1 or not 0 < bandwidth_factor < math.inf:
            raise SettingError(
                f"candidates must be at least 1, bandwidth_factor above 0 and finite, got {candidates} and {bandwidth_factor}; "
                "the paper uses 64 and 3"
            )
        self._model = _Model(space, objectives, seed, random_fraction, candidates, bandwidth_factor)
        self._hyperband = make_strategy("hyperband", space, objectives, seed, inner=self._model, **halving)

    def propose(self, rng: random.Random) -> Proposal | None:
        """What Hyperband proposes."""
        return self._hyperband.ask()

    def learn(self, trial: Trial) -> None:
        """The model hears of every trial, at every fidelity; Hyperband goes on as always."""
        self._model.observe(trial)
        self._hyperband.tell(trial)

    def adopt(self, trial: Trial) -> None:
        """Pass it on."""
        self._hyperband.tell(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [note.replace("Hyperband", "BOHB", 1) for note in notes_of(self._hyperband)]


class _Model(Strategy):
    """Where BOHB's new configurations come from."""

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        seed: int,
        random_fraction: float,
        candidates: int,
        bandwidth_factor: float,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self._random_fraction = random_fraction
        self._candidates = candidates
        self._bandwidth_factor = bandwidth_factor
        self._seen = Seen(space)
        self._observed: dict[Fidelity, Observed] = {}
        self._domains: dict[str, dict[str, Domain]] = {}
        self._fitted: dict[Fidelity, _Pair | None] = {}
        self._counted = {"drawn uniformly": 0, "from the model": 0}

    def observe(self, trial: Trial) -> None:
        """Take in a result, at whatever fidelity."""
        if self._observed.setdefault(trial.fidelity, Observed()).add(trial, self.values(trial)):
            self._domains.setdefault(trial.key, self.space.domains(trial.architecture))
            self._fitted.pop(trial.fidelity, None)

    def propose(self, rng: random.Random) -> Proposal | None:
        """A uniform draw, or the best candidate of the model."""
        drawn = self._seen.draw(rng)  # first, so that with a random fraction of 1 it is random search to the last bit
        if drawn is None:
            return None
        pair = None if rng.random() < self._random_fraction else self._pair()
        best = None if pair is None else self._best_candidate(pair, rng)
        self._seen.add(self.space.key(best or drawn))
        return Proposal(best or drawn, is_random=best is None)

    def learn(self, trial: Trial) -> None:
        """Remember what was tried; its scores come by `observe`."""
        self._seen.add(trial.key)
        self._counted["drawn uniformly" if trial.origin == "random" else "from the model"] += 1

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"Of these, {' and '.join(f'{count} {how}' for how, count in self._counted.items())}."]

    def _pair(self) -> _Pair | None:
        """The densities at the largest fidelity that tells enough; ``None`` where none does."""
        for fidelity in sorted(self._observed, reverse=True):
            observed = self._observed[fidelity]
            if fidelity not in self._fitted:
                # what is imputed is drawn by the seed and the number of observations: the same after an interruption
                rng = np.random.default_rng([self.seed % 2**32, len(observed)])
                self._fitted[fidelity] = _fit(observed.best(len(observed)), self._domains, rng)
            found = self._fitted[fidelity]
            if found is not None:
                return found
        return None

    def _best_candidate(self, pair: _Pair, rng: random.Random) -> Architecture | None:
        """Of those near good configurations, the new one that is likeliest among the good ones and unlikeliest among the bad ones."""
        vectors, good, bad = pair
        drawn = good.draw(self._candidates, np.random.default_rng(rng.getrandbits(64)), self._bandwidth_factor)
        for place in np.argsort(-good(drawn) / bad(drawn), kind="stable"):
            chooser = ReplayChooser(vectors.decode(drawn[place], rng), rng)
            architecture = self.space.read(chooser)
            if architecture not in self._seen:
                return architecture
        return None


def _fit(ordered: Sequence[Observation], domains: Mapping[str, Mapping[str, Domain]], rng: np.random.Generator) -> _Pair | None:
    """Densities of the best 15 % and of the others, each of more points than there are columns; ``None`` where that cannot be.

    Args:
        ordered: the observations, the best first.
        domains: of each, by key.
        rng: draws what is imputed.
    """
    if len(ordered) < 2 * (1 + max((len(domains[o.key]) for o in ordered), default=0)):
        return None
    vectors = Vectors([domains[o.key] for o in sorted(ordered, key=lambda o: o.trial)])
    least = len(vectors.sizes) + 1
    if len(ordered) < 2 * least:
        return None
    count = max(least, int(_GOOD * len(ordered)))
    points = np.stack([vectors.encode(o.architecture.decisions) for o in ordered])
    good, bad = impute(points[:count], vectors, rng), impute(points[count:], vectors, rng)
    return vectors, KernelDensity(good, vectors.sizes, _FLOOR), KernelDensity(bad, vectors.sizes, _FLOOR)
