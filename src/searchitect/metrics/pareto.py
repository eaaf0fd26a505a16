"""Pareto fronts. Every value is oriented so that higher is better; NaN counts as minus infinity.

One point dominates another when it is nowhere worse and somewhere better. Equal points do not dominate each other.

Deb, Pratap, Agarwal, Meyarivan 2002, "A fast and elitist multiobjective genetic algorithm: NSGA-II" (ranks, crowding distance);
While, Bradstreet, Barone 2012, "A fast way of calculating exact hypervolumes" (WFG).
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core.errors import SettingError

Values: TypeAlias = Sequence[Sequence[float]]
_Points: TypeAlias = NDArray[np.float64]


def non_dominated(values: Values) -> list[int]:
    """The positions of the points that no other point dominates, in the order given.

    Args:
        values: n points, one value per objective each.
    """
    points = _points(values)
    return sorted(_first_front(points, _lexicographic(points)).tolist())


def non_dominated_ranks(values: Values) -> list[int]:
    """0 for the points of the first front, 1 for those that only the first front dominates, and so on.

    Up to two objectives n log n steps; above, n vector operations of at most n.
    """
    points = _points(values)
    if points.shape[1] <= 2:
        return _ranks_of_pairs(points)
    ranks = [0] * len(points)
    left, rank = _lexicographic(points), 0
    while len(left):
        front = _first_front(points, left)
        for place in front:
            ranks[place] = rank
        left = left[~np.isin(left, front)]
        rank += 1
    return ranks


def crowding_distance(values: Values) -> list[float]:
    """How lonely each point of one front is: the gaps between its neighbours, relative to the span, summed.

    The two ends of each objective have infinite distance. An objective in which all are equal says nothing.
    """
    points = _points(values)
    distance = np.zeros(len(points))
    for column in points.T if len(points) else ():
        order = np.argsort(column, kind="stable")
        lowest, highest = column[order[0]], column[order[-1]]
        if lowest == highest:
            continue
        distance[order[[0, -1]]] = math.inf
        if math.isfinite(highest - lowest):
            distance[order[1:-1]] += (column[order[2:]] - column[order[:-2]]) / (highest - lowest)
    return [float(d) for d in distance]


def best_first(values: Values) -> list[int]:
    """All positions, the best first: one objective by value; several by non-dominated rank, then by crowding distance.

    Ties go to the earlier position. Points with a NaN or minus infinity in any objective come last.
    """
    if values and len(values[0]) == 1:
        badness = [-value if value > -math.inf else math.inf for (value,) in values]
        return sorted(range(len(values)), key=badness.__getitem__)
    usable = [place for place, point in enumerate(values) if all(v > -math.inf for v in point)]
    useless = [place for place, point in enumerate(values) if not all(v > -math.inf for v in point)]
    fronts: dict[int, list[int]] = {}
    for place, rank in zip(usable, non_dominated_ranks([values[place] for place in usable]), strict=True):
        fronts.setdefault(rank, []).append(place)
    ordered: list[int] = []
    for _, front in sorted(fronts.items()):
        lonely = dict(zip(front, crowding_distance([values[place] for place in front]), strict=True))
        ordered += sorted(front, key=lambda place, lonely=lonely: -lonely[place])  # type: ignore[misc]
    return ordered + useless


def hypervolume(values: Values, reference: Sequence[float]) -> float:
    """The volume between ``reference`` and the points: of all that some point dominates and that dominates the reference.

    Exact. Two objectives: a sweep. More: the recursion of While et al., good for fronts of some dozens of points.

    Args:
        values: n points, one value per objective each; those not above the reference in every objective add nothing.
        reference: the worst value of interest in each objective, finite.

    Raises:
        SettingError: where the reference has another number of objectives, or is not finite.
    """
    points = _points(values)
    corner = np.asarray(reference, dtype=np.float64)
    if corner.ndim != 1 or not np.isfinite(corner).all() or (len(points) and len(corner) != points.shape[1]):
        raise SettingError(f"reference must be one finite number per objective ({points.shape[1]}), got {list(reference)}")
    if not len(points):
        return 0.0
    above = points[(points > corner).all(axis=1)] - corner
    if not len(above) or np.isinf(above).any():
        return math.inf if len(above) else 0.0
    return _volume(above[_first_front(above, _lexicographic(above))])


def _points(values: Values) -> _Points:
    """(n, objectives), without NaN. Raises `SettingError` where the rows differ in length."""
    lengths = {len(point) for point in values}
    if len(lengths) > 1 or 0 in lengths:
        raise SettingError(f"values must give every point the same number of objectives, at least one, got {sorted(lengths)}")
    points = np.asarray(values, dtype=np.float64).reshape(len(values), lengths.pop() if lengths else 1)
    return np.where(np.isnan(points), -np.inf, points)


def _lexicographic(points: _Points) -> NDArray[np.int64]:
    """Positions from the largest to the smallest by the first value, then the second, ...: no later one dominates."""
    return np.lexsort(tuple(-column for column in points.T[::-1]))


def _first_front(points: _Points, ordered: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of ``ordered`` (lexicographic) that no other of them dominates, in that order."""
    front, left = [], ordered
    while len(left):
        best = points[left[0]]
        front.append(left[0])
        rest = points[left[1:]]
        is_dominated = (rest <= best).all(axis=1) & (rest < best).any(axis=1)
        left = left[1:][~is_dominated]
    return np.array(front, dtype=np.int64)


def _ranks_of_pairs(points: _Points) -> list[int]:
    """Ranks for one or two objectives: each front is known by its last point, and those are sorted."""
    first = points[:, 0].tolist()
    second = points[:, -1].tolist() if points.shape[1] == 2 else [0.0] * len(first)
    tails: list[tuple[float, float]] = []  # of each front, negated: the second value reached, and the first value there
    ranks = [0] * len(first)
    for place in _lexicographic(points).tolist():
        point = (-second[place], -first[place])
        rank = bisect_left(tails, point)  # the first front whose tail does not dominate the point
        tails[rank : rank + 1] = [point]
        ranks[place] = rank
    return ranks


def _volume(front: _Points) -> float:
    """Of the boxes between the origin and each point of a front, together. Points in lexicographic order, all positive."""
    if front.shape[1] == 1:
        return float(front[:, 0].max())
    if front.shape[1] == 2:
        lower = np.concatenate([[0.0], np.maximum.accumulate(front[:, 1])[:-1]])
        return float((front[:, 0] * np.maximum(front[:, 1] - lower, 0.0)).sum())
    total = 0.0
    for place, point in enumerate(front):
        others = np.minimum(front[place + 1 :], point)  # what later points share with this one
        shared = _volume(others[_first_front(others, _lexicographic(others))]) if len(others) else 0.0
        total += float(point.prod()) - shared
    return total
