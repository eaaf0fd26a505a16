import numpy as np
import pytest

from searchitect.core import SettingError
from searchitect.metrics import bootstrap_interval, percentile_interval


@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_of_normal_means_cover_as_often_as_they_say(level: float) -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(3.0, 2.0, size=(3000, 150))
    intervals = [bootstrap_interval(sample, level=level, draws=300, seed=i) for i, sample in enumerate(samples)]
    covered = np.mean([low <= 3.0 <= high for low, high in intervals])
    assert covered == pytest.approx(level, abs=0.02)


def test_the_statistic_is_the_one_asked_for() -> None:
    sample = [1.0, 2.0, 3.0, 100.0, 2.5]
    low, high = bootstrap_interval(sample, lambda resamples: np.median(resamples, axis=1))
    assert (low, high) != bootstrap_interval(sample)
    assert {low, high} <= set(sample)


def test_a_seed_reproduces_and_another_does_not() -> None:
    sample = list(range(20))
    assert bootstrap_interval(sample, seed=3) == bootstrap_interval(sample, seed=3)
    assert bootstrap_interval(sample, seed=3) != bootstrap_interval(sample, seed=4)


def test_one_number_has_an_interval_without_width() -> None:
    assert bootstrap_interval([5.0]) == (5.0, 5.0)


def test_percentiles_cut_both_ends_alike() -> None:
    assert percentile_interval(np.arange(101), level=0.9) == pytest.approx((5, 95))


def test_nonsense_is_refused() -> None:
    with pytest.raises(SettingError, match="at least one number"):
        bootstrap_interval([])
    with pytest.raises(SettingError, match="level"):
        percentile_interval([1.0], level=95)
