"""Raw rows of a table as the tensor that the preprocessing takes, by the same rules as in training."""

import csv
import io
import math
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

EMPTY_CELLS = frozenset({"?", "", "NA", "N/A", "n/a", "<NA>", "NaN", "nan", "NULL", "null", "None", "#N/A"})
TRUE_CELLS = frozenset({"true", "yes", "t", "y", "on", "1", "1.0"})
FALSE_CELLS = frozenset({"false", "no", "f", "n", "off", "0", "0.0"})
LARGEST = 1e30  # of larger numbers, differences overflow in float32
PLAIN_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
ISO_DATE = re.compile(
    r"([0-9]{4})(?:([-/. \\])([0-9]{1,2}))?|([0-9]{4})(?:([-/. \\])([0-9]{1,2})\5([0-9]{1,2})|([0-9]{2})([0-9]{2}))"
    r"(?:[T ](?:([0-9]{1,2}):([0-9]{1,2})(?::([0-9]{1,2})(?:\.[0-9]*)?)?|([0-9]{2})(?:([0-9]{2})(?:([0-9]{2})(?:\.[0-9]*)?)?)?)"
    r"(?: *(?:Z|([-+])([0-9]{1,2})(?::?([0-9]{1,2}))?))?)?"
)
EPOCH = datetime(1970, 1, 1)


def encode_rows(data: Any, columns: list[dict[str, Any]]) -> Tensor:
    """Rows [N, encoded columns], float32: first the numbers (NaN where missing), then the codes of texts (0 where missing).

    Args:
        data: path of a csv file; a list of dicts (column name to value, absent or None where missing), or one dict; anything
            with ``to_dict("records")``, as a pandas frame; or numbers [N, columns], as lists or a tensor.
        columns: how each column is encoded.

    Raises:
        ValueError: for data without rows, or without a column that is needed.
    """
    table = read_csv(Path(data)) if isinstance(data, (str, Path)) else as_table(data, [c["name"] for c in columns])
    if absent := [c["name"] for c in columns if c["name"] not in table]:
        raise ValueError(f"the data lack the column {absent[0]!r}; they have {', '.join(map(repr, table))}")
    cells = {c["name"]: uniform_cells(table[c["name"]]) for c in columns}
    encoded: list[list[float]] = []
    for column in columns:
        if column["kind"] != "text":
            encoded += encode_numbers(column, cells[column["name"]])
    encoded += [encode_texts(column, cells[column["name"]]) for column in columns if column["kind"] == "text"]
    if not encoded[0]:
        raise ValueError(f"{data}: the file has no rows")
    return torch.tensor(encoded, dtype=torch.float32).T.contiguous()


def read_csv(path: Path) -> dict[str, list[Any]]:
    """Column name to cells, texts or None, of a file separated by commas, semicolons, tabs or bars, in UTF-8 or Latin-1."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    if not text.strip():
        raise ValueError(f"{path}: the file is empty")
    header = text.lstrip().splitlines()[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max((",", ";", "\t", "|"), key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    rows = [row for row in lines if row and (len(row) > 1 or row[0].strip())]
    names: list[str] = []
    for place, name in enumerate(rows[0]):
        given, again = name or f"Unnamed: {place}", 1
        unique = given
        while unique in names:
            unique, again = f"{given}.{again}", again + 1
        names.append(unique)
    if long := [place for place, row in enumerate(rows) if len(row) > len(names)]:
        raise ValueError(f"{path}: row {long[0]} has more cells than the header has names")
    filled = [row + [""] * (len(names) - len(row)) for row in rows[1:]]
    return {name: [None if row[j] in EMPTY_CELLS else row[j] for row in filled] for j, name in enumerate(names)}


def as_table(data: Any, names: list[str]) -> dict[str, list[Any]]:
    """Column name to cells of rows in memory."""
    if hasattr(data, "to_dict"):
        data = data.to_dict("records")
    rows = [data] if isinstance(data, dict) else data.tolist() if hasattr(data, "tolist") else list(data)
    if not rows:
        raise ValueError("the data have no rows")
    if all(isinstance(row, dict) for row in rows):
        known = dict.fromkeys(str(name) for row in rows for name in row)
        keyed = [{str(name): value for name, value in row.items()} for row in rows]
        return {name: [row.get(name) for row in keyed] for name in known}
    rows = rows if isinstance(rows[0], list) else [rows]
    # the columns of arrays without names were called x0, x1, ...; those left out in training are still there
    is_numbered = all(re.fullmatch("x[0-9]+", name) for name in names)
    width = max(int(name[1:]) for name in names) + 1 if is_numbered else len(names)
    if any(len(row) < width for row in rows) or (not is_numbered and len(rows[0]) != width):
        raise ValueError(
            f"the rows must have {width} numbers each, got {len(rows[0])}; or give dicts with the names of columns"
        )
    places = {name: int(name[1:]) if is_numbered else j for j, name in enumerate(names)}
    return {name: [row[j] for row in rows] for name, j in places.items()}


def uniform_cells(values: Iterable[Any]) -> list[Any]:
    """The cells of one column as one kind: all bools, numbers, dates (in UTC, without a zone) or texts; None where missing."""
    cells = [plain_cell(value) for value in values]
    present = [cell for cell in cells if cell is not None]
    if all(isinstance(cell, bool) for cell in present):
        return cells if len(present) == len(cells) else [None if cell is None else float(cell) for cell in cells]
    if all(isinstance(cell, (int, float)) and not isinstance(cell, bool) for cell in present):
        return [None if cell is None or not math.isfinite(cell) else cell for cell in cells]
    if all(isinstance(cell, datetime) for cell in present):
        return [cell.astimezone(UTC).replace(tzinfo=None) if cell is not None and cell.tzinfo else cell for cell in cells]
    return [None if cell is None else str(cell).strip() or None for cell in cells]


def plain_cell(value: Any) -> Any:
    """A value as None, bool, int, float, datetime or str; numbers of other packages are unpacked."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return value if isinstance(value, (bool, int, float, datetime)) else str(value)


def encode_numbers(column: dict[str, Any], cells: list[Any]) -> list[list[float]]:
    """The numeric columns that a column of the kind number, flag or date becomes."""
    if column["kind"] == "number":
        form = column.get("number_format", "plain")
        return [[as_number(cell, form) for cell in cells]]
    if column["kind"] == "flag":
        return [[as_flag(cell) for cell in cells]]
    dates = [as_date(cell, column.get("date_format", "ISO8601")) for cell in cells]
    parts = [date_parts(when) for when in dates]
    count = 4 if column.get("has_time", False) else 3
    return [[part[j] for part in parts] for j in range(count)]


def encode_texts(column: dict[str, Any], cells: list[Any]) -> list[float]:
    """Codes: 1, 2, ... in the order of the vocabulary; 0 where missing; unseen texts share one code, or count as missing."""
    vocabulary = column.get("vocabulary", ())
    code = {text: float(place) for place, text in enumerate(vocabulary, start=1)}
    rest = float(len(vocabulary) + 1) if column.get("has_other", False) else 0.0
    return [0.0 if cell is None else code.get(as_text(cell), rest) for cell in cells]


def as_number(cell: Any, form: str) -> float:
    """A number within +-1e30; NaN where the cell is missing or no number."""
    if cell is None or isinstance(cell, datetime):
        return math.nan
    value = parse_number(cell, form) if isinstance(cell, str) else float(cell)
    return max(-LARGEST, min(LARGEST, value)) if math.isfinite(value) else math.nan


def parse_number(text: str, form: str) -> float:
    """A number in text: plain (1234.5), grouped ($1,234.5 or 12 %) or comma (1.234,5); NaN for anything else."""
    if form != "plain":
        point, group = (r"\.", ",") if form == "grouped" else (",", r"\.")
        text = re.sub(r"[$€£%\s]", "", text)
        if not re.fullmatch(rf"[-+]?(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{point}\d+)?", text):
            return math.nan
        text = re.sub(group, "", text)
        if form == "comma":
            text = text.replace(",", ".")
    return float(text) if PLAIN_NUMBER.fullmatch(text) else math.nan


def as_flag(cell: Any) -> float:
    """1 or 0; NaN where the cell is missing or neither."""
    if cell is None or isinstance(cell, datetime):
        return math.nan
    if not isinstance(cell, str):
        return float(cell != 0)
    word = cell.casefold()
    return 1.0 if word in TRUE_CELLS else 0.0 if word in FALSE_CELLS else math.nan


def as_text(cell: Any) -> str:
    """A whole number reads the same whether it came as 2, 2.0 or "2"."""
    return str(int(cell)) if isinstance(cell, float) and cell == round(cell) else str(cell)


def as_date(cell: Any, form: str) -> datetime | None:
    """A date and time in UTC, None where the cell is missing or no date."""
    if isinstance(cell, datetime) or not isinstance(cell, str):
        return cell if isinstance(cell, datetime) else None
    try:
        return parse_iso_date(cell) if form == "ISO8601" else datetime.strptime(cell, form)
    except (ValueError, OverflowError):
        return None


def parse_iso_date(text: str) -> datetime | None:
    """``2024-01-05``, ``2024-01-05T10:20:30.5+02:00`` and their shorter forms; None for other texts."""
    match = ISO_DATE.fullmatch(text)
    if match is None:
        return None
    (y1, _, m1, y2, _, m2, d2, m3, d3, hour, minute, second, hour2, minute2, second2, sign, ahead, ahead_minutes) = (
        match.groups()
    )
    days = int(y1 or y2), int(m1 or m2 or m3 or 1), int(d2 or d3 or 1)
    when = datetime(*days, int(hour or hour2 or 0), int(minute or minute2 or 0), int(second or second2 or 0))
    offset = timedelta(hours=int(ahead or 0), minutes=int(ahead_minutes or 0))
    if offset >= timedelta(days=1) or int(ahead_minutes or 0) > 59:
        return None
    return when + offset if sign == "-" else when - offset


def date_parts(when: datetime | None) -> tuple[float, float, float, float]:
    """Days since 1970, month, weekday (Monday is 0), hours since midnight."""
    if when is None:
        return (math.nan,) * 4
    days, rest = divmod((when - EPOCH) // timedelta(seconds=1), 86_400)
    return float(days), float(when.month), float(when.weekday()), rest / 3600
