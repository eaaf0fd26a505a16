"""The stand-alone encoding of rows is that of `TableEncoder`, cell by cell."""

import datetime
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from searchitect.export.parts.rows import EMPTY_CELLS, FALSE_CELLS, TRUE_CELLS, encode_rows
from searchitect.tasks import TableEncoder, cells, tables
from searchitect.tasks.columns import Column

NUMBERS = [
    "1",
    "1.5",
    "1_000",
    "+5",
    "--5",
    "1e5",
    "1E-3",
    ".5",
    "5.",
    "0x10",
    "inf",
    "-Infinity",
    "nan",
    "True",
    "1 000",
    "١٢",
    "1,5",
]
NUMBERS += [
    "1e",
    "12345678901234567890123",
    "1.5f",
    "1e400",
    "-",
    " 4",
    "00012",
    "$1,234.5",
    "12 %",
    "1.234,5",
    "1,23",
    "€ 3",
    "1.234.567",
]
DATES = [
    "2024-01-05",
    "2024-1-5",
    "2024/01/05",
    "2024.01.05",
    "20240105",
    "2024",
    "2024-03",
    "202401",
    "2024-01-05T10",
    "2024-01-05T1020",
]
DATES += [
    "2024-01-05T10:20:30.1234",
    "2024-01-05T10:20:30Z",
    "2024-01-05 10:20:30 +02:00",
    "2024-01-05T10:20:30-0230",
    "2024-02-30",
]
DATES += [
    "2024-13-01",
    "24-01-05",
    "2024-W01-1",
    "2024-01-05T24:00",
    "2024-01-05T10:20:60",
    "2024-01/05",
    "2024-01-05T",
    "2024-01-05Z",
]
DATES += [
    "1969-12-31T23:59:59.5",
    "1600-05-05",
    "20240105T102030",
    "20240105T10203",
    "5.1.2024",
    "31.2.2024",
    "5 Jan 2024",
    "1/5/69",
    "1/5/68",
]
DATES += ["5 jan 2024 7:05", "May 5, 2024", "01.02.2024 10:20", "01.02.2024 25:20"]
TEXTS = ["a", "A", "b ", "", "  ", "2", "2.0", "None", "yes", "NO", "t", "1.0", "0", "Straße", "on"]

COLUMNS = (
    Column("plain", "number"),
    Column("grouped", "number", number_format="grouped"),
    Column("comma", "number", number_format="comma"),
    Column("flag", "flag"),
    *(Column(form, "date", date_format=form, has_time=True) for form in cells.DATE_FORMATS),
    Column("text", "text", vocabulary=("a", "b", "2")),
    Column("rest", "text", vocabulary=("2", "a"), has_other=True),
)


def both(columns: tuple[Column, ...], values: list[Any], dtype: Any = object) -> tuple[torch.Tensor, torch.Tensor]:
    encoder = TableEncoder(columns)
    frame = pd.DataFrame({c.name: pd.Series(values, dtype=dtype) for c in columns})
    rows = [dict.fromkeys([c.name for c in columns], value) for value in values]
    return encode_rows(rows, encoder.to_json()["columns"]), encoder.encode(frame)


def assert_equal(got: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=0, equal_nan=True)


def test_texts_of_every_form_are_read_as_in_training() -> None:
    dates = tuple(c for c in COLUMNS if c.kind == "date")
    others = tuple(c for c in COLUMNS if c.kind != "date")
    for columns, values in ((dates, [*DATES, *TEXTS, None]), (others, [*NUMBERS, *DATES, *TEXTS, None])):
        got, expected = both(columns, values)
        assert_equal(got, expected)
        assert len(set(expected.isfinite().sum(dim=0).tolist())) > 1  # formats differ in what they read


def test_garbled_texts_are_read_as_in_training() -> None:
    rng = random.Random(0)
    values = []
    for _ in range(1500):
        text = list(rng.choice(NUMBERS + DATES))
        place = rng.randrange(len(text))
        text[place : place + rng.randrange(2)] = rng.choice(["", *"0123456789-/.:, TZ+"])
        values.append("".join(text))
    # pandas takes the years "-024" and ".02" for negative ones, and "1e 5" for a number
    values = [v for v in values if v.strip()[:1].isalnum() and "e " not in v.lower()]
    got, expected = both(COLUMNS, values)
    assert_equal(got, expected)


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.0, 2.5, None, float("inf"), -1e35, 2.0], "float64"),
        ([0, 1, 2, -3], "int64"),
        ([True, False, True], "bool"),
        ([True, None, False], object),
        ([datetime.datetime(2024, 1, 5, 10, 20, 30), datetime.datetime(1969, 12, 31, 23), None], "datetime64[s]"),
        ([datetime.date(2024, 2, 29), None], object),
        ([datetime.timedelta(hours=5)], "timedelta64[s]"),
        ([np.float32(2.0), np.float32(0.5)], "float32"),
        (["2", 2, 2.0, None], object),
    ],
)
def test_cells_that_are_no_texts_are_read_as_in_training(values: list[Any], dtype: Any) -> None:
    got, expected = both(COLUMNS, values, dtype)
    assert_equal(got, expected)


def test_dates_with_a_zone_are_turned_into_utc() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=-5))
    values = [datetime.datetime(2024, 1, 5, 22, 0, tzinfo=zone)]
    got, expected = both((Column("when", "date", has_time=True),), values)
    assert_equal(got, expected)
    assert got.tolist() == [[19728.0, 1.0, 5.0, 3.0]]  # Saturday, 6 January 2024, 3 o'clock


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        ('a,b,c\n1,x,"2,5"\n NA, y ,\n?,"he said ""no""",3\n', ".csv"),
        ("a;b;c\r\n1;x;2\r\n\r\n;N/A;-1\r\n", ".csv"),
        ("a\tb\tc\n1\t x\t2\n3\ty\n", ".tsv"),
        ("\ufeffa,b,b,c\n1,x,y,2\n", ".csv"),
        ('c,b,,a\n1,"two\nlines",5,2\n', ".csv"),
    ],
)
def test_csv_files_are_read_as_in_training(content: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"tåble{suffix}"
    path.write_bytes(content.encode())
    columns = (
        Column("a", "number"),
        Column("b", "text", vocabulary=("x", "y", 'he said "no"', "two\nlines"), has_other=True),
        Column("c", "number", number_format="comma"),
    )
    encoder = TableEncoder(columns)
    assert_equal(encode_rows(path, encoder.to_json()["columns"]), encoder.encode(path))


def test_a_file_in_latin_1_is_read_as_in_training(tmp_path: Path) -> None:
    path = tmp_path / "latin.csv"
    path.write_bytes("town\nMünchen\nÅrhus\n".encode("latin-1"))
    encoder = TableEncoder((Column("town", "text", vocabulary=("Århus", "München")),))
    assert encode_rows(path, encoder.to_json()["columns"]).tolist() == encoder.encode(path).tolist() == [[2.0], [1.0]]


def test_the_words_for_missing_true_and_false_are_those_of_training() -> None:
    assert set(tables._EMPTY) == EMPTY_CELLS
    assert cells._TRUE | {"1", "1.0"} == TRUE_CELLS
    assert cells._FALSE | {"0", "0.0"} == FALSE_CELLS


@pytest.mark.parametrize("names", [("x0", "x3"), ("height", "width")])
def test_numbers_without_names_are_taken_by_position(names: tuple[str, ...]) -> None:
    encoder = TableEncoder(tuple(Column(name, "number") for name in names))
    rows = np.arange(8.0).reshape(2, 4) if names[0] == "x0" else np.arange(4.0).reshape(2, 2)
    columns = encoder.to_json()["columns"]
    assert_equal(encode_rows(torch.from_numpy(rows), columns), encoder.encode(rows))
    assert_equal(encode_rows(rows[0].tolist(), columns), encoder.encode(rows[0]))


def test_a_missing_column_and_missing_rows_are_named(tmp_path: Path) -> None:
    columns = TableEncoder((Column("height", "number"),)).to_json()["columns"]
    with pytest.raises(ValueError, match=r"lack the column 'height'; they have 'width'"):
        encode_rows([{"width": 3}], columns)
    with pytest.raises(ValueError, match="no rows"):
        encode_rows([], columns)
    (tmp_path / "empty.csv").write_text("height\n")
    with pytest.raises(ValueError, match="the file has no rows"):
        encode_rows(tmp_path / "empty.csv", columns)
    with pytest.raises(ValueError, match="must have 1 numbers each, got 2"):
        encode_rows([[1.0, 2.0]], columns)
