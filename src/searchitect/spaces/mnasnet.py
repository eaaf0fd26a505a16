"""The factorised hierarchical space of MnasNet: blocks, each with its own kind of layer, around MobileNetV2; EfficientNet lies in it.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
https://arxiv.org/abs/1807.11626, section 4, and its released code (tensorflow/tpu, models/official/mnasnet); Tan, Le 2019,
"EfficientNet", https://arxiv.org/abs/1905.11946.   Differs from the papers: the base network is a setting; see docs/methods/mnasnet.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published
from searchitect.spaces.scaling import Compound, compounds, scaled_filters, scaled_repeats

OPERATIONS: Final = ("conv", "sep_conv", "mbconv_e3", "mbconv_e6")
"""A full convolution, a separable one, and MobileNetV2's inverted bottleneck with its expansion."""
KERNELS: Final = (3, 5)
SQUEEZES: Final = (0.0, 0.25)
"""Width of the squeeze-and-excitation, as a share of the channels that enter the layer; 0: there is none."""
SKIPS: Final = ("pool", "identity", "none")
"""What is added to the output of a layer: its input averaged over 3x3 pixels, its input, or nothing."""
MOBILENET_V2: Final[Mapping[str, Any]] = {
    "filters": (16, 24, 32, 64, 96, 160, 320),
    "repeats": (1, 2, 3, 4, 3, 3, 1),
    "strides": (1, 2, 2, 2, 1, 2, 1),
    "stem_filters": 32,
    "stem_stride": 2,
    "head": 1280,
    "divisor": 8,
}
"""The base network of both papers, as settings of `MnasNet`, whose defaults they are."""
_FILTERS: Final = {"0.75": 0.75, "1": 1.0, "1.25": 1.25}


@dataclass(frozen=True)
class MnasNet(Space):
    """Blocks of equal layers; each block decides its operation, kernel, squeeze, skip, filters and number of layers.

    Attributes:
        filters: of each block of the base network, at least 1; a block takes 0.75, 1 or 1.25 times as many. MobileNetV2's.
        repeats: layers of each block of the base network, at least 1; a block takes one less, as many, or one more, and never none.
        strides: 1 or 2, of the first layer of each block.
        stem_filters: of the first convolution, at least 1.
        stem_stride: 1 or 2.
        head: filters of the 1x1 convolution before the classifier, at least 1.
        activation: relu, silu, gelu or hardswish.
        dropout: before the classifier, in [0, 1).
        divisor: numbers of filters are rounded to multiples of it, at least 1.
        width: multiplies all numbers of filters, above 0.
        depth: multiplies the layers of every block, rounded up, above 0. Other than 1, there is no supernet.
        largest_phi: at least 0. Above 0, phi from 0 to this is decided too and, where it is not 0, how depth, width and side of the image
            grow with it (`searchitect.spaces.scaling.compounds`); then there is no supernet.
        compound_step: between neighbouring values of alpha, beta and gamma in the grid of what is decided then, above 0.
    """

    name: ClassVar[str] = "mnasnet"
    summary: ClassVar[str] = "MnasNet: blocks of mobile layers around MobileNetV2, that scale as EfficientNets do"
    paper: ClassVar[str] = "Tan et al. 2019, arXiv:1807.11626"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    filters: tuple[int, ...] = MOBILENET_V2["filters"]
    repeats: tuple[int, ...] = MOBILENET_V2["repeats"]
    strides: tuple[int, ...] = MOBILENET_V2["strides"]
    stem_filters: int = MOBILENET_V2["stem_filters"]
    stem_stride: int = MOBILENET_V2["stem_stride"]
    head: int = MOBILENET_V2["head"]
    activation: str = "relu"
    dropout: float = 0.2
    divisor: int = MOBILENET_V2["divisor"]
    width: float = 1.0
    depth: float = 1.0
    largest_phi: int = 0
    compound_step: float = 0.05

    def __post_init__(self) -> None:
        for name in ("filters", "repeats", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))  # a list, when it comes from JSON
        if not len(self.filters) == len(self.repeats) == len(self.strides) or not self.filters:
            raise SettingError(
                "filters, repeats and strides of the space 'mnasnet' must have one number for each block, got "
                f"{len(self.filters)}, {len(self.repeats)} and {len(self.strides)}"
            )
        for name in ("filters", "repeats", "stem_filters", "head", "divisor"):
            value = getattr(self, name)
            if min(value if isinstance(value, tuple) else [value]) < 1:
                raise SettingError(f"{name} of the space 'mnasnet' must be at least 1, got {value}")
        for name, values in (("strides", self.strides), ("stem_stride", (self.stem_stride,))):
            if not set(values) <= {1, 2}:
                raise SettingError(f"{name} of the space 'mnasnet' must be 1 or 2, got {getattr(self, name)}")
        if self.activation not in (known := ("relu", "silu", "gelu", "hardswish")):
            raise SettingError(f"activation of the space 'mnasnet' must be one of {', '.join(known)}, got {self.activation!r}")
        if not 0 <= self.dropout < 1:
            raise SettingError(f"dropout of the space 'mnasnet' must lie in [0, 1), got {self.dropout}")
        if self.largest_phi < 0:
            raise SettingError(f"largest_phi of the space 'mnasnet' must be at least 0, got {self.largest_phi}")
        for name in ("width", "depth", "compound_step"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise SettingError(f"{name} of the space 'mnasnet' must be above 0, got {value}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Four blocks of two layers, from 8 to 24 filters, twice as many above 16 pixels; each halves an image of 4 pixels and more."""
        side = min(task.input_shape[1:])
        times = 1 if side <= 16 else 2
        stem_stride = 2 if side >= 48 else 1
        side = -(-side // stem_stride)
        strides = [1]
        for _ in range(3):
            strides.append(2 if side >= 4 else 1)
            side = -(-side // strides[-1])
        return cls(
            filters=(8 * times, 12 * times, 16 * times, 24 * times),
            repeats=(2,) * 4,
            strides=tuple(strides),
            stem_filters=8 * times,
            stem_stride=stem_stride,
            head=96 * times,
            divisor=2,
        )

    def describe(self, choose: Chooser) -> Any:
        """``blocks[i]["layers"]`` lists equal layers; their choices are named ``blocks/i/op``, ``kernel``, ``squeeze`` and ``skip``."""
        phi = choose("phi", range(self.largest_phi + 1)) if self.largest_phi else 0
        if phi == 0:
            return self._network(choose)
        compound = self.compounds[choose("compound", tuple(self.compounds))]
        growth = compound.settings(self, phi)
        scaled = replace(self, depth=growth["depth"], width=growth["width"])
        return {**scaled._network(choose), "enlarge": round(compound.gamma**phi, 6)}

    @cached_property
    def compounds(self) -> Mapping[str, Compound]:
        """What is decided of the growth, by name: "ALPHA-BETA-GAMMA"."""
        return {f"{c.alpha:g}-{c.beta:g}-{c.gamma:g}": c for c in compounds(step=self.compound_step)}

    def _network(self, choose: Chooser) -> dict[str, Any]:
        return {
            "stem": {"filters": scaled_filters(self.stem_filters, self.width, self.divisor), "stride": self.stem_stride},
            "activation": self.activation,
            "blocks": [self._block(choose, place) for place in range(len(self.filters))],
            "head": {"filters": scaled_filters(self.head, self.width, self.divisor), "dropout": self.dropout},
        }

    def _block(self, choose: Chooser, place: int) -> Any:
        block, base, repeats = f"blocks/{place}", self.filters[place], self.repeats[place]
        layer = {
            "op": choose(f"{block}/op", OPERATIONS),
            "kernel": choose(f"{block}/kernel", KERNELS),
            "squeeze": choose(f"{block}/squeeze", SQUEEZES),
            "skip": choose(f"{block}/skip", SKIPS),
        }
        # named by the factor, so that the decision outlives a rebuilding at another width
        filters = choose(
            f"{block}/filters", {f: scaled_filters(base * times, self.width, self.divisor) for f, times in _FILTERS.items()}
        )
        layers = choose.repeat(f"{block}/layers", max(1, repeats - 1), repeats + 1, lambda _: layer)
        if self.depth != 1:
            layers = [layer] * scaled_repeats(len(layers), self.depth)
        return {"filters": filters, "stride": self.strides[place], "layers": layers}

    def known_size(self) -> int:
        """432 per block, 288 where the base has a single layer, which cannot be one less."""
        ways = len(OPERATIONS) * len(KERNELS) * len(SQUEEZES) * len(SKIPS) * len(_FILTERS)
        scalings = 1 + self.largest_phi * len(self.compounds) if self.largest_phi else 1
        return scalings * math.prod(ways * (2 if repeats == 1 else 3) for repeats in self.repeats)

    def canonical(self, spec: Any) -> Any:
        """Without the skip of blocks of a single layer: the first layer of a block, which changes the shape, has none."""
        blocks = [
            {**block, "layers": [{**block["layers"][0], "skip": "none"}]} if len(block["layers"]) == 1 else block
            for block in spec["blocks"]
        ]
        return {**spec, "blocks": blocks}


def _found(*blocks: tuple[str, int, float, str]) -> Callable[[MnasNet], Any]:
    """The base network of a space with these operations, kernels, squeezes and skips."""

    def describe(space: MnasNet) -> Any:
        decisions: dict[str, Any] = {}
        for place, values in enumerate(blocks):
            decisions |= {
                f"blocks/{place}/{key}": v for key, v in zip(("op", "kernel", "squeeze", "skip"), values, strict=True)
            }
            decisions |= {f"blocks/{place}/filters": "1", f"blocks/{place}/layers": dict(enumerate(space.repeats)).get(place)}
        return space.decide(decisions)

    return describe


_A1: Final = _found(
    ("sep_conv", 3, 0.0, "none"),
    ("mbconv_e6", 3, 0.0, "identity"),
    ("mbconv_e3", 5, 0.25, "identity"),
    ("mbconv_e6", 3, 0.0, "identity"),
    ("mbconv_e6", 3, 0.25, "identity"),
    ("mbconv_e6", 5, 0.25, "identity"),
    ("mbconv_e6", 3, 0.0, "identity"),
)
_B1: Final = _found(
    ("sep_conv", 3, 0.0, "none"),
    ("mbconv_e3", 3, 0.0, "identity"),
    ("mbconv_e3", 5, 0.0, "identity"),
    ("mbconv_e6", 5, 0.0, "identity"),
    ("mbconv_e6", 3, 0.0, "identity"),
    ("mbconv_e6", 5, 0.0, "identity"),
    ("mbconv_e6", 3, 0.0, "none"),
)
_B0: Final = _found(
    ("sep_conv", 3, 0.25, "identity"), *(("mbconv_e6", kernel, 0.25, "identity") for kernel in (3, 5, 3, 5, 5, 3))
)
_IMAGENET: Final[Any] = {"space": MnasNet, "outputs": 1000}
_MNASNET_CODE: Final = "tensorflow/tpu@c08e52a, models/official/mnasnet/mnasnet_models.py"

EFFICIENTNETS: Final = {
    "b0": (1.0, 1.0, 224, 0.2),
    "b1": (1.0, 1.1, 240, 0.2),
    "b2": (1.1, 1.2, 260, 0.3),
    "b3": (1.2, 1.4, 300, 0.3),
    "b4": (1.4, 1.8, 380, 0.4),
    "b5": (1.6, 2.2, 456, 0.4),
    "b6": (1.8, 2.6, 528, 0.5),
    "b7": (2.0, 3.1, 600, 0.5),
}
"""Width, depth, side of the images, dropout. Rounded by the authors: b1 has phi 0.5, b2 has 1, and so on to 6."""


def _efficientnet(name: str) -> Published:
    width, depth, side, dropout = EFFICIENTNETS[name]
    how = (
        "found for accuracy and multiply-adds" if name == "b0" else f"B0 with {width} times the width, {depth} times the depth"
    )
    return Published(
        summary=f"EfficientNet-{name.upper()}: {how}, at {side} pixels",
        source="arXiv:1905.11946, table 1, and tensorflow/tpu, models/official/efficientnet",
        describe=_B0,
        settings={
            "filters": (16, 24, 40, 80, 112, 192, 320),
            "repeats": (1, 2, 2, 3, 3, 4, 1),
            "activation": "silu",
            "width": width,
            "depth": depth,
            "dropout": dropout,
        },
        input_shape=(3, side, side),
        **_IMAGENET,
    )


PUBLISHED: Final[dict[str, Published]] = {
    "mnasnet-a1": Published(
        summary="found with squeeze-and-excitation: 75.2 % top-1 accuracy on ImageNet, 78 ms on a Pixel 1",
        source=_MNASNET_CODE,
        describe=_A1,
        settings={"filters": (16, 24, 40, 80, 112, 160, 320), "repeats": (1, 2, 3, 4, 2, 3, 1)},
        input_shape=(3, 224, 224),
        **_IMAGENET,
    ),
    "mnasnet-b1": Published(
        summary="found without squeeze-and-excitation: 74.5 % top-1 accuracy on ImageNet, 77 ms on a Pixel 1",
        source=_MNASNET_CODE,
        describe=_B1,
        settings={"filters": (16, 24, 40, 80, 96, 192, 320), "repeats": (1, 3, 3, 3, 2, 4, 1)},
        input_shape=(3, 224, 224),
        **_IMAGENET,
    ),
    **{f"efficientnet-{name}": _efficientnet(name) for name in EFFICIENTNETS},
}
