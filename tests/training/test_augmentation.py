import pytest
import torch
from torch import Tensor

from searchitect.training import Recipe
from searchitect.training.augmentation import augment, cutout, flip, mix, shift


@pytest.fixture(autouse=True)
def _seeded() -> object:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def numbered(n: int = 6, channels: int = 2, height: int = 8, width: int = 6) -> Tensor:
    """Every pixel another value."""
    return torch.arange(float(n * channels * height * width)).reshape(n, channels, height, width)


def test_shift_moves_each_image_as_a_whole() -> None:
    x = numbered(40)
    moved = shift(x, 2)
    assert moved.shape == x.shape
    offsets = set()
    for before, after in zip(x, moved, strict=True):
        padded = torch.nn.functional.pad(before[None], (2, 2, 2, 2), mode="replicate")[0]
        fits = [
            (down, right)
            for down in range(5)
            for right in range(5)
            if torch.equal(padded[:, down : down + 8, right : right + 6], after)
        ]
        assert len(fits) == 1
        offsets.add(fits[0])
    assert len(offsets) > 10  # of 25: each image is moved by itself


def test_shift_by_nothing_is_the_image() -> None:
    assert torch.equal(shift(numbered(), 0), numbered())


def test_flip_mirrors_about_half_of_the_images_left_to_right() -> None:
    x = numbered(400, 1, 2, 3)
    flipped = flip(x)
    is_mirrored = (flipped == x.flip(-1)).flatten(1).all(1)
    is_same = (flipped == x).flatten(1).all(1)
    assert bool((is_mirrored ^ is_same).all())
    assert 150 < int(is_mirrored.sum()) < 250  # 5 standard deviations around 200


def test_cutout_blanks_at_most_one_square_with_the_mean() -> None:
    x = torch.rand(200, 3, 9, 9) + 1
    cut = cutout(x, 4)
    changed = (cut != x).any(1)  # (N, H, W)
    mean = x.mean((2, 3), keepdim=True).expand_as(x)
    assert torch.equal(cut[changed[:, None].expand_as(x)], mean[changed[:, None].expand_as(x)])
    areas = changed.flatten(1).sum(1)
    assert int(areas.max()) == 16
    assert int(areas.min()) >= 4  # a corner: half of the side in both directions
    for place in changed:
        rows, columns = place.any(1).nonzero(), place.any(0).nonzero()
        height, width = int(rows.max() - rows.min()) + 1, int(columns.max() - columns.min()) + 1
        assert height <= 4
        assert width <= 4
        assert height * width == int(place.sum())


def test_mixup_shares_sum_to_one_and_the_first_image_leads() -> None:
    x = torch.eye(5).reshape(5, 5, 1, 1)
    for _ in range(20):
        mixed, order, share = mix(x, 0.4)
        assert 0.5 <= share <= 1
        assert torch.allclose(mixed, share * x + (1 - share) * x[order])
        assert torch.allclose(mixed.sum((1, 2, 3)), torch.ones(5))
        assert sorted(order.tolist()) == list(range(5))


def test_mixup_with_a_large_alpha_mixes_evenly_and_with_a_small_one_hardly() -> None:
    x = torch.zeros(2, 1, 1, 1)
    even = sum(mix(x, 100.0)[2] for _ in range(200)) / 200
    hardly = sum(mix(x, 0.05)[2] for _ in range(200)) / 200
    assert even < 0.6
    assert hardly > 0.9


def test_a_recipe_without_augmentation_leaves_the_images_alone() -> None:
    assert torch.equal(augment(numbered(), Recipe()), numbered())


def test_augmentation_takes_bytes_and_keeps_their_range() -> None:
    x = torch.randint(0, 256, (8, 3, 12, 12), dtype=torch.uint8)
    found = augment(x, Recipe(crop=2, flip=True, cutout=4))
    assert found.shape == x.shape
    assert float(found.min()) >= 0
    assert float(found.max()) <= 255
