"""Acquisition functions: how much is to be gained by trying what a predictor says. Higher is better throughout.

Each takes means and standard deviations, [n] both, and gives [n]. Where a standard deviation is 0, the mean is certain.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from searchitect.core.errors import SettingError

Numbers = NDArray[np.float64]


def expected_improvement(mean: Numbers, std: Numbers, best: float) -> Numbers:
    """E[max(score - best, 0)] of a normal score: s (g Phi(g) + phi(g)) with g = (mean - best) / s.

    Jones, Schonlau, Welch 1998, https://doi.org/10.1023/A:1008306431147, equation 15. Without deviation: max(mean - best, 0).
    """
    gain, std = _checked(mean, std, best)
    certain = std == 0
    ratio = gain / np.where(certain, 1.0, std)
    improvement = std * (ratio * ndtr(ratio) + np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi))
    found: Numbers = np.where(certain, np.maximum(gain, 0.0), np.maximum(improvement, 0.0))
    return found


def probability_of_improvement(mean: Numbers, std: Numbers, best: float) -> Numbers:
    """P[score > best] of a normal score, Phi((mean - best) / s); without deviation 1 where mean > best, else 0."""
    gain, std = _checked(mean, std, best)
    certain = std == 0
    found: Numbers = np.where(certain, (gain > 0).astype(np.float64), ndtr(gain / np.where(certain, 1.0, std)))
    return found


def upper_confidence_bound(mean: Numbers, std: Numbers, weight: float = 2.0) -> Numbers:
    """mean + weight s. Srinivas et al. 2010, https://arxiv.org/abs/0912.3995. ``weight`` is the root of their beta; 0 is greedy."""
    mean, std = _checked(mean, std, 0.0)
    if not weight >= 0:
        raise SettingError(f"weight must be at least 0, got {weight}; usual is 2")
    found: Numbers = mean + weight * std
    return found


def thompson_samples(mean: Numbers, std: Numbers, rng: np.random.Generator) -> Numbers:
    """A draw from N(mean, s^2) for each, independently: the independent Thompson sampling of BANANAS.

    White, Neiswanger, Savani 2021, https://arxiv.org/abs/1910.11858, section 4. Without deviation: the mean, hence greedy.
    """
    mean, std = _checked(mean, std, 0.0)
    found: Numbers = mean + std * rng.standard_normal(mean.shape)
    return found


def _checked(mean: Numbers, std: Numbers, best: float) -> tuple[Numbers, Numbers]:
    """What is gained over ``best`` on average, and the deviation."""
    mean, std = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    if mean.shape != std.shape or not (std >= 0).all():
        raise SettingError(
            f"mean and std must have one shape, and std no negative number, got shapes {mean.shape} and {std.shape}"
        )
    return mean - best, std
