"""Tasks of a few dozen rows, and the networks that learn them."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from searchitect.tasks import Part, Task, load_task


def table(rows: int = 80, *, classes: int = 2, seed: int = 0) -> Task:
    """Two classes (or more) that the first two of four columns tell apart."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    y = np.argmax(x[:, :classes] + 0.2 * rng.normal(size=(rows, classes)), axis=1)
    return never_hopeless(load_task((x, y)))


def line(rows: int = 80) -> Task:
    """A number that is a sum of columns, around 1000."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    return never_hopeless(load_task((x, 1000 + 50 * x[:, 0] - 20 * x[:, 1]), task="regression"))


def images(rows: int = 80, *, side: int = 8) -> Task:
    """Bright above or bright below."""
    rng = np.random.default_rng(2)
    x = rng.integers(0, 90, size=(rows, side, side), dtype=np.uint8)
    y = np.arange(rows) % 2
    x[y == 0, : side // 2] += 60
    x[y == 1, side // 2 :] += 60
    return never_hopeless(load_task((x, y)))


def never_hopeless(task: Task) -> Task:
    """Without the trivial predictor's score, a training of a few steps is not given up for being no better."""
    return replace(task, baseline_score={})


def perceptron(task: Task, *, dropout: float = 0.0, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        columns = task.info.input_shape[0]
        return nn.Sequential(
            nn.Linear(columns, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(dropout), nn.Linear(16, task.info.outputs)
        )


def convolutions(task: Task, *, dropout: float = 0.0, seed: int = 0) -> nn.Module:
    """Kernels of 3 x 3 over several channels: in the channels-last layout their memory differs from the plain one."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(task.info.input_shape[0], 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 8, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(32, task.info.outputs),
        )


def network_for(task: Task, *, dropout: float = 0.0, seed: int = 0) -> nn.Module:
    return (convolutions if task.info.is_image else perceptron)(task, dropout=dropout, seed=seed)


def state_of(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}


def assert_same_state(first: nn.Module, second: nn.Module) -> None:
    """Bit by bit."""
    ours, theirs = first.state_dict(), second.state_dict()
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different, f"these differ: {different}"


class Poisoned:
    """A part of a task that must not be looked at."""

    def __init__(self, part: Part) -> None:
        self._part = part

    def __len__(self) -> int:
        return len(self._part)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the part that must not be looked at was asked for its {name}")


def poisoned(task: Task, *parts: str) -> Task:
    """The task, with those of its parts guarded."""
    return replace(task, **{name: Poisoned(getattr(task, name)) for name in parts})  # type: ignore[arg-type]
