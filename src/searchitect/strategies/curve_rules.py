"""Rules of early stopping: what a learning curve says about its end, and how likely that beats the best."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from searchitect.predictors.curve_posterior import extrapolate_by_sampling
from searchitect.predictors.curves import cut_beginning, extrapolate

Curve: TypeAlias = dict[float, float]
"""Epoch -> score, higher is better, in [0, 1]."""


@dataclass(frozen=True)
class Case:
    """What a rule decides on.

    Attributes:
        curve: of the training, as far as it is known, ascending in the epochs.
        best: the final score to beat.
        completed: the curves of trainings that went to the end.
        begun: the curves of all other trainings, as far as they are known.
        end: the epochs of a whole training.
        least: points below which a curve says nothing.
        rng: draws what the rule needs.
    """

    curve: Curve
    best: float
    completed: Sequence[Curve]
    begun: Sequence[Curve]
    end: float
    least: int
    rng: np.random.Generator


Rule: TypeAlias = Callable[[Case], tuple[float, float] | None]
"""The forecast of the final score, and how likely it is above the best one; ``None``: it cannot be told."""


def _by_fit(case: Case, method: Callable[..., Any]) -> tuple[float, float] | None:
    epochs, scores = np.array(list(case.curve)), np.array(list(case.curve.values()))
    start = cut_beginning(scores)
    if len(scores) - start < case.least:
        return None
    found = method(1 + epochs[start:] / epochs[0], scores[start:], [1 + case.end / epochs[0]], case.rng)
    return float(found.mean[0]), found.probability_above(case.best)


def _by_last_value(case: Case) -> tuple[float, float] | None:
    """The last value, and what the completed trainings gained from that epoch on, which is a normal distribution."""
    epoch, last = max(case.curve.items())
    gains = [curve[case.end] - curve[epoch] for curve in case.completed if epoch in curve and case.end in curve]
    if len(gains) < 3:  # two say little about a spread
        return None
    spread = max(statistics.stdev(gains), 1e-3)
    forecast = last + statistics.fmean(gains)
    return forecast, 0.5 * math.erfc((case.best - forecast) / spread / math.sqrt(2))


def _by_median(case: Case) -> tuple[float, float] | None:
    """Whether the best value so far reaches the median of the other trainings' mean values up to this epoch."""
    epoch = max(case.curve)
    means = [statistics.fmean(score for e, score in curve.items() if e <= epoch) for curve in case.begun if max(curve) >= epoch]
    if not means:
        return None
    reached = max(case.curve.values())
    return reached, float(reached >= statistics.median(means))


RULES: Final[dict[str, Rule]] = {
    "least-squares": lambda case: _by_fit(case, extrapolate),
    "mcmc": lambda case: _by_fit(case, extrapolate_by_sampling),
    "median": _by_median,
    "last-value": _by_last_value,
}
"""The values of the option ``method``."""
