"""Which rows train, which choose (validation), which judge (test)."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core import DataError, SettingError

TRAIN, VALID, TEST = 0, 1, 2
TEST_FRACTION: Final = 0.25
VALID_FRACTION: Final = 0.2
MAX_VALID: Final = 10_000
MIN_ROWS: Final = 10


@dataclass(frozen=True)
class Split:
    """Row numbers of the three parts: disjoint, int64, each in ascending order; and what should be told of them."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]
    notes: tuple[str, ...]


def split_rows(
    labels: NDArray[np.int64] | None,
    rows: int,
    *,
    seed: int,
    given: NDArray[np.int8] | None = None,
    classes: tuple[str, ...] = (),
    valid: float | None = None,
    test: float | None = None,
) -> Split:
    """Split ``rows`` rows, by class where there are labels. A given part is kept, never merged or cut from.

    Args:
        labels: class of each row, [rows]; ``None`` splits at random (regression).
        rows: how many there are.
        seed: of the draw.
        given: `TRAIN`, `VALID` or `TEST` of each row, where the data bring their own parts; what lacks is cut from `TRAIN`.
        classes: names, for the notes.
        valid: fraction of the rows outside test, in (0, 1); by default 0.2 and at most 10,000 rows.
        test: fraction of all rows, in (0, 1); by default 0.25.
    """
    parts = np.full(rows, TRAIN, np.int8) if given is None else given.astype(np.int8)
    notes: list[str] = []
    for name, part, fraction in (("test", TEST, test), ("valid", VALID, valid)):
        if fraction is None:
            continue
        if not 0 < fraction < 1:
            raise SettingError(f"{name}={fraction}: must be a fraction between 0 and 1, for example 0.2")
        if (parts == part).any():
            raise SettingError(
                f"{name}={fraction}: the data bring their own {name} part, which is kept as it is; leave {name} out"
            )
    free = int((parts == TRAIN).sum())
    if free < MIN_ROWS:
        raise DataError(f"data: {free} rows to train on are too few; at least {MIN_ROWS} are needed, some hundreds advisable")
    if labels is not None:
        notes += _rare_classes(labels[parts == TRAIN], classes)
    rng = np.random.default_rng(seed)
    lacks_valid = not (parts == VALID).any()
    if not (parts == TEST).any():
        count = math.ceil((test or TEST_FRACTION) * free)
        keep = 2 if lacks_valid else 1
        parts[_draw(np.flatnonzero(parts == TRAIN), labels, count, keep, rng)] = TEST
    if lacks_valid:
        free = int((parts == TRAIN).sum())
        count = min(math.ceil((valid or VALID_FRACTION) * free), MAX_VALID if valid is None else free)
        parts[_draw(np.flatnonzero(parts == TRAIN), labels, count, 1, rng)] = VALID
    train_rows, valid_rows, test_rows = (np.flatnonzero(parts == part) for part in (TRAIN, VALID, TEST))
    if len(train_rows) < 2:
        raise SettingError(f"valid={valid}, test={test}: they leave {len(train_rows)} of {rows} rows to train on; lower them")
    return Split(train_rows, valid_rows, test_rows, tuple(notes))


def _draw(
    pool: NDArray[np.int64], labels: NDArray[np.int64] | None, count: int, keep: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """About ``count`` rows of the pool: at random, or each class in proportion, giving 1 or more and keeping ``keep`` or more.

    A class that cannot do both gives none.
    """
    pool = rng.permutation(pool)
    if labels is None:
        return pool[: max(1, min(count, len(pool) - keep))]
    order = np.argsort(labels[pool], kind="stable")
    sizes = np.bincount(labels[pool])
    wanted = sizes * (count / len(pool))
    take = np.floor(wanted).astype(np.int64)
    for k in np.argsort(take - wanted, kind="stable")[: count - int(take.sum())]:  # largest remainders first
        take[k] += 1
    take = np.where(sizes > keep, np.clip(take, 1, np.maximum(sizes - keep, 1)), 0)
    starts = np.cumsum(sizes) - sizes
    place = np.arange(len(pool)) - np.repeat(starts, sizes)  # of each row within its class
    return pool[order[place < np.repeat(take, sizes)]]


def _rare_classes(labels: NDArray[np.int64], classes: tuple[str, ...]) -> list[str]:
    sizes = np.bincount(labels, minlength=len(classes))
    name = [classes[k] if k < len(classes) else str(k) for k in range(len(sizes))]
    single = [name[k] for k in np.flatnonzero(sizes == 1)]
    pair = [name[k] for k in np.flatnonzero(sizes == 2)]
    notes = []
    if single:
        notes.append(f"{_classes(single)} one example only: kept in training, so nothing is known of how well it is recognised")
    if pair:
        notes.append(f"{_classes(pair)} two examples only: too few to be in every part")
    return notes


def _classes(names: list[str]) -> str:
    shown = ", ".join(repr(n) for n in names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    return f"class {shown} has" if len(names) == 1 else f"classes {shown} have"
