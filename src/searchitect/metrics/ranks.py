"""Do two scores put things in the same order? Rank correlations with their bootstrap interval."""

import math
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core.errors import SettingError
from searchitect.metrics.bootstrap import percentile_interval, resample_places

Numbers: TypeAlias = Sequence[float] | NDArray[np.float64]


def spearman(a: Numbers, b: Numbers) -> float:
    """Spearman's rho in [-1, 1]: the correlation of the ranks, ties sharing their mean rank. NaN where one side is constant.

    Raises:
        SettingError: unless both have the same length, at least 2, without NaN.
    """
    x, y = _pair(a, b)
    ranks_x, ranks_y = mean_ranks(x), mean_ranks(y)
    ranks_x, ranks_y = ranks_x - ranks_x.mean(), ranks_y - ranks_y.mean()
    spread = math.sqrt(float(ranks_x @ ranks_x) * float(ranks_y @ ranks_y))
    return float(ranks_x @ ranks_y) / spread if spread > 0 else math.nan


def kendall(a: Numbers, b: Numbers) -> float:
    """Kendall's tau-b in [-1, 1]: concordant less discordant pairs, corrected for ties. NaN where one side is constant.

    Knight 1966: n log n comparisons. Raises as `spearman`.
    """
    x, y = (side.tolist() for side in _pair(a, b))
    pairs = len(x) * (len(x) - 1) // 2
    tied_x, tied_y, tied_both = _tied_pairs(x), _tied_pairs(y), _tied_pairs(zip(x, y, strict=True))
    discordant, before = 0, list[float]()
    for _, value in sorted(zip(x, y, strict=True)):
        discordant += len(before) - bisect_right(before, value)  # smaller x, larger y
        insort(before, value)
    spread = math.sqrt((pairs - tied_x) * (pairs - tied_y))
    return (pairs - tied_x - tied_y + tied_both - 2 * discordant) / spread if spread > 0 else math.nan


def correlation_interval(
    a: Numbers,
    b: Numbers,
    correlation: Callable[[Numbers, Numbers], float] = kendall,
    *,
    level: float = 0.95,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Bootstrap percentile interval of a rank correlation: pairs are drawn with replacement.

    Resamples in which one side is constant say nothing and are left out; (NaN, NaN) where all are.
    """
    x, y = _pair(a, b)
    found = [correlation(x[places], y[places]) for places in resample_places(len(x), draws, seed)]
    known = [value for value in found if not math.isnan(value)]
    return percentile_interval(known, level) if known else (math.nan, math.nan)


def mean_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ranks [n] of numbers [n] without NaN, 1 for the smallest; equal ones share their mean rank."""
    _, which, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: NDArray[np.float64] = (last - (counts - 1) / 2)[which]
    return means


def _pair(a: Numbers, b: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise SettingError(f"a rank correlation needs two lists of one length, at least 2, got shapes {x.shape} and {y.shape}")
    if np.isnan(x).any() or np.isnan(y).any():
        raise SettingError("a rank correlation needs numbers without NaN: leave those pairs out")
    return x, y


def _tied_pairs(values: Iterable[object]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(values).values())
