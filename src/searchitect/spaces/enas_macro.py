"""The macro space of ENAS: a chain of layers, each with one of six operations and any of the skips from before.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, and
the released code (melodyguan/enas, src/cifar10/general_child.py).   Differs from the paper: the skips of a layer are those of the
code, which begin at the stem and leave out the layer's own input.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

OPERATIONS: Final = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
"""In the order of the released code."""


@dataclass(frozen=True)
class EnasMacro(Space):
    """The operation of each layer, and which earlier outputs join its own.

    Attributes:
        layers: L in the paper, at least 1. The image is halved behind a third and behind two thirds of them, unless there are
            fewer than three.
        channels: of the stem, even and at least 2; a final network doubles them with each halving.
        dropout: before the classifier, in [0, 1).
        full_convolutions: whether the separable operations of final networks are full convolutions, as in the released code.
    """

    name: ClassVar[str] = "enas-macro"
    summary: ClassVar[str] = "ENAS's macro space: chains of layers with six operations and free skips"
    paper: ClassVar[str] = "Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    layers: int = 12
    channels: int = 36
    dropout: float = 0.1
    full_convolutions: bool = False

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise SettingError(f"layers of the space 'enas-macro' must be at least 1, got {self.layers}")
        if self.channels < 2 or self.channels % 2:
            raise SettingError(f"channels of the space 'enas-macro' must be even and at least 2, got {self.channels}")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout of the space 'enas-macro' must lie in [0, 1), got {self.dropout}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Six layers of 8 channels up to 16 pixels, of 16 above; fewer than three, without halvings, below 3 pixels."""
        side = min(task.input_shape[1:])
        return cls(layers=6 if side >= 3 else 2, channels=8 if side <= 16 else 16)

    def describe(self, choose: Chooser) -> Any:
        """``skips[j]`` of layer i says whether it takes the output of layer j - 1; ``skips[0]`` is the stem's.

        The choices are named ``layers/i/op`` and ``layers/i/skips/j`` and come in the order of the controller's: layer by layer,
        the operation first.
        """
        return {
            "channels": self.channels,
            "dropout": self.dropout,
            "full_convolutions": self.full_convolutions,
            "layers": [
                {
                    "op": choose(f"layers/{layer}/op", OPERATIONS),
                    "skips": [choose(f"layers/{layer}/skips/{state}", (False, True)) for state in range(layer)],
                }
                for layer in range(self.layers)
            ],
        }

    def canonical(self, spec: Any) -> Any:
        """With full convolutions, an operation and the one that is separable by name only are the same, in final networks. No other merge."""
        if not spec["full_convolutions"]:
            return spec
        return {**spec, "layers": [{**layer, "op": layer["op"].removeprefix("sep_")} for layer in spec["layers"]]}

    def from_tokens(self, tokens: Sequence[int]) -> Architecture:
        """The architecture of the released code's sequence: for each layer its operation, then a bit for each skip.

        Raises:
            SpaceError: where the sequence is not of this space.
        """
        length = self.layers * (self.layers + 1) // 2
        rest = iter(tokens)
        rows = [list(islice(rest, layer + 1)) for layer in range(self.layers)]
        is_valid = len(tokens) == length and all(row[0] in range(len(OPERATIONS)) and set(row[1:]) <= {0, 1} for row in rows)
        if not is_valid:
            raise SpaceError(
                f"an architecture of the space 'enas-macro' with {self.layers} layers has {length} tokens, for each layer its "
                f"operation in [0, {len(OPERATIONS) - 1}], then a bit for each layer before it; got {list(tokens)}"
            )
        decisions: dict[str, Any] = {f"layers/{layer}/op": OPERATIONS[row[0]] for layer, row in enumerate(rows)}
        for layer, row in enumerate(rows):
            decisions |= {f"layers/{layer}/skips/{state}": bool(bit) for state, bit in enumerate(row[1:])}
        return self.decide(decisions)


def macro_tokens(spec: Any) -> list[int]:
    """The released code's sequence of a spec. The inverse of `EnasMacro.from_tokens`."""
    return [token for layer in spec["layers"] for token in (OPERATIONS.index(layer["op"]), *map(int, layer["skips"]))]


_RELEASED: Final = """
0
3 0
0 1 0
2 0 0 1
2 0 0 0 0
3 1 1 0 1 0
2 0 0 0 0 0 1
2 0 1 1 0 1 1 1
1 0 1 1 1 0 1 0 1
0 0 0 0 0 0 0 0 0 0
2 0 0 0 0 0 1 0 0 0 0
0 1 0 0 1 1 0 0 0 0 1 1
2 0 1 0 0 0 0 0 1 0 1 1 0
1 0 0 1 0 0 0 1 1 1 0 1 0 1
0 1 1 0 1 0 1 0 0 0 0 0 1 0 0
2 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1
2 0 1 0 0 0 1 0 0 1 1 1 1 0 0 1 0
2 0 0 0 0 1 0 1 0 1 0 0 1 0 1 0 0 1
3 0 1 1 0 1 0 0 0 0 0 1 0 1 0 1 0 0 0
3 0 1 1 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1
0 1 0 0 1 0 1 1 0 0 0 1 0 0 0 0 0 1 1 0 0
3 0 1 0 1 1 0 0 1 0 1 1 0 1 1 0 1 0 0 1 0 0
0 1 0 1 0 1 0 0 0 0 0 0 0 0 1 0 1 0 0 1 0 0 0
0 1 1 0 0 0 1 1 1 0 1 0 0 0 1 0 1 0 0 1 1 0 0 0
"""


def _released(space: EnasMacro) -> Any:
    return space.from_tokens([int(token) for token in _RELEASED.split()])


PUBLISHED: Final[dict[str, Published]] = {
    "enas-macro": Published(
        summary="found in the macro space: 24 layers, 98 of 276 skips, 42.6 M parameters",
        source="melodyguan/enas@014bae1, scripts/cifar10_macro_final.sh",
        space=EnasMacro,
        describe=_released,
        settings={"layers": 24, "channels": 96, "dropout": 0.5, "full_convolutions": True},
    )
}
