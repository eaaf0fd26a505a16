"""The posterior of a weighted mixture of learning-curve families, sampled by an ensemble of walkers.

Domhan, Springenberg, Hutter 2015, "Speeding Up Automatic Hyperparameter Optimization of Deep Neural Networks by Extrapolation of
Learning Curves", https://www.ijcai.org/Proceedings/15/Papers/487.pdf, section 3; the sampler is the stretch move of Goodman, Weare
2010, "Ensemble Samplers with Affine Invariance", https://doi.org/10.2140/camcos.2010.5.65, as in emcee.

The model is y = sum_k w_k f_k(x) / sum_k w_k + noise. Its prior is uniform within limits: of the weights in (0, 1), of ln sigma, and of
each family's parameters; impossible are mixtures that end below where they begin, or outside [0, 1].

Differs from the paper:
1. The uniform prior is that of the parameters of `curve_shapes.Shape`; families that are one curve are one member.
2. 100 walkers, 500 steps to forget the start and 1,000 more, of which every 10th is kept. The authors take 2,500.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np

from searchitect.predictors.curve_shapes import FAMILIES, SHAPES, Array, Shape
from searchitect.predictors.curves import Forecast, fit, forecast, recency_weights

LogDensity: TypeAlias = Callable[[Array], Array]
"""Points [k, d] -> logarithms of the density [k], minus infinity where it is 0."""

WALKERS: Final = 100
BURN_IN: Final = 500
STEPS: Final = 1000
THINNING: Final = 10
_BALL: Final = 1e-3
_LARGEST: Final = 10.0
_SIGMA: Final = (math.log(1e-4), math.log(0.5))


def stretch_moves(log_density: LogDensity, start: Array, steps: int, rng: np.random.Generator, scale: float = 2.0) -> Array:
    """Walk with an ensemble: each walker is moved along the line through another one, drawn from the other half.

    Args:
        log_density: of the target, up to a constant.
        start: [walkers, d], an even number of walkers, more than d of them, where the density is not 0.
        steps: how many.
        rng: draws the moves.
        scale: a in the paper: stretches lie in [1/a, a].

    Returns:
        The walkers after each step [steps, walkers, d].
    """
    walkers, d = start.shape
    half = walkers // 2
    here, density = start.copy(), log_density(start)
    path = np.empty((steps, walkers, d))
    for step in range(steps):
        for moving, other in ((slice(0, half), slice(half, None)), (slice(half, None), slice(0, half))):
            count = half if moving.start == 0 else walkers - half
            z = ((scale - 1) * rng.random(count) + 1) ** 2 / scale  # g(z) ~ 1 / sqrt(z) in [1/a, a]
            partners = here[other][rng.integers(walkers - count, size=count)]
            moved = partners + z[:, None] * (here[moving] - partners)
            found = log_density(moved)
            # a walker whose density is 0 takes any step
            gain = found - np.where(np.isfinite(density[moving]), density[moving], -1e300)
            accepted = np.log(rng.random(count)) < (d - 1) * np.log(z) + gain
            here[moving] = np.where(accepted[:, None], moved, here[moving])
            density[moving] = np.where(accepted, found, density[moving])
        path[step] = here
    return path


class Mixture:
    """The posterior density of the mixture, for points [k, d]: all parameters of the shapes, their weights, ln sigma.

    Args:
        shapes: the members.
        x: [n], from 2 on.
        y: [n].
        target: where the curve must not lie below its beginning, nor outside [0, 1].
    """

    def __init__(self, shapes: Sequence[Shape], x: Array, y: Array, target: float) -> None:
        self.shapes = shapes
        self._y, self._weights = y, recency_weights(len(x))
        self._at = np.append(x, target)
        self._count = len(x)
        low, high = [], []
        for shape in shapes:
            spans = [span(x) for span in shape.ranges]
            # p and q: large enough for slow powers, whose limits are far off
            low += [*([-_LARGEST] if shape.has_offset else []), 0.0, *(span[0] for span in spans)]
            high += [*([_LARGEST] if shape.has_offset else []), _LARGEST, *(span[1] for span in spans)]
        self._low = np.array([*low, *[0.0] * len(shapes), _SIGMA[0]])
        self._high = np.array([*high, *[1.0] * len(shapes), _SIGMA[1]])

    def __call__(self, points: Array) -> Array:
        """Logarithms of the density [k]."""
        with np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore"):
            curve = self.curves(points, self._at)
            residuals = (curve[:, : self._count] - self._y) ** 2 @ self._weights
            sigma = points[:, -1]
            found = -0.5 * residuals * np.exp(-2 * sigma) - self._count * sigma
        start, end = curve[:, 0], curve[:, -1]
        possible = ((points > self._low) & (points < self._high)).all(axis=1) & (end >= start) & (end >= 0) & (end <= 1)
        log: Array = np.where(possible & np.isfinite(found), found, -np.inf)
        return log

    def curves(self, points: Array, x: Array) -> Array:
        """The mixtures [k, n] at x [n]."""
        count = len(self.shapes)
        weights = points[:, -1 - count : -1]
        total, place = np.zeros((len(points), len(x))), 0
        for member, shape in enumerate(self.shapes):
            parameters = np.zeros((len(points), 4))
            columns = [*([0] if shape.has_offset else []), 1, *range(2, 2 + len(shape.ranges))]
            parameters[:, columns] = points[:, place : place + shape.size]
            place += shape.size
            total += weights[:, member, None] * shape(x, parameters)
        found: Array = total / weights.sum(axis=1, keepdims=True)
        return found

    def start(self, x: Array, walkers: int, rng: np.random.Generator) -> Array:
        """Walkers [walkers, d] in a small ball around the least-squares fits, within the limits."""
        best: list[float] = []
        spread = 0.0
        for shape in self.shapes:
            parameters = fit(shape, x, self._y[None], self._weights)[0]
            spread = max(spread, float(np.std(shape(x, parameters)[0] - self._y)))
            best += [*([parameters[0, 0]] if shape.has_offset else []), *parameters[0, 1 : 2 + len(shape.ranges)]]
        centre = np.array([*best, *[0.5] * len(self.shapes), math.log(max(spread, 1e-3))])
        margin = 1e-3 * (self._high - self._low)
        centre = np.clip(centre, self._low + margin, self._high - margin)
        balls = centre + _BALL * np.maximum(np.abs(centre), 0.1) * rng.standard_normal((walkers, len(centre)))
        found: Array = np.clip(balls, self._low + margin / 2, self._high - margin / 2)
        return found


def extrapolate_by_sampling(
    x: Array, y: Array, targets: Sequence[float], rng: np.random.Generator, *, families: Sequence[str] = ()
) -> Forecast:
    """Forecast by the posterior. Takes about a second.

    Args:
        x: [n], ascending, from 2 on.
        y: [n], best in [0, 1].
        targets: where to look; the conditions of the prior are on the last one.
        rng: draws the walk.
        families: names of the paper; none are all.
    """
    shapes = [SHAPES[name] for name in dict.fromkeys(FAMILIES[name] for name in families or FAMILIES)]
    posterior = Mixture(shapes, x, y, targets[-1])
    path = stretch_moves(posterior, posterior.start(x, WALKERS, rng), BURN_IN + STEPS, rng)
    kept = path[BURN_IN::THINNING].reshape(-1, path.shape[-1])
    kept = kept[np.isfinite(posterior(kept))]  # a walker that began where the density is 0 and never left
    if not len(kept):
        kept = path[-1]
    samples = posterior.curves(kept, np.asarray(targets, np.float64))
    return forecast(samples, np.full(len(kept), 1 / len(kept)), np.exp(kept[:, -1]))
