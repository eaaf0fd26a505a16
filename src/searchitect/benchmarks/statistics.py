"""Is one strategy ahead of another? What scores, one per independent search, can and cannot tell. Higher is better throughout.

Mann, Whitney 1947 (rank-sum test); Holm 1979, "A simple sequentially rejective multiple test procedure"; Vargha, Delaney 2000 (effect
size A); Demsar 2006, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7 (average ranks, Friedman, Nemenyi).
Intervals of means, differences and relative improvements are those of `searchitect.metrics.intervals`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from searchitect.core import SettingError
from searchitect.metrics.intervals import (
    Interval,
    Numbers,
    bootstrap,
    difference,
    expanded_level,
    finite,
    mean_interval,
    relative_improvement,
)

__all__ = [
    "Interval",
    "Numbers",
    "Ranking",
    "Summary",
    "bootstrap",
    "critical_difference",
    "difference",
    "expanded_level",
    "expected_choice",
    "holm",
    "mann_whitney",
    "mean_interval",
    "rank_over_blocks",
    "relative_improvement",
    "summarise",
    "vargha_delaney",
]

_Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Summary:
    """What n scores look like: moments, quartiles, and the 95 % intervals of mean and median."""

    n: int
    mean: float
    std: float
    median: float
    lower_quartile: float
    upper_quartile: float
    least: float
    most: float
    mean_low: float
    mean_high: float
    median_low: float
    median_high: float

    def to_json(self) -> dict[str, float]:
        return asdict(self)


def summarise(scores: Numbers, seed: int = 0) -> Summary:
    """Mean, median, quartiles and their intervals of at least one finite score. The standard deviation is that of a sample (n - 1)."""
    values = finite(scores)
    mean, median = mean_interval(values, seed), bootstrap(lambda drawn: np.median(drawn, axis=1), values, seed=seed)
    lower, upper = np.quantile(values, [0.25, 0.75])
    return Summary(
        n=len(values),
        mean=mean.value,
        std=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        median=median.value,
        lower_quartile=float(lower),
        upper_quartile=float(upper),
        least=float(values.min()),
        most=float(values.max()),
        mean_low=mean.low,
        mean_high=mean.high,
        median_low=median.low,
        median_high=median.high,
    )


def mann_whitney(a: Numbers, b: Numbers) -> float:
    """The two-sided p-value of Mann and Whitney's test: 1 where all scores are equal."""
    x, y = finite(a), finite(b)
    if np.ptp(np.concatenate([x, y])) == 0:
        return 1.0
    return float(stats.mannwhitneyu(x, y, alternative="two-sided").pvalue)


def vargha_delaney(a: Numbers, b: Numbers) -> float:
    """How likely a score of ``a`` is above one of ``b``, equal ones counting half: 0.5 is no effect. Cliff's delta is 2 A - 1."""
    x, y = finite(a), finite(b)
    ranks = stats.rankdata(np.concatenate([x, y]))[: len(x)]
    return float((ranks.sum() - len(x) * (len(x) + 1) / 2) / (len(x) * len(y)))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, corrected for being so many: the i-th smallest of m times m - i + 1, no smaller than those before, at most 1."""
    corrected, largest = [0.0] * len(p_values), 0.0
    for place, which in enumerate(sorted(range(len(p_values)), key=lambda which: p_values[which])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[which]))
        corrected[which] = largest
    return corrected


@dataclass(frozen=True)
class Ranking:
    """Average ranks over blocks.

    Attributes:
        ranks: one per strategy: 1 is the best, ties share their mean.
        blocks: over how many the average is.
        p: of Friedman's test that all are alike; NaN with fewer than three strategies or two blocks, where it has no meaning.
        critical_difference: of Nemenyi's test: ranks closer than that are not told apart; NaN with fewer than two blocks.
    """

    ranks: tuple[float, ...]
    blocks: int
    p: float
    critical_difference: float


def rank_over_blocks(scores: Sequence[Numbers], alpha: float = 0.05) -> Ranking:
    """Average ranks of strategies.

    Args:
        scores: [blocks][strategies]; a block is a task, or a seed on a task. Within a block, scores are compared with each other only.
        alpha: of the critical difference.
    """
    table = np.array([finite(row) for row in scores])
    blocks, strategies = table.shape
    ranks = stats.rankdata(-table, axis=1)
    p = math.nan
    if blocks > 1 and strategies > 2:
        p = 1.0 if np.ptp(ranks) == 0 else float(stats.friedmanchisquare(*table.T).pvalue)
    cd = critical_difference(strategies, blocks, alpha) if blocks > 1 and strategies > 1 else math.nan
    return Ranking(tuple(float(rank) for rank in ranks.mean(axis=0)), blocks, p, cd)


def critical_difference(strategies: int, blocks: int, alpha: float = 0.05) -> float:
    """Nemenyi: q sqrt(k (k + 1) / (6 N)) for k strategies on N blocks; q of the studentised range, over sqrt(2) (Demsar, eq. 3.2)."""
    q = float(stats.studentized_range.ppf(1 - alpha, strategies, np.inf)) / math.sqrt(2)
    return q * math.sqrt(strategies * (strategies + 1) / (6 * blocks))


def expected_choice(valid: Numbers, test: Numbers, counts: Sequence[int]) -> list[float]:
    """What random search of n draws without repetition is expected to choose from a table: exact, for each n of ``counts``.

    The test score of the best by validation of n draws, averaged over all sets of n: sum over i of test_(i) C(i-1, n-1) / C(m, n), in
    ascending order of validation. Rows of equal validation score share their mean test score.

    Args:
        valid: of all m architectures, finite.
        test: of the same; equal to ``valid`` where that is what the search sees.
        counts: each in [1, m].
    """
    scores, tests = finite(valid), finite(test)
    levels, which, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    shared = (np.bincount(which, tests, len(levels)) / sizes)[which]
    ordered = shared[np.argsort(scores, kind="stable")]
    m = len(ordered)
    if not all(1 <= n <= m for n in counts):
        raise SettingError(f"the number of draws must lie in [1, {m}], the architectures of the table, got {list(counts)}")
    return [float(_weights(m, n) @ ordered) for n in counts]


def _weights(m: int, n: int) -> _Array:
    """C(i - 1, n - 1) / C(m, n) for i = 1..m: n / m at the end, and (i - n) / (i - 1) of the one above before it."""
    i = np.arange(m, 1, -1, dtype=np.float64)
    falling: _Array = np.cumprod(np.concatenate([[n / m], np.maximum(i - n, 0.0) / (i - 1)]))
    return falling[::-1]
