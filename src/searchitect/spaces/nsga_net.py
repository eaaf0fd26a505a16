"""The macro space of NSGA-Net: phases of ordered nodes, a bit for each pair of them, and one for a way around the phase.

Lu, Whalen, Boddeti, Dhebar, Deb, Goodman, Banzhaf 2019, "NSGA-Net: Neural Architecture Search using Multi-Objective Genetic Algorithm",
https://arxiv.org/abs/1810.03522, and the released code (ianwhale/nsga-net, search/macro_encoding.py, models/macro_decoder.py).   Differs
from the code: codes of one graph, up to the order of its nodes and to what is left out, have one key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import canonical_order
from searchitect.spaces.published import Published

NODE_KINDS: Final = ("residual", "dense")
"""As the released code names its two decoders: that of its search, and that of its published network."""


@dataclass(frozen=True)
class NsgaNet(Space):
    """The connections inside each phase, and whether its input joins its output. Between phases the image is halved by pooling.

    Attributes:
        nodes: of each phase, at least 2; 6 in the paper, 4 by default in the released code.
        filters: of the first phase that has connections, of the second, and so on; at least 1 each. As many as phases.
        node: "residual": several inputs are projected to the phase's filters, then a 3x3 convolution; "dense": DenseNet's bottleneck,
            each node adding ``growth`` channels.
        growth: of dense nodes, at least 1.
    """

    name: ClassVar[str] = "nsga-net"
    summary: ClassVar[str] = "NSGA-Net's macro space: phases whose connections are bits, and a bit for a way around each"
    paper: ClassVar[str] = "Lu et al. 2019, arXiv:1810.03522"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    nodes: int = 6
    filters: tuple[int, ...] = (32, 64, 128)
    node: str = "residual"
    growth: int = 64

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple(self.filters))  # a list, when it comes from JSON
        for name, least in (("nodes", 2), ("growth", 1)):
            if getattr(self, name) < least:
                raise SettingError(f"{name} of the space 'nsga-net' must be at least {least}, got {getattr(self, name)}")
        if not self.filters or not all(isinstance(number, int) and number >= 1 for number in self.filters):
            raise SettingError(
                f"filters of the space 'nsga-net' must be whole numbers of at least 1, one per phase, got {self.filters!r}"
            )
        if self.node not in NODE_KINDS:
            raise SettingError(f"node of the space 'nsga-net' must be one of {', '.join(NODE_KINDS)}, got {self.node!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Phases of 4 nodes, three where the image can be halved twice; 8 to 32 filters up to 16 pixels, twice as many above."""
        side = min(task.input_shape[1:])
        filters = (8, 16, 32) if side <= 16 else (16, 32, 64)
        return cls(nodes=4, filters=filters[: (side - 1).bit_length() + 1])

    def describe(self, choose: Chooser) -> Any:
        """``edges`` of a phase are pairs (from, to) of its nodes, numbered from 0; ``residual`` is 0 or 1.

        The choices are the bits in the order of the code's string: ``phases/p/j/i`` says whether node i feeds node j, numbered from
        1, and comes up with every j after those of smaller j; then ``phases/p/residual``.
        """
        return {
            "phases": [self._phase(choose, f"phases/{number}") for number in range(len(self.filters))],
            "filters": list(self.filters),
            "node": self.node,
            "growth": self.growth,
        }

    def _phase(self, choose: Chooser, path: str) -> Any:
        pairs = [(source, target) for target in range(2, self.nodes + 1) for source in range(1, target)]
        edges = [[source - 1, target - 1] for source, target in pairs if choose(f"{path}/{target}/{source}", (0, 1))]
        return {"nodes": self.nodes, "edges": edges, "residual": choose(f"{path}/residual", (0, 1))}

    def canonical(self, spec: Any) -> Any:
        """Without phases and nodes that have no connection, and with the nodes in the one order that equal graphs share."""
        phases = [_canonical_phase(phase) for phase in spec["phases"] if phase["edges"]]
        sizes = {"filters": spec["filters"][: len(phases)], "growth": spec["growth"] if spec["node"] == "dense" else 0}
        return {**spec, **sizes, "phases": phases}

    def known_size(self) -> int:
        """2 to the number of bits: 2.8e14 with three phases of 6 nodes."""
        return 1 << len(self.filters) * (self.nodes * (self.nodes - 1) // 2 + 1)

    def from_genotype(self, genotype: Sequence[Sequence[Sequence[int]]]) -> Architecture:
        """The architecture of the released code's lists: of each phase the bits of its nodes from the second on, then the residual bit.

        A phase of three nodes: ``[[1], [0, 1], [0]]``.

        Raises:
            SpaceError: where they are not of this space.
        """
        lengths = [[*range(1, self.nodes), 1]] * len(self.filters)
        bits = [bit for phase in genotype for row in phase for bit in row]
        if [[len(row) for row in phase] for phase in genotype] != lengths or any(bit not in (0, 1) for bit in bits):
            form = [[0] * length for length in lengths[0]]
            raise SpaceError(
                f"{genotype!r:.200} is no genotype of this space 'nsga-net': write 0 or 1 for each bit of {form}, per phase"
            )
        found = {
            f"phases/{number}/{target}/{source}": int(bit)
            for number, phase in enumerate(genotype)
            for target, row in enumerate(phase[:-1], 2)
            for source, bit in enumerate(row, 1)
        }
        return self.decide(found | {f"phases/{number}/residual": int(phase[-1][0]) for number, phase in enumerate(genotype)})


def genotype_of(spec: Any) -> list[list[list[int]]]:
    """The released code's lists of a spec. The inverse of `NsgaNet.from_genotype`."""
    return [
        [
            *[[int([source, target] in phase["edges"]) for source in range(target)] for target in range(1, phase["nodes"])],
            [int(phase["residual"])],
        ]
        for phase in spec["phases"]
    ]


def _canonical_phase(phase: Mapping[str, Any]) -> Any:
    used = sorted({node for edge in phase["edges"] for node in edge})
    place = {node: number for number, node in enumerate(used)}
    edges = {(place[source], place[target]): "" for source, target in phase["edges"]}
    moved = {node: number for number, node in enumerate(canonical_order([""] * len(used), edges))}
    return {**phase, "nodes": len(used), "edges": sorted([moved[source], moved[target]] for source, target in edges)}


_FOUND: Final = (
    ((1,), (0, 0), (0, 1, 0), (0, 1, 1, 1), (1, 0, 0, 1, 1), (0,)),
    ((0,), (0, 0), (0, 1, 0), (0, 1, 0, 1), (1, 1, 1, 1, 1), (0,)),
    ((0,), (0, 1), (1, 0, 1), (1, 0, 1, 1), (1, 0, 0, 1, 1), (0,)),
)


def _found(genotype: Sequence[Sequence[Sequence[int]]], space: NsgaNet) -> Any:
    return space.from_genotype(genotype)


PUBLISHED: Final[dict[str, Published]] = {
    "nsga-net-macro": Published(
        summary="found by NSGA-Net in its macro space, with 128 filters in all phases: 3.73 % error on CIFAR-10",
        source="github.com/ianwhale/nsga-net, models/macro_genotypes.py and README",
        space=NsgaNet,
        describe=partial(_found, _FOUND),
        settings={"filters": (128, 128, 128), "node": "dense"},
    )
}
