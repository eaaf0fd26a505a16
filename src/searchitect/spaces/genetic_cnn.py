"""The space of Genetic CNN: stages of ordered nodes, and a bit for each pair that says whether the earlier node feeds the later one.

Xie, Yuille 2017, "Genetic CNN", https://arxiv.org/abs/1703.01513, section 3.1.   Differs from the paper: codes of one graph, up to the
order of its nodes, have one key.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import canonical_order


@dataclass(frozen=True)
class GeneticCnn(Space):
    """The connections inside each stage. All nodes are equal convolutions; between stages the image is halved by pooling.

    Attributes:
        nodes: K_s in the paper, of each stage, at least 2 each.
        filters: of all convolutions of each stage, at least 1 each; as many as ``nodes``.
        hidden: units of the fully connected layer before the classifier, at least 1.
        dropout: behind that layer, in [0, 1).
    """

    name: ClassVar[str] = "genetic-cnn"
    summary: ClassVar[str] = "Genetic CNN: stages whose connections are a string of bits"
    paper: ClassVar[str] = "Xie, Yuille 2017, arXiv:1703.01513"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    nodes: tuple[int, ...] = (3, 4, 5)
    filters: tuple[int, ...] = (8, 16, 32)
    hidden: int = 128
    dropout: float = 0.5

    def __post_init__(self) -> None:
        for name, least in (("nodes", 2), ("filters", 1)):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)  # a list, when it comes from JSON
            if not values or not all(isinstance(value, int) and value >= least for value in values):
                raise SettingError(
                    f"{name} of the space 'genetic-cnn' must be whole numbers of at least {least}, one per stage, got {values!r}"
                )
        if len(self.nodes) != len(self.filters):
            raise SettingError(
                f"nodes and filters of the space 'genetic-cnn' must name the same number of stages, got {self.nodes} and {self.filters}"
            )
        if self.hidden < 1:
            raise SettingError(f"hidden of the space 'genetic-cnn' must be at least 1, got {self.hidden}")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout of the space 'genetic-cnn' must lie in [0, 1), got {self.dropout}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """The paper's stages, as many as the image can be halved; without the first up to 16 pixels, with twice the filters above."""
        side = min(task.input_shape[1:])
        nodes, filters = ((4, 5), (8, 16)) if side <= 16 else ((3, 4, 5), (16, 32, 64))
        stages = max(1, min(len(nodes), side.bit_length() - 1))
        return cls(nodes=nodes[-stages:], filters=filters[:stages])

    def describe(self, choose: Chooser) -> Any:
        """``edges`` of a stage are pairs (from, to) of its nodes, numbered from 0.

        The choices are the bits in the order of the paper's string: ``stages/s/j/i`` says whether node i feeds node j, numbered
        from 1, and comes up with every j after those of smaller j.
        """
        return {
            "stages": [
                {
                    "filters": filters,
                    "nodes": nodes,
                    "edges": [
                        [source - 1, target - 1]
                        for target in range(2, nodes + 1)
                        for source in range(1, target)
                        if choose(f"stages/{stage}/{target}/{source}", (0, 1))
                    ],
                }
                for stage, (nodes, filters) in enumerate(zip(self.nodes, self.filters, strict=True))
            ],
            "hidden": self.hidden,
            "dropout": self.dropout,
        }

    def canonical(self, spec: Any) -> Any:
        """Without isolated nodes, which the network leaves out, and with the others in the one order that equal graphs share."""
        return {**spec, "stages": [_canonical_stage(stage) for stage in spec["stages"]]}

    def crossover_group(self, path: str) -> str:
        """The stage: the paper's crossover exchanges whole stages."""
        return path.split("/")[1]

    def known_size(self) -> int:
        """2 to the number of bits: 524,288 by default."""
        return 1 << sum(nodes * (nodes - 1) // 2 for nodes in self.nodes)

    def from_codes(self, codes: Sequence[str]) -> Architecture:
        """The architecture of the paper's strings, one per stage: ``["1-01", "0-01-100"]``.

        Raises:
            SpaceError: where they are not of this space.
        """
        lengths = [list(range(1, nodes)) for nodes in self.nodes]
        is_valid = [[len(part) for part in code.split("-")] for code in codes] == lengths and set("".join(codes)) <= set("01-")
        if not is_valid:
            forms = ", ".join("-".join("0" * length for length in stage) for stage in lengths)
            raise SpaceError(f"{list(codes)!r} is no code of this space 'genetic-cnn': write 0 or 1 for each bit of {forms}")
        return self.decide(
            {
                f"stages/{stage}/{target}/{source}": int(bit)
                for stage, code in enumerate(codes)
                for target, part in enumerate(code.split("-"), 2)
                for source, bit in enumerate(part, 1)
            }
        )


def stage_codes(spec: Any) -> list[str]:
    """The paper's strings of a spec, one per stage. The inverse of `GeneticCnn.from_codes`."""
    return [_code(stage["nodes"], {(source, target) for source, target in stage["edges"]}) for stage in spec["stages"]]


def _code(nodes: int, edges: set[tuple[int, int]]) -> str:
    return "-".join("".join(str(int((source, target) in edges)) for source in range(target)) for target in range(1, nodes))


def _canonical_stage(stage: Mapping[str, Any]) -> Any:
    used = sorted({node for edge in stage["edges"] for node in edge})
    place = {node: number for number, node in enumerate(used)}
    edges = {(place[source], place[target]): "" for source, target in stage["edges"]}
    order = canonical_order([""] * len(used), edges)
    moved = {node: number for number, node in enumerate(order)}
    return {**stage, "nodes": len(used), "edges": sorted([moved[source], moved[target]] for source, target in edges)}
