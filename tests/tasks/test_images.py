"""Images from files, arrays and data sets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from searchitect.core import DataError
from searchitect.tasks import ImageEncoder, list_images, load_task
from searchitect.tasks.arrays import as_images


def save(path: Path, value: int = 100, size: tuple[int, int] = (10, 8), mode: str = "RGB", **options: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode in ("L", "I;16", "P") else (value,) * len(mode)).save(path, **options)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k in range(12):
        save(tmp_path / "données" / "chat" / f"{k:02}.png", 10 + k)
        save(tmp_path / "données" / "犬" / f"{k:02}.png", 200 + k)
    return tmp_path / "données"


def test_class_folders_become_classes_also_with_non_ascii_paths(folder: Path) -> None:
    task = load_task(folder)
    assert task.info.name == "données"
    assert task.info.classes == ("chat", "犬")
    assert task.info.input_shape == (3, 8, 10)
    assert len(task.train) + len(task.valid) + len(task.test) == 24
    for part in (task.train, task.valid, task.test):
        assert ((part.x[:, 0, 0, 0] >= 200) == part.y.bool()).all()  # the pixels belong to the labels
        files = list_images(folder)
        assert all(files[row].parent.name == task.info.classes[y] for row, y in zip(part.rows, part.y.tolist(), strict=True))


def test_train_and_test_folders_stay_apart(tmp_path: Path) -> None:
    for k in range(10):
        for name in "ab":
            save(tmp_path / "train" / name / f"{k}.png", 10)
    for k in range(3):
        for name in "ab":
            save(tmp_path / "test" / name / f"{k}.png", 99)
    task = load_task(tmp_path)
    assert (task.test.x == 99).all()
    assert len(task.test) == 6
    assert (torch.cat([task.train.x, task.valid.x]) == 10).all()


def test_a_class_called_train_is_a_class(tmp_path: Path) -> None:
    for k in range(8):
        for name in ("bus", "train"):
            save(tmp_path / name / f"{k}.png")
    assert load_task(tmp_path).info.classes == ("bus", "train")


def test_mixed_sizes_are_brought_to_the_median_and_noted(tmp_path: Path) -> None:
    for k in range(9):
        for name in "ab":
            save(tmp_path / name / f"{k}.png", 50 + k, size=(10 + k, 20 + k))
    task = load_task(tmp_path)
    assert task.info.input_shape == (3, 24, 14)
    assert "resized to 24x14" in task.notes[0]


def test_large_images_are_scaled_down_to_96_pixels(tmp_path: Path) -> None:
    for k in range(6):
        for name in "ab":
            save(tmp_path / name / f"{k}.jpg", 50, size=(300, 150))
    task = load_task(tmp_path)
    assert task.info.input_shape == (3, 48, 96)
    assert task.flips


def test_images_are_grey_where_all_are_and_else_rgb(tmp_path: Path) -> None:
    for k in range(6):
        for name in "ab":
            save(tmp_path / "grey" / name / f"{k}.png", 50, mode="L")
            save(tmp_path / "mixed" / name / f"{k}.png", 50, mode=("L", "RGB", "RGBA")[k % 3])
    assert load_task(tmp_path / "grey").info.input_shape[0] == 1
    mixed = load_task(tmp_path / "mixed")
    assert mixed.info.input_shape[0] == 3
    assert "L, RGB, RGBA were all turned into RGB" in mixed.notes[0]


def test_sixteen_bit_images_keep_their_range_and_transparency_is_white(tmp_path: Path) -> None:
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    x = ImageEncoder(3, 4, 4).encode([tmp_path / "deep.png", tmp_path / "clear.png"])
    assert x[:, 0, 0, 0].tolist() == [40_000 // 256, 255]


def test_an_image_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by 90 degrees
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, :8] = 255
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    x = ImageEncoder(3, 16, 8).encode(tmp_path / "turned.png")
    assert (x[0, 0, :8] == 255).all()
    assert (x[0, 0, 8:] == 0).all()


def test_a_corrupt_image_is_left_out_and_named(folder: Path) -> None:
    (folder / "chat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n not really")
    whole = (folder / "chat" / "00.png").read_bytes()
    (folder / "犬" / "00.png").write_bytes(whole[: len(whole) // 2])
    task = load_task(folder)
    assert len(task.train) + len(task.valid) + len(task.test) == 23
    assert "2 unreadable images were left out" in task.notes[0]
    assert "broken.png" in task.notes[0]


def test_more_than_one_corrupt_image_in_ten_is_an_error(folder: Path) -> None:
    for k in range(4):
        (folder / "chat" / f"broken{k}.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"4 of 28 images cannot be read.*broken0\.png"):
        load_task(folder)


def test_nothing_but_corrupt_images_is_an_error(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="none of the 2 images can be read"):
        load_task(tmp_path)


def test_a_folder_without_class_folders_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no images; needed is one folder per class"):
        load_task(tmp_path)
    save(tmp_path / "1.png")
    with pytest.raises(DataError, match="1 images but no class folders"):
        load_task(tmp_path)


def test_one_class_folder_is_an_error(tmp_path: Path) -> None:
    for k in range(12):
        save(tmp_path / "only" / f"{k}.png")
    with pytest.raises(DataError, match="only one class, 'only'"):
        load_task(tmp_path)


def test_a_class_that_only_the_test_part_has_is_noted(tmp_path: Path) -> None:
    for k in range(10):
        for name in "ab":
            save(tmp_path / "train" / name / f"{k}.png")
    for name in "abc":
        save(tmp_path / "test" / name / "0.png")
    task = load_task(tmp_path)
    assert task.info.classes == ("a", "b", "c")
    assert "'c'" in task.notes[0]


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 8, 9), (5, 1, 8, 9)),
        ((5, 8, 9, 3), (5, 3, 8, 9)),
        ((5, 3, 8, 9), (5, 3, 8, 9)),
        ((5, 8, 9, 1), (5, 1, 8, 9)),
        ((5, 7, 30, 30), (5, 7, 30, 30)),
        ((5, 30, 30, 7), (5, 7, 30, 30)),
    ],
)
def test_the_layout_of_arrays_is_found_out(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert as_images(np.zeros(shape, np.uint8), "x").shape == expected


def test_channels_last_pixels_arrive_where_they_belong() -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3))
    images = as_images(x, "x")
    assert images.dtype == np.uint8
    assert (images[2, 1] == x[2, :, :, 1]).all()


def test_float_images_stay_float() -> None:
    rng = np.random.default_rng(0)
    task = load_task((rng.normal(size=(60, 6, 6)), np.arange(60) % 3))
    assert task.train.x.dtype == torch.float32
    assert task.encoder == ImageEncoder(1, 6, 6, is_float=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_images_with_nan_or_infinity_are_refused(bad: float) -> None:
    x = np.zeros((20, 4, 4))
    x[7, 1, 2] = bad
    with pytest.raises(DataError, match="1 hold NaN or infinity, first number 7"):
        load_task((x, np.arange(20) % 2))


def test_images_can_have_values_to_be_learned() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (80, 8, 8, 3), dtype=np.uint8)
    y = x.mean((1, 2, 3)) / 10
    task = load_task((x, y))
    assert task.info.kind == "image-regression"
    assert task.target_mean == pytest.approx(y[task.train.rows].mean())
    assert task.target_std == pytest.approx(y[task.train.rows].std())
    assert np.allclose(task.valid.y, y[task.valid.rows])
    assert task.baseline_score["mae"] == pytest.approx(np.abs(y[task.valid.rows] - task.target_mean).mean(), rel=1e-4)


class Pairs(torch.utils.data.Dataset):  # type: ignore[type-arg]
    classes = ("dark", "light")

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __len__(self) -> int:
        return 40

    def __getitem__(self, i: int) -> tuple[object, object]:
        if i >= 40:
            raise IndexError
        value = 200 if i % 2 else 20
        if self.kind == "pil":
            return Image.new("RGB", (6 + i % 3, 7), (value,) * 3), i % 2
        return torch.full((3, 7, 3), value / 255), torch.tensor(i % 2)


def test_a_torch_data_set_of_tensors_is_channels_first() -> None:
    task = load_task(Pairs("tensor"))
    assert task.info.input_shape == (3, 7, 3)
    assert task.info.classes == ("dark", "light")
    assert ((task.train.x[:, 0, 0, 0] > 0.5) == task.train.y.bool()).all()


def test_a_torch_data_set_of_pictures_is_brought_to_the_commonest_size() -> None:
    task = load_task(Pairs("pil"))
    assert task.info.input_shape == (3, 7, 6)
    assert ((task.train.x[:, 0, 0, 0] > 100) == task.train.y.bool()).all()


def test_new_images_are_encoded_as_the_training_ones_were(folder: Path, tmp_path: Path) -> None:
    task = load_task(folder)
    files = list_images(folder)
    everything = task.encoder.encode(folder)
    for part in (task.train, task.valid, task.test):
        assert torch.equal(everything[part.rows], part.x)
    assert torch.equal(task.encoder.encode(files[3]), everything[3:4])
    assert torch.equal(task.encoder.encode([str(f) for f in files[3:6]]), everything[3:6])
    arrays = everything.numpy()
    np.savez(tmp_path / "new.npz", x=arrays)
    assert torch.equal(task.encoder.encode(tmp_path / "new.npz"), everything)
    assert torch.equal(task.encoder.encode(arrays.transpose(0, 2, 3, 1)), everything)
    assert torch.equal(task.encoder.encode(arrays[0]), everything[:1])
    with Image.open(files[0]) as picture:
        assert torch.equal(task.encoder.encode(picture), everything[:1])


def test_new_images_that_cannot_be_encoded_are_refused(folder: Path, tmp_path: Path) -> None:
    encoder = load_task(folder).encoder
    (tmp_path / "bad.png").write_bytes(b"no image")
    for raw, message in [
        (tmp_path / "bad.png", r"bad\.png: not a readable image"),
        (tmp_path / "none.png", "no such file"),
        (np.zeros((2, 9, 9, 3), np.uint8), r"must have the shape \(3, 8, 10\)"),
        (np.full((1, 3, 8, 10), 0.5), "whole numbers in 0..255"),
        ([], "nothing to encode"),
    ]:
        with pytest.raises(DataError, match=message):
            encoder.encode(raw)
