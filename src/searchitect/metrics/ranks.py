"""Do two scores put things in the same order? Rank correlations with their bootstrap interval."""

import math
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core.errors import SettingError
from searchitect.metrics.bootstrap import percentile_interval, resample_places

_BLOCK: Final = 1_000_000
"""Numbers of resamples that are ranked at once: they must fit into memory several times."""

Numbers: TypeAlias = Sequence[float] | NDArray[np.float64]


def spearman(a: Numbers, b: Numbers) -> float:
    """Spearman's rho in [-1, 1]: the correlation of the ranks, ties sharing their mean rank. NaN where one side is constant.

    Raises:
        SettingError: unless both have the same length, at least 2, without NaN.
    """
    x, y = _pair(a, b)
    return float(_spearmans(x[None], y[None])[0])


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

    Resamples in which one side is constant say nothing and are left out; (NaN, NaN) where all are. Those of `spearman` are ranked all at
    once, since a search waits for them.
    """
    x, y = _pair(a, b)
    places = resample_places(len(x), draws, seed)
    if correlation is spearman:
        blocks = np.array_split(places, min(draws, 1 + places.size // _BLOCK))
        found = np.concatenate([_spearmans(x[block], y[block]) for block in blocks])
    else:
        found = np.array([correlation(x[resample], y[resample]) for resample in places])
    known = found[~np.isnan(found)]
    return percentile_interval(known, level) if len(known) else (math.nan, math.nan)


def mean_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ranks [n] of numbers [n] without NaN, 1 for the smallest; equal ones share their mean rank."""
    found: NDArray[np.float64] = _row_ranks(x[None])[0]
    return found


def _row_ranks(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`mean_ranks` of each row [rows, n]."""
    order = np.argsort(x, axis=1)
    ordered = np.take_along_axis(x, order, axis=1)
    begins = np.ones(x.shape, dtype=np.bool_)  # of a group of equal numbers: never across rows
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    group = np.cumsum(begins) - 1  # of all rows, one after the other
    counts = np.bincount(group)
    last = np.cumsum(counts)
    means = (last - (counts - 1) / 2)[group].reshape(x.shape) - x.shape[1] * np.arange(len(x))[:, None]
    found = np.empty(x.shape)
    np.put_along_axis(found, order, means, axis=1)
    return found


def _spearmans(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """`spearman` of each pair of rows [rows, n]; NaN where a row is constant."""
    middle = (x.shape[1] + 1) / 2  # the mean of ranks, ties or not
    x, y = _row_ranks(x) - middle, _row_ranks(y) - middle
    spread = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    found = np.full(len(x), math.nan)
    np.divide((x * y).sum(axis=1), spread, out=found, where=spread > 0)
    return found


def _pair(a: Numbers, b: Numbers) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape or len(x) < 2:
        raise SettingError(f"a rank correlation needs two lists of one length, at least 2, got shapes {x.shape} and {y.shape}")
    if np.isnan(x).any() or np.isnan(y).any():
        raise SettingError("a rank correlation needs numbers without NaN: leave those pairs out")
    return x, y


def _tied_pairs(values: Iterable[object]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(values).values())
