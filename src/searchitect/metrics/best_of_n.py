"""What random search reaches: the expected best of n draws, estimated from m >= n draws.

The mean of the best over all subsets of n out of the m draws, by order statistics: sum over i of x_(i) C(i-1, n-1) / C(m, n),
with x_(1) <= ... <= x_(m). Tang et al. 2020, "Showing Your Work Doesn't Always Work", https://arxiv.org/abs/2004.13705:
unbiased, where the estimator of Dodge et al. 2019 (https://arxiv.org/abs/1909.03004), which draws with replacement, is too low.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core.errors import SettingError
from searchitect.metrics.bootstrap import percentile_interval, resample_places

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class BestOfN:
    """The expected best of ``n`` random draws, and the bootstrap interval of that estimate."""

    n: int
    expected: float
    low: float
    high: float


def expected_best(draws: Sequence[float] | _Array, n: int) -> float:
    """The expected largest of ``n`` draws, without bias.

    Args:
        draws: scores of m independent random draws, higher is better, finite. Failed draws count too: give them the score
            that the user would be left with.
        n: between 1 and m.

    Raises:
        SettingError: where n is outside [1, m], or a draw is not finite.
    """
    ordered = _ordered(draws, n)
    return float(ordered @ _weights(len(ordered), n))


def expected_best_curve(
    draws: Sequence[float] | _Array, n_max: int | None = None, level: float = 0.95, resamples: int = 1000, seed: int = 0
) -> list[BestOfN]:
    """`expected_best` for n = 1 ... ``n_max``, each with the bootstrap percentile interval over the draws.

    Args:
        draws: as in `expected_best`.
        n_max: at most the number of draws, which is the default. Near the number of draws an interval is too narrow: no
            resample holds a better draw than the best one seen.
        level: of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    last = len(draws) if n_max is None else n_max
    ordered = _ordered(draws, last)
    m = len(ordered)
    weights = np.stack([_weights(m, n) for n in range(1, last + 1)])  # (n_max, m)
    drawn = np.sort(ordered[resample_places(m, resamples, seed)], axis=1) @ weights.T  # (resamples, n_max)
    intervals = [percentile_interval(column, level) for column in drawn.T]
    return [BestOfN(n, float(best), *intervals[n - 1]) for n, best in enumerate(weights @ ordered, start=1)]


def _ordered(draws: Sequence[float] | _Array, n: int) -> _Array:
    ordered = np.sort(np.asarray(draws, dtype=np.float64))
    if not 1 <= n <= len(ordered):
        raise SettingError(f"n must lie in [1, number of draws], got n={n} with {len(ordered)} draws: draw more or lower n")
    if not np.isfinite(ordered).all():
        raise SettingError("draws must be finite: give a failed draw the worst score, or leave it out")
    return ordered


def _weights(m: int, n: int) -> _Array:
    """P(the i-th smallest of m is the largest of n), for i = 1..m, without large factorials.

    n / m for i = m; each one below is (i - n) / (i - 1) times the one above it, and 0 from i = n - 1 down.
    """
    i = np.arange(m, 1, -1, dtype=np.float64)
    factors = np.concatenate([[n / m], np.maximum(i - n, 0.0) / (i - 1)])
    falling: _Array = np.cumprod(factors)
    return falling[::-1]
