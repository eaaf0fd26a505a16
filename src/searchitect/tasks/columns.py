"""What a table's columns hold, decided on training rows: numbers, flags, dates, text, or nothing to learn from."""

import re
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np

from searchitect.tasks.cells import are_flags, as_dates, as_numbers, find_date_format, find_number_format, is_missing
from searchitect.tasks.source import Cells

ColumnKind: TypeAlias = Literal["number", "flag", "date", "text"]

MAX_CODES: Final = 256  # of a text column, the code 0 and the code of the rest included
MOSTLY: Final = 0.95  # share of the cells that must be numbers (dates) for a column to be one; the others are missing then
SAMPLE: Final = 1000  # cells on which a format is found
MANY_TEXTS: Final = 200_000  # different texts of a column held while counting
FEW_NUMBERS: Final = 20  # of a text column with other cells too, up to which numbers are taken for names ("2", "3", "5more")
NEARLY_ALL: Final = 0.95  # share of different texts from which on a column names its rows
_IDENTIFIER: Final = frozenset(
    {"id", "ids", "uuid", "guid", "index", "idx", "unnamed", "rowid", "rownum", "rownumber", "identifier", "key"}
)


@dataclass(frozen=True)
class Column:
    """How one column is encoded.

    Attributes:
        name: in the user's table.
        kind: number, flag (0 or 1), date (days since 1970, month, weekday, and hour where times occur) or text (a code).
        number_format: of numbers in text, one of `cells.NUMBER_FORMATS`.
        date_format: of dates in text, one of `cells.DATE_FORMATS`.
        has_time: of dates, whether times of day occur.
        vocabulary: of text, the values that have codes of their own, 1, 2, ..., frequent ones first.
        has_other: of text, whether all other values share the code after those; else they get the code 0, as missing ones do.
    """

    name: str
    kind: ColumnKind
    number_format: str = "plain"
    date_format: str = "ISO8601"
    has_time: bool = False
    vocabulary: tuple[str, ...] = ()
    has_other: bool = False

    @property
    def codes(self) -> int:
        """How many codes a text column has, the code 0 included."""
        return 1 + len(self.vocabulary) + self.has_other

    @property
    def numeric_names(self) -> tuple[str, ...]:
        """Names of the numeric columns that this one becomes."""
        if self.kind == "text":
            return ()
        if self.kind == "date":
            return tuple(f"{self.name} {p}" for p in ("day", "month", "weekday", *(("hour",) if self.has_time else ())))
        return (self.name,)

    def to_json(self) -> dict[str, Any]:
        """Plain data, without what is at its default."""
        default = Column(self.name, self.kind)
        return {k: v for k, v in asdict(self).items() if k in ("name", "kind") or v != getattr(default, k)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Column":
        """The inverse of `to_json`."""
        return cls(**{**data, "vocabulary": tuple(data.get("vocabulary", ()))})


class ColumnSketch:
    """What training rows say of one column, taken in chunk by chunk."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.rows = self.present = self.numbers = self.dates = 0
        self.is_text = self.is_date = self.is_flag = self.is_float = self.has_time = self.has_fraction = False
        self.number_format, self.date_format = "", ""
        self.low, self.high = np.inf, -np.inf
        self.different_numbers: set[float] = set()
        self.texts: Counter[str] = Counter()
        self.counted = 0  # cells in the counter: all are, unless the column is plainly numeric
        self.is_pruned = False
        self.all_different = True
        self._pruned_at = (0, 0)  # cells counted and texts kept by then
        self._integers: list[Cells] = []

    def add(self, cells: Cells) -> None:
        """Take in the next chunk."""
        present = cells[~is_missing(cells)]
        self.rows += len(cells)
        self.present += len(present)
        if len(present) == 0:
            return
        if cells.dtype == object:
            self._add_text(present)
        elif cells.dtype.kind == "M":
            self.is_date = True
            self._add_dates(present)
        else:
            self.is_flag |= cells.dtype.kind == "b"
            self.is_float |= cells.dtype.kind == "f"
            self._add_numbers(present.astype(np.float64))

    def _add_text(self, present: Cells) -> None:
        self.is_text = True
        if not self.number_format:
            sample = np.array(list(dict.fromkeys(present.tolist()))[:SAMPLE], dtype=object)
            self.number_format = find_number_format(sample)
            self.date_format, share = find_date_format(sample)
            self.is_date = share >= MOSTLY
        numbers = as_numbers(present, self.number_format)
        is_number = ~np.isnan(numbers)
        self._add_numbers(numbers[is_number])
        if self.is_date and not is_number.all():
            self._add_dates(as_dates(present, self.date_format))
        if (
            self.numbers == self.counted + len(present)
            and len(self.different_numbers) > FEW_NUMBERS
            and len(self.texts) > SAMPLE
        ):
            return  # a column of measurements: its texts are not counted
        self.counted += len(present)
        self.texts.update(present.tolist())
        if len(self.texts) > MANY_TEXTS:
            self._prune()

    def _prune(self) -> None:
        """Forget the rarer texts, but remember whether nearly every cell since the last time had a new one."""
        (cells, texts), self._pruned_at = self._pruned_at, (self.counted, MANY_TEXTS // 2)
        self.all_different &= len(self.texts) - texts >= NEARLY_ALL * (self.counted - cells)
        self.is_pruned = True
        self.texts = Counter(dict(self.texts.most_common(MANY_TEXTS // 2)))

    def _add_numbers(self, numbers: Cells) -> None:
        self.numbers += len(numbers)
        if len(numbers) == 0:
            return
        self.low, self.high = min(self.low, float(numbers.min())), max(self.high, float(numbers.max()))
        self.has_fraction |= bool((numbers != np.round(numbers)).any())
        if len(self.different_numbers) <= FEW_NUMBERS:
            self.different_numbers.update(np.unique(numbers)[: FEW_NUMBERS + 1].tolist())
        if is_identifier_name(self.name) and not self.has_fraction:
            self._integers.append(numbers)

    def _add_dates(self, dates: Cells) -> None:
        known = dates[~np.isnat(dates)].astype("datetime64[s]")
        self.dates += len(known)
        if len(known):
            self.low, self.high = min(self.low, float(known.min().astype(int))), max(self.high, float(known.max().astype(int)))
            self.has_time |= bool((known.astype(int) % 86_400 != 0).any())

    def decide(self) -> tuple[Column | None, str]:
        """The column's encoding, or ``None`` where it is to be dropped; and a note, or nothing."""
        is_complete = self.present == self.rows
        if self.present == 0:
            return None, f"column {self.name!r} was dropped: it is empty in training"
        kind = self._kind()
        if kind == "text":
            different = len(self.texts)
            if different == 1 and is_complete:
                return None, f"column {self.name!r} was dropped: it is always {next(iter(self.texts))!r} in training"
            if self._names_rows():
                return (
                    None,
                    f"column {self.name!r} was dropped: nearly every row has another text, as identifiers and free text do",
                )
            return self._text_column(different)
        if kind == "flag":
            if self.low == self.high and not self.is_text and is_complete:
                return None, f"column {self.name!r} was dropped: it is always {bool(self.low)} in training"
            return Column(self.name, "flag"), ""
        if self.low == self.high and is_complete:
            return None, f"column {self.name!r} was dropped: it has one value only in training"
        if kind == "date":
            return Column(self.name, "date", date_format=self.date_format or "ISO8601", has_time=self.has_time), self._odd(
                self.dates, "dates"
            )
        if self._is_integer_identifier():
            return (
                None,
                f"column {self.name!r} was dropped: different whole numbers in every row, under a name as identifiers have",
            )
        return Column(self.name, "number", number_format=self.number_format or "plain"), self._odd(self.numbers, "numbers")

    def _kind(self) -> ColumnKind:
        if not self.is_text:
            return "date" if self.is_date else "flag" if self.is_flag and not self.is_float else "number"
        if self.numbers == self.present:
            return "number"
        if self.numbers >= MOSTLY * self.present and len(self.different_numbers) > FEW_NUMBERS:
            return "number"
        if self.is_date and self.dates >= MOSTLY * self.present:
            return "date"
        return "flag" if are_flags(set(self.texts)) else "text"

    def _text_column(self, different: int) -> tuple[Column, str]:
        # Equal counts in the order of the text, so that the order of the rows plays no part.
        ordered = sorted(self.texts, key=lambda t: (-self.texts[t], t))
        has_other = different > MAX_CODES - 1
        kept = tuple(ordered[: MAX_CODES - 2] if has_other else ordered)
        many = f"over {MANY_TEXTS // 2}" if self.is_pruned else str(different)
        note = (
            f"column {self.name!r}: the {len(kept)} most frequent of {many} texts have codes, the rest share one"
            if has_other
            else ""
        )
        return Column(self.name, "text", vocabulary=kept, has_other=has_other), note

    def _names_rows(self) -> bool:
        if self.is_pruned:
            return self.all_different
        different = len(self.texts)
        return different == self.present or (self.present >= SAMPLE / 50 and different >= NEARLY_ALL * self.present)

    def _is_integer_identifier(self) -> bool:
        if self.is_float or self.has_fraction or not is_identifier_name(self.name) or self.present < self.rows:
            return False
        return len(np.unique(np.concatenate(self._integers))) == self.rows

    def _odd(self, good: int, what: str) -> str:
        odd = self.present - good
        return f"column {self.name!r}: {odd} of {self.present} training cells are no {what} and count as missing" if odd else ""


def is_identifier_name(name: str) -> bool:
    """Whether a column's name says that it numbers the rows: id, uuid, CustomerID, row_index, Unnamed: 0."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return any(w in _IDENTIFIER for w in re.split(r"[^a-z0-9]+", words.lower()))
