"""The space of BlockQNN: one block as a list of Network Structure Codes, stacked into a network.

Zhong, Yan, Wu, Shao, Liu 2018, "Practical Block-wise Neural Network Architecture Generation", https://arxiv.org/abs/1708.05552.
Differs from the paper: the empty block is left out; what it leaves open is in docs/methods/blockqnn.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any, ClassVar, Final, Self, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import canonical_order

SINGLE: Final = {"conv": (1, 3, 5), "max_pool": (1, 3), "avg_pool": (1, 3), "identity": (0,)}
"""Operations on one earlier layer, with their kernels; 0: it has none."""
PAIR: Final = ("add", "concat")
"""Operations on two different earlier layers."""
TYPES: Final = ("conv", "max_pool", "avg_pool", "identity", "add", "concat", "terminal")
"""In the order of the paper's numbers, which begin at 1."""
_TERMINAL: Final = len(TYPES)

Code: TypeAlias = tuple[int, int, int, int, int]
"""A Network Structure Code: index, type, kernel, first and second predecessor; 0 where there is none."""


@dataclass(frozen=True)
class BlockQnn(Space):
    """The layers of a block, each of a type, with one or two earlier layers that it reads; index 0 is the block's input.

    Attributes:
        layers: the most that a block may have, at least 1. A block that reaches it is closed by a forced terminal.
        blocks: N in the paper, per stage, at least 1.
        stages: at least 1; the image is halved between two.
        channels: of the first stage, at least 1; they double from stage to stage.
        ordered: whether a pair of predecessors counts in both orders, as it does in the codes. Both give the same network.
    """

    name: ClassVar[str] = "blockqnn"
    summary: ClassVar[str] = "BlockQNN: one block of Network Structure Codes, stacked"
    paper: ClassVar[str] = "Zhong, Yan, Wu, Shao, Liu 2018, arXiv:1708.05552"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    layers: int = 23
    blocks: int = 4
    stages: int = 3
    channels: int = 32
    ordered: bool = True

    def __post_init__(self) -> None:
        for name in ("layers", "blocks", "stages", "channels"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'blockqnn' must be at least 1, got {getattr(self, name)}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """At most 6 layers, one block per stage, three stages from 3 pixels on, 8 channels up to 16 pixels, 16 above."""
        side = min(task.input_shape[1:])
        return cls(layers=6, blocks=1, stages=min(3, side), channels=8 if side <= 16 else 16, ordered=False)

    def describe(self, choose: Chooser) -> Any:
        """``block[k - 1]`` is the layer of index k. ``block/k`` chooses its type, or from index 2 on the terminal; then come
        ``block/k/conv/kernel`` and ``block/k/conv/from``, and ``block/k/add/from`` for pairs: a set, or where ordered
        ``.../first``, then ``.../second/i`` among the others than the first, i.
        """
        block: list[Any] = []
        for index in range(1, self.layers + 1):
            layer = choose(f"block/{index}", self._options(choose, index))
            if not layer:
                break
            block.append(layer)
        return {"channels": self.channels, "stages": self.stages, "blocks": self.blocks, "block": block}

    def _options(self, choose: Chooser, index: int) -> dict[str, Any]:
        options: dict[str, Any] = {op: partial(self._single, choose, op, index) for op in SINGLE}
        if index > 1:
            options |= {op: partial(self._pair, choose, op, index) for op in PAIR}
            options["terminal"] = {}
        return options

    def _single(self, choose: Chooser, op: str, index: int) -> Any:
        kernels = SINGLE[op]
        kernel = choose("kernel", kernels) if len(kernels) > 1 else kernels[0]
        return {"op": op, "kernel": kernel, "from": [choose("from", range(index))]}

    def _pair(self, choose: Chooser, op: str, index: int) -> Any:
        if not self.ordered:
            return {"op": op, "kernel": 0, "from": choose.some("from", range(index), 2)}
        first = choose("first", range(index))
        second = choose(f"second/{first}", [other for other in range(index) if other != first])
        return {"op": op, "kernel": 0, "from": [first, second]}

    def canonical(self, spec: Any) -> Any:
        """One form for all orders of the layers and of the pairs that leave the graph as it is. Pools of one pixel are identities."""
        block = [{**layer, "op": "identity", "kernel": 0} if _is_idle(layer) else layer for layer in spec["block"]]
        edges = {(source, index): "" for index, layer in enumerate(block, 1) for source in layer["from"]}
        order = canonical_order(["", *(f"{layer['op']} {layer['kernel']}" for layer in block)], edges)
        place = {node: index for index, node in enumerate(order)}
        return {
            **spec,
            "block": [
                {**block[node - 1], "from": sorted(place[source] for source in block[node - 1]["from"])} for node in order[1:]
            ],
        }

    def from_codes(self, codes: Sequence[Sequence[int]]) -> Architecture:
        """The architecture of a list of Network Structure Codes, with or without the terminal.

        Raises:
            SpaceError: where the list is not of this space.
        """
        given = [tuple(code) for code in codes]
        if not given or given[-1][1:2] != (_TERMINAL,):
            given.append((len(given) + 1, _TERMINAL, 0, 0, 0))
        decisions: dict[str, Any] = {}
        for place, code in enumerate(given, 1):
            if len(code) != 5 or code[0] != place or not 1 <= code[1] <= len(TYPES):
                raise SpaceError(
                    f"the Network Structure Code {place} must be (index, type, kernel, predecessor, predecessor) with the index "
                    f"{place} and a type in [1, {len(TYPES)}], got {code}"
                )
            op, kernel, first, second = TYPES[code[1] - 1], *code[2:]
            path = f"block/{place}/{op}"
            if op == "terminal" and place == self.layers + 1:
                continue  # the end of a full block is not decided
            decisions[f"block/{place}"] = op
            if op == "terminal":
                continue
            if op in SINGLE:
                decisions |= {f"{path}/from": first} if op == "identity" else {f"{path}/kernel": kernel, f"{path}/from": first}
            elif self.ordered:
                decisions |= {f"{path}/first": first, f"{path}/second/{first}": second}
            else:
                decisions[f"{path}/from"] = sorted((first, second))
        refusal = (
            f"the Network Structure Codes {given} are not a block of at most {self.layers} layers: unused numbers must be 0, "
            "pairs ascending unless 'ordered', and only the last may be the terminal"
        )
        try:
            found = self.decide(decisions)
        except SpaceError as error:
            raise SpaceError(f"{refusal} ({error})") from None
        if structure_codes(found.spec) != given:
            raise SpaceError(refusal)
        return found

    def known_size(self) -> int:
        """How many architectures there are, exactly."""
        chosen = [self.actions(index) - (index > 1) for index in range(1, self.layers + 1)]
        return sum(prod(chosen[:length]) for length in range(1, self.layers + 1))

    def actions(self, index: int) -> int:
        """How many actions there are at ``index``, at least 1: layers that read the earlier ones, and from 2 on the terminal."""
        pairs = index * (index - 1) if self.ordered else index * (index - 1) // 2
        return index * sum(map(len, SINGLE.values())) + pairs * len(PAIR) + (index > 1)


def density(spec: Any) -> float:
    """Links per layer of a block: the edges of its graph by its dots, where the input of the block is no dot."""
    return sum(len(layer["from"]) for layer in spec["block"]) / len(spec["block"])


def structure_codes(spec: Any) -> list[Code]:
    """The Network Structure Codes of a spec, the terminal included. The inverse of `BlockQnn.from_codes`."""
    codes = [
        (
            index,
            TYPES.index(layer["op"]) + 1,
            layer["kernel"],
            layer["from"][0],
            layer["from"][1] if len(layer["from"]) > 1 else 0,
        )
        for index, layer in enumerate(spec["block"], 1)
    ]
    return [*codes, (len(codes) + 1, _TERMINAL, 0, 0, 0)]


def _is_idle(layer: Any) -> bool:
    return layer["op"] in ("max_pool", "avg_pool") and layer["kernel"] == 1
