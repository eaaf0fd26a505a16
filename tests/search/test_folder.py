"""The run folder: whose it is, what may change in it, and what happens where it cannot be written."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from searchitect import Space
from searchitect.core import RunError
from searchitect.core.choosing import Chooser
from searchitect.search.folder import locked, prepare_folder, read_json, write_json
from searchitect.testing import CountOnes
from tests.search.toys import Actor, Acts, Ones, asked, run_toy


def test_a_second_search_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    run_toy(tmp_path, CountOnes(8), Ones(), "3trials")
    with locked(tmp_path), pytest.raises(RunError, match=r"another process is searching in .*--out"):
        run_toy(tmp_path, CountOnes(8), Ones(), "5trials")
    assert len(run_toy(tmp_path, CountOnes(8), Ones(), "5trials").trials) == 5


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom searchitect.search.folder import locked\n"
        "with locked(Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdin is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(RunError, match="another process"), locked(tmp_path):
        pass
    holder.kill()
    holder.wait(10)
    holder.stdin.close()
    holder.stdout.close()
    with locked(tmp_path):
        pass


class Fixed(Space):
    """Not the space that the run began with."""

    name = "fixed"

    def describe(self, choose: Chooser) -> Any:
        return [choose("only", [0, 1])]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("seed", {"seed": 1}),
        ("strategy", {"strategy": "asha"}),
        ("strategy_options", {"strategy_options": {"avoid_duplicates": True}}),
        ("objectives", {"minimize": "cost"}),
        ("where", {"where": "loss<=3"}),
        ("fidelity", {"fidelity": "epochs=2"}),
        ("space_config", {"space": CountOnes(9)}),
        ("space", {"space": Fixed()}),
        ("estimator", {"estimator": Actor()}),
    ],
)
def test_a_changed_setting_is_named(name: str, change: dict[str, Any], tmp_path: Path) -> None:
    given: dict[str, Any] = {"space": CountOnes(8), "estimator": Ones(), "strategy": "regularized-evolution"}
    before = asked(run_toy(tmp_path, **given, budget="3trials").trials)
    with pytest.raises(RunError, match=rf"holds a run with {name}=.*now it is .*--out"):
        run_toy(tmp_path, **(given | change), budget="5trials")
    assert asked(run_toy(tmp_path, **given, budget="3trials").trials) == before


def test_the_number_of_workers_may_change(tmp_path: Path) -> None:
    run_toy(tmp_path, CountOnes(12), Ones(), "4trials")
    assert sum(t.is_trained for t in run_toy(tmp_path, CountOnes(12), Ones(), "8trials", workers=2).trials) == 8


@pytest.mark.parametrize("content", [b"this is no database, it is a text" * 100, b"\x00" * 5000])
def test_a_damaged_database_stops_the_search_and_stays_as_it_is(content: bytes, tmp_path: Path) -> None:
    run_toy(tmp_path, CountOnes(8), Ones(), "3trials")
    (tmp_path / "search.db").write_bytes(content)
    with pytest.raises(RunError, match=r"search\.db.* is damaged or not a database"):
        run_toy(tmp_path, CountOnes(8), Ones(), "5trials")
    assert (tmp_path / "search.db").read_bytes() == content


def test_an_out_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"out='.*file' cannot be written to .*--out"):
        run_toy(tmp_path / "file", CountOnes(8), Ones())
    with pytest.raises(RunError, match="cannot be written to"):
        run_toy(tmp_path / "file" / "below", CountOnes(8), Ones())


def test_a_read_only_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "fixed"
    folder.mkdir()
    folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.access(folder, os.W_OK):  # the superuser writes everywhere: the system's answer is played

        def refused(self: Path, *_: Any, **__: Any) -> int:
            raise PermissionError(13, "Permission denied", str(self))

        monkeypatch.setattr(Path, "write_text", refused)
    with pytest.raises(RunError, match=r"fixed' cannot be written to \(Permission denied\): choose another folder with --out"):
        prepare_folder(folder)
    folder.chmod(stat.S_IRWXU)


def test_a_file_is_whole_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(tmp_path / "a.json", {"a": "ä"})
    assert read_json(tmp_path / "a.json") == {"a": "ä"}

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_json(tmp_path / "a.json", {"a": "b"})
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "a.json") == {"a": "ä"}


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json' does not exist: is .* the folder of a run"):
        read_json(tmp_path / "run.json")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_json(tmp_path / "run.json")


FULL_DISK = """
import resource, sys
from pathlib import Path
from searchitect.core import RunError
from searchitect.testing import CountOnes
from tests.search.toys import Ones, run_toy

size = int(sys.argv[2])
if size:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))  # no file may grow beyond: writing fails as on a full disk
try:
    result = run_toy(Path(sys.argv[1]), CountOnes(30), Ones(), "300trials", strategy="random")
except RunError as error:
    print("RunError:", error)
else:
    print("ended with", sum(t.is_trained for t in result.trials))
"""


def test_a_disk_that_fills_up_is_said_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])

    def attempt(size: int) -> str:
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK, str(tmp_path / "run"), str(size)],
            env={**os.environ, "PYTHONPATH": root},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    said = attempt(150_000)
    assert said.startswith("RunError:")
    assert "search.db" in said
    assert attempt(0) == "ended with 300\n"


def test_the_run_folder_holds_json_that_any_reader_takes(tmp_path: Path) -> None:
    run_toy(tmp_path, Acts(("fine", "nan")), Actor(), "6trials", strategy="random")

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for name in ("run.json", "result.json"):
        json.loads((tmp_path / name).read_text(), parse_constant=refuse)
