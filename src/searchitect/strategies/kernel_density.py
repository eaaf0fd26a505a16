"""Decisions as vectors, and a product kernel density over them: numbers in [0, 1] with Gaussian kernels, labels with Aitchison-Aitken ones."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from searchitect.core.architecture import canonical_json
from searchitect.core.choosing import Domain, NumberDomain, SomeDomain, same_value

Array: TypeAlias = NDArray[np.float64]

_LEAST_DENSITY: Final = 1e-32


@dataclass
class _Place:
    """The columns of one decision: one for a number or a label, one per label (taken or not) where several are chosen."""

    domain: Domain
    labels: list[Any]  # all that were offered there
    first: int = 0
    width: int = 1


class Vectors:
    """Turns decisions into vectors and back. Columns are the decisions that occur among ``domains``.

    Args:
        domains: of some architectures (`Space.domains`), by path. Where the options of a decision differ, the column has all of them.
    """

    def __init__(self, domains: Sequence[Mapping[str, Domain]]) -> None:
        self._places: dict[str, _Place] = {}
        for found in domains:
            for path, domain in found.items():
                place = self._places.get(path)
                if place is None:
                    self._places[path] = _Place(domain, [] if isinstance(domain, NumberDomain) else list(domain.labels))
                elif not isinstance(domain, NumberDomain) and domain != place.domain:
                    names = set(map(canonical_json, place.labels))
                    place.labels += [label for label in domain.labels if canonical_json(label) not in names]
        sizes: list[int] = []
        for place in self._places.values():
            place.first = len(sizes)
            if isinstance(place.domain, SomeDomain):
                place.width = len(place.labels)
                sizes += [2] * place.width
            else:
                sizes.append(0 if isinstance(place.domain, NumberDomain) else len(place.labels))
        self.sizes = np.array(sizes, dtype=np.int64)
        """Per column: how many labels it has; 0 is a number."""

    def encode(self, decisions: Mapping[str, Any]) -> Array:
        """The vector [columns] of an architecture: a number's place in [0, 1], a label's index; NaN where the decision is not made."""
        vector = np.full(len(self.sizes), np.nan)
        for path, value in decisions.items():
            place = self._places.get(path)
            if place is None:
                continue
            if isinstance(place.domain, NumberDomain):
                vector[place.first] = _to_unit(place.domain, value)
            elif isinstance(place.domain, SomeDomain):
                taken = [any(same_value(label, member) for member in value) for label in place.labels]
                vector[place.first : place.first + place.width] = taken
            else:
                vector[place.first] = next(i for i, label in enumerate(place.labels) if same_value(label, value))
        return vector

    def decode(self, vector: Array, rng: random.Random) -> dict[str, Any]:
        """The decision that a vector stands for at every path, also at those that the architecture may turn out not to have."""
        decided: dict[str, Any] = {}
        for path, place in self._places.items():
            if isinstance(place.domain, NumberDomain):
                decided[path] = _from_unit(place.domain, float(vector[place.first]))
            elif isinstance(place.domain, SomeDomain):
                # too many or too few are taken: drop or add some at random
                order = sorted(range(place.width), key=lambda i: (-vector[place.first + i], rng.random()))
                decided[path] = [place.labels[i] for i in sorted(order[: place.domain.k])]
            else:
                decided[path] = place.labels[int(vector[place.first])]
        return decided

    def draw(self, rng: np.random.Generator) -> Array:
        """A vector of uniform values."""
        return np.where(self.sizes > 0, np.floor(rng.random(len(self.sizes)) * self.sizes), rng.random(len(self.sizes)))


def _to_unit(domain: NumberDomain, value: float) -> float:
    low, high = _ends(domain)
    place = math.log(value) if domain.log else value
    return (place - low) / (high - low) if high > low else 0.5


def _from_unit(domain: NumberDomain, unit: float) -> Any:
    low, high = _ends(domain)
    place = low + unit * (high - low)
    value = math.exp(place) if domain.log else place
    return min(max(round(value) if domain.whole else value, domain.low), domain.high)


def _ends(domain: NumberDomain) -> tuple[float, float]:
    half = 0.5 if domain.whole else 0.0  # each whole number owns the interval of length 1 around it
    low, high = domain.low - half, domain.high + half
    return (math.log(low), math.log(high)) if domain.log else (low, high)


def impute(points: Array, vectors: Vectors, rng: np.random.Generator) -> Array:
    """Fill what is NaN [n, columns]: with the value of another point that has one, drawn at random, or else with a uniform draw."""
    filled = points.copy()
    for column in range(points.shape[1]):
        missing = np.isnan(points[:, column])
        known = points[~missing, column]
        for row in np.flatnonzero(missing):
            filled[row, column] = known[rng.integers(len(known))] if len(known) else vectors.draw(rng)[column]
    return filled


class KernelDensity:
    """A product kernel density estimate.

    Args:
        points: [n, columns], without NaN.
        sizes: per column the number of labels, 0 for a number (`Vectors.sizes`).
        floor: of every bandwidth.
    """

    def __init__(self, points: Array, sizes: NDArray[np.int64], floor: float = 1e-3) -> None:
        self.points = points
        self._sizes = sizes
        self.bandwidths = np.maximum(normal_reference(points, sizes), floor)
        labels = sizes > 0
        # at (c - 1) / c a kernel is uniform; beyond it would prefer what was not observed
        self.bandwidths[labels] = np.minimum(self.bandwidths[labels], (sizes[labels] - 1) / sizes[labels])

    def __call__(self, vectors: Array) -> Array:
        """The density at each of the vectors [m, columns] -> [m], at least 1e-32."""
        labels, h = self._sizes > 0, self.bandwidths
        density = np.ones((len(vectors), len(self.points)))
        if labels.any():
            same = vectors[:, None, labels] == self.points[None, :, labels]
            others = np.maximum(self._sizes[labels] - 1, 1)
            density *= np.where(same, 1 - h[labels], h[labels] / others).prod(axis=2)
        if not labels.all():
            z = (vectors[:, None, ~labels] - self.points[None, :, ~labels]) / h[~labels]
            density *= (np.exp(-0.5 * z * z) / (h[~labels] * math.sqrt(2 * math.pi))).prod(axis=2)
        found: Array = np.maximum(density.mean(axis=1), _LEAST_DENSITY)
        return found

    def draw(self, count: int, rng: np.random.Generator, factor: float) -> Array:
        """Vectors [count, columns], each near a point that is drawn at random.

        A number comes from a normal distribution around the point's, of ``factor`` times the bandwidth, cut off at 0 and 1; a label
        is kept with the probability 1 - bandwidth, and otherwise drawn uniformly.
        """
        centres = self.points[rng.integers(len(self.points), size=count)]
        shape = centres.shape
        width = factor * self.bandwidths
        low, high = ndtr(-centres / width), ndtr((1 - centres) / width)
        numbers = np.clip(centres + width * ndtri(np.clip(low + rng.random(shape) * (high - low), 1e-16, 1 - 1e-16)), 0, 1)
        drawn = np.floor(rng.random(shape) * np.maximum(self._sizes, 1))
        kept = rng.random(shape) < 1 - self.bandwidths
        found: Array = np.where(self._sizes > 0, np.where(kept, centres, drawn), numbers)
        return found


def normal_reference(points: Array, sizes: NDArray[np.int64]) -> Array:
    """Bandwidths [columns] by the normal reference rule: 1.06 std n^(-1 / (4 + columns)).

    The standard deviation of labels is sqrt((1 - sum of squared frequencies) / 2): that of 0 and 1 where there are two, and
    without regard to an order where there are more.
    """
    n, columns = points.shape
    spread = points.std(axis=0)
    for column in np.flatnonzero(sizes > 0):
        shares = np.bincount(points[:, column].astype(np.int64), minlength=sizes[column]) / n
        spread[column] = math.sqrt((1 - float(shares @ shares)) / 2)
    bandwidths: Array = 1.06 * spread * n ** (-1 / (4 + columns))
    return bandwidths
