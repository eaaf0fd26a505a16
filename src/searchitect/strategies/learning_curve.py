"""Early stopping by learning curves: a training that will hardly beat the best one is stopped, and its forecast told in place of its end.

Domhan, Springenberg, Hutter 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
Learning Curves", https://www.ijcai.org/Proceedings/15/Papers/487.pdf, section 4. The median rule: Golovin, Solnik, Moitra,
Kochanski, Karro, Sculley 2017, "Google Vizier", https://doi.org/10.1145/3097983.3098043, section 3.2.

Differs from the paper:
1. A training is cut into pieces, each of which resumes the one before. Between them it is decided whether it goes on.
2. The forecast is by least squares and a bootstrap; the paper's posterior is ``method="mcmc"`` (`searchitect.predictors.curves`).
3. Where a score outside [0, 1] was seen, all are brought to [0.1, 0.9] by the range of 0, 1 and what was seen.
4. Several objectives: a training competes with those that are no worse in all but the first. The paper has one.
"""

import math
import random
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial, TrialState
from searchitect.strategies.curve_rules import RULES, Case, Curve
from searchitect.strategies.inner import inner_strategy, notes_of


@dataclass
class _Course:
    """What is known of an architecture's training."""

    curve: Curve = field(default_factory=dict)
    is_complete: bool = False


@dataclass(frozen=True)
class _Waiting:
    """A training that is to go on to a level."""

    trial: Trial
    level: int


class LearningCurve(Strategy):
    """Early stopping around any strategy that leaves fidelities to others.

    Args:
        space: what can be built.
        objectives: what is to become large or small; the curve is that of the first one.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: where new architectures come from: a strategy's name, or a strategy. It is told one result per architecture: the
            measured one at the end, or the forecast where the training was stopped.
        max_epochs: of a whole training.
        first: the first checkpoint, as a fraction of ``max_epochs`` in [0.01, 1]; each later one is as far again.
        method: ``least-squares``; ``mcmc``, the paper's posterior, a second or two per decision; ``last-value``, which adds what
            completed trainings gained; ``median``, the median stopping rule, which looks at no forecast.
        threshold: a training is stopped where it beats the best one with less than this probability, in [0, 1].
        min_points: points of a curve below which nothing is decided, at least 3.
        data: fraction of the training rows in use.
        resolution: fraction of the image side in use.
        inner_options: of ``inner``, where that is a name.
    """

    summary: ClassVar[str] = "stops trainings whose curve will hardly reach the best, around any strategy (Domhan et al. 2015)"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "random",
        max_epochs: float = 27,
        first: float = 0.25,
        method: str = "least-squares",
        threshold: float = 0.05,
        min_points: int = 5,
        data: float = 1.0,
        resolution: float = 1.0,
        inner_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if method not in RULES:
            raise unknown_name("method of learning-curve", method, RULES)
        if not 0.01 <= first <= 1:
            raise SettingError(f"first must lie in [0.01, 1], a fraction of max_epochs, got {first}; 0.25 looks three times")
        if not 0 <= threshold <= 1:
            raise SettingError(f"threshold must lie in [0, 1], got {threshold}; the paper uses 0.05")
        if min_points < 3:
            raise SettingError(f"min_points must be at least 3, got {min_points}: fewer points are no curve")
        self.method, self.threshold, self.min_points = method, threshold, min_points
        steps = math.ceil(1 / first - 1e-9)
        epochs = [max_epochs * first * k for k in range(1, steps)] + [max_epochs]
        self.fidelities = [Fidelity(e, data, resolution) for e in epochs]
        self.inner = inner_strategy(inner, space, objectives, seed, inner_options)
        self._level = {fidelity: level for level, fidelity in enumerate(self.fidelities)}
        self._courses: dict[str, _Course] = {}
        self._finals: list[tuple[float, ...]] = []
        self._waiting: list[_Waiting] = []
        self._asked: Counter[str] = Counter()  # new ones that still run, of which the inner strategy knows
        self._low, self._high = 0.0, 1.0  # of all scores, and of 0 and 1
        self._ended = self._stopped = 0
        self._saved = 0.0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A training that goes on, the oldest decision first; else a new architecture at the first checkpoint."""
        if self._waiting:
            going = self._waiting.pop(0)
            return Proposal(going.trial.architecture, self.fidelities[going.level], parent=going.trial.id, resume=True)
        new = self.inner.ask()
        if new is None:
            return None
        self._asked[new.architecture.text] += 1
        return replace(new, fidelity=self.fidelities[0])

    def learn(self, trial: Trial) -> None:
        """Decide whether the training goes on, or tell the inner strategy how it ended. Other fidelities are ignored."""
        level = self._level.get(trial.fidelity)
        if level is None:
            return
        self._no_longer_waits(trial, level)
        is_known = trial.resume or self._asked[trial.architecture.text] > 0
        self._asked -= Counter([] if trial.resume else [trial.architecture.text])
        values = self.values(trial)
        if trial.state is not TrialState.COMPLETE or not all(map(math.isfinite, values)):
            self._release(trial)
            return
        course = self._take_in(trial, values[0])
        if level == len(self.fidelities) - 1:
            course.is_complete = True
            self._finals.append(values)
            self._release(trial)
            return
        forecast = self._forecast_of_the_hopeless(trial, course, values)
        if forecast is None:
            self._waiting.append(_Waiting(trial, level + 1))
            if not is_known:
                self.inner.tell(self._still_running(trial))
            return
        self._stopped += 1
        self._saved += self.fidelities[-1].epochs - trial.fidelity.epochs
        leading = self.objectives[0]
        raw = forecast if leading.direction == "max" else -forecast
        self._release(replace(trial, metrics={**trial.metrics, leading.metric: raw}))

    def adopt(self, trial: Trial) -> None:
        """Take in that a training goes on, or is new."""
        level = self._level.get(trial.fidelity)
        if level is None:
            return
        self._no_longer_waits(trial, level)
        if not trial.resume:
            self._asked[trial.architecture.text] += 1
            self.inner.tell(self._still_running(trial))

    def notes(self) -> list[str]:
        """What it did, for the report."""
        looks = ", ".join(f"{fidelity.epochs:g}" for fidelity in self.fidelities[:-1])
        full = self.fidelities[-1].epochs
        share = self._saved / (full * self._ended) if self._ended else 0.0
        return [
            f"Learning curves ({self.method}, looked at after {looks or 'none'} of {full:g} epochs): {self._stopped} of {self._ended} "
            f"trainings were stopped, which saved {share:.0%} of the epochs.",
            *notes_of(self.inner),
        ]

    def _take_in(self, trial: Trial, last: float) -> _Course:
        """Add the points of a piece of training: its looks, or what was measured in the end where it tells of none."""
        course = self._courses.setdefault(trial.key, _Course())
        looks = {row.get("epoch", 0.0): self.objectives[0].value(row) for row in trial.curve}
        usable = {epoch: v for epoch, v in looks.items() if 0 < epoch <= trial.fidelity.epochs and math.isfinite(v)}
        course.curve |= usable or {trial.fidelity.epochs: last}
        course.curve = dict(sorted(course.curve.items()))
        self._low = min(self._low, *course.curve.values(), last)
        self._high = max(self._high, *course.curve.values(), last)
        return course

    def _forecast_of_the_hopeless(self, trial: Trial, course: _Course, values: tuple[float, ...]) -> float | None:
        """The final score of a training that will not beat the best one; ``None`` where it goes on."""
        rivals = [v[0] for v in self._finals if all(a >= b for a, b in zip(v[1:], values[1:], strict=True))]
        known = {epoch: score for epoch, score in course.curve.items() if epoch <= trial.fidelity.epochs}
        if not rivals or len(known) < self.min_points:
            return None
        others = [c for c in self._courses.values() if c is not course]
        low, high = self._range()

        def scaled(curve: Curve) -> Curve:
            return curve if (low, high) == (0, 1) else {epoch: (score - low) / (high - low) for epoch, score in curve.items()}

        case = Case(
            curve=scaled(known),
            best=(max(rivals) - low) / (high - low),
            completed=[scaled(c.curve) for c in others if c.is_complete],
            begun=[scaled(c.curve) for c in others],
            end=self.fidelities[-1].epochs,
            least=self.min_points,
            rng=np.random.default_rng([self.seed % 2**32, zlib.crc32(trial.key.encode()), len(known)]),
        )
        found = RULES[self.method](case)
        if found is None or found[1] >= self.threshold:
            return None
        return low + found[0] * (high - low)

    def _range(self) -> tuple[float, float]:
        """What is scaled to 0 and 1: just those, as long as all scores are fractions."""
        low, high = self._low, self._high
        if (low, high) == (0, 1):
            return low, high
        margin = (high - low) / 8
        return low - margin, high + margin

    def _no_longer_waits(self, trial: Trial, level: int) -> None:
        for going in self._waiting:
            if trial.resume and going.level == level and going.trial.key == trial.key:
                self._waiting.remove(going)
                return

    def _still_running(self, trial: Trial) -> Trial:
        return self._whole(replace(trial, state=TrialState.RUNNING, metrics={}, curve=[]))

    def _release(self, trial: Trial) -> None:
        """Tell the inner strategy how it ended."""
        self._ended += 1
        self.inner.tell(self._whole(trial))

    def _whole(self, trial: Trial) -> Trial:
        """As the inner strategy sees it: one whole training."""
        return replace(trial, fidelity=self.fidelities[-1], resume=False)
