"""Directed graphs without cycles, as data: nodes are numbers, and edges lead from lower to higher ones."""

from collections import Counter
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import TypeAlias

Edges: TypeAlias = Mapping[tuple[int, int], str]
"""(from, to) -> label."""


def live_edges(edges: Edges, start: int, end: int) -> dict[tuple[int, int], str]:
    """The edges that lie on a path from ``start`` to ``end``, sorted by where they come from."""
    reached, leading = {start}, {end}
    for source, target in sorted(edges):  # by source: whether it is reached is known by then
        if source in reached:
            reached.add(target)
    for source, target in sorted(edges, key=lambda edge: -edge[1]):
        if target in leading:
            leading.add(source)
    return {edge: edges[edge] for edge in sorted(edges) if edge[0] in reached and edge[1] in leading}


def canonical_order(labels: Sequence[str], edges: Edges) -> list[int]:
    """The nodes in an order that follows the edges and does not depend on how the nodes are numbered.

    Two graphs that differ in the numbers alone become the same graph when each is renumbered by its order. That is so wherever
    nodes that color refinement (https://en.wikipedia.org/wiki/Colour_refinement_algorithm) cannot tell apart can change places;
    where they cannot, which is rare, such graphs may stay different. Graphs that differ in more never become the same.

    Args:
        labels: of the nodes. Nodes of lower labels come first where the edges leave the choice.
        edges: with their own labels.
    """
    colors = _refine(_ranks(labels), edges)
    while len(set(colors)) < len(colors):
        tied = min(color for color, count in Counter(colors).items() if count > 1)
        first = colors.index(tied)  # any of them will do: it is set before its equals
        colors = _refine([2 * color + (color == tied and node != first) for node, color in enumerate(colors)], edges)
    return _topological(colors, edges)


def _ranks(values: Sequence[object]) -> list[int]:
    places = {value: place for place, value in enumerate(sorted(set(values)))}  # type: ignore[type-var]
    return [places[value] for value in values]


def _refine(colors: Sequence[int], edges: Edges) -> list[int]:
    """Split each color by the colors of neighbours and the labels of the edges between, until nothing changes."""
    found, kinds = list(colors), len(set(colors))
    while True:
        before: list[list[tuple[int, str]]] = [[] for _ in found]
        after: list[list[tuple[int, str]]] = [[] for _ in found]
        for (source, target), label in edges.items():
            before[target].append((found[source], label))
            after[source].append((found[target], label))
        found = _ranks([(own, *map(tuple, map(sorted, pair))) for own, *pair in zip(found, before, after, strict=True)])
        if len(set(found)) == kinds:
            return found
        kinds = len(set(found))


def _topological(colors: Sequence[int], edges: Edges) -> list[int]:
    """Along the edges, the lowest color first."""
    waiting = Counter(target for _, target in edges)
    ready = [(color, node) for node, color in enumerate(colors) if not waiting[node]]
    heapify(ready)
    order = []
    while ready:
        _, node = heappop(ready)
        order.append(node)
        for source, target in edges:
            if source == node:
                waiting[target] -= 1
                if not waiting[target]:
                    heappush(ready, (colors[target], target))
    return order
