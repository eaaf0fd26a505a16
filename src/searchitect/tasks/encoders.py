"""From a user's raw data to the tensors that the preprocessing takes: for training, and for new data later."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.core import DataError
from searchitect.tasks.arrays import as_array, as_images, npz_inputs, stack_items
from searchitect.tasks.cells import as_dates, as_flags, as_numbers, as_texts
from searchitect.tasks.columns import Column, ColumnSketch
from searchitect.tasks.pictures import SUFFIXES, list_images, picture_array, read_pictures
from searchitect.tasks.source import ArrayTable, Cells, Table, load_pandas, require_memory
from searchitect.tasks.tables import SUFFIXES as TABLE_SUFFIXES
from searchitect.tasks.tables import FrameTable, nearest, open_table
from searchitect.tasks.text_encoder import TextEncoder


@dataclass(frozen=True)
class ImageEncoder:
    """Images of one shape.

    Attributes:
        channels, height, width: of every image.
        is_float: pixels are float32 as the user has them; else uint8.
    """

    channels: int
    height: int
    width: int
    is_float: bool = False

    def encode(self, raw: Any) -> Tensor:
        """Images [N, C, H, W] of new data, without labels.

        Args:
            raw: an image file, several, or a folder (all images in it, in the order of `list_images`); an .npz file with x; a
                PIL image; an array or tensor [H, W], [C, H, W], [H, W, C], [N, H, W], [N, C, H, W] or [N, H, W, C]; a torch
                Dataset.

        Raises:
            DataError: where there is nothing to read, or not of the shape of the training images. Image files are resized.
        """
        if isinstance(raw, (str, Path)):
            path = Path(raw)
            if not path.exists():
                raise DataError(f"{path}: no such file or folder")
            if path.suffix.lower() == ".npz":
                return self._pixels(npz_inputs(path))
            files = list_images(path)
            if not files:
                raise DataError(f"{path}: no images in it; known are {', '.join(sorted(SUFFIXES))}")
            return self._files(files)
        if hasattr(raw, "getbands"):
            return torch.from_numpy(picture_array(raw, self.channels, self.height, self.width).copy()[None])
        if isinstance(raw, (list, tuple)):
            if not raw:
                raise DataError("data: nothing to encode; give at least one image")
            if isinstance(raw[0], (str, Path)):
                return self._files([Path(p) for p in raw])
            return self._pixels(stack_items(list(raw)))
        if hasattr(raw, "__getitem__") and not hasattr(raw, "shape"):  # a torch Dataset
            items = [raw[i] for i in range(len(raw))]
            return self._pixels(stack_items([i[0] if isinstance(i, (tuple, list)) else i for i in items]))
        return self._pixels(as_array(raw, "data"))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `encoder_from_json`."""
        return {
            "kind": "image",
            "channels": self.channels,
            "height": self.height,
            "width": self.width,
            "is_float": self.is_float,
        }

    def _files(self, files: list[Path]) -> Tensor:
        if self.is_float:
            raise DataError(
                f"{files[0]}: the network was trained on arrays of float pixels, so image files do not fit; give an array"
            )
        return torch.from_numpy(read_pictures(files, self.channels, self.height, self.width))

    def _pixels(self, x: NDArray[Any]) -> Tensor:
        first, last = (self.channels, self.height, self.width), (self.height, self.width, self.channels)
        if x.shape in (first, last, first[1:]):
            x = x[None]
        if x.ndim == 3 and self.channels == 1:
            x = x[:, None]
        if x.shape[1:] not in (first, last):
            raise DataError(f"data: images must have the shape {first} or {last} (after the number of images), got {x.shape}")
        images = as_images(x, "data", channels_first=x.shape[1:] == first)
        if not self.is_float and images.dtype != np.uint8:
            if (images != np.round(images)).any() or images.min() < 0 or images.max() > 255:
                raise DataError(
                    f"data: pixels must be whole numbers in 0..255, as in training, got {images.min():g} to {images.max():g}"
                )
            images = images.astype(np.uint8)
        return torch.from_numpy(images.astype(np.float32) if self.is_float else images)


@dataclass(frozen=True)
class TableEncoder:
    """Rows of a table as float32: the numeric columns (NaN where missing), then the codes of text columns (0 where missing)."""

    columns: tuple[Column, ...]

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Names of the encoded numeric columns."""
        return tuple(n for c in self.columns for n in c.numeric_names)

    @property
    def text_columns(self) -> tuple[Column, ...]:
        """The columns that become codes, in the order of the encoded ones."""
        return tuple(c for c in self.columns if c.kind == "text")

    def encode(self, raw: Any) -> Tensor:
        """Rows [N, columns] of new data. Columns are found by name; others, also the target, are ignored.

        Args:
            raw: a csv, tsv or parquet file, an .npz file with x, a pandas frame, a 2-D array (columns as in training), a
                list of dicts, or one dict.

        Raises:
            DataError: where a column of training is not there, with the nearest.
        """
        return self.encode_table(self._open(raw))

    def encode_table(self, table: Table, kept: NDArray[np.int64] | None = None) -> Tensor:
        """Rows [N, columns] of a table; of the rows ``kept`` only, where given."""
        if missing := [c.name for c in self.columns if c.name not in table.columns]:
            raise DataError(f"{table.name}: needs the column {missing[0]!r} of training: {nearest(missing[0], table.columns)}")
        parts = [
            np.stack(list(self._encoded(chunk)), axis=1)
            for chunk in kept_chunks(table, tuple(c.name for c in self.columns), kept)
        ]
        if not parts:
            raise DataError(f"{table.name}: no rows to encode")
        return torch.from_numpy(np.concatenate(parts))

    def to_json(self) -> dict[str, Any]:
        """Plain data for `encoder_from_json`."""
        return {"kind": "table", "columns": [c.to_json() for c in self.columns]}

    def _encoded(self, chunk: dict[str, Cells]) -> Iterator[NDArray[np.float32]]:
        for column in self.columns:
            if column.kind != "text":
                yield from (numbers.astype(np.float32) for numbers in _numbers(column, chunk[column.name]))
        for column in self.text_columns:
            yield _codes(column, chunk[column.name])

    def _open(self, raw: Any) -> Table:
        if isinstance(raw, (str, Path)):
            path = Path(raw)
            if not path.is_file():
                raise DataError(f"{path}: no such file; needed is a table ({', '.join(TABLE_SUFFIXES)}) or an .npz file")
            if path.suffix.lower() != ".npz":
                return open_table(path)
            raw = npz_inputs(path)
        if hasattr(raw, "iloc") and hasattr(raw, "columns"):
            return open_table(raw)
        if isinstance(raw, dict) or (isinstance(raw, list) and raw and isinstance(raw[0], dict)):
            return RecordTable([raw] if isinstance(raw, dict) else raw)
        return self._named(as_array(raw, "data"))

    def _named(self, values: NDArray[Any]) -> Table:
        """An array [rows, columns], or one row, with the column names of training.

        Arrays without names had theirs given, x0, x1, ...: what training dropped of them is still there.
        """
        values = values[None] if values.ndim == 1 else values
        names = tuple(c.name for c in self.columns)
        numbered = [int(n[1:]) for n in names if n[:1] == "x" and n[1:].isdigit()]
        are_given = len(numbered) == len(names)
        width = max(numbered) + 1 if are_given else len(names)
        fits = values.ndim == 2 and (values.shape[1] >= width if are_given else values.shape[1] == width)
        if not fits or values.dtype.kind not in "biuf":
            raise DataError(
                f"data: an array must be numbers of the shape (rows, {width}), got {values.dtype} of {values.shape}; "
                f"or give a pandas frame with the columns {', '.join(names[:10])}{', ...' if len(names) > 10 else ''}"
            )
        return ArrayTable(values, tuple(f"x{j}" for j in range(values.shape[1])) if are_given else names, "data")


@dataclass(frozen=True)
class RecordTable:
    """Rows as dicts: column name to value, absent or None where missing."""

    rows: list[dict[str, Any]]
    name: str = "data"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names in any row."""
        return tuple(dict.fromkeys(str(k) for row in self.rows for k in row))

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """As `Table.chunks`."""
        pandas = load_pandas("rows as dicts")
        frame = pandas.DataFrame([{str(k): v for k, v in row.items()} for row in self.rows])
        return FrameTable(frame).chunks(columns)


def fit_image_encoder(images: NDArray[Any]) -> ImageEncoder:
    """The encoder of images [N, C, H, W]."""
    _, channels, height, width = images.shape
    return ImageEncoder(channels, height, width, images.dtype != np.uint8)


def fit_table_encoder(
    table: Table, kept: NDArray[np.int64], is_train: NDArray[np.bool_]
) -> tuple[TableEncoder, tuple[str, ...]]:
    """Column kinds, formats and vocabularies, from training rows only; and notes.

    Args:
        table: the columns to learn from.
        kept: numbers of the rows in use, ascending.
        is_train: of each kept row, whether it trains.
    """
    sketches = {name: ColumnSketch(name) for name in table.columns}
    for chunk in kept_chunks(table, table.columns, kept[is_train]):
        for name, cells in chunk.items():
            sketches[name].add(cells)
    columns, notes = [], []
    for sketch in sketches.values():
        column, note = sketch.decide()
        columns += [column] if column else []
        notes += [note] if note else []
    if not columns:
        raise DataError(f"{table.name}: no column is left to learn from: {'; '.join(notes[:3])}")
    encoder = TableEncoder(tuple(columns))
    width = len(encoder.numeric_names) + len(encoder.text_columns)
    # The chunks and their concatenation, the parts cut from them, and a copy in work.
    require_memory(
        3.0 * 4 * width * len(kept), f"{table.name} ({len(kept)} rows of {width} numbers)", "use fewer rows or columns"
    )
    return encoder, tuple(notes)


def encoder_from_json(data: dict[str, Any]) -> ImageEncoder | TableEncoder | TextEncoder:
    """The encoder whose ``to_json`` gave ``data``."""
    if data["kind"] == "text":
        return TextEncoder(data["unit"], tuple(data["vocabulary"]))
    if data["kind"] == "image":
        return ImageEncoder(data["channels"], data["height"], data["width"], data["is_float"])
    return TableEncoder(tuple(Column.from_json(c) for c in data["columns"]))


def kept_chunks(table: Table, columns: tuple[str, ...], kept: NDArray[np.int64] | None) -> Iterator[dict[str, Cells]]:
    """The table's chunks, cut down to the rows ``kept`` (numbers in ascending order); empty ones are passed over."""
    start = 0
    for chunk in table.chunks(columns):
        rows = len(next(iter(chunk.values())))
        if kept is None:
            yield chunk
            continue
        low, high = np.searchsorted(kept, (start, start + rows))
        wanted = kept[low:high] - start
        start += rows
        if len(wanted):
            yield {name: cells[wanted] for name, cells in chunk.items()}


def _numbers(column: Column, cells: Cells) -> Iterator[NDArray[np.float64]]:
    """The numeric columns that one becomes, in the order of ``column.numeric_names``."""
    if column.kind == "number":
        yield as_numbers(cells, column.number_format)
        return
    if column.kind == "flag":
        yield as_flags(cells)
        return
    dates = as_dates(cells, column.date_format)
    unknown = np.isnat(dates)
    seconds = np.where(unknown, 0, dates.astype(np.int64))
    days = seconds // 86_400
    months = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    parts = [days, months, (days + 3) % 7]  # 1 January 1970 was a Thursday; Monday is 0
    if column.has_time:
        parts.append(seconds % 86_400 / 3600)
    yield from (np.where(unknown, np.nan, part) for part in parts)


def _codes(column: Column, cells: Cells) -> NDArray[np.float32]:
    place = {text: code for code, text in enumerate(column.vocabulary, start=1)}
    rest = len(place) + 1 if column.has_other else 0
    return np.array([0 if t is None else place.get(t, rest) for t in as_texts(cells)], dtype=np.float32)
