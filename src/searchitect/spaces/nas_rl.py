"""The convolutional space of the first neural architecture search: a chain of convolutions with freely chosen inputs.

Zoph, Le 2017, "Neural Architecture Search with Reinforcement Learning", https://arxiv.org/abs/1611.01578, section 4.1 and figure 7.
Differs from the paper: nothing; what it leaves open is in docs/methods/nas-rl.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.graphs import canonical_order
from searchitect.spaces.published import Published

SIDES: Final = (1, 3, 5, 7)
"""Of a filter, each way."""
STRIDES: Final = (1, 2, 3)
"""Each way, in v2."""
_DEPTHS: Final = {"v1": 15, "v2": 20, "v3": 13}
_FILTERS: Final = {"v1": (24, 36, 48, 64), "v2": (24, 36, 48, 64), "v3": (6, 12, 24, 36)}


@dataclass(frozen=True)
class NasRl(Space):
    """The filters of each layer, and which of all earlier layers it reads.

    Attributes:
        variant: of the paper. "v1": neither strides nor pooling. "v2": strides are chosen. "v3": each choice is a dense block of
            three layers, and after a third and two thirds of the blocks everything is halved by max pooling.
        layers: how many are chosen, at least 1, in v3 at least 3; 0: as the variant's best network in the paper, 15, 20, 13.
        filters: how many a layer may have, at least 1 each; empty: as in the paper, 24 to 64, in v3 6 to 36.
    """

    name: ClassVar[str] = "nas-rl"
    summary: ClassVar[str] = "NAS with reinforcement learning: convolutions that read any of the earlier ones"
    paper: ClassVar[str] = "Zoph, Le 2017, arXiv:1611.01578"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    variant: str = "v1"
    layers: int = 0
    filters: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.variant not in _DEPTHS:
            raise SettingError(f"variant of the space 'nas-rl' must be one of v1, v2, v3, got {self.variant!r}")
        object.__setattr__(self, "layers", self.layers or _DEPTHS[self.variant])
        object.__setattr__(self, "filters", tuple(self.filters) or _FILTERS[self.variant])  # a list, when it comes from JSON
        least = 3 if self.variant == "v3" else 1
        if self.layers < least:
            raise SettingError(
                f"layers of the space 'nas-rl' must be at least {least} in {self.variant}, or 0 for as many as in the paper, "
                f"got {self.layers}"
            )
        if min(self.filters) < 1 or len(set(self.filters)) < len(self.filters):
            raise SettingError(f"filters of the space 'nas-rl' must be distinct and at least 1 each, got {self.filters!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Up to 16 pixels four layers of v1, above six blocks of v3, with 6 to 24 filters."""
        is_small = min(task.input_shape[1:]) <= 16
        return cls("v1" if is_small else "v3", layers=4 if is_small else 6, filters=(6, 12, 24))

    def describe(self, choose: Chooser) -> Any:
        """``skips[j]`` of layer i: whether it reads layer j, also the one right before it.

        The choices come in the order of the controller's, layer by layer: ``layers/i/kernel/height``, ``.../kernel/width``, in v2
        ``.../stride/height`` and ``.../stride/width``, ``.../filters``, then ``.../skips/j`` for each earlier layer.
        """
        is_pooled = self.variant == "v3"
        return {
            "layers": [self._layer(choose, f"layers/{place}", place) for place in range(self.layers)],
            "depth": 3 if is_pooled else 1,  # of the dense block that each of them is
            "pools": [self.layers // 3, 2 * self.layers // 3] if is_pooled else [],  # before which of them
        }

    def _layer(self, choose: Chooser, path: str, place: int) -> Any:
        return {
            "kernel": [choose(f"{path}/kernel/{side}", SIDES) for side in ("height", "width")],
            "stride": [choose(f"{path}/stride/{side}", STRIDES) if self.variant == "v2" else 1 for side in ("height", "width")],
            "filters": choose(f"{path}/filters", self.filters),
            "skips": [choose(f"{path}/skips/{earlier}", (False, True)) for earlier in range(place)],
        }

    def canonical(self, spec: Any) -> Any:
        """One form for all orders of the layers that leave the graph and the places of the pools as they are."""
        layers, pools = spec["layers"], spec["pools"]
        edges = {(source, place): "" for place, layer in enumerate(layers) for source in _sources(layer["skips"])}
        labels = [
            f"{sum(place >= pool for pool in pools)} {layer['kernel']} {layer['stride']} {layer['filters']}"
            for place, layer in enumerate(layers)
        ]
        order = canonical_order(labels, edges)
        return {
            **spec,
            "layers": [
                {**layers[node], "skips": [(earlier, node) in edges for earlier in order[:place]]}
                for place, node in enumerate(order)
            ],
        }


def _sources(skips: Sequence[bool]) -> list[int]:
    return [place for place, is_read in enumerate(skips) if is_read]


# height, width, filters, and the layers that are read, the first of all being 1
_FIGURE_7: Final = (
    (3, 3, 36, ()),
    (3, 3, 48, (1,)),
    (3, 3, 36, (1, 2)),
    (5, 5, 36, (1, 2, 3)),
    (3, 7, 48, (3, 4)),
    (7, 7, 48, (2, 3, 4, 5)),
    (7, 7, 48, (2, 3, 4, 5, 6)),
    (7, 3, 36, (1, 6, 7)),
    (7, 1, 36, (1, 5, 6, 8)),
    (7, 7, 36, (1, 3, 4, 5, 6, 7, 8, 9)),
    (5, 7, 36, (1, 2, 5, 6, 7, 8, 9, 10)),
    (7, 7, 48, (1, 2, 3, 4, 6, 11)),
    (7, 5, 48, (1, 3, 6, 7, 8, 9, 10, 11, 12)),
    (7, 5, 48, (3, 7, 12, 13)),
    (7, 5, 48, (6, 7, 11, 12, 13, 14)),
)


def _figure_7(space: NasRl) -> Any:
    decisions: dict[str, Any] = {}
    for place, (height, width, filters, read) in enumerate(_FIGURE_7):
        path = f"layers/{place}"
        decisions |= {f"{path}/kernel/height": height, f"{path}/kernel/width": width, f"{path}/filters": filters}
        decisions |= {f"{path}/skips/{earlier}": earlier + 1 in read for earlier in range(place)}
    return space.decide(decisions)


PUBLISHED: Final[dict[str, Published]] = {
    "nas-rl-v1": Published(
        summary="found without strides and pooling: 15 layers, 4.2 M parameters, 5.50 % error on CIFAR-10",
        source="figure 7, as read in JoacoTschopp/VC-ARN@4ef1ed4, app/src/arqui_cnn.py; the 4.2 M of table 1 confirm it",
        space=NasRl,
        describe=_figure_7,
        settings={"variant": "v1"},
    )
}
