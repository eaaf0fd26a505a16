"""Where will a learning curve end? The families of `curve_shapes`, fitted by least squares.

Domhan, Springenberg, Hutter 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
Learning Curves", https://www.ijcai.org/Proceedings/15/Papers/487.pdf, Table 1. `curve_posterior` has its Bayesian model.

For given u and v of a shape y = link(p + q g(x; u, v)) the best p and q have a closed form. u and v are found on a grid that is refined
around its best point.

Differs from the paper:
1. Each of the eight shapes is fitted once, and the ensemble counts it as often as the paper's eleven families name it.
2. The default is an ensemble of least-squares fits with a parametric bootstrap, some fifty times faster than sampling the posterior.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr

from searchitect.predictors.curve_shapes import FAMILIES, SHAPES, Array, Shape

RECENCY: Final = 10.0
"""The last point of a curve weighs so many times as much as the first."""
_GRID, _ZOOM_GRID = 15, 5
_ZOOMS: Final = 10
_BOOTSTRAP_ZOOMS: Final = 3
_SHRINK: Final = 0.6
_PRIOR_POINTS, _PRIOR_NOISE = 2, 0.005
_LEAST_WEIGHT: Final = 1e-4


@dataclass(frozen=True)
class Forecast:
    """What a curve will be, as a mixture of normal distributions.

    Attributes:
        samples: their centres [s, targets].
        weights: [s], sum 1.
        sigmas: their standard deviations [s], of a score about its curve.
    """

    samples: Array
    weights: Array
    sigmas: Array

    @property
    def mean(self) -> Array:
        """Expected values [targets]."""
        found: Array = self.weights @ self.samples
        return found

    @property
    def std(self) -> Array:
        """Standard deviations [targets], the noise included."""
        found: Array = np.sqrt(self.weights @ ((self.samples - self.mean) ** 2 + self.sigmas[:, None] ** 2))
        return found

    def probability_above(self, value: float, target: int = -1) -> float:
        """That the score at a target exceeds ``value``."""
        return float(self.weights @ ndtr((self.samples[:, target] - value) / self.sigmas))


def recency_weights(n: int) -> Array:
    """Weights [n] of the residuals, growing to `RECENCY` times that of the first point, with mean 1."""
    weights = RECENCY ** (np.arange(n, dtype=np.float64) / max(n - 1, 1))
    return np.asarray(weights / weights.mean(), np.float64)


def fit(shape: Shape, x: Array, y: Array, weights: Array | None = None, zooms: int = _ZOOMS) -> tuple[Array, Array]:
    """The least-squares curves.

    Args:
        shape: of `SHAPES`.
        x: [n], ascending, from 2 on.
        y: [m, n]: m curves at the same x.
        weights: [n] of the squared residuals; ``None``: all 1.
        zooms: how often the grid is refined.

    Returns:
        Parameters [m, 4] and weighted sums of squares [m] (in exp(y), for a logarithmic link, to first order those in y).
    """
    w = np.ones(len(x)) if weights is None else weights
    if shape.is_log:
        y = np.exp(y)
        w = w / np.mean(y, axis=0) ** 2
    grids = [np.linspace(*span(x), _GRID) for span in shape.ranges]
    steps = [grid[1] - grid[0] for grid in grids]
    u, v = _mesh([*grids, *[np.zeros(1)] * (2 - len(grids))])
    found = _best(shape, x, y, w, u[None], v[None])
    lows, highs = ([span(x)[end] for span in shape.ranges] + [0.0] * (2 - len(grids)) for end in (0, 1))
    for zoom in range(zooms if grids else 0):
        offsets = [np.linspace(-1, 1, _ZOOM_GRID) * step * _SHRINK**zoom for step in steps]
        du, dv = _mesh([*offsets, *[np.zeros(1)] * (2 - len(grids))])
        u = np.clip(found[0][:, 2, None] + du, lows[0], highs[0])
        v = np.clip(found[0][:, 3, None] + dv, lows[1], highs[1])
        found = _best(shape, x, y, w, u, v)
    return found


def _mesh(axes: Sequence[Array]) -> tuple[Array, Array]:
    u, v = np.meshgrid(*axes, indexing="ij")
    return u.ravel(), v.ravel()


def _best(shape: Shape, x: Array, y: Array, w: Array, u: Array, v: Array) -> tuple[Array, Array]:
    """Of the candidates u and v, [m, k] or [1, k] for all curves, the best for each curve, with its p and q."""
    basis = np.broadcast_to(shape.basis(x, u[..., None], v[..., None]), (*u.shape, len(x)))
    share = w / w.sum()
    g_mean = basis @ share if shape.has_offset else np.zeros(basis.shape[:-1])
    y_mean = y @ share if shape.has_offset else np.zeros(len(y))
    g, z = basis - g_mean[..., None], y - y_mean[:, None]
    cross = (z * w) @ g[0].T if len(g) == 1 else (g @ (z * w)[..., None])[..., 0]
    power = np.maximum((g * g) @ w, 1e-300)
    q = np.maximum(cross / power, 0.0)
    rss = ((z * z) @ w)[:, None] - 2 * q * cross + q * q * power
    place = rss.argmin(axis=1)
    rows = np.arange(len(y))
    q_best, g_best = q[rows, place], np.broadcast_to(g_mean, q.shape)[rows, place]
    u, v = np.broadcast_to(u, q.shape), np.broadcast_to(v, q.shape)
    parameters = np.stack([y_mean - q_best * g_best, q_best, u[rows, place], v[rows, place]], axis=1)
    return parameters, np.maximum(rss[rows, place], 0.0)


def cut_beginning(y: Array, rise: float = 0.05, run: int = 5) -> int:
    """How many points to drop: those before the last one that still lies below the first by ``rise`` or more of ``run`` later points.

    A curve that stays at chance level for a while is not of any family until it begins to rise. 0 where it never does.
    """
    for start in range(len(y) - run):
        if np.all(y[start + 1 : start + 1 + run] > y[0] + rise):
            return start
    return 0


def extrapolate(
    x: Array,
    y: Array,
    targets: Sequence[float],
    rng: np.random.Generator,
    *,
    replicates: int = 24,
    families: Sequence[str] = (),
) -> Forecast:
    """Forecast by an ensemble of least-squares fits, with a parametric bootstrap.

    A family weighs exp(-BIC / 2), with as many points as the recency weights are worth. The newest points weigh most.

    Args:
        x: [n], ascending, from 2 on.
        y: [n], at least 3 of them, best in [0, 1].
        targets: where to look.
        rng: draws the bootstrap.
        replicates: how many curves are drawn for each shape.
        families: names of the paper; none are all.
    """
    names = [FAMILIES[name] for name in families or FAMILIES]
    # with as many parameters as points a fit says nothing about the noise
    shapes = [name for name in dict.fromkeys(names) if SHAPES[name].size < len(x)] or list(dict.fromkeys(names))
    w, n = recency_weights(len(x)), len(x)
    fitted = {name: fit(SHAPES[name], x, y[None], w)[0] for name in shapes}
    rss = np.array([float(((SHAPES[name](x, fitted[name]) - y) ** 2 @ w)[0]) for name in shapes])
    sizes = np.array([SHAPES[name].size for name in shapes])
    # a few points on a curve say little about the noise: it begins as if _PRIOR_POINTS of _PRIOR_NOISE had been seen
    prior = _PRIOR_POINTS * _PRIOR_NOISE**2
    sigmas = np.sqrt((rss + prior) / (np.maximum(n - sizes, 0) + _PRIOR_POINTS))
    n_effective = float(w.sum() ** 2 / (w @ w))
    bic = (n_effective + _PRIOR_POINTS) * np.log((rss + prior) / (n + _PRIOR_POINTS)) + sizes * math.log(n_effective)
    weights = np.exp(-0.5 * (bic - bic.min())) * [names.count(name) for name in shapes]
    at, samples, masses, widths = np.asarray(targets, np.float64), [], [], []
    for name, weight, sigma in zip(shapes, weights / weights.sum(), sigmas, strict=True):
        shape = SHAPES[name]
        if weight > _LEAST_WEIGHT:
            drawn = shape(x, fitted[name]) + sigma * rng.standard_normal((replicates, n))
            samples.append(shape(at, fit(shape, x, drawn, w, _BOOTSTRAP_ZOOMS)[0]))
            masses.append(np.full(replicates, weight / replicates))
            widths.append(np.full(replicates, sigma))
    return forecast(np.concatenate(samples), np.concatenate(masses), np.concatenate(widths))


def forecast(samples: Array, weights: Array, sigmas: Array) -> Forecast:
    """The mixture of what is possible: samples [s, targets] in [0, 1]; where none is, all of them, moved to the nearest end."""
    possible = ((samples >= 0) & (samples <= 1)).all(axis=1)
    if not possible.any():
        samples, possible = np.clip(samples, 0, 1), np.ones(len(samples), dtype=bool)
    kept = weights[possible]
    return Forecast(samples[possible], kept / kept.sum(), sigmas[possible])
