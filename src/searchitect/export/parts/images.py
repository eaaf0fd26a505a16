"""Raw images as the tensor that the preprocessing takes."""

import ast
import io
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

NPY_TYPES = {
    "|u1": torch.uint8,
    "|i1": torch.int8,
    "|b1": torch.bool,
    "<i2": torch.int16,
    "<i4": torch.int32,
    "<i8": torch.int64,
    "<f2": torch.float16,
    "<f4": torch.float32,
    "<f8": torch.float64,
}
IMAGE_NAMES = ("x", "images", "image", "data", "features", "inputs")


def encode_images(data: Any, channels: int, height: int, width: int, is_float: bool) -> Tensor:
    """Images [N, channels, height, width] of pixels as in training.

    Args:
        data: path of an .npy file, or of an .npz file with the array x; a tensor, an array or nested lists: one image or
            several, channels first or last (or left out, where there is one).
        channels, height, width: of one image.
        is_float: whether pixels are any finite numbers; otherwise whole ones in 0..255.

    Raises:
        ValueError: for another shape or other pixels.
    """
    if isinstance(data, (str, Path)):
        data = read_arrays(Path(data))
    images = data if isinstance(data, Tensor) else torch.as_tensor(data)
    first, last = (channels, height, width), (height, width, channels)
    if tuple(images.shape) in (first, last, first[1:]):
        images = images[None]
    if images.ndim == 3 and channels == 1:
        images = images[:, None]
    if tuple(images.shape[1:]) not in (first, last) or len(images) == 0:
        raise ValueError(f"images must have the shape (N, {', '.join(map(str, first))}), got {tuple(images.shape)}")
    if tuple(images.shape[1:]) != first:
        images = images.permute(0, 3, 1, 2)
    images = images.to(torch.float32)
    if not torch.isfinite(images).all():
        raise ValueError("pixels must be finite numbers")
    if not is_float and bool((images != images.round()).any() or images.min() < 0 or images.max() > 255):
        raise ValueError(f"pixels must be whole numbers in 0..255, as in training, got {images.min():g} to {images.max():g}")
    return images


def read_arrays(path: Path) -> Tensor:
    """The array of an .npy file; of an .npz file the one called x (images, data, ...), x_test, or the only one."""
    if path.suffix.lower() == ".npy":
        return read_npy(path.read_bytes())
    if path.suffix.lower() != ".npz":
        raise ValueError(f"{path}: only .npy and .npz files of pixels can be read; decode image files first")
    with zipfile.ZipFile(path) as archive:
        names = {name.removesuffix(".npy").lower().replace("-", "_"): name for name in archive.namelist()}
        wanted = (*IMAGE_NAMES, *(f"{name}_test" for name in IMAGE_NAMES))
        found = next((names[name] for name in wanted if name in names), None)
        if found is None and len(names) == 1:
            found = next(iter(names.values()))
        if found is None:
            raise ValueError(f"{path}: needs an array x; it holds {', '.join(names)}")
        return read_npy(archive.read(found))


def read_npy(content: bytes) -> Tensor:
    """The array in an .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html)."""
    file = io.BytesIO(content)
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("not an .npy file")
    length = 2 if file.read(2)[0] == 1 else 4  # bytes of the header's length
    header = ast.literal_eval(file.read(int.from_bytes(file.read(length), "little")).decode("latin-1"))
    if header["descr"] not in NPY_TYPES:
        raise ValueError(f"arrays of the type {header['descr']} cannot be read; save numbers, little-endian")
    flat = torch.frombuffer(bytearray(file.read()), dtype=NPY_TYPES[header["descr"]])
    if not header["fortran_order"]:
        return flat.reshape(header["shape"])
    return flat.reshape(header["shape"][::-1]).permute(*reversed(range(len(header["shape"]))))
