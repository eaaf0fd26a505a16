"""What is to be learned: classes or numbers, decided from the raw targets."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError, SettingError
from searchitect.tasks.source import names_shown

KINDS: Final = ("classification", "regression")
FEW: Final = 20  # integers with at most so many different values are classes, unless the user says otherwise
MAX_CLASS_SHARE: Final = 0.5  # more classes than this share of the rows cannot be learned


@dataclass(frozen=True)
class Target:
    """Targets ready for learning.

    Attributes:
        kept: numbers of the rows that have a target, ascending.
        y: of the kept rows: int64 class numbers, or float64 values.
        classes: names in the order of the numbers; empty for regression.
        notes: what a user should know.
    """

    kept: NDArray[np.int64]
    y: NDArray[Any]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def decide_target(
    raw: NDArray[Any], *, name: str, task: str | None = None, classes: tuple[str, ...] = (), is_image: bool = False
) -> Target:
    """Classes or numbers.

    Text and bools are classes; fractional numbers are values; whole numbers are classes where at most 20 different ones occur
    (for images: where they are of an integer type and each occurs twice or more on average), else values.

    Args:
        raw: [N] numbers, bools, or objects (str, None where missing).
        name: of the target, for messages.
        task: "classification" or "regression" overrules the above.
        classes: names that the data bring along for the class numbers 0, 1, ...
        is_image: images rather than a table.
    """
    if task is not None and task not in KINDS:
        raise SettingError(f"task={task!r}: must be 'classification' or 'regression', or left out")
    raw = _as_plain(raw)
    is_missing = np.array([v is None for v in raw], bool) if raw.dtype == object else ~np.isfinite(raw.astype(np.float64))
    kept = np.flatnonzero(~is_missing)
    if len(kept) == 0:
        raise DataError(f"target {name!r}: every value is missing, so there is nothing to learn; name another target")
    notes = []
    if is_missing.any():
        notes.append(f"target {name!r}: {int(is_missing.sum())} of {len(raw)} rows have no value and were left out")
    present = raw[kept]
    if task == "regression":
        if classes:
            raise DataError(f"task='regression': the target {name!r} is given as classes; leave task out")
        return Target(kept, _values(present, name), (), tuple(notes))
    if task is None and not classes:
        kind, note = _guess(present, name, is_image)
        notes += [note] if note else []
        if kind == "regression":
            return Target(kept, _values(present, name), (), tuple(notes))
    labels, names = _named(present, classes, name) if classes else _classes(present)
    different = len(np.unique(labels))
    if different < 2:
        raise DataError(
            f"target {name!r}: only one class, {names[int(labels[0])]!r}, in {len(labels)} rows; at least 2 are needed"
        )
    if different > max(2, MAX_CLASS_SHARE * len(labels)):
        raise DataError(
            f"target {name!r}: {different} different classes in {len(labels)} rows are too many to learn; "
            "name another target, or say task='regression' where they are numbers"
        )
    return Target(kept, labels, names, tuple(notes))


def _as_plain(raw: NDArray[Any]) -> NDArray[Any]:
    """Numbers and bools as they are; text numbers and everything else as objects: str, or None where missing."""
    if raw.dtype.kind in "biuf":
        return raw
    if raw.dtype.kind == "M":
        raise DataError("target: dates cannot be learned as they are; turn them into a number, such as days since a date")
    empty = [v is None or (isinstance(v, float) and np.isnan(v)) for v in raw.tolist()]
    return np.array([None if e else str(v).strip() or None for v, e in zip(raw.tolist(), empty, strict=True)], dtype=object)


def _as_numbers(present: NDArray[Any]) -> NDArray[np.float64] | None:
    try:
        return present.astype(np.float64)
    except ValueError:
        return None


def _guess(present: NDArray[Any], name: str, is_image: bool) -> tuple[str, str]:
    numbers = _as_numbers(present)
    if present.dtype.kind == "b" or numbers is None or not np.isfinite(numbers).all():
        return "classification", ""
    if (numbers != np.round(numbers)).any():
        return "regression", ""
    different = len(np.unique(numbers))
    if is_image and present.dtype.kind in "iu" and different <= max(FEW, MAX_CLASS_SHARE * len(numbers)):
        return "classification", ""
    if different <= FEW:
        is_plain = different == 2 or (present.dtype.kind in "iu" and numbers.min() == 0 and numbers.max() == different - 1)
        advice = f"target {name!r}: {different} whole numbers are taken as classes; say task='regression' to learn their size"
        return "classification", "" if is_plain else advice
    return "regression", ""


def _values(present: NDArray[Any], name: str) -> NDArray[np.float64]:
    numbers = _as_numbers(present)
    if numbers is None:
        wrong = [v for v in present.tolist() if _as_numbers(np.array([v], dtype=object)) is None]
        raise DataError(
            f"task='regression': the target {name!r} must be numbers, but has {names_shown(list(dict.fromkeys(wrong)), 3)}; "
            "say task='classification', or clean the column"
        )
    if not np.isfinite(numbers).all():
        raise DataError(f"target {name!r}: values must be finite, but some are infinite; remove those rows")
    if numbers.min() == numbers.max():
        raise DataError(f"target {name!r}: all {len(numbers)} values are {numbers[0]:g}, so there is nothing to learn")
    return numbers


def _classes(present: NDArray[Any]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class numbers and names: in the order of numbers where all are, else of text."""
    numbers = None if present.dtype.kind == "b" else _as_numbers(present)
    if numbers is None or not np.isfinite(numbers).all():
        values, labels = np.unique(present.astype(str), return_inverse=True)
        return labels.astype(np.int64), tuple(str(v) for v in values)
    values, labels = np.unique(numbers, return_inverse=True)
    return labels.astype(np.int64), tuple(f"{v:.0f}" if v == round(v) else repr(float(v)) for v in values)


def _named(present: NDArray[Any], classes: tuple[str, ...], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Class numbers that index ``classes``, or names out of it."""
    numbers = _as_numbers(present)
    if numbers is None:
        place = {c: k for k, c in enumerate(classes)}
        foreign = sorted({str(v) for v in present.tolist()} - set(place))
        if foreign:
            raise DataError(f"target {name!r}: {names_shown(foreign)} not among the classes {names_shown(list(classes), 10)}")
        return np.array([place[str(v)] for v in present.tolist()], np.int64), classes
    if (numbers != np.round(numbers)).any() or numbers.min() < 0 or numbers.max() >= len(classes):
        raise DataError(
            f"target {name!r}: labels must be whole numbers from 0 to {len(classes) - 1}, one for each named class, "
            f"got {numbers.min():g} to {numbers.max():g}"
        )
    return numbers.astype(np.int64), classes
