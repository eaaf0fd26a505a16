"""Minibatches of a part of the data, in an order that follows from the seed and the step alone, so that a search can go on anywhere."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.tasks import State, Task, batch_loss
from searchitect.training.augmentation import augment
from searchitect.training.batches import Batches
from searchitect.training.recipe import Recipe, default_recipe


@dataclass(frozen=True)
class Batch:
    """The examples of a step.

    Attributes:
        x: as the network receives them.
        y: what is to be answered.
        before: of a text, what the network that read the step before carried on from there; ``None``: nothing, so it is for other tasks.
        keep: called with what a network that has read the batch carries on. The last one counts for the step after.
    """

    x: Tensor
    y: Tensor
    before: State = None
    keep: Callable[[State], None] = lambda _: None

    def alone(self) -> "Batch":
        """The same examples for a network that is looked at by itself: it begins without a state and leaves none behind."""
        return Batch(self.x, self.y)

    def split(self, parts: int) -> "list[Batch]":
        """Its examples in parts of nearly equal size. What the parts carry on is put together when all of them were read."""
        found: dict[int, tuple[Tensor, ...]] = {}

        def keep(place: int, state: State) -> None:
            if state is not None:
                found[place] = state
            if len(found) == parts:
                self.keep(tuple(torch.cat(rows) for rows in zip(*(found[i] for i in range(parts)), strict=True)))

        befores: Any = [None] * parts
        if self.before is not None:
            befores = zip(*(rows.tensor_split(parts) for rows in self.before), strict=True)
        halves = zip(self.x.tensor_split(parts), self.y.tensor_split(parts), befores, strict=True)
        return [Batch(x, y, before, partial(keep, place)) for place, (x, y, before) in enumerate(halves)]


class Feed:
    """Some rows of a task's training part, and the loss on them.

    Those of a text are read in their order, in columns, and the state of the network is carried on from each step to the next (truncated
    backpropagation through time); a pass begins without one.

    Args:
        task: its training part is used; never its validation or test part.
        rows: row numbers in the training part.
        batch_size: at most a quarter of the rows.
        augmented: whether images are shifted and, where the task allows it, mirrored, as a stand-alone training does.
        seed: of the order.
        device: where batches go.
        ahead: steps by which it is ahead of the order, so that two feeds of the same text read different places of it.
    """

    def __init__(
        self,
        task: Task,
        rows: Tensor,
        batch_size: int,
        *,
        augmented: bool,
        seed: int,
        device: torch.device | str = "cpu",
        ahead: int = 0,
    ) -> None:
        self.task, self.seed, self.device, self.ahead = task, seed, torch.device(device), ahead
        self.x, self.y = task.train.x[rows], task.train.y[rows]
        if task.info.is_regression:
            self.y = (self.y - task.target_mean) / task.target_std
        self.batches = Batches(len(rows), max(2, min(batch_size, len(rows) // 4)), in_order=task.info.is_text)
        recipe = default_recipe(task.info, flips=task.flips)
        self._recipe = Recipe(crop=recipe.crop, flip=recipe.flip) if augmented and task.info.is_image else None
        self._preprocess = task.preprocess.to(self.device)
        self._loss_of = batch_loss(task.info, task.class_weights)
        self._states: dict[int, tuple[Tensor, ...]] = {}  # before the step that was read last, and after it, by step

    @property
    def per_epoch(self) -> int:
        """Steps of one pass over the rows."""
        return self.batches.per_epoch

    def go(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps first..last-1, ready for the network. Each is to be read before the next one is asked for."""
        order = self.batches.order(self.seed, first + self.ahead, last + self.ahead)
        for step, rows in zip(range(first, last), order, strict=True):
            x, y = self.x[rows].to(self.device), self.y[rows].to(self.device)
            if self._recipe is not None:
                x = augment(x, self._recipe)
            yield Batch(self.ready(x), y, self._before(step), partial(self._keep, step))

    def ready(self, x: Tensor) -> Tensor:
        """Encoded rows as the network receives them."""
        x = self._preprocess(x)
        return x.contiguous(memory_format=torch.channels_last) if self.task.info.is_image else x

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The mean loss of ``network`` on a batch, a scalar. What it carries on is kept for the next step."""
        loss, after = self._loss_of(network, (batch.x, batch.y), batch.before)
        batch.keep(after)
        return loss

    def carried(self) -> dict[str, Tensor]:
        """What the next step goes on from, by name, for `carry_on`; nothing unless the task is one of texts."""
        return {f"{step}/{place}": rows for step, state in self._states.items() for place, rows in enumerate(state)}

    def carry_on(self, carried: Mapping[str, Tensor]) -> None:
        """Go on from what `carried` gave."""
        found: dict[int, dict[int, Tensor]] = {}
        for name, rows in carried.items():
            step, place = map(int, name.split("/"))
            found.setdefault(step, {})[place] = rows.to(self.device)
        self._states = {step: tuple(rows[place] for place in sorted(rows)) for step, rows in found.items()}

    def _before(self, step: int) -> State:
        is_beginning = (step + self.ahead) % self.per_epoch == 0
        return None if is_beginning else self._states.get(step)

    def _keep(self, step: int, after: State) -> None:
        pairs = {step: self._before(step), step + 1: after}
        self._states = {place: state for place, state in pairs.items() if state is not None}


def split_rows(task: Task, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The row numbers of a task's training part in two parts, the first with ``share`` of them.

    Drawn by the seed; a text is cut in two at one place, its order kept.
    """
    rows = len(task.train)
    order = torch.arange(rows)
    if not task.info.is_text:
        order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    first = max(1, min(rows - 1, round(share * rows)))
    return order[:first], order[first:]
