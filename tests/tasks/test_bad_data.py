"""Every mistake ends in one sentence that says what is wrong and what to do."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from searchitect.core import DataError
from searchitect.tasks import load_task

GOOD = pd.DataFrame({"a": np.arange(40) / 3, "b": ["u", "v"] * 20, "price": np.arange(40) * 1.5})


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("digit", {}, "did you mean 'digits'"),
        ("no/such/folder", {}, "no such file or folder"),
        ("missing.csv", {"target": "y"}, "no such file or folder"),
        (GOOD, {"target": "prize"}, "target='prize': data has no such column: did you mean 'price'"),
        (GOOD, {}, "say which column is to be learned, as in target='price'; columns are a, b, price"),
        (GOOD.assign(price=np.nan), {"target": "price"}, "every value is missing"),
        (GOOD.assign(b="same"), {"target": "b"}, "only one class, 'same'"),
        (GOOD, {"target": "b", "task": "regression"}, "must be numbers, but has 'u', 'v'"),
        (GOOD[:3], {"target": "price"}, "3 rows to train on are too few; at least 10"),
        (GOOD[:0], {"target": "price"}, "the table has no rows"),
        (GOOD[["price"]], {"target": "price"}, "no column but the target"),
        (GOOD.assign(a=1.0, b="one"), {"target": "price"}, "no column is left to learn from"),
        ((np.zeros((10, 4)), np.zeros(9)), {}, "X has 10 examples but y has 9"),
        ((np.zeros((0, 4)), np.zeros(0)), {}, "X is empty"),
        ((np.zeros(10), np.arange(10) % 2), {}, "images must have the shape"),
        ((np.zeros((10, 2)), np.zeros((10, 3)) + 5), {}, r"one per example, shape \(N,\), got \(10, 3\)"),
        ((np.array([["a", "b"]] * 10), np.arange(10) % 2), {}, "must be numbers, got an array of <U1"),
        (([[1, 2], [3]], [0, 1]), {}, "examples must have one shape"),
        (42, {}, "a int cannot be learned from"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_task(data, **options)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("header.csv", b"a,b,price\n", "the table has no rows"),
        ("binary.csv", b"PK\x03\x04\0\0\0\0", "not a text file"),
        ("ragged.csv", b"a,price\n1,2\n1,2,3,4\n" + b"1,2\n" * 20, "not a readable table .*every line needs as many cells"),
        ("damaged.npz", b"PK\x03\x04 not a zip", "not a readable .npz file"),
        ("empty.npz", b"", "not a readable .npz file"),
        ("damaged.parquet", b"PAR1 nothing PAR1", "not a readable parquet file"),
        ("notes.docx", b"text", "not a known kind of file"),
        ("photo.jpg", b"\xff\xd8", "an image alone cannot be learned from"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        load_task(path, target="price" if path.suffix in (".csv", ".parquet") else None)
    assert name in str(error.value)


def test_a_truncated_npz_file_is_told(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=(50, 9)), y=np.arange(50) % 2)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a readable"):
        load_task(tmp_path / "a.npz")
    flipped = bytearray(whole)
    flipped[200:260] = bytes(60)
    (tmp_path / "a.npz").write_bytes(flipped)
    with pytest.raises(DataError, match="not a readable"):
        load_task(tmp_path / "a.npz")


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("trapped",)


def test_object_arrays_are_refused_and_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("t.npz", x=np.array([Trap()] * 20, dtype=object), y=np.arange(20) % 2)
    with pytest.raises(DataError, match="holds Python objects, which could run code"):
        load_task(tmp_path / "t.npz")
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": np.zeros((20, 3))}, "needs the arrays x and y.*it holds a"),
        ({"x_test": np.zeros((20, 3)), "y_test": np.arange(20) % 2}, "no x_train and y_train"),
        (
            {"x_train": np.zeros((20, 3)), "y_train": np.arange(20), "x_test": np.zeros((9, 4)), "y_test": np.arange(9)},
            r"examples of one shape, got \(3,\), \(4,\)",
        ),
        ({"x": np.zeros((20, 3)), "y": np.arange(19)}, "x has 20 examples but y has 19"),
    ],
)
def test_npz_files_that_lack_something_are_told(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load_task(tmp_path / "a.npz")


def test_rows_without_a_target_are_dropped_and_noted(tmp_path: Path) -> None:
    GOOD.assign(price=GOOD["price"].where(GOOD.index % 4 > 0)).to_csv(tmp_path / "t.csv", index=False)
    task = load_task(tmp_path / "t.csv", target="price")
    rows = np.concatenate([task.train.rows, task.valid.rows, task.test.rows])
    assert sorted(rows) == [r for r in range(40) if r % 4]
    assert "10 of 40 rows have no value and were left out" in task.notes[0]


@pytest.mark.parametrize("name", ["t.csv", "t.npz", "t.parquet", "folder"])
def test_a_file_without_permission_is_told(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif name == "t.npz":
        np.savez(path, x=np.zeros((20, 2)), y=np.arange(20) % 2)
    elif name == "t.csv":
        GOOD.to_csv(path, index=False)
    else:
        GOOD.to_parquet(path)
    if os.geteuid() == 0:  # root may read anything: refuse in its place

        def refuse(*args: Any, **options: Any) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        for place in ("pathlib.Path.open", "pathlib.Path.iterdir", "numpy.load", "pyarrow.parquet.ParquetFile"):
            monkeypatch.setattr(place, refuse)
    else:
        path.chmod(0)
    with pytest.raises(DataError, match="no permission to read it"):
        load_task(path, target="price" if name in ("t.csv", "t.parquet") else None)
    if os.geteuid() != 0:
        path.chmod(0o755)
