"""A space of two blocks with batch normalisation behind their convolutions, whose supernet makes a step in milliseconds."""

from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from searchitect import Space
from searchitect.core import TaskInfo
from searchitect.core.choosing import Chooser
from searchitect.networks.mixed import choice_layer

KERNELS = {"one": 1, "three": 3, "five": 5}


def block(channels: int, outputs: int, name: str) -> nn.Module:
    side = KERNELS[name]
    return nn.Sequential(nn.Conv2d(channels, outputs, side, padding=side // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class Network(nn.Module):
    def __init__(self, spec: Any, info: TaskInfo) -> None:
        super().__init__()
        widths = [info.input_shape[0], 6, 6]
        self.blocks = nn.Sequential(
            *(
                choice_layer(choice, lambda name, i=i: block(widths[i], widths[i + 1], name))  # type: ignore[misc]
                for i, choice in enumerate(spec["blocks"])
            )
        )
        self.head = nn.Linear(6 * 4, info.outputs)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(nn.functional.adaptive_avg_pool2d(self.blocks(x), 2).flatten(1))
        return y


@dataclass(frozen=True)
class Blocks(Space):
    name: ClassVar[str] = "blocks"

    def describe(self, choose: Chooser) -> Any:
        return {"blocks": [choose(f"block/{i}", list(KERNELS)) for i in range(2)]}

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        return Network(spec, info)
