import math

import numpy as np
import pytest

from searchitect.core import SettingError
from searchitect.predictors.acquisition import (
    expected_improvement,
    probability_of_improvement,
    thompson_samples,
    upper_confidence_bound,
)

MEAN, STD = np.array([-0.5, 0.0, 1.0, 0.3]), np.array([1.0, 1.0, 0.5, 2.0])


def phi(g: float) -> float:
    return math.exp(-g * g / 2) / math.sqrt(2 * math.pi)


def cdf(g: float) -> float:
    return (1 + math.erf(g / math.sqrt(2))) / 2


def test_expected_improvement_at_known_points() -> None:
    found = expected_improvement(MEAN, STD, 0.0)
    assert found[0] == pytest.approx(0.19780, abs=5e-6)
    assert found[1] == pytest.approx(1 / math.sqrt(2 * math.pi))
    assert found == pytest.approx([s * (m / s * cdf(m / s) + phi(m / s)) for m, s in zip(MEAN, STD, strict=True)])


def test_expected_improvement_is_the_mean_of_what_is_gained() -> None:
    draws = np.random.default_rng(0).normal(0.3, 2.0, 400_000)
    assert expected_improvement(np.array([0.3]), np.array([2.0]), 0.7)[0] == pytest.approx(
        np.maximum(draws - 0.7, 0).mean(), abs=0.01
    )


def test_expected_improvement_depends_on_the_gain_alone_and_scales() -> None:
    moved = expected_improvement(MEAN + 5, STD, 5.2)
    assert moved == pytest.approx(expected_improvement(MEAN, STD, 0.2))
    assert expected_improvement(3 * MEAN, 3 * STD, 0.6) == pytest.approx(3 * moved)


def test_without_deviation_only_the_gain_counts() -> None:
    mean, std = np.array([-1.0, 0.0, 2.0]), np.zeros(3)
    assert expected_improvement(mean, std, 0.5).tolist() == [0, 0, 1.5]
    assert probability_of_improvement(mean, std, 0.0).tolist() == [0, 0, 1]
    assert upper_confidence_bound(mean, std).tolist() == mean.tolist()
    assert thompson_samples(mean, std, np.random.default_rng(0)).tolist() == mean.tolist()  # greedy


def test_it_is_never_negative_far_below_the_best() -> None:
    assert (expected_improvement(np.linspace(-100, 0, 1001), np.ones(1001), 0.0) >= 0).all()


def test_probability_of_improvement_is_the_normal_distribution() -> None:
    assert probability_of_improvement(MEAN, STD, 0.5) == pytest.approx(
        [cdf((m - 0.5) / s) for m, s in zip(MEAN, STD, strict=True)]
    )


def test_the_upper_bound_lies_some_deviations_above() -> None:
    assert upper_confidence_bound(MEAN, STD, 3.0) == pytest.approx(MEAN + 3 * STD)
    assert upper_confidence_bound(MEAN, STD, 0.0) == pytest.approx(MEAN)
    with pytest.raises(SettingError, match=r"weight must be at least 0, got -1"):
        upper_confidence_bound(MEAN, STD, -1)


def test_thompson_samples_are_independent_and_normal() -> None:
    draws = np.stack([thompson_samples(MEAN, STD, rng) for rng in [np.random.default_rng(0)] for _ in range(20_000)])
    assert draws.mean(axis=0) == pytest.approx(MEAN, abs=0.05)
    assert draws.std(axis=0) == pytest.approx(STD, rel=0.03)
    assert np.abs(np.corrcoef(draws.T) - np.eye(4)).max() < 0.03


def test_with_huge_deviation_the_samples_choose_at_random() -> None:
    rng = np.random.default_rng(0)
    wins = np.bincount([thompson_samples(MEAN, 1e6 * np.ones(4), rng).argmax() for _ in range(4000)], minlength=4)
    assert wins / 4000 == pytest.approx([0.25] * 4, abs=0.03)


def test_shapes_and_signs_are_checked() -> None:
    with pytest.raises(SettingError, match="one shape"):
        expected_improvement(MEAN, STD[:2], 0.0)
    with pytest.raises(SettingError, match="no negative number"):
        probability_of_improvement(MEAN, -STD, 0.0)
