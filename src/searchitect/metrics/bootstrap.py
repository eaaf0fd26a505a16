"""Bootstrap percentile intervals (Efron 1979), seeded."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core.errors import SettingError

_Array: TypeAlias = NDArray[np.float64]


def _mean(samples: _Array) -> _Array:
    means: _Array = samples.mean(axis=1)
    return means


def bootstrap_interval(
    sample: Sequence[float] | _Array,
    statistic: Callable[[_Array], _Array] = _mean,
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval that holds the central ``level`` of the statistic over resamples of ``sample``.

    Args:
        sample: n finite numbers.
        statistic: maps resamples (draws, n) to numbers (draws,). Default: the mean.
        level: coverage aimed at, in (0, 1).
        draws: number of resamples.
        seed: of the resampling.
    """
    numbers = np.asarray(sample, dtype=np.float64)
    return percentile_interval(statistic(numbers[resample_places(len(numbers), draws, seed)]), level)


def resample_places(n: int, draws: int, seed: int) -> NDArray[np.int64]:
    """(draws, n) positions, drawn with replacement. Raises `SettingError` for an empty sample or no draws."""
    if n < 1 or draws < 1:
        raise SettingError(f"a bootstrap needs at least one number and one draw, got {n} numbers and draws={draws}")
    return np.random.default_rng(seed).integers(0, n, size=(draws, n))


def percentile_interval(values: Sequence[float] | _Array, level: float = 0.95) -> tuple[float, float]:
    """The two percentiles that hold the central ``level`` of ``values`` between them. Raises `SettingError` outside (0, 1)."""
    if not 0 < level < 1:
        raise SettingError(f"level must lie in (0, 1), got {level}; usual is 0.95")
    low, high = np.quantile(np.asarray(values, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
