import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped,unused-ignore]

from searchitect.core import SettingError
from searchitect.metrics import correlation_interval, kendall, mean_ranks, percentile_interval, ranks, spearman
from searchitect.metrics.bootstrap import resample_places

CORRELATIONS = [kendall, spearman]


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_the_same_order_is_one_and_the_reverse_minus_one(correlation) -> None:
    a = [3.0, 1.0, 2.0, 5.0]
    assert correlation(a, [math.exp(x) for x in a]) == pytest.approx(1)
    assert correlation(a, [-x for x in a]) == pytest.approx(-1)


def test_a_case_by_hand() -> None:
    # 1 2 3 4 against 1 3 2 4: one discordant pair of six; rho = 1 - 6 * 2 / (4 * 15)
    assert kendall([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)
    assert spearman([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(0.8)


def test_equal_numbers_share_their_mean_rank() -> None:
    assert mean_ranks(np.array([3.0, 9.0, 3.0, 1.0])).tolist() == [2.5, 4, 2.5, 1]


@pytest.mark.parametrize("seed", range(5))
def test_ties_are_treated_as_scipy_treats_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 6, 50).astype(float), rng.integers(0, 4, 50).astype(float)
    assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_a_constant_side_has_no_order(correlation) -> None:
    assert math.isnan(correlation([1, 1, 1], [1, 2, 3]))


@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_lists_that_do_not_pair_are_refused(correlation) -> None:
    with pytest.raises(SettingError, match="two lists of one length"):
        correlation([1, 2], [1, 2, 3])
    with pytest.raises(SettingError, match="without NaN"):
        correlation([1, math.nan], [1, 2])


def test_the_interval_holds_the_truth_and_shrinks_with_the_sample() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=400)
    b = a + rng.normal(size=400)  # correlation rho = 1/sqrt(2), so that tau = 2/pi asin(rho) = 1/2
    few, many = (correlation_interval(a[:n], b[:n], draws=300) for n in (40, 400))
    assert few[0] < 0.5 < few[1]
    assert many[0] < 0.5 < many[1]
    assert many[1] - many[0] < (few[1] - few[0]) / 2
    assert correlation_interval(a, b, draws=50, seed=1) == correlation_interval(a, b, draws=50, seed=1)
    assert correlation_interval(a, b, draws=50, seed=1) != correlation_interval(a, b, draws=50, seed=2)


@pytest.mark.parametrize("n", [5, 10, 40])
def test_the_interval_of_resamples_ranked_at_once_is_that_of_each_alone(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(n)
    a = rng.integers(0, 6, n).astype(float)
    b = a + rng.integers(0, 5, n)
    a[0] = -math.inf
    each = [spearman(a[places], b[places]) for places in resample_places(n, 300, 7)]
    expected = percentile_interval([rho for rho in each if not math.isnan(rho)])
    assert correlation_interval(a, b, spearman, draws=300, seed=7) == expected
    monkeypatch.setattr(ranks, "_BLOCK", 50 * n)  # in several blocks
    assert correlation_interval(a, b, spearman, draws=300, seed=7) == expected


def test_the_interval_takes_the_correlation_asked_for() -> None:
    a, b = [1.0, 2, 3, 4, 5, 6], [2.0, 1, 4, 3, 6, 5]
    assert correlation_interval(a, b, spearman) != correlation_interval(a, b, kendall)
    for correlation in CORRELATIONS:
        assert all(map(math.isnan, correlation_interval([1, 1, 1], a[:3], correlation)))
