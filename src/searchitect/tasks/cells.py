"""Cells of a column as numbers, dates or text, each kind in the format found in training."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.tasks.source import Cells, load_pandas

NUMBER_FORMATS: Final = ("plain", "grouped", "comma")
"""1234.5; $1,234.5 or 12 %; 1.234,5."""

_TRUE: Final = frozenset({"true", "yes", "t", "y", "on"})
_FALSE: Final = frozenset({"false", "no", "f", "n", "off"})
_PAIRS: Final = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"}, {"on", "off"})
_DAYS: Final = (
    "%Y/%m/%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%m/%d/%y",
    "%d.%m.%y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
DATE_FORMATS: Final = ("ISO8601", *(f"{day}{time}" for day in _DAYS for time in ("", " %H:%M", " %H:%M:%S")))
FLOAT32_SAFE: Final = 1e30  # of larger numbers, differences overflow


def is_missing(cells: Cells) -> NDArray[np.bool_]:
    """Which cells hold nothing. An infinite number counts as missing."""
    if cells.dtype == object:
        return np.array([c is None for c in cells], dtype=bool)
    if cells.dtype.kind == "M":
        return np.asarray(np.isnat(cells))
    return ~np.isfinite(cells.astype(np.float64))


def as_numbers(cells: Cells, number_format: str) -> NDArray[np.float64]:
    """Numbers [N], NaN where a cell is missing, infinite or no number; within +-1e30."""
    if cells.dtype == object:
        numbers = _parse_numbers(cells, number_format)
    elif cells.dtype.kind == "M":
        return np.full(len(cells), np.nan)
    else:
        numbers = cells.astype(np.float64)
    return np.clip(np.where(np.isfinite(numbers), numbers, np.nan), -FLOAT32_SAFE, FLOAT32_SAFE)


def as_dates(cells: Cells, date_format: str) -> NDArray[np.datetime64]:
    """Dates and times [N] in UTC, NaT where a cell is missing or no date."""
    if cells.dtype.kind == "M":
        return cells.astype("datetime64[s]")
    if cells.dtype != object:
        return np.full(len(cells), "NaT", dtype="datetime64[s]")
    pandas = load_pandas("reading dates")
    texts = pandas.Series(cells, dtype=object)
    dates = pandas.to_datetime(texts, format=date_format, errors="coerce", utc=True)
    return np.asarray(dates.dt.tz_localize(None).to_numpy().astype("datetime64[s]"))


def as_texts(cells: Cells) -> NDArray[Any]:
    """Texts [N], None where missing. A whole number reads the same whether it came as 2, 2.0 or "2"."""
    if cells.dtype == object:
        return cells
    empty = is_missing(cells)
    if cells.dtype.kind == "f":
        texts = [str(int(c)) if c == np.round(c) else repr(c) for c in np.where(empty, 0, cells).tolist()]
    else:
        texts = [str(c) for c in cells.tolist()]
    return np.array([None if e else t for t, e in zip(texts, empty, strict=True)], dtype=object)


def as_flags(cells: Cells) -> NDArray[np.float64]:
    """1 for true, yes, t, y, on (in any case) and numbers other than 0; 0 for their opposites; NaN for anything else."""
    if cells.dtype != object:
        numbers = as_numbers(cells, "plain")
        return np.where(np.isnan(numbers), np.nan, numbers != 0)
    known = {**dict.fromkeys(_TRUE, 1.0), **dict.fromkeys(_FALSE, 0.0), "1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0}
    return np.array([np.nan if c is None else known.get(c.casefold(), np.nan) for c in cells], dtype=np.float64)


def are_flags(texts: set[str]) -> bool:
    """Whether the texts of a column are a pair such as yes and no."""
    return {t.casefold() for t in texts} in _PAIRS


def find_number_format(sample: Cells) -> str:
    """The format in which most of the ``sample`` (objects, none missing) are numbers; the plainest of equals."""
    return max(NUMBER_FORMATS, key=lambda f: (np.isfinite(_parse_numbers(sample, f)).sum(), -NUMBER_FORMATS.index(f)))


def find_date_format(sample: Cells) -> tuple[str, float]:
    """The format in which most of the ``sample`` (objects, none missing) are dates, and the share that are."""
    if not any(any(ch.isdigit() for ch in c) for c in sample):
        return DATE_FORMATS[0], 0.0
    best, best_share = DATE_FORMATS[0], 0.0
    for date_format in DATE_FORMATS:
        share = float((~np.isnat(as_dates(sample, date_format))).mean())
        if share > best_share:
            best, best_share = date_format, share
        if share == 1.0:
            break
    return best, best_share


def _parse_numbers(cells: Cells, number_format: str) -> NDArray[np.float64]:
    pandas = load_pandas("reading numbers from text")
    texts = pandas.Series(cells, dtype=object)
    if number_format != "plain":
        texts = texts.str.replace(r"[$€£%\s]", "", regex=True)
        point, group = (r"\.", ",") if number_format == "grouped" else (",", r"\.")
        shape = rf"[-+]?(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{point}\d+)?"
        texts = texts.where(texts.str.fullmatch(shape).fillna(False).astype(bool), None)
        texts = texts.str.replace(group, "", regex=True)
        if number_format == "comma":
            texts = texts.str.replace(",", ".", regex=False)
    return np.asarray(pandas.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64))
