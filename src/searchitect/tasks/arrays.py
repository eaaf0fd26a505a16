"""Arrays in: (X, y), .npz files, torch data sets."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError
from searchitect.tasks.source import ArrayTable, Labelled, Table, require_memory
from searchitect.tasks.split import TEST, TRAIN, VALID

_INPUTS: Final = ("x", "images", "image", "data", "features", "inputs")
_TARGETS: Final = ("y", "labels", "label", "target", "targets")
_PARTS: Final = {
    TRAIN: ("train", "training"),
    VALID: ("valid", "val", "validation"),
    TEST: ("test", "testing"),
}
_CHANNELS: Final = (1, 3, 4)


def read_npz(path: Path) -> Labelled:
    """An .npz file with x and y, or x_train, y_train (x_test, y_test, x_valid, y_valid), and class names in ``classes``.

    Names may be in capitals, the other way round (train_x), or images, data, features; labels, target.
    """
    arrays = open_npz(path)
    names = {_plain(k): k for k in arrays}
    xs, ys, parts = [], [], []
    for part, words in _PARTS.items():
        x, y = _find(names, _INPUTS, words), _find(names, _TARGETS, words)
        if x and y:
            xs.append(arrays[x])
            ys.append(_flat_target(arrays[y], y))
            _same_length(xs[-1], ys[-1], x, y)
            parts.append(np.full(len(ys[-1]), part, np.int8))
    classes = tuple(str(c) for c in arrays[names["classes"]].ravel().tolist()) if "classes" in names else ()
    if xs and parts[0][:1].tolist() != [TRAIN]:
        raise DataError(f"{path}: has a test or validation part but no x_train and y_train; it holds {', '.join(arrays)}")
    if not xs:
        x, y = _find(names, _INPUTS, ("",)), _find(names, _TARGETS, ("",))
        if not x or not y:
            held = ", ".join(arrays) or "nothing"
            raise DataError(f"{path}: needs the arrays x and y, or x_train and y_train (and x_test, y_test); it holds {held}")
        given = _flat_target(arrays[y], y)
        _same_length(arrays[x], given, x, y)
        return Labelled(path.stem, as_inputs(arrays[x], x), given, y, classes=classes)
    if len({a.shape[1:] for a in xs}) > 1:
        raise DataError(f"{path}: the parts must have examples of one shape, got {', '.join(str(a.shape[1:]) for a in xs)}")
    inputs = as_inputs(np.concatenate(xs), "x")
    return Labelled(path.stem, inputs, np.concatenate(ys), "y", np.concatenate(parts), classes)


def npz_inputs(path: Path) -> NDArray[Any]:
    """The examples of an .npz file, without labels: x, or the only array, or x_test."""
    arrays = open_npz(path)
    names = {_plain(k): k for k in arrays}
    found = _find(names, _INPUTS, ("",)) or _find(names, _INPUTS, _PARTS[TEST])
    if found is None and len(arrays) == 1:
        found = next(iter(arrays))
    if found is None:
        raise DataError(f"{path}: needs an array x to predict on; it holds {', '.join(arrays) or 'nothing'}")
    return arrays[found]


def open_npz(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file. Raises `DataError` for a damaged file, and for object arrays, which could hold code."""
    try:
        with path.open("rb") as stream:  # numpy itself leaves a damaged file open
            file = np.load(stream, allow_pickle=False)
            if isinstance(file, np.ndarray):
                raise DataError(
                    f"{path}: a single array; save inputs and targets together with numpy.savez(path, x=..., y=...)"
                )
            return {name: file[name] for name in file.files}
    except PermissionError:
        raise DataError(f"{path}: no permission to read it; change the file's permissions") from None
    except (ValueError, EOFError, OSError, KeyError, SyntaxError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        if "allow_pickle" in str(error):
            raise DataError(
                f"{path}: holds Python objects, which could run code when loaded; save arrays of numbers or fixed-length text"
            ) from None
        raise DataError(f"{path}: not a readable .npz file ({error}); make it again with numpy.savez") from None


def read_pair(x: Any, y: Any) -> Labelled:
    """Inputs and targets in memory: arrays, tensors, lists, or a pandas frame and series."""
    target = _flat_target(as_array(y, "y"), "y")
    if hasattr(x, "columns") and hasattr(x, "iloc"):
        from searchitect.tasks.tables import FrameTable

        _same_length(x, target, "X", "y")
        return Labelled("table", FrameTable(x, "X"), target)
    values = as_array(x, "X")
    _same_length(values, target, "X", "y")
    inputs = as_inputs(values, "X")
    return Labelled("images" if isinstance(inputs, np.ndarray) else "table", inputs, target)


def read_dataset(data: Any) -> Labelled:
    """A torch Dataset of (tensor, PIL image or array; label). Tensors are channels first, images and arrays channels last."""
    items, labels = [], []
    if len(data) == 0:
        raise DataError("data: the data set is empty")
    for i in range(len(data)):
        item = data[i]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise DataError(f"data: a torch Dataset must give pairs (input, label), but data[{i}] is a {type(item).__name__}")
        items.append(item[0])
        labels.append(item[1].item() if hasattr(item[1], "item") else item[1])
    inputs = as_inputs(stack_items(items), "data", channels_first=hasattr(items[0], "detach"))
    classes = tuple(str(c) for c in getattr(data, "classes", ()))
    name = type(data).__name__.lower()
    return Labelled(name, inputs, as_array(labels, "labels"), "label", classes=classes)


def stack_items(items: list[Any]) -> NDArray[Any]:
    """One array of tensors, arrays or PIL images; images of mixed sizes are brought to the size of most of them."""
    if hasattr(items[0], "getbands"):
        from searchitect.tasks.pictures import picture_array

        sizes = [i.size for i in items]
        width, height = max(set(sizes), key=sizes.count)
        channels = 1 if all(i.mode in ("1", "L") for i in items) else 3
        return np.stack([picture_array(i, channels, height, width).transpose(1, 2, 0) for i in items])
    arrays = [as_array(i, "data") for i in items]
    shapes = {a.shape for a in arrays}
    if len(shapes) > 1:
        raise DataError(f"data: examples must have one shape, got {', '.join(str(s) for s in sorted(shapes)[:3])}; resize them")
    return np.stack(arrays)


def as_array(values: Any, name: str) -> NDArray[Any]:
    """A numpy array of an array, tensor, series or list."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    elif hasattr(values, "to_numpy"):
        from searchitect.tasks.tables import series_cells

        return series_cells(values) if values.ndim == 1 else np.asarray(values.to_numpy())
    try:
        return np.asarray(values)
    except ValueError:
        raise DataError(f"{name}: examples must have one shape; got a list of different shapes") from None


def as_inputs(x: NDArray[Any], name: str, *, channels_first: bool | None = None) -> NDArray[Any] | Table:
    """A table of a 2-D array; images [N, C, H, W] of a 3-D or 4-D one, whose layout is found out."""
    if x.dtype.kind not in "biuf":
        raise DataError(f"{name}: must be numbers, got an array of {x.dtype}; text belongs in a csv file or a pandas frame")
    if x.ndim == 2:
        return ArrayTable(x, tuple(f"x{j}" for j in range(x.shape[1])), name)
    return as_images(x, name, channels_first=channels_first)


def as_images(x: NDArray[Any], name: str, *, channels_first: bool | None = None) -> NDArray[Any]:
    """[N, H, W], [N, H, W, C] or [N, C, H, W] to [N, C, H, W]: uint8 where the numbers are whole and in 0..255, else float32.

    Args:
        x: numbers.
        name: for messages.
        channels_first: where the layout is known. Else the dimension of size 1, 3 or 4 holds the channels; failing
            that, the smaller.
    """
    if x.ndim not in (3, 4) or 0 in x.shape:
        raise DataError(
            f"{name}: images must have the shape (N, H, W), (N, H, W, C) or (N, C, H, W), a table (N, columns); got {x.shape}"
        )
    if x.ndim == 3:
        x = x[:, None]
    else:
        first, last = x.shape[1], x.shape[3]
        if channels_first is None:
            channels_first = first <= last if (first in _CHANNELS) == (last in _CHANNELS) else first in _CHANNELS
        x = x if channels_first else x.transpose(0, 3, 1, 2)
    if x.dtype == np.uint8 or x.dtype.kind == "b":
        return np.ascontiguousarray(x, dtype=np.uint8)
    if x.dtype.kind in "iu" and x.min() >= 0 and x.max() <= 255:
        return np.ascontiguousarray(x, dtype=np.uint8)
    require_memory(4 * x.size, f"{name} as 32-bit numbers", "use fewer or smaller images, or 8-bit ones")
    with np.errstate(over="ignore"):  # too large for float32: found by the next line
        images = np.ascontiguousarray(x, dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(images).reshape(len(images), -1).all(axis=1))
    if len(bad):
        raise DataError(
            f"{name}: images must be finite numbers, but {len(bad)} hold NaN or infinity, first number {bad[0]}; drop them"
        )
    return images


def _flat_target(y: NDArray[Any], name: str) -> NDArray[Any]:
    """[N] of [N], [N, 1], or one-hot rows."""
    if y.ndim == 2 and y.shape[1] == 1:
        return y[:, 0]
    if y.ndim == 2 and y.dtype.kind in "biuf" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return np.asarray(y.argmax(axis=1))
    if y.ndim != 1:
        raise DataError(f"{name}: targets must be one per example, shape (N,), got {y.shape}")
    return y


def _same_length(x: Any, y: NDArray[Any], x_name: str, y_name: str) -> None:
    count = len(x) if getattr(x, "ndim", 1) else 0
    if count != len(y):
        raise DataError(f"{x_name} has {count} examples but {y_name} has {len(y)}; they must be equally many")
    if count == 0:
        raise DataError(f"{x_name} is empty; at least 10 examples are needed")


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _find(names: dict[str, str], what: tuple[str, ...], part: tuple[str, ...]) -> str | None:
    """The array called ``what``, ``what_part`` or ``part_what``."""
    for w in what:
        for p in part:
            for name in (f"{w}_{p}", f"{p}_{w}", f"{w}{p}", f"{p}{w}") if p else (w,):
                if name in names:
                    return names[name]
    return None
