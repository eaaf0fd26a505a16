"""The space of NAS-Bench-Macro: 6,561 chains of eight layers, each the identity or one of two inverted bottlenecks.

Su et al. 2021, "Prioritized Architecture Sampling with Monto-Carlo Tree Search", https://arxiv.org/abs/2103.11922, and its table
(xiusu/NAS-Bench-Macro).   Differs from the paper: nothing; widths and the lengths of the stages are settings.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Self

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo
from searchitect.spaces.published import Published

BLOCKS: Final = ("identity", "mbconv_3x3_e3", "mbconv_5x5_e6")
"""In the order of the table's digits 0, 1, 2. MBConv: MobileNetV2's block, with kernel size and expansion."""


@dataclass(frozen=True)
class NasBenchMacro(Space):
    """Which block each layer is; the first layer of each stage halves the image and doubles the width.

    Attributes:
        channels: of the stem, at least 1; the first stage has twice as many.
        stages: layers of each stage, at least 1 each.
        head: channels of the 1x1 convolution before the classifier, at least 1.
    """

    name: ClassVar[str] = "nasbench-macro"
    summary: ClassVar[str] = "NAS-Bench-Macro: 6,561 chains of eight layers of identity or inverted bottlenecks"
    paper: ClassVar[str] = "Su et al. 2021, arXiv:2103.11922"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    channels: int = 32
    stages: tuple[int, ...] = (2, 3, 3)
    head: int = 1280

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(self.stages))  # a list, when it comes from JSON
        if not self.stages or min(self.stages) < 1:
            raise SettingError(f"stages of the space 'nasbench-macro' must be lengths of at least 1, got {self.stages!r}")
        for name in ("channels", "head"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} of the space 'nasbench-macro' must be at least 1, got {getattr(self, name)}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """8 channels up to 16 pixels, 16 above; as many of the three stages as the image can be halved."""
        side = min(task.input_shape[1:])
        channels = 8 if side <= 16 else 16
        return cls(channels=channels, stages=(2, 3, 3)[: max(1, side.bit_length() - 1)], head=40 * channels)

    def describe(self, choose: Chooser) -> Any:
        """``blocks[i]`` is layer i of the whole chain; its choice is named ``blocks/i``."""
        return {
            "channels": self.channels,
            "stages": list(self.stages),
            "head": self.head,
            "blocks": [choose(f"blocks/{layer}", BLOCKS) for layer in range(sum(self.stages))],
        }

    def canonical(self, spec: Any) -> Any:
        """In each stage, identities behind the first layer go to the end: they compute nothing, wherever they stand."""
        blocks: list[str] = []
        for stage in stage_blocks(spec):
            later = [block for block in stage[1:] if block != "identity"]
            blocks += [stage[0], *later, *["identity"] * (len(stage) - 1 - len(later))]
        return {**spec, "blocks": blocks}

    def from_string(self, text: str) -> Architecture:
        """The architecture of the table's string, a digit per layer: ``22212220``.

        Raises:
            SpaceError: where the string is not of this space.
        """
        layers = sum(self.stages)
        if len(text) != layers or not set(text) <= set("012"):
            raise SpaceError(
                f"{text!r} is not a NAS-Bench-Macro architecture: write {layers} digits, 0 for {BLOCKS[0]}, 1 for {BLOCKS[1]}, "
                f"2 for {BLOCKS[2]}"
            )
        return self.decide({f"blocks/{layer}": BLOCKS[int(digit)] for layer, digit in enumerate(text)})


def stage_blocks(spec: Any) -> list[list[str]]:
    """The blocks, stage by stage."""
    ends = [sum(spec["stages"][: stage + 1]) for stage in range(len(spec["stages"]))]
    return [spec["blocks"][end - length : end] for end, length in zip(ends, spec["stages"], strict=True)]


def block_string(spec: Any) -> str:
    """The table's string of a spec: a digit per layer. The inverse of `NasBenchMacro.from_string`."""
    return "".join(str(BLOCKS.index(block)) for block in spec["blocks"])


def _best(space: NasBenchMacro) -> Any:
    return space.from_string("22212220")


PUBLISHED: Final[dict[str, Published]] = {
    "nasbench-macro-best": Published(
        summary="best of the table: 93.13 % test accuracy on CIFAR-10, mean of three runs",
        source="xiusu/NAS-Bench-Macro@61a2bfc, 22212220 (equal to 22212202)",
        space=NasBenchMacro,
        describe=_best,
    )
}
