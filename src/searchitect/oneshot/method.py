"""What a method that shares weights is made of: its settings, and what it does in a step."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor

from searchitect.core import Constraint, Objective, SettingError, Space, Strategy

if TYPE_CHECKING:
    from searchitect.oneshot.feed import Batch
    from searchitect.oneshot.training import SupernetTraining


OPTIMIZERS: Final = ("sgd", "adam")


@dataclass(frozen=True)
class Schedule:
    """How the weights of a supernet are trained. The defaults are those of DARTS's search on CIFAR-10.

    Attributes:
        epochs: passes over the part of the data that the weights learn from; a budget of time may end it earlier.
        batch_size: examples of a step; never more than a quarter of the rows.
        optimizer: "sgd", or "adam", with which the weights of a language model learn in far fewer steps. The virtual step of a second order
            is one of SGD all the same.
        learning_rate, learning_rate_min: at the beginning and at the end of half a cosine.
        weight_decay: added to the gradient.
        momentum: of SGD; Adam has its own moments.
        nesterov: of SGD: look ahead with the momentum.
        gradient_clip: largest norm of the gradient; 0: not clipped.
        train_share: part of the training data that the weights learn from; the architecture learns from the rest. 1: all of it, for both.
        augmented: shift and mirror images.
    """

    epochs: float = 50.0
    batch_size: int = 64
    optimizer: str = "sgd"
    learning_rate: float = 0.025
    learning_rate_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    nesterov: bool = False
    gradient_clip: float = 5.0
    train_share: float = 0.5
    augmented: bool = True

    def __post_init__(self) -> None:
        ranges = {
            "epochs": (1e-6, 1e6),
            "batch_size": (2, 2**20),
            "learning_rate": (1e-12, 1e3),
            "learning_rate_min": (0, self.learning_rate),
            "momentum": (0, 0.9999),
            "weight_decay": (0, 1e3),
            "gradient_clip": (0, 1e6),
            "train_share": (0.1, 1),
        }
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise SettingError(f"{name} must lie in [{low:g}, {high:g}], got {getattr(self, name)}")
        if self.optimizer not in OPTIMIZERS:
            raise SettingError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, got {self.optimizer!r}")


class Method(ABC):
    """What happens in a step of the search. Its random numbers come from the training's generator of the step.

    Args:
        schedule: of the weights.

    Attributes:
        share: part of a search's time that training the supernet takes; the rest is for judging candidates with its weights.
        closing: part of the training's time that is kept for `finish`.
        cycle: candidates of one round of what searches afterwards.
        limits: hard ones on costs, which candidates have to meet: a method may learn decisions that keep them. Set before `begin`.
        objectives: of the run: a method may learn decisions that keep its costs small. Set before `begin`.
    """

    share: float = 0.75
    closing: float = 0.0
    cycle: int = 1
    limits: Sequence[Constraint] = ()
    objectives: Sequence[Objective] = ()

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def check(self, space: Space, objectives: Sequence[Objective]) -> None:  # noqa: B027
        """Raise `SettingError` for settings of what searches afterwards, which is made only when the supernet is trained."""

    @abstractmethod
    def begin(self, training: SupernetTraining) -> None:
        """Called once before the first step, the network at its first weights: make what is learned besides the weights."""

    @abstractmethod
    def step(self, training: SupernetTraining, batch: Batch, held: Batch) -> float:
        """One step of the search; gives the loss of the weights on ``batch``.

        Args:
            training: the supernet, its optimizer, the progress, and the generator.
            batch: of the part that the weights learn from.
            held: of the part that the architecture learns from; with ``train_share`` 1 another batch of the same.
        """

    def arrange(self, training: SupernetTraining) -> None:  # noqa: B027
        """Set the network as a step has it, for an estimate of a step's memory. Unless a method says otherwise, every option runs."""

    def end_epoch(self, training: SupernetTraining) -> dict[str, Any]:
        """Called after every epoch: what is worth keeping in the history besides the losses, as JSON. May call `SupernetTraining.stop`."""
        return {}

    def finish(self, training: SupernetTraining) -> dict[str, Any]:
        """Called once after the last step, before the weights are saved: what is to be kept of it, as JSON."""
        return {}

    def state(self) -> Mapping[str, Tensor]:
        """All tensors that are learned besides the weights, by name, to go on from."""
        return {}

    def load(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027
        """Go on from what `state` gave. Called after `begin`."""

    @abstractmethod
    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int, outcome: Outcome) -> Strategy:
        """What proposes the architectures that are judged with the trained supernet."""


@dataclass(frozen=True)
class Outcome:
    """What a trained supernet leaves behind besides its weights.

    Attributes:
        state: of the method: tensors by name.
        found: what `Method.finish` gave.
    """

    state: Mapping[str, Tensor]
    found: Mapping[str, Any]


def with_settings(schedule: Schedule, settings: Mapping[str, Any]) -> Schedule:
    """A copy with some settings changed. Raises `SettingError` for one that does not exist."""
    known = {f.name for f in fields(schedule)}
    for name in settings:
        if name not in known:
            raise SettingError(f"unknown setting {name!r}; known are {', '.join(sorted(known))}")
    return replace(schedule, **settings)
