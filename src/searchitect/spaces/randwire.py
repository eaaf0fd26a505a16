"""Randomly wired networks: a random graph per stage; what is searched is the generator's setting and its seeds.

Xie, Kirillov, Girshick, He 2019, "Exploring Randomly Wired Neural Networks for Image Recognition",
https://arxiv.org/abs/1904.01569.   Differs from the paper: the seed of each stage is a decision too, where the paper draws five
networks per setting and reports their mean; see docs/methods/randwire.md.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self, TypeAlias

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

Edges: TypeAlias = list[tuple[int, int]]
"""Pairs (from, to) of nodes, from < to, sorted: what makes the graph acyclic."""

GENERATORS: Final = ("er", "ba", "ws")
"""Erdős-Rényi, Barabási-Albert, Watts-Strogatz."""
SEEDS: Final = 2**31
"""How many graphs a generator can draw: seeds 0 to this less 1."""
_ER_P: Final = (0.2, 0.4, 0.6, 0.8)
_BA_M: Final = (1, 3, 5, 7)
_WS_K: Final = (2, 4, 6, 8)
_WS_P: Final = (0.25, 0.5, 0.75, 1.0)
_DROP_EDGE: Final = {"small": 0.0, "regular": 0.1}


@dataclass(frozen=True)
class RandWire(Space):
    """Stages of randomly wired nodes, each a weighted sum, ReLU, separable convolution and normalisation.

    Attributes:
        channels: C in the paper, of the first stage; they double from stage to stage. At least 2.
        nodes: N in the paper, of each stage. In [6, 256].
        regime: "small": two convolutions before the stages. "regular": one convolution and a stage of half the nodes, which is
            the first and adds to ``stages``.
        stages: with all nodes, in [1, 5]. Each halves the image.
        stem: "imagenet": the convolutions before the stages halve the image; "cifar": they keep it.
        head: channels of the 1x1 convolution before the classifier, at least 1.
        drop_edge: probability that a node with several inputs misses one of them, in a batch of the training, in [0, 1);
            ``None``: the paper's, 0 in the small regime and 0.1 in the regular one.
        generators: of "er", "ba", "ws", those to choose from.
    """

    name: ClassVar[str] = "randwire"
    summary: ClassVar[str] = "randomly wired networks: random graphs of three classical models, by setting and seed"
    paper: ClassVar[str] = "Xie, Kirillov, Girshick, He 2019, arXiv:1904.01569"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 78
    nodes: int = 32
    regime: str = "small"
    stages: int = 3
    stem: str = "imagenet"
    head: int = 1280
    drop_edge: float | None = None
    generators: tuple[str, ...] = GENERATORS

    def __post_init__(self) -> None:
        object.__setattr__(self, "generators", tuple(self.generators))  # a list, when it comes from JSON
        for name, low, high in (("nodes", 6, 256), ("stages", 1, 5)):
            if not low <= getattr(self, name) <= high:
                raise SettingError(f"{name} of the space 'randwire' must lie in [{low}, {high}], got {getattr(self, name)}")
        for name, low in (("channels", 2), ("head", 1)):
            if getattr(self, name) < low:
                raise SettingError(f"{name} of the space 'randwire' must be at least {low}, got {getattr(self, name)}")
        for name, known in (("regime", tuple(_DROP_EDGE)), ("stem", ("imagenet", "cifar"))):
            if getattr(self, name) not in known:
                raise SettingError(
                    f"{name} of the space 'randwire' must be one of {', '.join(known)}, got {getattr(self, name)!r}"
                )
        if self.drop_edge is not None and not 0 <= self.drop_edge < 1:
            raise SettingError(f"drop_edge of the space 'randwire' must be None or lie in [0, 1), got {self.drop_edge}")
        if not self.generators or len(set(self.generators)) < len(self.generators) or set(self.generators) - set(GENERATORS):
            raise SettingError(
                f"generators of the space 'randwire' must be distinct ones of {', '.join(GENERATORS)}, got {self.generators!r}"
            )

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Eight nodes a stage and few channels, so that a network trains in seconds on a CPU."""
        side = min(task.input_shape[1:])
        channels = 8 if side <= 16 else 16
        stem = "imagenet" if side >= 64 else "cifar"
        return cls(channels=channels, nodes=8, stages=1 if side < 3 else 2 if side <= 16 else 3, stem=stem, head=16 * channels)

    def describe(self, choose: Chooser) -> Any:
        """The generator and its setting, for all stages, then a seed for each stage. The spec holds the edges that they give.

        Seeds are decisions of their own, so that one stage can be drawn anew while the others stay. The kind of generator is drawn
        first: a setting of ER or BA comes up in 1 of 12 draws, one of the 16 of WS in 1 of 48.
        """
        smallest = min(self.node_counts())
        rules = {
            "er": lambda: partial(erdos_renyi, p=choose("p", _ER_P)),
            "ba": lambda: partial(barabasi_albert, m=choose("m", [m for m in _BA_M if m < smallest])),
            "ws": lambda: partial(watts_strogatz, k=choose("k", [k for k in _WS_K if k < smallest]), p=choose("p", _WS_P)),
        }
        wire: Callable[..., Edges] = choose("generator", {name: rules[name] for name in self.generators})
        stages = []
        for stage, nodes in enumerate(self.node_counts()):
            seed = int(choose.between(f"stages/{stage}/seed", 0, SEEDS - 1))
            edges = wire(nodes, rng=random.Random(seed))
            stages.append({"nodes": nodes, "channels": self.channels * 2**stage, "edges": [list(edge) for edge in edges]})
        return {
            "channels": self.channels,
            "regime": self.regime,
            "stem": self.stem,
            "head": self.head,
            "drop_edge": _DROP_EDGE[self.regime] if self.drop_edge is None else self.drop_edge,
            "stages": stages,
        }

    def node_counts(self) -> list[int]:
        """Nodes of each stage."""
        return [self.nodes // 2] * (self.regime == "regular") + [self.nodes] * self.stages

    def known_size(self) -> int:
        """Settings of the generators times seeds of the stages; different seeds may draw equal graphs."""
        smallest = min(self.node_counts())
        settings = {
            "er": len(_ER_P),
            "ba": sum(m < smallest for m in _BA_M),
            "ws": sum(k < smallest for k in _WS_K) * len(_WS_P),
        }
        seeds: int = SEEDS ** len(self.node_counts())
        return sum(settings[name] for name in self.generators) * seeds


# The graphs are drawn with ``random.Random(seed).random()`` alone: Python promises that its sequence stays as it is, on every machine
# and in later versions, which it does not for ``sample`` or ``shuffle``. So a seed names the same graph for good.


def erdos_renyi(nodes: int, p: float, rng: random.Random) -> Edges:
    """Each pair is an edge with probability ``p`` in (0, 1]; drawn anew until the graph is connected.

    The paper orders the nodes at random. All orders are equally likely here too, since no node differs from another.
    """
    while True:
        edges = [(i, j) for i in range(nodes) for j in range(i + 1, nodes) if rng.random() < p]
        if is_connected(nodes, edges):
            return edges


def barabasi_albert(nodes: int, m: int, rng: random.Random) -> Edges:
    """Nodes come one by one and link to ``m`` earlier ones, with probabilities proportional to their degrees.

    The first ``m`` in [1, nodes) are there from the beginning, without edges; the next one links to all of them.
    """
    edges = [(i, m) for i in range(m)]
    ends = [node for edge in edges for node in edge]  # each node as often as it has edges
    for node in range(m + 1, nodes):
        linked: list[int] = []
        while len(linked) < m:
            other = ends[int(rng.random() * len(ends))]
            if other not in linked:
                linked.append(other)
        edges += [(other, node) for other in linked]
        ends += [*linked, *[node] * m]
    return sorted(edges)


def watts_strogatz(nodes: int, k: int, p: float, rng: random.Random) -> Edges:
    """A ring whose nodes link to ``k // 2`` next ones on each side, each edge then rewired with probability ``p``.

    Rewired is the far end of an edge, first of all edges to the next node, clockwise, then of those to the next but one, and so on:
    to any node that is neither the near end nor linked to it. So nodes * k / 2 edges remain.

    Args:
        k: even, less than ``nodes``.
    """
    linked = [sum(1 << (node + step) % nodes for d in range(1, k // 2 + 1) for step in (d, -d)) for node in range(nodes)]
    edges = []
    for distance in range(1, k // 2 + 1):
        for node in range(nodes):
            far = (node + distance) % nodes
            if rng.random() < p and linked[node].bit_count() < nodes - 1:
                linked[node] -= 1 << far
                linked[far] -= 1 << node
                taken = linked[node] | 1 << node | 1 << far
                while taken >> far & 1:
                    far = int(rng.random() * nodes)
                linked[node] += 1 << far
                linked[far] += 1 << node
            edges.append((min(node, far), max(node, far)))
    return sorted(edges)


def is_connected(nodes: int, edges: Sequence[tuple[int, int]]) -> bool:
    """Whether paths lead from any node to any other, directions aside."""
    linked = [1 << node for node in range(nodes)]  # as bits: who is linked to a node, itself included
    for i, j in edges:
        linked[i] |= 1 << j
        linked[j] |= 1 << i
    reached, waiting = linked[0], linked[0] ^ 1
    while waiting:
        node = waiting.bit_length() - 1
        waiting = (waiting | linked[node] & ~reached) ^ 1 << node
        reached |= linked[node]
    return reached == (1 << nodes) - 1


def _ws_4_075(space: RandWire) -> Any:
    """WS(4, 0.75) with the seeds 0, 1, 2, ... of the stages."""
    if min(space.node_counts()) <= 4 or "ws" not in space.generators:
        raise SettingError(
            f"randwire-ws needs the generator ws and more than 4 nodes in each stage, got {', '.join(space.generators)} and "
            f"{min(space.node_counts())} nodes"
        )
    seeds = {f"stages/{stage}/seed": stage for stage in range(len(space.node_counts()))}
    return space.decide({"generator": "ws", "generator/ws/k": 4, "generator/ws/p": 0.75, **seeds})


PUBLISHED: Final[dict[str, Published]] = {
    "randwire-ws": Published(
        summary="a network of the best generator of the paper, WS(4, 0.75), with seeds of our own",
        source="arXiv:1904.01569, table 2, small regime; the paper's draws are not published",
        space=RandWire,
        describe=_ws_4_075,
        input_shape=(3, 224, 224),
        outputs=1000,
    )
}
