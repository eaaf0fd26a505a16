"""Automatic relevance determination: how much each decision counts in a Gaussian process.

Rasmussen, Williams 2006, section 5.1: one lengthscale per input, by gradient ascent on the marginal likelihood (equation 5.9), here with
L-BFGS, the amplitude put in in closed form and a log-normal prior that pulls all weights together.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from searchitect.predictors.gp import NOISES, Hyperparameters, thinned
from searchitect.predictors.kernels import Kernel, Matrix, combined

_WIDTH: Final = 1.5  # of the prior of a weight, in natural logarithms
_STEPS: Final = 40


def fit_relevance(
    kernel: Kernel,
    features: Matrix,
    targets: NDArray[np.float64],
    groups: NDArray[np.int64],
    start: Hyperparameters,
) -> Hyperparameters:
    """The most probable weights and noise, from those of equal weights.

    Args:
        kernel: of the process.
        features: [n, d], by ``kernel.features``.
        targets: [n], standardised, not all equal.
        groups: [d], which weight a feature has: the decision that it belongs to.
        start: without weights.
    """
    features, targets = thinned(features, targets)
    count = int(groups.max()) + 1
    ends = np.log(NOISES[0]), np.log(NOISES[-1])
    first = np.append(np.zeros(count), np.log(start.noise))
    found = minimize(
        loss_and_gradient,
        first,
        args=(kernel, features, targets, groups, start.lengthscale),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-6.0, 6.0)] * count + [ends],
        options={"maxiter": _STEPS},
    )
    best = np.asarray(found.x, dtype=np.float64)
    amplitude = _amplitude(best, kernel, features, targets, groups, start.lengthscale)
    return replace(start, noise=float(np.exp(best[-1])), amplitude=amplitude, weights=np.exp(best[:-1])[groups])


def loss_and_gradient(
    logs: NDArray[np.float64],
    kernel: Kernel,
    features: Matrix,
    targets: NDArray[np.float64],
    groups: NDArray[np.int64],
    lengthscale: float,
) -> tuple[float, NDArray[np.float64]]:
    """Minus the log posterior of the logarithms of weights and noise, up to a constant, and its gradient."""
    weights, noise = np.exp(logs[:-1])[groups] / lengthscale, float(np.exp(logs[-1]))
    scaled = features * np.sqrt(weights)
    symbolic, numeric = kernel.distances(scaled, scaled)
    gram = combined(symbolic, numeric)
    factor = cho_factor(gram + (noise + 1e-10) * np.eye(len(targets)), lower=True, check_finite=False)
    inverse = cho_solve(factor, np.eye(len(targets)), check_finite=False)
    solved = inverse @ targets
    amplitude = float(targets @ solved) / len(targets)
    determinant = 2 * float(np.log(np.diag(factor[0])).sum())
    loss = (len(targets) * np.log(amplitude) + determinant + float(((logs[:-1] / _WIDTH) ** 2).sum())) / 2

    slope = (np.outer(solved, solved) / amplitude - inverse) / 2  # of the likelihood, with respect to the matrix
    # dK/d(symbolic distance) = -K, and dK/d(numeric squared distance) = -K 5/6 (1 + s) / (1 + s + s^2/3)
    pulls = [(-slope * gram, ~kernel.is_number)]
    if numeric is not None:
        root = np.sqrt(5 * numeric)
        pulls.append((-slope * gram * (5 / 6) * (1 + root) / (1 + root + root**2 / 3), kernel.is_number))
    by_column = np.zeros(features.shape[1])
    for pull, columns in pulls:
        x = scaled[:, columns]
        by_column[columns] = 2 * (pull.sum(axis=1) @ x**2 - np.einsum("ij,ij->j", x, pull @ x))
    gradient = np.bincount(groups, by_column, minlength=len(logs) - 1) - logs[:-1] / _WIDTH**2
    return loss, -np.append(gradient, noise * float(np.trace(slope)))


def _amplitude(
    logs: NDArray[np.float64],
    kernel: Kernel,
    features: Matrix,
    targets: NDArray[np.float64],
    groups: NDArray[np.int64],
    lengthscale: float,
) -> float:
    weights = np.exp(logs[:-1])[groups] / lengthscale
    scaled = features * np.sqrt(weights)
    gram = combined(*kernel.distances(scaled, scaled))
    factor = cho_factor(gram + (np.exp(logs[-1]) + 1e-10) * np.eye(len(targets)), lower=True, check_finite=False)
    return float(targets @ cho_solve(factor, targets, check_finite=False)) / len(targets)
