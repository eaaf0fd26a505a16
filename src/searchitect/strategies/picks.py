"""Every decision as picks among a few options each, for agents that keep a softmax or a table row per choice.

One of n labels is one pick. k of n labels are k picks in the order of the labels, each behind the one before, so that a set has
exactly one way to be picked. A number is one pick among its values, or among at most `BINS` bins where there are more.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NamedTuple, TypeAlias

from searchitect.core.architecture import Architecture, canonical_json
from searchitect.core.choosing import Domain, NumberDomain, OneDomain, PolicyChooser, SomeDomain, same_value
from searchitect.core.space import Space

BINS: Final = 16
"""The most options of a number: longer ranges are cut into bins of equal weight, and the number is drawn within its bin."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where picks are made: a choice, or one of the k picks of a choice of several.

    Attributes:
        name: follows from the path, the options and the number of the pick alone; equal names have equal options.
        weights: of each option; drawing in proportion to them, among those in reach, is the space's own uniform draw.
        path: of the choice.
        holds_choices: whether further choices may lie inside an option, whose paths then begin with this one; not for numbers.
    """

    name: str
    weights: tuple[float, ...]
    path: str = ""
    holds_choices: bool = True


class Pick(NamedTuple):
    """One pick: ``place`` among the options ``first``, ..., ``stop - 1`` of a site. There are at least two."""

    site: Site
    first: int
    stop: int
    place: int


Take: TypeAlias = Callable[[Site, int, int], int]
"""A policy: the place to take at a site, among those in [first, stop)."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """How one domain is picked. ``bins`` are those of a number, ascending; else empty."""

    sites: tuple[Site, ...]
    options: int
    bins: tuple[NumberDomain, ...] = ()

    def reach(self, pick: int, before: int) -> tuple[int, int]:
        """What the ``pick``-th pick may take after ``before``: behind it, with enough left for those to come."""
        return before + 1, self.options - len(self.sites) + pick + 1


class Picks:
    """Translates between decisions and picks. What it keeps are translations: it learns nothing."""

    def __init__(self) -> None:
        self._plans: dict[str, _Plan] = {}

    def draw(self, space: Space, take: Take, rng: random.Random) -> Architecture:
        """The architecture of a policy. ``take`` is asked where there are at least two options; ``rng`` draws within bins."""

        def decide(path: str, domain: Domain, _: Any) -> Any:
            plan = self._plan(path, domain)
            places: list[int] = []
            for pick, site in enumerate(plan.sites):
                first, stop = plan.reach(pick, places[-1] if places else -1)
                places.append(take(site, first, stop) if stop - first > 1 else first)
            match domain:
                case OneDomain(labels):
                    return labels[places[0]]
                case SomeDomain(labels):
                    return [labels[place] for place in places]
            return plan.bins[places[0]].draw(rng)

        reader = PolicyChooser(decide)
        return space.read(reader)

    def read(self, space: Space, architecture: Architecture) -> list[Pick]:
        """The picks that lead to an architecture, in order. Raises `SpaceError` where it carries no decisions of ``space``."""
        found: list[Pick] = []
        for path, domain in space.domains(architecture).items():
            plan = self._plan(path, domain)
            before = -1
            places = _places(domain, plan.bins, architecture.decisions[path])
            for pick, (site, place) in enumerate(zip(plan.sites, places, strict=True)):
                first, stop = plan.reach(pick, before)
                if stop - first > 1:
                    found.append(Pick(site, first, stop, place))
                before = place
        return found

    def _plan(self, path: str, domain: Domain) -> _Plan:
        match domain:
            case NumberDomain(low, high, log):
                name = canonical_json([path, low, high, log])
            case OneDomain(labels):
                name = canonical_json([path, *labels])
            case SomeDomain(labels, k):
                name = canonical_json([path, k, list(labels)])
        plan = self._plans.get(name)
        if plan is None:
            plan = self._plans[name] = _make_plan(path, name, domain)
        return plan


def _make_plan(path: str, name: str, domain: Domain) -> _Plan:
    match domain:
        case OneDomain(labels):
            return _Plan((Site(name, (1.0,) * len(labels), path),), len(labels))
        case SomeDomain(labels, k):
            n = len(labels)
            # an option's weight: how many sets go on with it; at least 1, also where it is out of reach
            weights = [[float(max(math.comb(n - 1 - p, k - 1 - pick), 1)) for p in range(n)] for pick in range(k)]
            return _Plan(tuple(Site(f"{name} {pick}", tuple(weights[pick]), path) for pick in range(k)), n)
    bins, shares = _bins(domain)
    return _Plan((Site(name, tuple(shares), path, holds_choices=False),), len(bins), tuple(bins))


def _bins(domain: NumberDomain) -> tuple[list[NumberDomain], list[float]]:
    """Parts of a range, ascending, and the share of each in a uniform draw."""
    if domain.low == domain.high:
        return [domain], [1.0]
    scale, back = (math.log, math.exp) if domain.log else (float, float)
    half = 0.5 if domain.whole else 0.0  # a whole number n owns [n - 1/2, n + 1/2)
    low, high = scale(domain.low - half), scale(domain.high + half)
    cuts = [back(low + (high - low) * cut / BINS) for cut in range(1, BINS)]
    if domain.whole:
        first, last = int(domain.low), int(domain.high)
        begins = list(range(first, last + 1)) if last - first < BINS else sorted({first, *map(round, cuts)})
        bins = [NumberDomain(a, b - 1, domain.log) for a, b in pairwise([*begins, last + 1])]
    else:
        bins = [NumberDomain(a, b, domain.log) for a, b in pairwise([float(domain.low), *cuts, float(domain.high)])]
    return bins, [(scale(part.high + half) - scale(part.low - half)) / (high - low) for part in bins]


def _places(domain: Domain, bins: Sequence[NumberDomain], value: Any) -> list[int]:
    """Which options a value is made of."""
    match domain:
        case OneDomain(labels):
            return [_place(labels, value)]
        case SomeDomain(labels):
            return [_place(labels, member) for member in value]
    return [max(bisect_right([part.low for part in bins], value) - 1, 0)]


def _place(labels: Sequence[Any], value: Any) -> int:
    return next(place for place, label in enumerate(labels) if same_value(label, value))
