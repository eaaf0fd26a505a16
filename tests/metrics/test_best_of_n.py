import itertools
import math
import statistics

import numpy as np
import pytest

from searchitect.core import SettingError
from searchitect.metrics import expected_best, expected_best_curve

DRAWS = [0.3, 0.9, 0.1, 0.5, 0.5, 0.7, 0.2]


@pytest.mark.parametrize("n", range(1, len(DRAWS) + 1))
def test_it_is_the_mean_best_over_all_subsets(n: int) -> None:
    subsets = [max(subset) for subset in itertools.combinations(DRAWS, n)]
    assert expected_best(DRAWS, n) == pytest.approx(statistics.mean(subsets))


@pytest.mark.parametrize("n", [1, 3, 10])
def test_it_estimates_the_best_of_uniforms_without_bias(n: int) -> None:
    rng = np.random.default_rng(0)
    found = [expected_best(rng.random(12), n) for _ in range(4000)]
    assert statistics.mean(found) == pytest.approx(n / (n + 1), abs=4 * statistics.stdev(found) / math.sqrt(4000))


@pytest.mark.parametrize("n", [1, 50, 5_000, 99_999, 100_000])
def test_large_samples_neither_overflow_nor_lose_weight(n: int) -> None:
    m = 100_000
    # of the ranks 1..m the expected largest of n is n (m + 1) / (n + 1)
    assert expected_best(np.arange(1, m + 1), n) == pytest.approx(n * (m + 1) / (n + 1), rel=1e-9)


def test_the_curve_agrees_with_the_single_values_and_never_falls() -> None:
    curve = expected_best_curve(DRAWS, resamples=500)
    assert [point.n for point in curve] == list(range(1, len(DRAWS) + 1))
    assert [point.expected for point in curve] == pytest.approx([expected_best(DRAWS, n) for n in range(1, len(DRAWS) + 1)])
    for before, after in itertools.pairwise(curve):
        assert before.expected <= after.expected
        assert before.low <= after.low + 1e-12
    assert curve[0].low < statistics.mean(DRAWS) < curve[0].high
    assert curve[-1].high == max(DRAWS)


def test_the_interval_covers_the_true_expectation() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(600):
        point = expected_best_curve(rng.normal(size=80), 2, resamples=300, seed=seed)[1]
        covered += point.low <= 1 / math.sqrt(math.pi) <= point.high  # the expected larger of two standard normals
    assert covered / 600 == pytest.approx(0.95, abs=0.03)


def test_the_settings_of_the_interval_matter() -> None:
    wide, narrow = (expected_best_curve(DRAWS, 2, level=level)[1] for level in (0.95, 0.5))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert expected_best_curve(DRAWS, 2, seed=1) != expected_best_curve(DRAWS, 2, seed=2)
    assert len(expected_best_curve(DRAWS, 2)) == 2


def test_more_than_was_drawn_cannot_be_estimated() -> None:
    with pytest.raises(SettingError, match=r"n must lie in \[1, number of draws\], got n=8 with 7 draws"):
        expected_best(DRAWS, 8)
    with pytest.raises(SettingError, match="n=0"):
        expected_best(DRAWS, 0)
    with pytest.raises(SettingError, match="finite"):
        expected_best([1.0, -math.inf], 1)
