"""Parzen estimators of single decisions: which values a history of them makes likely.

Bergstra, Bardenet, Bengio, Kegl 2011, "Algorithms for Hyper-Parameter Optimization",
https://proceedings.neurips.cc/paper/2011/hash/86e8f7ab32cfd12577bc2619bc635690-Abstract.html, section 4.2. Every density is a mixture
of the uniform prior, which weighs as much as one observation (of each label), and of the history.
"""

import math
import random
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final, Protocol

import numpy as np
from scipy.special import ndtr, ndtri

from searchitect.core.choosing import Domain, NumberDomain, OneDomain, SomeDomain

_MOST_COMPONENTS: Final = 100


class Density(Protocol):
    """How likely each value of a domain is."""

    def draw(self, rng: random.Random) -> Any:
        """A value of the domain."""

    def log(self, value: Any) -> float:
        """The logarithm of the probability of a value of the domain, or of the density for a continuous one (see `NumberDensity`)."""


def parzen(domain: Domain, history: Sequence[Any]) -> Density:
    """The density of a decision.

    Args:
        domain: what can be chosen.
        history: what was chosen; values that are not of the domain count for nothing.
    """
    if isinstance(domain, OneDomain):
        return LabelDensity(domain, history)
    return SubsetDensity(domain, history) if isinstance(domain, SomeDomain) else NumberDensity(domain, history)


class LabelDensity:
    """Of n choices among K labels: label i has the probability (times chosen + 1) / (n + K)."""

    def __init__(self, domain: OneDomain, history: Sequence[Any]) -> None:
        names = [repr(label) for label in domain.labels]  # labels need not be hashable, and True is not 1
        counts = Counter(map(repr, history))
        weights = [counts[name] + 1 for name in names]
        total = sum(weights)
        self._labels = domain.labels
        self._steps = list(accumulate(weights))
        self._logs = {name: math.log(weight / total) for name, weight in zip(names, weights, strict=True)}

    def draw(self, rng: random.Random) -> Any:
        """A label."""
        return self._labels[bisect_right(self._steps, rng.random() * self._steps[-1])]

    def log(self, value: Any) -> float:
        """Of the probability of a label."""
        return self._logs[repr(value)]


class SubsetDensity:
    """Of k-subsets: in proportion to the product of (times chosen + 1) over the members. For k = 1 that is `LabelDensity`."""

    def __init__(self, domain: SomeDomain, history: Sequence[Any]) -> None:
        names = [repr(label) for label in domain.labels]
        counts = Counter(repr(member) for subset in history for member in subset)
        weights = np.array([counts[name] + 1.0 for name in names])
        self._weights = weights / weights.mean()  # the scale is no matter; so the sums of products stay small
        self._names = {name: place for place, name in enumerate(names)}
        self._domain = domain
        # sums[i][j]: over all j-subsets of the labels from i on, of the product of their weights
        self._sums = np.zeros((len(names) + 1, domain.k + 1))
        self._sums[:, 0] = 1.0
        for place in reversed(range(len(names))):
            self._sums[place, 1:] = self._sums[place + 1, 1:] + self._weights[place] * self._sums[place + 1, :-1]

    def draw(self, rng: random.Random) -> Any:
        """A list of k labels, in their order."""
        taken: list[Any] = []
        for place, label in enumerate(self._domain.labels):
            left = self._domain.k - len(taken)
            if left == 0:
                break
            with_it = self._weights[place] * self._sums[place + 1, left - 1]
            if rng.random() * self._sums[place, left] < with_it or len(self._domain.labels) - place == left:
                taken.append(label)
        return taken

    def log(self, value: Any) -> float:
        """Of the probability of a subset."""
        product = np.log(self._weights[[self._names[repr(member)] for member in value]]).sum() if value else 0.0
        return float(product - math.log(self._sums[0, self._domain.k]))


class NumberDensity:
    """Equal parts of the uniform prior and of a Gaussian at each observed number, cut off at the ends; in the logarithm where the domain is.

    The bandwidth of a Gaussian is the larger distance to its neighbours, the ends of the range being neighbours too, within
    [range / min(100, n + 1), range]. A whole number has the probability of the interval of length 1 around it. For others the
    density is that of the logarithm where the domain is logarithmic: in a ratio of two densities it makes no difference.
    """

    def __init__(self, domain: NumberDomain, history: Sequence[Any]) -> None:
        half = 0.5 if domain.whole else 0.0
        self._domain, self._half = domain, half
        self._low, self._high = self._place(domain.low - half), self._place(domain.high + half)
        self._range = self._high - self._low
        self._centres = np.sort([self._place(value) for value in history if domain.low <= value <= domain.high])
        gaps = np.diff(self._centres, prepend=self._low, append=self._high)
        least = self._range / min(_MOST_COMPONENTS, len(self._centres) + 1)
        self._widths = np.clip(np.maximum(gaps[:-1], gaps[1:]), least, self._range) if self._range else gaps[1:]
        if self._range:
            self._below = ndtr((self._low - self._centres) / self._widths)
            self._mass = ndtr((self._high - self._centres) / self._widths) - self._below

    def draw(self, rng: random.Random) -> Any:
        """A number between the ends, an ``int`` where they are."""
        component, quantile = rng.randrange(len(self._centres) + 1) - 1, rng.random()
        if not self._range:
            return self._domain.low
        if component < 0:
            place = self._low + quantile * self._range
        else:
            z = ndtri(self._below[component] + quantile * self._mass[component])
            place = float(self._centres[component] + self._widths[component] * z)
        value = math.exp(place) if self._domain.log else place
        return min(max(round(value) if self._domain.whole else value, self._domain.low), self._domain.high)

    def log(self, value: Any) -> float:
        """Of the probability of a whole number, else of the density."""
        if not self._range:
            return 0.0
        if self._domain.whole:
            ends = self._place(value - self._half), self._place(value + self._half)
            prior = (ends[1] - ends[0]) / self._range
            upper, lower = ((end - self._centres) / self._widths for end in reversed(ends))
            parts = (ndtr(upper) - ndtr(lower)) / self._mass
        else:
            prior = 1 / self._range
            z = (self._place(value) - self._centres) / self._widths
            parts = np.exp(-0.5 * z * z) / (math.sqrt(2 * math.pi) * self._widths * self._mass)
        return math.log((prior + float(parts.sum())) / (len(self._centres) + 1))

    def _place(self, value: float) -> float:
        return math.log(value) if self._domain.log else value
