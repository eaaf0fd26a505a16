"""What reading gives and encoding takes: labelled data before any statistics are drawn from them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError, missing_package

Cells: TypeAlias = NDArray[Any]
"""Cells of a table's column: numbers or bools (NaN = missing), datetime64 (NaT = missing), or objects: str or None."""

CHUNK = 100_000  # rows read at a time


class Table(Protocol):
    """A table that can be read any number of times, in chunks of rows."""

    @property
    def name(self) -> str:
        """How to call it in messages."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, all different."""

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """The named columns, from the first row to the last, at most `CHUNK` rows at a time."""


@dataclass
class Labelled:
    """Data with what is to be learned.

    Attributes:
        name: for folders and reports.
        inputs: images [N, C, H, W], uint8 or float32; or a table of N rows.
        y: [N] raw targets: numbers, bools, or objects (str, or None where missing).
        target: how to call y in messages.
        parts: of each row `split.TRAIN`, `VALID` or `TEST`, where the data say so.
        classes: names of the classes 0, 1, ..., where the data say so.
        notes: what a user should know.
        is_natural: photographs or drawings of things, rather than characters: to be recognised in a mirror too.
    """

    name: str
    inputs: NDArray[Any] | Table
    y: NDArray[Any]
    target: str = "y"
    parts: NDArray[np.int8] | None = None
    classes: tuple[str, ...] = ()
    notes: list[str] = field(default_factory=list)
    is_natural: bool = True


@dataclass(frozen=True)
class ArrayTable:
    """A 2-D array of numbers as a table."""

    values: NDArray[Any]
    columns: tuple[str, ...]
    name: str = "X"

    def chunks(self, columns: tuple[str, ...]) -> Iterator[dict[str, Cells]]:
        """As `Table.chunks`."""
        places = [self.columns.index(c) for c in columns]
        for start in range(0, len(self.values), CHUNK):
            yield {c: self.values[start : start + CHUNK, j] for c, j in zip(columns, places, strict=True)}


def load_pandas(purpose: str) -> Any:
    """The package pandas, untyped. Raises `MissingPackageError` with the install command."""
    try:
        import pandas
    except ImportError:
        raise missing_package("pandas", "data", purpose) from None
    return pandas


def require_memory(needed: float, what: str, remedy: str) -> None:
    """Raise `DataError` where ``needed`` bytes are more than what this machine has free.

    Args:
        needed: bytes.
        what: the data, as the sentence's subject.
        remedy: what to do about it, as an imperative.
    """
    import psutil

    free = psutil.virtual_memory().available
    if needed > 0.9 * free:
        raise DataError(f"{what} needs about {needed / 1e9:.1f} GB of memory, {free / 1e9:.1f} GB are free: {remedy}")


def names_shown(names: list[str], limit: int = 5) -> str:
    """``'a', 'b' and 3 more``."""
    rest = len(names) - limit
    return ", ".join(repr(n) for n in names[:limit]) + (f" and {rest} more" if rest > 0 else "")
