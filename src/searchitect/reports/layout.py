"""Where the nodes of a graph go: in layers from left to right, with few crossings, and wires that pass no node.

After Sugiyama, Tagawa, Toda 1981, "Methods for Visual Understanding of Hierarchical System Structures": longest-path layers,
barycentre ordering, then heights by least squares. A wire that passes a layer takes a lane of its own there; the wires of one
source share their lanes and branch off where they are needed.
"""

import random
from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

_RESTARTS: Final = 8
_MOST_EXCHANGED: Final = 70  # beyond so many nodes and lanes, exchanging neighbours costs more time than it is worth
_SWEEPS: Final = 12
_STRAIGHTENED: Final = 12  # px that a wire may be moved to become straight


@dataclass(frozen=True)
class Vertex:
    """What has to be placed.

    Attributes:
        width: px.
        height: px.
        ports: distance between the places on its left side where wires arrive, one for each; 0: all arrive at the middle.
        is_bar: stands right of all that does not come after it, as high as the wires that arrive, each straight.
    """

    width: float
    height: float
    ports: float = 0
    is_bar: bool = False


@dataclass(frozen=True)
class Hop:
    """A piece of wire from one layer to the next: straight to ``turn``, a curve to ``arrive``, straight to the end.

    Attributes:
        start: (x, y) where it leaves a node or goes on from the hop before.
        turn: x where the curve begins.
        arrive: x where the curve ends.
        end: (x, y).
        wires: those that run through it, by their places.
        is_last: whether its one wire ends here.
    """

    start: tuple[float, float]
    turn: float
    arrive: float
    end: tuple[float, float]
    wires: tuple[int, ...]
    is_last: bool


@dataclass(frozen=True)
class Placed:
    """A graph on paper.

    Attributes:
        width: px of all.
        height: px of all.
        lefts: x of the left side of each vertex.
        middles: y of the middle of each vertex.
        heights: of each vertex: those of bars follow from their wires.
        arrivals: y where each wire arrives.
        hops: every piece of wire, once.
        layers: the layer of each vertex.
    """

    width: float
    height: float
    lefts: tuple[float, ...]
    middles: tuple[float, ...]
    heights: tuple[float, ...]
    arrivals: tuple[float, ...]
    hops: tuple[Hop, ...]
    layers: tuple[int, ...]


def arrange(vertices: Sequence[Vertex], wires: Sequence[tuple[int, int]], gap: float = 30, apart: float = 14) -> Placed:
    """Place a graph.

    Args:
        vertices: the nodes, in an order in which every wire leads onwards; those without a wire that arrives come first in the
            drawing, in this order.
        wires: (source, target), source < target; parallel ones are allowed.
        gap: least px between two layers.
        apart: px between two nodes of a layer.
    """
    layers = _layers(vertices, wires)
    net = _Net(vertices, wires, layers)
    order = _ordered(net)
    ys, heights, arrivals = _heights(net, order, apart)
    return _placed(net, ys, heights, arrivals, gap)


def _layers(vertices: Sequence[Vertex], wires: Sequence[tuple[int, int]]) -> list[int]:
    """The longest way from a start; a bar stands right of all that does not come after it."""
    layers = [0] * len(vertices)
    after_a_bar = [False] * len(vertices)
    arriving: list[list[int]] = [[] for _ in vertices]
    for source, target in wires:
        arriving[target].append(source)
    for place, vertex in enumerate(vertices):
        layers[place] = max((layers[source] + 1 for source in arriving[place]), default=0)
        after_a_bar[place] = any(after_a_bar[source] for source in arriving[place]) or vertex.is_bar
        if vertex.is_bar:
            others = [layers[other] for other in range(place) if not after_a_bar[other]]
            layers[place] = max([layers[place], *(layer + 1 for layer in others)])
    return layers


class _Net:
    """The graph with lanes: every hop leads from one layer to the next. Lanes are numbered after the vertices."""

    def __init__(self, vertices: Sequence[Vertex], wires: Sequence[tuple[int, int]], layers: Sequence[int]) -> None:
        self.vertices, self.wires = vertices, wires
        self.layer = list(layers)
        self.hops: list[tuple[int, int, int | None]] = []  # from, to, the wire that ends
        self.users: list[list[int]] = []  # the wires of each hop
        lanes: dict[tuple[int, int], tuple[int, int]] = {}  # (source, layer) -> lane, the hop that leads to it
        for wire, (source, target) in enumerate(wires):
            at = source
            for layer in range(layers[source] + 1, layers[target]):
                if (source, layer) not in lanes:
                    lanes[source, layer] = len(self.layer), len(self.hops)
                    self.hops.append((at, len(self.layer), None))
                    self.users.append([])
                    self.layer.append(layer)
                at, hop = lanes[source, layer]
                self.users[hop].append(wire)
            self.hops.append((at, target, wire))
            self.users.append([wire])
        self.depth = max(self.layer, default=0) + 1
        self.into: list[list[int]] = [[] for _ in self.layer]
        self.out_of: list[list[int]] = [[] for _ in self.layer]
        self.between: list[list[int]] = [[] for _ in range(self.depth)]  # hops that leave a layer
        for hop, (source, target, _) in enumerate(self.hops):
            self.out_of[source].append(hop)
            self.into[target].append(hop)
            self.between[self.layer[source]].append(hop)

    def is_lane(self, place: int) -> bool:
        return place >= len(self.vertices)

    def height(self, place: int) -> float:
        return 0 if self.is_lane(place) else self.vertices[place].height


# --- the order within the layers --------------------------------------------------------------------------------------


def _ordered(net: _Net) -> list[list[int]]:
    """The best of several starts; the first layer keeps its order."""
    natural: list[list[int]] = [[] for _ in range(net.depth)]
    for place, layer in enumerate(net.layer):
        natural[layer].append(place)
    rng = random.Random(0)
    is_small = len(net.layer) <= _MOST_EXCHANGED
    best: tuple[tuple[int, float], list[list[int]]] | None = None
    for restart in range(_RESTARTS if is_small else 2):
        order = [list(row) for row in natural]
        for row in order[1:]:
            if restart == 1:
                row.reverse()
            elif restart > 1:
                rng.shuffle(row)
        still = 0
        for sweep in range(_SWEEPS):
            still = 0 if _sort_by_neighbours(net, order, forwards=sweep % 2 == 0) else still + 1
            if still > 1:  # neither way changes anything any more
                break
            cost = _cost(net, order)
            if best is None or cost < best[0]:
                best = cost, [list(row) for row in order]
        if is_small:
            cost = _exchange(net, order)
            if best is None or cost < best[0]:
                best = cost, [list(row) for row in order]
    assert best is not None
    return best[1]


def _sort_by_neighbours(net: _Net, order: list[list[int]], *, forwards: bool) -> bool:
    """Sort each layer by the mean place of the neighbours on one side. Whether anything changed."""
    changed = False
    rank = {place: number / max(1, len(row) - 1) for row in order for number, place in enumerate(row)}
    for layer in range(1, net.depth) if forwards else range(net.depth - 2, 0, -1):
        keys = {}
        for place in order[layer]:
            if forwards:
                near = [rank[net.hops[hop][0]] for hop in net.into[place]]
            else:
                near = [rank[net.hops[hop][1]] for hop in net.out_of[place]]
            keys[place] = sum(near) / len(near) if near else rank[place]
        row = sorted(order[layer], key=lambda place: (keys[place], rank[place]))
        changed = changed or row != order[layer]
        order[layer] = row
        for number, place in enumerate(order[layer]):
            rank[place] = number / max(1, len(order[layer]) - 1)
    return changed


def _cost(net: _Net, order: list[list[int]]) -> tuple[int, float]:
    """Crossings, then how far the wires climb."""
    rank = {place: number for row in order for number, place in enumerate(row)}
    middle = {place: number - (len(row) - 1) / 2 for row in order for number, place in enumerate(row)}
    crossings, climb = 0, 0.0
    for row in net.between:
        ends: list[int] = []
        for _, target in sorted((rank[net.hops[hop][0]], rank[net.hops[hop][1]]) for hop in row):
            crossings += len(ends) - bisect_right(ends, target)
            insort(ends, target)
        climb += sum(abs(middle[net.hops[hop][0]] - middle[net.hops[hop][1]]) for hop in row)
    return crossings, climb


def _exchange(net: _Net, order: list[list[int]]) -> tuple[int, float]:
    """Exchange neighbours for as long as that helps."""
    cost = _cost(net, order)
    improved = True
    while improved:
        improved = False
        for row in order[1:]:
            for number in range(len(row) - 1):
                row[number], row[number + 1] = row[number + 1], row[number]
                new = _cost(net, order)
                if new < cost:
                    cost, improved = new, True
                else:
                    row[number], row[number + 1] = row[number + 1], row[number]
    return cost


# --- heights ----------------------------------------------------------------------------------------------------------


def _heights(net: _Net, order: list[list[int]], apart: float) -> tuple[list[float], list[float], list[float]]:
    """The y of all vertices and lanes, the heights of the vertices, and where each wire arrives."""
    rank = {place: number for row in order for number, place in enumerate(row)}
    offset = [0.0] * len(net.hops)  # of the port, from the middle of its vertex
    for place, vertex in enumerate(net.vertices):
        hops = sorted(net.into[place], key=lambda hop: (rank[net.hops[hop][0]], net.hops[hop][2] or 0))
        for number, hop in enumerate(hops):
            offset[hop] = (number - (len(hops) - 1) / 2) * vertex.ports
    ys = [0.0] * len(net.layer)
    bars = {place for place, vertex in enumerate(net.vertices) if vertex.is_bar}
    first_bar = min((net.layer[bar] for bar in bars), default=net.depth)

    def settle(layer: int, *, backwards: float, forwards: float) -> None:
        row = order[layer]
        wanted, weights = [], []
        for place in row:
            total = weight = 0.0
            for hop in net.into[place]:
                share = backwards * (4 if net.is_lane(net.hops[hop][0]) and net.is_lane(place) else 1)
                total, weight = total + share * (ys[net.hops[hop][0]] - offset[hop]), weight + share
            for hop in net.out_of[place]:
                target = net.hops[hop][1]
                if target not in bars:
                    share = forwards * (4 if net.is_lane(target) and net.is_lane(place) else 1)
                    total, weight = total + share * (ys[target] + offset[hop]), weight + share
            wanted.append(total / weight if weight else ys[place])
            weights.append(weight or 0.1)
        between = [_distance(net, a, b, apart) for a, b in pairwise(row)]
        for place, y in zip(row, _spread(wanted, weights, between), strict=True):
            ys[place] = y

    last = min(first_bar, net.depth)
    for layer in range(last):  # a first stacking, each layer around the middle
        settle(layer, backwards=0, forwards=0)
    for sweep in range(_SWEEPS):
        inward = 1 - sweep / _SWEEPS
        for layer in range(last):
            settle(layer, backwards=1, forwards=0.2 * inward if layer else 1)
        for layer in reversed(range(last)):
            settle(layer, backwards=0.5 if layer else 0, forwards=1)
    for layer in range(last):
        settle(layer, backwards=1, forwards=1)

    for layer in reversed(range(last)):
        _straighten(net, order[layer], ys, offset, apart, bars)

    heights = [vertex.height for vertex in net.vertices]
    for layer in range(last, net.depth):
        for place in order[layer]:
            near = [ys[net.hops[hop][0]] for hop in net.into[place]]
            ys[place] = (min(near) + max(near)) / 2 if near else 0.0
            if place in bars and near:
                heights[place] = max(heights[place], max(near) - min(near) + 2 * apart)
    arrivals = [0.0] * len(net.wires)
    for hop, (source, target, wire) in enumerate(net.hops):
        if wire is not None:
            arrivals[wire] = ys[source] if target in bars else ys[target] + offset[hop]
    tops = [ys[place] - (0 if net.is_lane(place) else heights[place] / 2) for place in range(len(ys))]
    top = min(tops, default=0.0)
    return [y - top for y in ys], heights, [y - top for y in arrivals]


def _distance(net: _Net, above: int, below: int, apart: float) -> float:
    """The least distance of two middles."""
    return (net.height(above) + net.height(below)) / 2 + apart * (0.8 if net.is_lane(above) and net.is_lane(below) else 1)


def _straighten(net: _Net, row: list[int], ys: list[float], offset: list[float], apart: float, bars: set[int]) -> None:
    """Move lanes and starts, others only a little, to the height at which their wire ends, where they have the room."""
    for number, place in enumerate(row):
        reach = _STRAIGHTENED if net.is_lane(place) or not net.into[place] else 2
        ends = [ys[target] + offset[hop] for hop in net.out_of[place] if (target := net.hops[hop][1]) not in bars]
        if not ends:
            continue
        wanted = min(ends, key=lambda end: abs(end - ys[place]))
        low = ys[row[number - 1]] + _distance(net, row[number - 1], place, apart) if number else wanted
        high = ys[row[number + 1]] - _distance(net, place, row[number + 1], apart) if number + 1 < len(row) else wanted
        if abs(wanted - ys[place]) <= reach and low <= wanted <= high:
            ys[place] = wanted


def _spread(wanted: Sequence[float], weights: Sequence[float], between: Sequence[float]) -> list[float]:
    """The heights nearest to the wanted ones (least squares) that keep the order and the distances: pools of neighbours."""
    starts = [0.0]
    for distance in between:
        starts.append(starts[-1] + distance)
    pools: list[list[float]] = []  # mean, weight, how many
    for want, weight, start in zip(wanted, weights, starts, strict=False):
        pools.append([want - start, weight, 1])
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            mean, weight_, count = pools.pop()
            joint = pools[-1][1] + weight_
            pools[-1] = [(pools[-1][0] * pools[-1][1] + mean * weight_) / joint, joint, pools[-1][2] + count]
    means = [mean for mean, _, count in pools for _ in range(int(count))]
    return [mean + start for mean, start in zip(means, starts, strict=False)]


# --- columns ----------------------------------------------------------------------------------------------------------


def _placed(net: _Net, ys: list[float], heights: list[float], arrivals: list[float], gap: float) -> Placed:
    widths = [0.0] * net.depth
    for place, vertex in enumerate(net.vertices):
        widths[net.layer[place]] = max(widths[net.layer[place]], vertex.width)
    steepest = [0.0] * net.depth
    for source, target, wire in net.hops:
        end = ys[target] if wire is None else arrivals[wire]
        steepest[net.layer[source]] = max(steepest[net.layer[source]], abs(end - ys[source]))
    columns = [0.0]
    for layer in range(net.depth - 1):
        columns.append(columns[-1] + widths[layer] + gap + min(gap, 0.12 * steepest[layer]))
    lefts = [
        columns[net.layer[place]] + (widths[net.layer[place]] - vertex.width) / 2 for place, vertex in enumerate(net.vertices)
    ]
    hops = []
    for (source, target, wire), users in zip(net.hops, net.users, strict=True):
        here, there = net.layer[source], net.layer[target]
        turn, arrive = columns[here] + widths[here], columns[there]
        leave = turn if net.is_lane(source) else lefts[source] + net.vertices[source].width
        stop = (arrive + widths[there], ys[target]) if wire is None else (lefts[target], arrivals[wire])
        hops.append(Hop((leave, ys[source]), turn, arrive, stop, tuple(users), wire is not None))
    count = len(net.vertices)
    bottom = max([ys[place] + (heights[place] / 2 if place < count else 0) for place in range(len(ys))], default=0.0)
    return Placed(
        columns[-1] + widths[-1] if count else 0.0,
        bottom,
        tuple(lefts),
        tuple(ys[:count]),
        tuple(heights),
        tuple(arrivals),
        tuple(hops),
        tuple(net.layer[:count]),
    )
