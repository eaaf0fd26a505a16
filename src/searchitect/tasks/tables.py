"""Tables in: csv, tsv and parquet files, pandas frames; read in chunks where they are large."""

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError, missing_package
from searchitect.tasks.source import CHUNK, Cells, Labelled, Table, load_pandas

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")
SMALL_FILE: Final = 16_000_000  # bytes; a smaller csv file is kept in memory rather than read three times
_EMPTY: Final = ["?", "", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "None", "#N/A"]


def read_table(data: Any, target: str | None, name: str = "") -> Labelled:
    """A table file or pandas frame with its target column."""
    table = open_table(data)
    column = find_target(table, target)
    y = np.concatenate([chunk[column] for chunk in table.chunks((column,))] or [np.zeros(0)])
    if len(y) == 0:
        raise DataError(f"{table.name}: the table has no rows; at least 10 are needed")
    inputs = _Without(table, column)
    if not inputs.columns:
        raise DataError(f"{table.name}: no column but the target {column!r}; at least one to learn from is needed")
    return Labelled(name or table.name, inputs, y, column)


def open_table(data: Any) -> Table:
    """A table of a file's path or a pandas frame."""
    if isinstance(data, Path):
        return ParquetTable(data) if data.suffix.lower() == ".parquet" else CsvTable(data)
    return FrameTable(data)


def find_target(table: Table, target: str | None) -> str:
    """The name of the target column. Raises `DataError` where it is not given or not there, with the nearest."""
    columns = table.columns
    if target is None:
        known = ", ".join(columns[:30])
        raise DataError(f"{table.name}: say which column is to be learned, as in target={columns[-1]!r}; columns are {known}")
    if target not in columns:
        raise DataError(f"target={target!r}: {table.name} has no such column: {nearest(target, columns)}")
    return target


def nearest(name: str, columns: tuple[str, ...]) -> str:
    """A hint for a column that is not there."""
    lower = {c.lower(): c for c in columns}
    near = get_close_matches(name.lower(), lower, n=1, cutoff=0.5)
    hint = f"did you mean {lower[near[0]]!r}? " if near else ""
    return f"{hint}columns are {', '.join(columns[:30])}{', ...' if len(columns) > 30 else ''}"


@dataclass(frozen=True)
class _Without:
    """A table less one column."""

    table: Table
    column: str

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(c for c in self.table.columns if c != self.column)

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        return self.table.chunks(columns)


class FrameTable:
    """A pandas frame. Column names become text; of equal ones the later are numbered (a, a.1)."""

    def __init__(self, frame: Any, name: str = "data") -> None:
        self.name = name
        names: list[str] = []
        for column in frame.columns:
            text, k = str(column), 1
            while text in names:
                text, k = f"{column}.{k}", k + 1
            names.append(text)
        self.columns = tuple(names)
        self._frame = frame

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """As `Table.chunks`."""
        places = [self.columns.index(c) for c in columns]
        for start in range(0, len(self._frame), CHUNK):
            part = self._frame.iloc[start : start + CHUNK]
            yield {c: series_cells(part.iloc[:, j]) for c, j in zip(columns, places, strict=True)}


class CsvTable:
    """A csv file, or one separated by tabs, semicolons or bars. Every cell is read as text; its meaning is found out later."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.path = path
        try:
            with path.open("rb") as file:
                head = file.read(1 << 16)
        except PermissionError:
            raise DataError(f"{path}: no permission to read it; change the file's permissions") from None
        if not head.strip():
            raise DataError(f"{path}: the file is empty; a header line and at least 10 rows are needed")
        if b"\0" in head:
            raise DataError(f"{path}: not a text file; save the table as csv in UTF-8, or as parquet")
        self._encoding = "utf-8-sig"
        self._separator = _separator(head.decode("latin-1"), path.suffix.lower())

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names in the header line."""
        return tuple(str(c) for c in self._read(nrows=0).columns)

    @cached_property
    def _kept(self) -> FrameTable | None:
        return FrameTable(self._read(), self.name) if self.path.stat().st_size < SMALL_FILE else None

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """As `Table.chunks`."""
        if self._kept is not None:
            yield from self._kept.chunks(columns)
            return
        reader = self._read(usecols=list(columns), chunksize=CHUNK)
        done = 0
        while True:
            try:
                part = next(reader)
            except StopIteration:
                return
            except UnicodeDecodeError:
                if self._encoding == "latin-1":
                    raise
                self._encoding = "latin-1"
                for k, chunk in enumerate(self.chunks(columns)):  # once more, past the chunks that were given
                    if k >= done:
                        yield chunk
                return
            except Exception as error:
                raise self._damaged(error) from None
            done += 1
            yield {c: series_cells(part[c]) for c in columns}

    def _read(self, **options: Any) -> Any:
        pandas = load_pandas("reading csv files")
        settings = {
            "sep": self._separator,
            "dtype": str,
            "keep_default_na": False,
            "na_values": _EMPTY,
            "skipinitialspace": True,
        }
        try:
            return pandas.read_csv(self.path, encoding=self._encoding, **settings, **options)
        except UnicodeDecodeError:
            self._encoding = "latin-1"  # every byte is a letter in it
            return self._read(**options)
        except (pandas.errors.ParserError, pandas.errors.EmptyDataError, ValueError) as error:
            raise self._damaged(error) from None

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self.name}: not a readable table ({str(error).strip()}); every line needs as many cells as the header"
        )


class ParquetTable:
    """A parquet file."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        load_pandas("reading parquet files")
        try:
            from pyarrow import ArrowException, parquet
        except ImportError:
            raise missing_package("pyarrow", "data", "reading parquet files") from None
        try:
            self._file = parquet.ParquetFile(path)
        except (ArrowException, OSError) as error:
            what = (
                "no permission to read it" if isinstance(error, PermissionError) else f"not a readable parquet file ({error})"
            )
            raise DataError(f"{path}: {what}") from None
        self.columns = tuple(n for n in self._file.schema_arrow.names)

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """As `Table.chunks`."""
        for batch in self._file.iter_batches(batch_size=CHUNK, columns=list(columns)):
            frame = batch.to_pandas()
            yield {c: series_cells(frame[c]) for c in columns}


def series_cells(series: Any) -> NDArray[Any]:
    """The cells of a pandas series: numbers and bools as they are, dates in UTC, anything else as stripped text or None."""
    pandas = load_pandas("reading tables")
    types = pandas.api.types
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    dtype = series.dtype
    if types.is_datetime64_any_dtype(dtype):
        dates = series.dt.tz_convert("UTC").dt.tz_localize(None) if getattr(dtype, "tz", None) is not None else series
        return np.asarray(dates.to_numpy(dtype="datetime64[s]"))
    if types.is_timedelta64_dtype(dtype):
        return np.asarray(series.dt.total_seconds().to_numpy(dtype=np.float64))
    if types.is_complex_dtype(dtype):
        raise DataError(f"column {str(series.name)!r}: complex numbers cannot be learned from; split them into two columns")
    if types.is_bool_dtype(dtype) or types.is_numeric_dtype(dtype):
        if not series.isna().any():
            kind = "bool" if types.is_bool_dtype(dtype) else "int64" if types.is_signed_integer_dtype(dtype) else "float64"
            return np.asarray(series.to_numpy(dtype=kind))
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if types.is_string_dtype(dtype) and not types.is_object_dtype(dtype):
        cells = np.asarray(series.str.strip().to_numpy(dtype=object, na_value=None))
        cells[cells == ""] = None
        return cells
    values = series.to_numpy(dtype=object)
    empty = series.isna().to_numpy()
    inferred = types.infer_dtype(series, skipna=True)
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal", "boolean"):
        return np.array([np.nan if e else float(v) for v, e in zip(values, empty, strict=True)], dtype=np.float64)
    if inferred in ("datetime", "date", "datetime64"):
        return np.asarray(
            pandas.to_datetime(series, utc=True, errors="coerce").dt.tz_localize(None).to_numpy(dtype="datetime64[s]")
        )
    texts = [None if e else (v if isinstance(v, str) else str(v)).strip() or None for v, e in zip(values, empty, strict=True)]
    return np.array(texts, dtype=object)


def _separator(head: str, suffix: str) -> str:
    """The separator of a csv file, from its first lines."""
    if suffix == ".tsv":
        return "\t"
    header = head.lstrip().splitlines()[0]
    return max((",", ";", "\t", "|"), key=header.count)
