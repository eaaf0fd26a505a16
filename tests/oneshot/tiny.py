"""A space whose supernet makes a step in a millisecond, and trainings of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from searchitect import Space
from searchitect.core import TaskInfo
from searchitect.core.choosing import Chooser
from searchitect.networks.mixed import inputs_layer
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.training import SupernetTraining
from searchitect.tasks import Task
from tests.training.examples import table

OPERATIONS = ("none", "skip_connect", "wide", "narrow")


class Operation(nn.Module):
    def __init__(self, source: int, name: str) -> None:
        super().__init__()
        self.name = name
        widths = {"wide": 8, "narrow": 2}
        if name in widths:
            self.layers = nn.Sequential(nn.Linear(6, widths[name]), nn.Tanh(), nn.Linear(widths[name], 6))
        self.source = source

    def forward(self, x: Tensor) -> Tensor:
        if self.name == "none":
            return x * 0
        return x if self.name == "skip_connect" else self.layers(x)


class Network(nn.Module):
    def __init__(self, nodes: Sequence[Any], info: TaskInfo) -> None:
        super().__init__()
        self.stems = nn.ModuleList(nn.Linear(info.input_shape[0], 6) for _ in range(2))
        self.nodes = nn.ModuleList(inputs_layer(node["edges"], Operation) for node in nodes)
        self.head = nn.Linear(6, info.outputs)

    def forward(self, x: Tensor) -> Tensor:
        states = [stem(x) for stem in self.stems]
        for node in self.nodes:
            states.append(node(states))
        y: Tensor = self.head(states[-1])
        return y


@dataclass(frozen=True)
class Tiny(Space):
    """A normal cell as in DARTS, of layers of six units."""

    name: ClassVar[str] = "tiny"
    nodes: int = 2

    def describe(self, choose: Chooser) -> Any:
        return {
            "nodes": [
                {
                    "edges": choose.some(
                        f"normal/{node}/edges", {str(s): partial(self._edge, choose, s) for s in range(node + 2)}, 2
                    )
                }
                for node in range(self.nodes)
            ]
        }

    def _edge(self, choose: Chooser, state: int) -> Any:
        return {"from": state, "op": choose("op", OPERATIONS)}

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        return Network(spec["nodes"], info)


SCHEDULE = Schedule(epochs=3, batch_size=8, learning_rate=0.05)


def training(method: Method, folder: Path, *, seed: int = 0, task: Task | None = None, name: str = "net") -> SupernetTraining:
    return SupernetTraining(
        Tiny(), task if task is not None else table(), method, folder / f"{name}.safetensors", seed=seed, device="cpu"
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
