"""Gaussian processes on architectures: exact posteriors, hyperparameters by marginal likelihood, ranking of a whole pool.

Rasmussen, Williams 2006, "Gaussian Processes for Machine Learning", https://gaussianprocess.org/gpml/, equations 2.23-2.24 and 5.8.
Kernels: `searchitect.predictors.kernels`.

Differs from the book:
1. The amplitude has a closed form given the rest, and is put in. Noise is a share of it.
2. Lengthscale and noise are the best of a grid, under log-normal priors, without which few observations mislead.
3. They are fitted to at most 256 observations, evenly spaced in their order; the posterior uses all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, eigh, solve_triangular

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.predictors.kernels import Kernel, Matrix, combined, make_kernel
from searchitect.predictors.predictor import Predictor

LENGTHSCALES: Final = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4)
NOISES: Final = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
MOST_FITTED: Final = 256
_USUAL: Final = (0.8, 0.003)  # the middle of the priors of lengthscale and noise
_WIDTHS: Final = (0.3, 1.0)  # of them, in natural logarithms: narrow, since a handful of observations says little about either


@dataclass(frozen=True)
class Hyperparameters:
    """What a Gaussian process takes from the data besides the observations.

    Attributes:
        lengthscale: of the kernel; 1 is the mean distance of random architectures.
        noise: the variance of the noise, in units of the amplitude.
        amplitude: the variance of the process.
        weights: [d] or ``None``: how much each feature counts (automatic relevance determination).
    """

    lengthscale: float = 1.0
    noise: float = 0.01
    amplitude: float = 1.0
    weights: NDArray[np.float64] | None = field(default=None, repr=False)

    def weighted(self, features: Matrix) -> Matrix:
        """Features such that distances count each as much as its weight says."""
        return features if self.weights is None else features * np.sqrt(self.weights)


def log_prior(lengthscale: float, noise: float) -> float:
    """Of the two, up to a constant: log-normal."""
    pairs = zip((lengthscale, noise), _USUAL, _WIDTHS, strict=True)
    return float(-sum((np.log(value / usual) / width) ** 2 / 2 for value, usual, width in pairs))


def thinned(features: Matrix, targets: NDArray[np.float64]) -> tuple[Matrix, NDArray[np.float64]]:
    """At most `MOST_FITTED` observations, evenly spaced in their order."""
    if len(targets) <= MOST_FITTED:
        return features, targets
    kept = np.linspace(0, len(targets) - 1, MOST_FITTED).round().astype(int)
    return features[kept], targets[kept]


def fit_hyperparameters(kernel: Kernel, features: Matrix, targets: NDArray[np.float64]) -> Hyperparameters:
    """The most probable hyperparameters of the grid.

    Args:
        kernel: of the process.
        features: [n, d], n >= 1, by ``kernel.features``.
        targets: [n], standardised.
    """
    if not targets.any():
        return Hyperparameters()
    features, targets = thinned(features, targets)
    noises = np.array(NOISES)
    found: list[tuple[float, Hyperparameters]] = []
    symbolic, numeric = kernel.distances(features, features)
    for lengthscale in LENGTHSCALES:
        gram = combined(symbolic / lengthscale, None if numeric is None else numeric / lengthscale)
        values, vectors = eigh(gram, overwrite_a=True, check_finite=False, driver="evd")
        spectrum = np.maximum(values, 0.0) + noises[:, None]  # [noises, n]
        power = (vectors.T @ targets) ** 2
        amplitudes = (power / spectrum).mean(axis=1)
        likelihoods = -(len(targets) * np.log(amplitudes) + np.log(spectrum).sum(axis=1)) / 2
        for noise, amplitude, likelihood in zip(NOISES, amplitudes, likelihoods, strict=True):
            found.append(
                (float(likelihood) + log_prior(lengthscale, noise), Hyperparameters(lengthscale, noise, float(amplitude)))
            )
    return max(found, key=lambda entry: entry[0])[1]


class PoolPosterior:
    """The posterior over a fixed pool, kept up to date while observations arrive one by one.

    An observation costs O(pool x observations) instead of a new solution; the targets may change every time, since only `posterior`
    needs them. It is the exact posterior, but for rounding.

    Args:
        kernel: of the process.
        pool: [pool, d], by ``kernel.features``.
        hyperparameters: fixed; when they change, make a new one.
    """

    def __init__(self, kernel: Kernel, pool: Matrix, hyperparameters: Hyperparameters) -> None:
        self.hyperparameters = hyperparameters
        self._kernel = kernel
        self._pool = hyperparameters.weighted(pool)
        self._observed = np.zeros((0, pool.shape[1]))
        self._factor = np.zeros((0, 0))  # L, lower triangular: L L' = K + noise
        self._rows = np.zeros((0, len(pool)))  # L^-1 K(observed, pool), with room for more
        self._explained = np.zeros(len(pool))  # the sum of squares of each column

    def __len__(self) -> int:
        return len(self._observed)

    def observe(self, features: Matrix) -> None:
        """Take in observations at features [m, d], in the pool or not."""
        new = self.hyperparameters.weighted(np.atleast_2d(features))
        old, count = len(self), len(new)
        if not count:
            return
        lengthscale = self.hyperparameters.lengthscale
        cross = self._kernel(new, self._observed, lengthscale) if old else np.zeros((count, 0))
        below = solve_triangular(self._factor, cross.T, lower=True, check_finite=False).T if old else cross
        own = self._kernel(new, new, lengthscale) + self.hyperparameters.noise * np.eye(count) - below @ below.T
        corner = cholesky(own + 1e-10 * np.eye(count), lower=True, check_finite=False)
        rows = self._kernel(new, self._pool, lengthscale) - below @ self._rows[:old]
        rows = solve_triangular(corner, rows, lower=True, check_finite=False) if count > 1 else rows / corner
        self._factor = np.block([[self._factor, np.zeros((old, count))], [below, corner]])
        self._observed = np.concatenate([self._observed, new])
        if len(self._rows) < old + count:
            self._rows = np.concatenate([self._rows[:old], np.empty((max(count, old // 2, 16), self._rows.shape[1]))])
        self._rows[old : old + count] = rows
        self._explained += (rows**2).sum(axis=0)

    def forget(self, count: int) -> None:
        """Take back the last ``count`` observations."""
        kept = len(self) - count
        if not 0 <= count <= len(self):
            raise SettingError(f"count must lie in [0, {len(self)}], the number of observations, got {count}")
        self._explained -= (self._rows[kept : kept + count] ** 2).sum(axis=0)
        self._observed, self._factor = self._observed[:kept], self._factor[:kept, :kept]

    def posterior(self, targets: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation at each of the pool, without noise, given the targets [n] of the observations.

        The prior mean is 0: hand in standardised targets.
        """
        if len(targets) != len(self):
            raise SettingError(f"targets must be one per observation, got {len(targets)} of {len(self)}")
        whitened = solve_triangular(self._factor, targets, lower=True, check_finite=False) if len(self) else targets
        mean = whitened @ self._rows[: len(self)]
        return mean, np.sqrt(self.hyperparameters.amplitude * np.maximum(1 - self._explained, 1e-12))


class GaussianProcess(Predictor):
    """An exact Gaussian process.

    Args:
        space: that the architectures are of.
        seed: not drawn upon: the predictor is deterministic.
        kernel: ``hamming``, ``path`` or ``wl``.
        relevance: learn how much each decision counts (automatic relevance determination; ``hamming`` only).
    """

    summary: ClassVar[str] = "exact Gaussian process with a kernel on architectures"

    def __init__(self, space: Space, *, seed: int = 0, kernel: str = "hamming", relevance: bool = False) -> None:
        super().__init__(space, seed=seed)
        self.kernel = make_kernel(kernel, space)
        self._groups: NDArray[np.int64] | None = None
        if relevance:
            from searchitect.predictors.encodings import OneHotEncoding, make_encoding

            encoding = make_encoding("one-hot", space)
            if kernel != "hamming" or not isinstance(encoding, OneHotEncoding):
                raise SettingError(
                    f"relevance weighs decisions, which only the kernel 'hamming' sees, got kernel={kernel!r}: "
                    "set relevance=false or kernel=hamming"
                )
            self._groups = encoding.decision
        self.hyperparameters = Hyperparameters()
        self._features: Matrix = np.zeros((0, 0))
        self._targets = np.zeros(0)

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._features, self._targets = self.kernel.features(architectures), targets
        self.hyperparameters = fit_hyperparameters(self.kernel, self._features, targets)
        if self._groups is not None and targets.any():
            from searchitect.predictors.relevance import fit_relevance

            self.hyperparameters = fit_relevance(self.kernel, self._features, targets, self._groups, self.hyperparameters)

    def _guess(self, architectures: Sequence[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        posterior = PoolPosterior(self.kernel, self.kernel.features(architectures), self.hyperparameters)
        posterior.observe(self._features)
        return posterior.posterior(self._targets)
