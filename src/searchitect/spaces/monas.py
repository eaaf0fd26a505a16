"""The AlexNet-like space of MONAS: filters and kernel of each convolution; everything else is given.

Hsu, Chang, Liang, Chou, Liu, Chang, Pan, Chen, Wei, Juan 2018, "MONAS: Multi-Objective Neural Architecture Search using Reinforcement
Learning", https://arxiv.org/abs/1806.10332.   Differs from the paper: see docs/methods/monas.md; its lists of options could not be confirmed.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from searchitect.core.choosing import Chooser
from searchitect.core.errors import SettingError
from searchitect.core.space import Space
from searchitect.core.task import TaskInfo


@dataclass(frozen=True)
class Monas(Space):
    """A chain of convolutions, some of them pooled, and fully connected layers.

    Attributes:
        layers: convolutions, at least 1. Pools halve the image behind the first ones and behind the last one, as in AlexNet.
        pools: how many pools, in [1, layers].
        filters: how many a convolution may have, at least 1 each.
        sides: of a kernel, each way, odd.
        units: units of the fully connected layers before the classifier, at least 1 each; may be empty.
    """

    name: ClassVar[str] = "monas"
    summary: ClassVar[str] = "MONAS: filters and kernel sizes of a network like AlexNet"
    paper: ClassVar[str] = "Hsu, Chang, Liang, Chou, Liu, Chang, Pan, Chen, Wei, Juan 2018, arXiv:1806.10332"
    tasks: ClassVar[tuple[str, ...]] = ("image-classification",)

    layers: int = 5
    pools: int = 3
    filters: tuple[int, ...] = (8, 16, 32, 48, 64)
    sides: tuple[int, ...] = (3, 5, 7, 9)
    units: tuple[int, ...] = (384, 192)

    def __post_init__(self) -> None:
        if self.layers < 1:
            raise SettingError(f"layers of the space 'monas' must be at least 1, got {self.layers}")
        if not 1 <= self.pools <= self.layers:
            raise SettingError(f"pools of the space 'monas' must lie in [1, layers={self.layers}], got {self.pools}")
        for name in ("filters", "sides", "units"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)  # a list, when it comes from JSON
            is_sound = all(isinstance(value, int) and value >= 1 and (name != "sides" or value % 2) for value in values)
            if not is_sound or (name != "units" and len(values) != max(1, len(set(values)))):
                kind = {"filters": "distinct", "sides": "distinct odd", "units": "no or some"}[name]
                raise SettingError(f"{name} of the space 'monas' must be {kind} whole numbers of at least 1, got {values!r}")

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """Up to 16 pixels three convolutions of up to 32 filters, as many pools as the image allows."""
        side = min(task.input_shape[1:])
        if side > 16:
            return cls()
        return cls(3, max(1, min(2, side.bit_length() - 1)), (4, 8, 16, 24, 32), (3, 5, 7), (64,))

    def describe(self, choose: Chooser) -> Any:
        """The choices come layer by layer, as the paper's network draws them: ``layers/i/filters``, ``.../height``, ``.../width``."""
        pooled = {*range(self.pools - 1), self.layers - 1}
        layers: list[Any] = []
        for place in range(self.layers):
            filters = choose(f"layers/{place}/filters", self.filters)
            kernel = [choose(f"layers/{place}/{side}", self.sides) for side in ("height", "width")]
            layers.append({"kind": "conv", "filters": filters, "kernel": kernel})
            layers += [{"kind": "pool", "kernel": 3, "stride": 2}] if place in pooled else []
        layers += [{"kind": "linear", "units": units} for units in self.units]
        return {"layers": layers, "head": "softmax"}
