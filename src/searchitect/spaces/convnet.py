"""Staged convolutional networks for everyday use, fitted to the size of the images.

A stem, stages of blocks, a linear head on averages. Between two stages the image side is halved and the width may
grow. The blocks are those of VGG (plain), ResNet (residual, arXiv:1512.03385), MobileNetV1 (separable, arXiv:1704.04861) and
MobileNetV2 and V3 (inverted bottleneck with optional squeeze-and-excite, arXiv:1801.04381, arXiv:1905.02244).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo

_WIDTH_FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)


@dataclass(frozen=True)
class ConvNet(Space):
    """Stages of plain, residual, separable or inverted-bottleneck blocks.

    Attributes:
        base_width: channels in the middle of the first stage's range, at least 4; the range doubles from stage to stage.
        max_stages: in [1, 6]. The image side is halved between two stages.
        max_depth: blocks in one stage at most, in [1, 8].
        stem_strides: by how much the first convolution may shrink the image; powers of 2.
    """

    name: ClassVar[str] = "convnet"
    summary: ClassVar[str] = "staged convolutional networks that fit themselves to the image size"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification", "image-regression")

    base_width: int = 16
    max_stages: int = 4
    max_depth: int = 3
    stem_strides: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        for name, low, high in (("base_width", 4, 1024), ("max_stages", 1, 6), ("max_depth", 1, 8)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise SettingError(f"{name} of the space 'convnet' must lie in [{low}, {high}], got {value}")
        object.__setattr__(self, "stem_strides", tuple(self.stem_strides))  # a list, when it comes from JSON
        if not self.stem_strides or any(stride not in (1, 2, 4, 8) for stride in self.stem_strides):
            raise SettingError(f"stem_strides of the space 'convnet' must be of 1, 2, 4, 8, got {self.stem_strides!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Fitted to the image side (8 pixels: at most two halvings; from 24: three, strided stems) and number of classes."""
        side = min(task.input_shape[1:])
        # the last stride keeps at least 12 pixels for the stages, the one before it 24
        strides = [stride for stride in (1, 2, 4, 8) if stride == 1 or side // stride >= 12]
        return cls(
            base_width=16 if task.outputs <= 20 else 24,
            max_stages=4 if side >= 24 else 3 if side >= 8 else 2,
            stem_strides=tuple(strides[-2:]),
        )

    def describe(self, choose: Chooser) -> Any:
        """Stem, activation, stages (width, downsample, body of blocks), and the head's grid and dropout."""
        return {
            "stem": {
                "width": choose("stem/width", self._widths(0)[:4]),
                "stride": choose("stem/stride", self.stem_strides),
            },
            "activation": choose("activation", ["relu", "hardswish", "silu"]),
            "stages": choose.repeat("stages", min(2, self.max_stages), self.max_stages, partial(self._stage, choose)),
            "head": {
                "grid": choose("head/grid", [1, 2]),  # averages over the whole image, or over each quarter of it
                "dropout": choose("head/dropout", [0.0, 0.2]),
            },
        }

    def _widths(self, stage: int) -> list[int]:
        """Channel counts for a stage: multiples of 4 around the base width, which doubles from stage to stage."""
        middle = self.base_width * 2**stage
        return sorted({max(4, round(middle * factor / 4) * 4) for factor in _WIDTH_FACTORS})

    def _stage(self, choose: Chooser, stage: int) -> Any:
        return {
            "width": choose("width", self._widths(stage)),
            "downsample": "none" if stage == 0 else choose("downsample", ["stride", "pool"]),
            "body": choose(
                "body",
                {
                    "plain": partial(self._body, choose, "plain"),
                    "residual": partial(self._body, choose, "residual"),
                    "separable": partial(self._body, choose, "separable"),
                    "inverted": partial(self._body, choose, "inverted"),
                },
            ),
        }

    def _body(self, choose: Chooser, kind: str) -> Any:
        return {"kind": kind, "blocks": choose.repeat("blocks", 1, self.max_depth, lambda _: self._block(choose, kind))}

    def _block(self, choose: Chooser, kind: str) -> Any:
        block = {"kernel": choose("kernel", [3, 5])}
        if kind == "inverted":  # the name of the option taken, not a choice
            block["expansion"] = choose("expansion", [2, 4])
            block["squeeze"] = choose("squeeze", [False, True])
        return block
