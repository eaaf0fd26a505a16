"""Pickles of other people are data, or refused."""

import bz2
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect.benchmarks.importers import pickles
from searchitect.benchmarks.importers.pickles import read_packed_pickle, read_pickle
from searchitect.core import DataError


class Runs:
    """What a pickle can be made to do."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.answer = call, arguments

    def __reduce__(self) -> Any:
        return self.answer


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(protocol: int) -> None:
    data = {
        ("a", 1): [1, 2.5, None, True, "ü", b"\x00\xff"],
        "set": {1, 2},
        "ordered": OrderedDict(x=1, y=2),
        "scalar": np.float64(0.129306),
        "array": np.arange(6, dtype=np.float32).reshape(2, 3),
        "objects": np.array(["x", None], dtype=object),
    }
    found = read_pickle(pickle.dumps(data, protocol=protocol), "x")
    assert list(found) == list(data)
    assert found["array"].tolist() == data["array"].tolist()
    assert found["objects"].tolist() == ["x", None]
    assert {key: value for key, value in found.items() if key not in ("array", "objects")} == {
        key: value for key, value in data.items() if key not in ("array", "objects")
    }


@pytest.mark.parametrize(
    ("what", "named"),
    [
        (Runs(os.system, "touch {file}"), "posix.system|nt.system"),
        (Runs(eval, "1"), "builtins.eval"),
        (Runs(getattr, "x", "upper"), "builtins.getattr"),
        (Runs(np.load, "x"), "numpy.load"),
        (Path("x"), "pathlib"),
        ([OrderedDict(a=Runs(exec, "1"))], "builtins.exec"),
        (np.array([Runs(os.getcwd)], dtype=object), "getcwd"),
    ],
)
def test_whatever_could_act_is_refused_by_name(what: Any, named: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"'bad.pickle' is refused: it asks to load .*({named}).*not plain data"):
        read_pickle(pickle.dumps(what), "bad.pickle")


def test_nothing_was_run_before_it_was_refused(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(DataError):
        read_pickle(pickle.dumps([Runs(os.mkdir, str(mark))]), "x")
    assert not mark.exists()


def test_a_scalar_cannot_smuggle_a_pickle() -> None:
    inner = pickle.dumps(Runs(os.getcwd))
    smuggled = pickle.dumps(Runs(np._core.multiarray.scalar, np.dtype("O"), inner))
    with pytest.raises(DataError, match="damaged"):
        read_pickle(smuggled, "x")


@pytest.mark.parametrize(
    "content", [b"", b"no pickle", pickle.dumps(list(range(100)))[:50], b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\xff"]
)
def test_a_damaged_pickle_is_told_so(content: bytes) -> None:
    with pytest.raises(DataError, match="'x' is damaged, or no pickle"):
        read_pickle(content, "x")


def test_a_packed_pickle_is_read_and_a_damaged_one_told() -> None:
    packed = bz2.compress(pickle.dumps({"a": 1}))
    assert read_packed_pickle(packed, "x") == {"a": 1}
    for wrong in (b"", packed[:20], b"BZh9" + b"\x00" * 30):
        with pytest.raises(DataError, match="'x' is damaged"):
            read_packed_pickle(wrong, "x")


def test_a_packed_file_that_swells_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "LARGEST", 1000)
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        read_packed_pickle(bz2.compress(pickle.dumps(b"\x00" * 100_000)), "x")
