import pytest
import torch

from searchitect.training.batches import Batches, batches_from_loader, batches_from_memory


@pytest.mark.parametrize(
    ("rows", "batch_size", "steps"),
    [(100, 10, 10), (104, 10, 10), (105, 10, 11), (5, 10, 1), (14, 10, 1), (15, 10, 2)],
)
def test_a_last_batch_is_used_where_it_is_at_least_half_full(rows: int, batch_size: int, steps: int) -> None:
    assert Batches(rows, batch_size).per_epoch == steps


def test_an_epoch_sees_every_row_once_and_the_next_one_in_another_order() -> None:
    batches = Batches(35, 10)
    first = torch.cat(list(batches.order(seed=3, first=0, last=4)))
    second = torch.cat(list(batches.order(seed=3, first=4, last=8)))
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(35))
    assert first.tolist() != second.tolist()


def test_the_order_from_any_step_on_is_the_end_of_the_whole_order() -> None:
    batches = Batches(35, 10)
    whole = list(batches.order(seed=3, first=0, last=11))
    for first in range(11):
        for ours, theirs in zip(batches.order(3, first, 11), whole[first:], strict=True):
            assert torch.equal(ours, theirs)


def test_another_seed_gives_another_order() -> None:
    batches = Batches(35, 10)
    one, other = (torch.cat(list(batches.order(seed, 0, 4))) for seed in (1, 2))
    assert not torch.equal(one, other)


def test_the_loader_gives_the_batches_that_memory_gives() -> None:
    x, y = torch.arange(70.0).reshape(35, 2), torch.arange(35)
    batches = Batches(35, 10)
    memory = list(batches_from_memory(x, y, batches.order(0, 2, 9)))
    loader = list(batches_from_loader(x, y, batches.order(0, 2, 9), pin=False))
    assert len(memory) == len(loader) == 7
    for (xa, ya), (xb, yb) in zip(memory, loader, strict=True):
        assert torch.equal(xa, xb)
        assert torch.equal(ya, yb)
        assert torch.equal(xa[:, 0], 2.0 * ya)
