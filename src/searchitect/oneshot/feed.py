"""Minibatches of a part of the data, in an order that follows from the seed and the step alone, so that a search can go on anywhere."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from searchitect.tasks import Task, loss_function
from searchitect.training.augmentation import augment
from searchitect.training.batches import Batches
from searchitect.training.recipe import Recipe, default_recipe

Batch = tuple[Tensor, Tensor]


class Feed:
    """Some rows of a task's training part, and the loss on them.

    Args:
        task: its training part is used; never its validation or test part.
        rows: row numbers in the training part.
        batch_size: at most a quarter of the rows.
        augmented: whether images are shifted and, where the task allows it, mirrored, as a stand-alone training does.
        seed: of the order.
        device: where batches go.
    """

    def __init__(
        self, task: Task, rows: Tensor, batch_size: int, *, augmented: bool, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        self.task, self.seed, self.device = task, seed, torch.device(device)
        self.x, self.y = task.train.x[rows], task.train.y[rows]
        if not task.info.is_classification and not task.info.is_text:
            self.y = (self.y - task.target_mean) / task.target_std
        self.batches = Batches(len(rows), max(2, min(batch_size, len(rows) // 4)))
        recipe = default_recipe(task.info, flips=task.flips)
        self._recipe = Recipe(crop=recipe.crop, flip=recipe.flip) if augmented and task.info.is_image else None
        self._preprocess = task.preprocess.to(self.device)
        self._loss_of = loss_function(task.info, task.class_weights)

    @property
    def per_epoch(self) -> int:
        """Steps of one pass over the rows."""
        return self.batches.per_epoch

    def go(self, first: int, last: int) -> Iterator[Batch]:
        """The batches of the steps first..last-1, ready for the network."""
        for rows in self.batches.order(self.seed, first, last):
            x, y = self.x[rows].to(self.device), self.y[rows].to(self.device)
            if self._recipe is not None:
                x = augment(x, self._recipe)
            yield self.ready(x), y

    def ready(self, x: Tensor) -> Tensor:
        """Encoded rows as the network receives them."""
        x = self._preprocess(x)
        return x.contiguous(memory_format=torch.channels_last) if self.task.info.is_image else x

    def loss(self, network: nn.Module, batch: Batch) -> Tensor:
        """The mean loss of ``network`` on a batch, a scalar."""
        return self._loss_of(network(batch[0]), batch[1])


def split_rows(rows: int, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """The numbers 0..rows-1 in two parts, the first with ``share`` of them, drawn by the seed."""
    order = torch.randperm(rows, generator=torch.Generator().manual_seed(seed))
    first = max(1, min(rows - 1, round(share * rows)))
    return order[:first], order[first:]
