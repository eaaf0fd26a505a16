"""The space of large-scale evolution: graphs of any size, that grow from a linear classifier by small edits.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin 2017, "Large-Scale Evolution of Image Classifiers",
https://arxiv.org/abs/1703.01041, sections 3.2 and 3.3.

An individual of the paper is more than an architecture: a learning rate belongs to it, and so do weights, which it has from its parent.
So each individual has a number of its own in its spec: two that are built alike are trained both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo

VERTICES: Final = ("bn-relu", "linear")
"""What a vertex does with the sum of what arrives: batch normalisation and ReLU, or nothing."""
INPUT: Final = 0
"""The vertex of the image."""


@dataclass(frozen=True)
class LargeScaleEvolution(Space):
    """Vertices and edges, and a learning rate. A draw is the start, changed some times; ``edit`` is one of the paper's mutations.

    The primary edges, which are never skips, make a chain from the image to the classifier: the layers. Skips are identities between
    any two vertices. Vertices, the edges into them and the classifier have numbers, given when they come into being and never again,
    by which their weights are named.

    Attributes:
        inputs: channels of the images, at least 1.
        least_channels: of an inserted convolution, which has as many as what it reads, but no fewer than these; at least 1.
        pool: average each channel over all pixels before the classifier, else it sees them all.
        edits: the most edits of a draw, whose number is uniform from 0 on; at least 1. Evolution knows no limit.
        learning_rate: at the start, above 0; of SGD, which the spec names.
    """

    name: ClassVar[str] = "large-scale-evolution"
    summary: ClassVar[str] = "large-scale evolution: graphs of any size that grow from a linear classifier by small edits"
    paper: ClassVar[str] = "Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin 2017, arXiv:1703.01041"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    inputs: int = 3
    least_channels: int = 1
    pool: bool = True
    edits: int = 20
    learning_rate: float = 0.1

    def __post_init__(self) -> None:
        for name in ("inputs", "least_channels", "edits"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space {self.name!r} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.learning_rate < 1000:
            raise SettingError(f"learning_rate of the space {self.name!r} must lie in (0, 1000), got {self.learning_rate}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """The task's channels, wider inserted convolutions, and a classifier that sees all pixels: a good start on small images."""
        return cls(inputs=task.input_shape[0], least_channels=8 if min(task.input_shape[1:]) <= 16 else 16, pool=False)

    def describe(self, choose: Chooser) -> Any:
        """The start, changed between 0 and `edits` times: ``edits``, then ``edits/k/mutation`` and what that asks for."""
        spec = self.start(choose)
        for number in range(choose.between("edits", 0, self.edits)):
            self._change(spec, choose, f"edits/{number}/")
        return spec

    def start(self, choose: Chooser) -> Any:
        """The individual that evolution begins with: a linear classifier."""
        return {
            "layers": [],
            "skips": [],
            "head": {"id": 1, "pool": self.pool},
            "ids": 2,
            "training": {"optimizer": "sgd", "learning_rate": float(self.learning_rate)},
            "individual": choose.between("individual", 0.0, 1.0),
        }

    def edit(self, spec: Any, choose: Chooser) -> Any:
        """One mutation, uniformly of those that can be carried out: drawing again what cannot is the same."""
        self._change(spec, choose, "")
        return {**spec, "individual": choose.between("individual", 0.0, 1.0)}

    def _change(self, spec: Any, choose: Chooser, at: str) -> None:
        possible: dict[str, Callable[[Any, Chooser, str], None]] = {
            "alter-learning-rate": _alter_learning_rate,
            "identity": _identity,
            "reset-weights": _reset_weights,
            "insert-convolution": self._insert_convolution,
            "insert-one-to-one": _insert_one_to_one,
        }
        if convolutions(spec):
            possible |= {
                "remove-convolution": _remove_convolution,
                "alter-stride": _alter_stride,
                "alter-channels": _alter_channels,
                "filter-size": _alter_filter_size,
            }
        if free_pairs(spec):
            possible["add-skip"] = _add_skip
        if spec["skips"]:
            possible["remove-skip"] = _remove_skip
        possible[choose(f"{at}mutation", list(possible))](spec, choose, at)

    def _insert_convolution(self, spec: Any, choose: Chooser, at: str) -> None:
        place = choose.between(f"{at}place", 0, len(spec["layers"]))
        before = [round(layer["channels"]) for layer in spec["layers"][:place] if layer["edge"] == "conv"]
        layer = {
            "edge": "conv",
            "channels": float(max([self.inputs, *before][-1], self.least_channels)),
            "height": 3.0,
            "width": 3.0,
            "stride": choose(f"{at}stride", [0.0, 1.0]),
            "vertex": choose(f"{at}vertex", list(VERTICES)),
        }
        _insert(spec, place, layer)


def vertices(spec: Any) -> list[int]:
    """The numbers of the vertices from the image to the one that the classifier reads."""
    return [INPUT, *(layer["id"] for layer in spec["layers"])]


def convolutions(spec: Any) -> list[int]:
    """The places of the layers whose edge is a convolution."""
    return [place for place, layer in enumerate(spec["layers"]) if layer["edge"] == "conv"]


def free_pairs(spec: Any) -> list[list[int]]:
    """Pairs of vertices, the second behind the first, with no edge between them yet."""
    order, taken = vertices(spec), spec["skips"]
    pairs = [[order[i], order[j]] for j in range(2, len(order)) for i in range(j - 1)]
    return [pair for pair in pairs if pair not in taken]


def _new_id(spec: Any) -> int:
    spec["ids"] += 1
    number: int = spec["ids"] - 1
    return number


def _insert(spec: Any, place: int, layer: dict[str, Any]) -> None:
    spec["layers"].insert(place, {"id": _new_id(spec), **layer})


def _picked(spec: Any, choose: Chooser, at: str) -> Any:
    """A convolution."""
    places = convolutions(spec)
    return spec["layers"][places[choose.between(f"{at}convolution", 0, len(places) - 1)]]


def _scaled(value: float, choose: Chooser, at: str) -> float:
    """Uniform between half and twice the value, but at least 1. It stays a real number, so that small steps add up."""
    return float(max(1.0, choose.between(f"{at}value", value / 2, value * 2)))


def _alter_learning_rate(spec: Any, choose: Chooser, at: str) -> None:
    rate = spec["training"]["learning_rate"] * 2 ** choose.between(f"{at}power", -1.0, 1.0)
    spec["training"]["learning_rate"] = min(max(rate, 1e-9), 999.0)


def _identity(spec: Any, choose: Chooser, at: str) -> None:
    """The child is only trained on."""


def _reset_weights(spec: Any, _: Chooser, __: str) -> None:
    """New numbers: no weight of the parent has the name of one of the child."""
    new = {INPUT: INPUT, **{layer["id"]: _new_id(spec) for layer in spec["layers"]}}
    for layer in spec["layers"]:
        layer["id"] = new[layer["id"]]
    spec["skips"] = [[new[source], new[target]] for source, target in spec["skips"]]
    spec["head"]["id"] = _new_id(spec)


def _insert_one_to_one(spec: Any, choose: Chooser, at: str) -> None:
    _insert(spec, choose.between(f"{at}place", 0, len(spec["layers"])), {"edge": "identity", "vertex": "linear"})


def _remove_convolution(spec: Any, choose: Chooser, at: str) -> None:
    """With its vertex and the skips from and to it; what was before it is joined to what was behind it."""
    gone = _picked(spec, choose, at)
    spec["layers"].remove(gone)
    joined = [list(pair) for pair in pairwise(vertices(spec))]  # a skip between neighbours would double the primary edge
    spec["skips"] = [pair for pair in spec["skips"] if gone["id"] not in pair and pair not in joined]


def _alter_stride(spec: Any, choose: Chooser, at: str) -> None:
    """By a factor that is uniform in the logarithm between a half and two; kept as the power of 2."""
    layer = _picked(spec, choose, at)
    layer["stride"] = max(0.0, layer["stride"] + choose.between(f"{at}power", -1.0, 1.0))


def _alter_channels(spec: Any, choose: Chooser, at: str) -> None:
    layer = _picked(spec, choose, at)
    layer["channels"] = _scaled(layer["channels"], choose, at)


def _alter_filter_size(spec: Any, choose: Chooser, at: str) -> None:
    layer = _picked(spec, choose, at)
    side = choose(f"{at}side", ["height", "width"])
    layer[side] = _scaled(layer[side], choose, at)


def _add_skip(spec: Any, choose: Chooser, at: str) -> None:
    pairs = free_pairs(spec)
    spec["skips"].append(pairs[choose.between(f"{at}pair", 0, len(pairs) - 1)])


def _remove_skip(spec: Any, choose: Chooser, at: str) -> None:
    del spec["skips"][choose.between(f"{at}pair", 0, len(spec["skips"]) - 1)]
