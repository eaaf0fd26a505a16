"""The order in which a training sees its rows: a pure function of the seed and the step, so that it can be resumed anywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset


@dataclass(frozen=True)
class Batches:
    """Steps of a training.

    Attributes:
        rows: how many rows are in use.
        batch_size: rows of a step. A last, smaller batch of an epoch is used where it has at least half of that, else its rows wait
            for the next epoch's shuffle.
        in_order: segments of a text, which are not shuffled. The text is cut into ``batch_size`` columns of equal length, and a step
            takes one segment of each, which goes on where the step before ended; the last segments that fill no row are left out.
    """

    rows: int
    batch_size: int
    in_order: bool = False

    @property
    def per_epoch(self) -> int:
        """Steps of one epoch."""
        whole, rest = divmod(self.rows, self.batch_size)
        return max(1, whole + (rest * 2 >= self.batch_size and not self.in_order))

    def order(self, seed: int, first: int, last: int) -> Iterator[Tensor]:
        """The row numbers of the steps first..last-1, (batch,) each."""
        if self.in_order:
            starts = torch.arange(self.batch_size) * self.per_epoch
            yield from (starts + step % self.per_epoch for step in range(first, last))
            return
        shuffled, epoch = torch.empty(0), -1
        for step in range(first, last):
            if step // self.per_epoch != epoch:
                epoch = step // self.per_epoch
                generator = torch.Generator().manual_seed(hash((seed, epoch)) & 0x7FFFFFFFFFFFFFFF)
                shuffled = torch.randperm(self.rows, generator=generator)
            place = (step % self.per_epoch) * self.batch_size
            yield shuffled[place : place + self.batch_size]


class _Rows(Dataset[tuple[Tensor, Tensor]]):
    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __getitem__(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self.x[rows], self.y[rows]


def batches_from_memory(x: Tensor, y: Tensor, order: Iterator[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
    """Gather each batch when it is needed."""
    for rows in order:
        yield x[rows], y[rows]


def batches_from_loader(x: Tensor, y: Tensor, order: Iterator[Tensor], pin: bool) -> Iterator[tuple[Tensor, Tensor]]:
    """The same batches through a ``DataLoader``, which pins them for a GPU. Data are shared, not copied."""
    yield from DataLoader(_Rows(x, y), sampler=list(order), batch_size=None, pin_memory=pin)
