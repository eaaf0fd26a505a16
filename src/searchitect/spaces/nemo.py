"""The space of NEMO: a network made by hand, of which only the widths of the layers are chosen.

Kim, Reddy, Yun, Seo 2017, "NEMO: Neuro-Evolution with Multiobjective Optimization of Deep Neural Network for Speed and Accuracy", ICML
AutoML workshop.   Differs from the paper: its networks and bounds are not known in detail; these are LeCun et al. 1998, LeNet-5
(https://doi.org/10.1109/5.726791, figure 2) and Springenberg et al. 2015, All-CNN-C (https://arxiv.org/abs/1412.6806, table 1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space

_POOL: Final = {"kind": "pool", "kernel": 2, "stride": 2}


def _conv(filters: int, kernel: int, stride: int = 1) -> dict[str, Any]:
    return {"kind": "conv", "filters": filters, "kernel": kernel, "stride": stride}


NETS: Final[dict[str, tuple[str, list[dict[str, Any]]]]] = {
    "lenet": (
        "softmax",
        [_conv(6, 5), _POOL, _conv(16, 5), _POOL, {"kind": "linear", "units": 120}, {"kind": "linear", "units": 84}],
    ),
    "all-cnn": (
        "average",
        [
            *(_conv(96, 3), _conv(96, 3), _conv(96, 3, 2)),
            *(_conv(192, 3), _conv(192, 3), _conv(192, 3, 2)),
            *(_conv(192, 3), _conv(192, 1)),
        ],
    ),
}
"""Name -> head and layers of a network made by hand, with its own widths."""
_WIDTH: Final = {"conv": "filters", "linear": "units"}


@dataclass(frozen=True)
class Nemo(Space):
    """One gene per layer that has weights: how many channels it gives. The number of layers, kernels and pools never change.

    Attributes:
        net: "lenet" or "all-cnn", the network made by hand.
        widths: of its layers with weights in the place of its own, at least ``low`` each; empty: its own.
        low: the fewest channels of a layer, at least 1.
        times: the most channels of a layer are so many times those made by hand, at least 1.
    """

    name: ClassVar[str] = "nemo"
    summary: ClassVar[str] = "NEMO: the widths of all layers of a network made by hand"
    paper: ClassVar[str] = "Kim et al. 2017, ICML AutoML workshop"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    net: str = "lenet"
    widths: tuple[int, ...] = ()
    low: int = 2
    times: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))  # a list, when it comes from JSON
        if self.net not in NETS:
            raise SettingError(f"net of the space 'nemo' must be one of {', '.join(NETS)}, got {self.net!r}")
        for name in ("low", "times"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'nemo' must be at least 1, got {getattr(self, name)}")
        layers = len(_own_widths(self.net))
        if self.widths and len(self.widths) != layers:
            raise SettingError(
                f"widths of the space 'nemo' must be of {layers} layers with net={self.net!r}, got {self.widths!r}"
            )
        if not all(isinstance(width, int) and width >= self.low for width in self.by_hand()):
            raise SettingError(
                f"widths of the space 'nemo' must be whole numbers of at least low={self.low}, got {tuple(self.by_hand())!r}"
            )

    def by_hand(self) -> Sequence[int]:
        """The widths of the network made by hand, layer by layer."""
        return self.widths or _own_widths(self.net)

    def describe(self, choose: Chooser) -> Any:
        """``layers`` and ``head``, "softmax" or "average". The choices are ``widths/i``, of the i-th layer with weights from 0 on."""
        head, layers = NETS[self.net]
        genes = iter([choose.between(f"widths/{i}", self.low, self.times * own) for i, own in enumerate(self.by_hand())])
        return {
            "layers": [
                {**each, _WIDTH[each["kind"]]: next(genes)} if each["kind"] in _WIDTH else dict(each) for each in layers
            ],
            "head": head,
        }

    def of_widths(self, widths: Sequence[int]) -> Architecture:
        """The architecture of these widths. Raises `SpaceError` where they are not of this space."""
        return self.decide({f"widths/{number}": width for number, width in enumerate(widths)})


def widths_of(spec: Any) -> list[int]:
    """The widths of a spec, layer by layer. The inverse of `Nemo.of_widths`."""
    return [layer[_WIDTH[layer["kind"]]] for layer in spec["layers"] if layer["kind"] in _WIDTH]


def _own_widths(net: str) -> list[int]:
    return widths_of({"layers": NETS[net][1]})
