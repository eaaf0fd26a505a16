"""Image files in: single files, folders, folders of class folders."""

import os
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError, missing_package
from searchitect.tasks.source import Labelled, names_shown, require_memory
from searchitect.tasks.split import TEST, TRAIN, VALID

SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"})
MAX_SIDE: Final = 96  # pixels; larger images are scaled down to it
MAX_UNREADABLE: Final = 0.1
_PART_FOLDERS: Final = {
    "train": TRAIN,
    "training": TRAIN,
    "valid": VALID,
    "val": VALID,
    "validation": VALID,
    "test": TEST,
    "testing": TEST,
}


def read_image_folder(folder: Path) -> Labelled:
    """A folder of class folders, or of train/, test/ and perhaps valid/ with class folders in each.

    Images are brought to the median size, at most 96 pixels a side; grey where all are, else RGB. Unreadable ones are left
    out, with a note; more than one in ten is an error.
    """
    load_pillow()
    # A part holds class folders; a class called "train" (of vehicles) holds images.
    parts = {p: _PART_FOLDERS[p.name.lower()] for p in _folders(folder) if p.name.lower() in _PART_FOLDERS and _folders(p)}
    if TRAIN not in parts.values():
        parts = {folder: TRAIN}
    files: list[Path] = []
    labels: list[str] = []
    given: list[int] = []
    for place, part in sorted(parts.items(), key=lambda item: item[1]):
        for class_folder in _folders(place):
            found = list_images(class_folder)
            files += found
            labels += [class_folder.name] * len(found)
            given += [part] * len(found)
    if not files:
        loose = len(list_images(folder))
        has = f"{loose} images but no class folders" if loose else "no images"
        raise DataError(f"{folder}: {has}; needed is one folder per class with images ({', '.join(sorted(SUFFIXES))}) in it")
    images, readable, notes = _read_all(files)
    trained = {label for label, part in zip(labels, given, strict=True) if part == TRAIN}
    if foreign := sorted(set(labels) - trained):
        notes.append(
            f"class {names_shown(foreign)}: has images to test or validate but none to train on, so it cannot be recognised"
        )
    return Labelled(
        folder.resolve().name,
        images[readable],
        np.array([labels[i] for i in readable], dtype=object),
        "class folder",
        np.array(given, np.int8)[readable] if len(parts) > 1 else None,
        tuple(sorted(set(labels))),
        notes,
    )


def list_images(path: Path) -> list[Path]:
    """Image files of a folder and all folders in it, in the order of their paths; a file stands for itself."""
    if path.is_file():
        return [path]
    try:
        return sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".") and p.is_file())
    except PermissionError as error:
        raise DataError(f"{error.filename}: no permission to read it; change the folder's permissions") from None


def read_pictures(files: Sequence[Path], channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """Pixels [N, C, H, W] of new image files. Raises `DataError` naming the first unreadable one."""
    load_pillow()
    pixels = np.zeros((len(files), channels, height, width), np.uint8)
    for i, file in enumerate(files):
        if problem := _read_into(pixels, i, file):
            raise DataError(f"{file}: not a readable image ({problem}); mend or remove it")
    return pixels


def picture_array(picture: Any, channels: int, height: int, width: int) -> NDArray[np.uint8]:
    """Pixels [C, H, W] of a PIL image: turned as its EXIF tag says, transparency over white, resized with anti-aliasing."""
    image, ops = load_pillow()
    picture = ops.exif_transpose(picture)
    if picture.mode.startswith("I"):  # 16 bits; convert() would cut them off at 255
        wide = np.asarray(picture).astype(np.int64)
        picture = image.fromarray((wide >> 8 if wide.max() > 255 else wide).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = image.new("RGBA", picture.size, "white")
        picture = image.alpha_composite(white, picture)
    picture = picture.convert("L" if channels == 1 else "RGB")
    if picture.size != (width, height):
        picture = picture.resize((width, height), image.Resampling.BILINEAR)
    pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[None] if channels == 1 else pixels.transpose(2, 0, 1)


def load_pillow() -> tuple[Any, Any]:
    """PIL's Image and ImageOps. Raises `MissingPackageError` with the install command."""
    try:
        from PIL import Image, ImageOps
    except ImportError:
        raise missing_package("pillow", "data", "reading image files") from None
    return Image, ImageOps


def _read_all(files: list[Path]) -> tuple[NDArray[np.uint8], NDArray[np.int64], list[str]]:
    """Pixels [files, C, H, W], which files could be read, and notes."""
    with ThreadPoolExecutor(_threads()) as pool:
        headers = list(pool.map(_header, files))
    good = [h for h in headers if isinstance(h, tuple)]
    if not good:
        raise DataError(
            f"{files[0].parent.parent}: none of the {len(files)} images can be read, first {files[0]} ({headers[0]})"
        )
    sizes = {(h, w) for h, w, _ in good}
    height, width = round(statistics.median(h for h, _, _ in good)), round(statistics.median(w for _, w, _ in good))
    shrink = min(1.0, MAX_SIDE / max(height, width))
    height, width = max(1, round(height * shrink)), max(1, round(width * shrink))
    channels = 1 if all(mode in ("1", "L", "I;16", "LA") for *_, mode in good) else 3
    notes = []
    if sizes != {(height, width)}:
        span = (
            f"{min(sizes)[0]}x{min(sizes)[1]} to {max(sizes)[0]}x{max(sizes)[1]}"
            if len(sizes) > 1
            else "x".join(map(str, *sizes))
        )
        notes.append(f"images of {span} pixels (height x width) were resized to {height}x{width}")
    modes = {mode for *_, mode in good}
    if len(modes) > 1 and channels == 3:
        notes.append(f"images of the modes {', '.join(sorted(modes))} were all turned into RGB")
    require_memory(len(files) * channels * height * width * 1.5, f"{len(files)} images of {height}x{width}", "use fewer images")
    pixels = np.zeros((len(files), channels, height, width), np.uint8)
    with ThreadPoolExecutor(_threads()) as pool:
        problems = list(
            pool.map(
                lambda i: _read_into(pixels, i, files[i]) if isinstance(headers[i], tuple) else str(headers[i]),
                range(len(files)),
            )
        )
    broken = [i for i, problem in enumerate(problems) if problem]
    if len(broken) > MAX_UNREADABLE * len(files):
        i = broken[0]
        raise DataError(
            f"{len(broken)} of {len(files)} images cannot be read, more than one in ten, first {files[i]} ({problems[i]}); "
            "mend or remove them"
        )
    if broken:
        notes.append(f"{len(broken)} unreadable images were left out: {names_shown([str(files[i]) for i in broken])}")
    return pixels, np.array([i for i, problem in enumerate(problems) if not problem], np.int64), notes


def _header(file: Path) -> tuple[int, int, str] | str:
    """Height and width as the image is to be looked at, and mode; or what is wrong with it."""
    image, _ = load_pillow()
    try:
        with image.open(file) as picture:
            width, height = picture.size
            if picture.getexif().get(274, 1) >= 5:  # EXIF orientation: turned by 90 degrees
                width, height = height, width
            return height, width, picture.mode
    except Exception as error:  # Pillow raises many kinds for damaged files
        return _problem(error)


def _read_into(pixels: NDArray[np.uint8], i: int, file: Path) -> str:
    """Fill row ``i`` of the pixels; what is wrong, or nothing."""
    image, _ = load_pillow()
    _, channels, height, width = pixels.shape
    try:
        with image.open(file) as picture:
            side = 2 * max(height, width)
            picture.draft(None, (side, side))  # a large JPEG is decoded at a fraction of its size, at least twice ours
            pixels[i] = picture_array(picture, channels, height, width)
        return ""
    except Exception as error:  # as above
        return _problem(error)


def _problem(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if isinstance(error, FileNotFoundError):
        return "no such file"
    text = str(error).split(" <_io")[0]
    return "not an image" if text.startswith("cannot identify") else text or type(error).__name__


def _folders(folder: Path) -> list[Path]:
    try:
        return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except PermissionError:
        raise DataError(f"{folder}: no permission to read it; change the folder's permissions") from None


def _threads() -> int:
    return min(8, os.cpu_count() or 1)
