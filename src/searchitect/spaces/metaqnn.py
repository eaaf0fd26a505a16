"""The space of MetaQNN: plain chains of convolutions, max pools and linear layers, chosen layer by layer.

Baker, Gupta, Naik, Raskar 2017, "Designing Neural Network Architectures using Reinforcement Learning",
https://arxiv.org/abs/1611.02167, and the released code (bowenbaker/metaqnn, libs/grammar/state_enumerator.py).   Differs from the
paper: where the code differs, its rules hold; see docs/methods/metaqnn.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

FIELDS: Final = (1, 3, 5)
"""Of a convolution, with stride 1."""
POOLS: Final = ((5, 3), (3, 2), (2, 2))
"""Field and stride."""
HEADS: Final = {"SM": "softmax", "GAP": "average"}
_MOST_LINEAR: Final = 2


@dataclass(frozen=True)
class State:
    """What the rules ask of a network that is not finished.

    Attributes:
        depth: how many layers it has.
        kind: of the last one: start, conv, pool or linear.
        size: R-size in the paper, the true side of the maps; as it was before the first linear layer.
        units: of the last layer, where linear; else 0.
        linear: how many layers are.
    """

    depth: int
    kind: str
    size: int
    units: int = 0
    linear: int = 0


@dataclass(frozen=True)
class MetaQnn(Space):
    """One layer after the other, until the network is ended.

    Attributes:
        side: of the images, at least 1.
        depth: the most layers, at least 1; average pooling at the end counts as one. 18 for CIFAR-10, 12 for SVHN and MNIST.
        filters: of a convolution, at least 1 each.
        units: of a linear layer, at least 1 each.
        rounding: of the size after a pool, (side - field + 1) / stride: "ceil", the paper's formula, or "floor", which its
            parameter counts follow.
        binned: whether a field must be less than the binned size, as in the released code, or than the true one.
    """

    name: ClassVar[str] = "metaqnn"
    summary: ClassVar[str] = "MetaQNN: plain chains of convolutions, max pools and linear layers"
    paper: ClassVar[str] = "Baker, Gupta, Naik, Raskar 2017, arXiv:1611.02167"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    side: int = 32
    depth: int = 18
    filters: tuple[int, ...] = (64, 128, 256, 512)
    units: tuple[int, ...] = (512, 256, 128)
    rounding: str = "ceil"
    binned: bool = True

    def __post_init__(self) -> None:
        for name in ("side", "depth"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'metaqnn' must be at least 1, got {getattr(self, name)}")
        for name in ("filters", "units"):
            values = tuple(getattr(self, name))  # a list, when it comes from JSON
            object.__setattr__(self, name, values)
            if not values or min(values) < 1 or len(set(values)) < len(values):
                raise SettingError(f"{name} of the space 'metaqnn' must be distinct numbers of at least 1, got {values!r}")
        if self.rounding not in ("ceil", "floor"):
            raise SettingError(f"rounding of the space 'metaqnn' must be 'ceil' or 'floor', got {self.rounding!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """At most 6 layers of 8 to 32 filters and 32 or 64 units, but no fewer units than classes."""
        units = tuple(units for units in (64, 32) if units >= task.outputs)
        return cls(side=min(task.input_shape[1:]), depth=6, filters=(8, 16, 32), units=units or (task.outputs,))

    def describe(self, choose: Chooser) -> Any:
        """``layers`` and ``head``, "softmax" or "average". The layers are chosen whole, in the paper's notation: C(64,3), P(2,2),
        FC(512); SM and GAP end the network.

        A choice is named after what decides over its options: ``layers/3/conv/8`` is made where 3 layers are there, the last a
        convolution, and the size is in the bin 8 (or is 8, where not binned); ``layers/4/linear/512`` after one linear layer of
        512 units. So a decision stays valid wherever its name comes up.
        """
        layers: list[Any] = []
        state = State(0, "start", self.side)
        while True:
            taken = choose(self.state_name(state), self.actions(state))
            if "head" in taken:
                return {"layers": layers, "head": taken["head"], "rounding": self.rounding}
            layers.append(taken)
            state = self.after(state, taken)

    def actions(self, state: State) -> dict[str, dict[str, Any]]:
        """What may follow, by the paper's notation: layers, and heads ``{"head": ...}``."""
        found: dict[str, dict[str, Any]] = {}
        is_map = state.kind != "linear"
        if state.depth < self.depth:
            limit = size_bin(state.size) if self.binned else state.size
            if is_map:
                for filters in self.filters:
                    for field in FIELDS:
                        if field < limit:
                            found[f"C({filters},{field})"] = {"kind": "conv", "filters": filters, "kernel": field}
            if state.kind == "conv":
                for field, stride in POOLS:
                    if field < limit and pooled(state.size, field, stride, self.rounding) >= 1:
                        found[f"P({field},{stride})"] = {"kind": "pool", "kernel": field, "stride": stride}
            if (is_map and size_bin(state.size) <= 4) or 0 < state.linear < _MOST_LINEAR:
                for units in self.units:
                    if is_map or units <= state.units:
                        found[f"FC({units})"] = {"kind": "linear", "units": units}
            if is_map:
                found["GAP"] = {"head": HEADS["GAP"]}
        found["SM"] = {"head": HEADS["SM"]}
        return found

    def after(self, state: State, layer: Mapping[str, Any]) -> State:
        """The state that ``layer``, one of the `actions`, leads to."""
        following = replace(state, depth=state.depth + 1, kind=layer["kind"])
        if layer["kind"] == "pool":
            return replace(following, size=pooled(state.size, layer["kernel"], layer["stride"], self.rounding))
        if layer["kind"] == "linear":
            return replace(following, units=layer["units"], linear=state.linear + 1)
        return following

    def state_name(self, state: State) -> str:
        """The name of the choice that is made in ``state``: equal for states with equal `actions`, binned sizes included."""
        if state.kind == "linear":
            detail = str(state.units) if state.linear < _MOST_LINEAR else "last"
        else:
            detail = str(size_bin(state.size) if self.binned else state.size)
        return f"layers/{state.depth}/{state.kind}/{detail}"

    def from_string(self, text: str) -> Architecture:
        """The architecture of the paper's notation: ``C(512,5) C(256,3) P(5,3) FC(512) SM``.

        Raises:
            SpaceError: where a layer may not stand where it does; the message names those that may.
        """
        decisions: dict[str, str] = {}
        state = State(0, "start", self.side)
        names = text.split()
        for place, taken in enumerate(names):
            actions = self.actions(state)
            if taken not in actions or ("head" in actions[taken]) != (place == len(names) - 1):
                before = " ".join(names[:place]) or "the image"
                raise SpaceError(
                    f"{taken} cannot follow {before} in the space 'metaqnn' ({state.size} pixels are left): "
                    f"allowed are {', '.join(actions)}, and SM or GAP come last"
                )
            decisions[self.state_name(state)] = taken
            if "kind" in actions[taken]:
                state = self.after(state, actions[taken])
        return self.decide(decisions)

    def known_size(self) -> int:
        """How many architectures there are, exactly."""
        return _count(self)


@cache
def _count(space: MetaQnn) -> int:
    @cache
    def ways(state: State) -> int:
        return sum(1 if "head" in taken else ways(space.after(state, taken)) for taken in space.actions(state).values())

    return ways(State(0, "start", space.side))


def size_bin(size: int) -> int:
    """The bin of a size in the released code: 8 from 8 on, 4 from 4 on, else 1."""
    return 8 if size > 7 else 4 if size > 3 else 1


def pooled(size: int, field: int, stride: int, rounding: str) -> int:
    """The size after a pool without padding, rounded as `MetaQnn.rounding` says; less than 1 where it does not fit."""
    windows = size - field + 1
    return windows // stride if rounding == "floor" else -(-windows // stride)


_TOP: Final = (
    ("C(512,5) C(256,3) C(256,5) C(256,3) P(5,3) C(512,3) C(512,5) P(2,2) SM", "6.92 %, 11.26 M"),
    ("C(128,1) C(512,3) C(64,1) C(128,3) P(2,2) C(256,3) P(2,2) C(512,3) P(3,2) SM", "8.78 %, 2.2 M"),
    ("C(128,3) C(128,1) C(512,5) P(2,2) C(128,3) P(2,2) C(64,3) C(64,5) SM", "8.88 %, 2.46 M"),
    ("C(64,3) C(128,3) P(5,3) C(256,3) P(3,2) FC(512) FC(128) SM", "9.48 %, 1.62 M"),
)


def _top(text: str, space: MetaQnn) -> Any:
    return space.from_string(text)


PUBLISHED: Final[dict[str, Published]] = {
    f"metaqnn-{place}": Published(
        summary=f"{place}. of the CIFAR-10 networks in the paper's appendix: {result} parameters",
        source="arXiv:1611.02167, appendix, top models on CIFAR-10",
        space=MetaQnn,
        describe=partial(_top, text),
        settings={"rounding": "floor", "binned": False},
    )
    for place, (text, result) in enumerate(_TOP, 1)
}
