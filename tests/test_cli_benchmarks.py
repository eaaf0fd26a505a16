"""The commands on tables."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from searchitect import cli
from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.files import save_table

from .benchmarks.importers.test_nats_bench import FIRST
from .benchmarks.importers.test_other_files import hardware
from .benchmarks.importers.written import nasbench101_record, nats_record, write_nats, write_records
from .benchmarks.small import small_table

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """searchitect benchmarks ...: exit code, output, errors. Its folders of tables are empty."""
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["searchitect", "benchmarks", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_the_list_says_what_there_is_and_how_to_get_the_rest(call: Call, tmp_path: Path) -> None:
    code, out, _ = call("list")
    assert code == 0
    assert "digits-cells         729 small cells" in out
    assert "space nasbench101 · 423,624 architectures · 4, 12, 36 and 108 epochs" in out
    assert "nasbench201:cifar10, nasbench201:cifar100, nasbench201:imagenet16-120" in out
    assert "licence Apache-2.0 · at hand" in out
    assert "licence MIT · not at hand" in out
    assert "run: searchitect benchmarks import nasbench101 FILE" in out
    assert out.endswith(f"looked for in: {tmp_path / 'home' / 'searchitect' / 'benchmarks'}\n")


def test_the_list_names_own_tables_and_those_of_a_family_that_are_at_hand(call: Call, tmp_path: Path) -> None:
    save_table(tmp_path / "mine.npz", small_table())
    (tmp_path / "nats-tss-cifar100.npz").write_bytes(b"not read")
    _, out, _ = call("list", "--folder", tmp_path)
    assert f"mine                 a table of your own: {tmp_path / 'mine.npz'}" in out
    assert "licence MIT · at hand: cifar100\n" in out


def test_the_list_needs_no_heavy_package() -> None:
    code = (
        "import sys\nfrom searchitect import cli\n"
        "sys.argv = ['searchitect', 'benchmarks', 'list']\n"
        "try:\n    cli.main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'numpy', 'pandas', 'pyarrow', 'sklearn', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_import_is_found_by_name(call: Call, tmp_path: Path) -> None:
    write_nats(tmp_path / "simple", {0: nats_record(FIRST)})
    code, out, err = call("import", "nats-bench", tmp_path / "simple")
    assert code == 0
    assert "warning: it holds 1 architectures, 15,625 are published: the table is a part of it" in err
    folder = tmp_path / "home" / "searchitect" / "benchmarks"
    assert out.splitlines()[:2] == ["1 architectures", f"table: {folder / 'nats-tss-cifar10.npz'}"]
    assert len(find_benchmark("nats-tss:imagenet16-120").rows) == 1


def test_every_format_is_read(call: Call, tmp_path: Path) -> None:
    row = {"test_acc": [90.0, 91.0, 92.0], "params": 1000, "flops": 5000}
    (tmp_path / "macro.json").write_text(json.dumps({"00000000": row}))
    (tmp_path / "cora.bench").write_bytes(pickle.dumps({0: {"valid_perf": 0.8, "perf": 0.7, "latency": 0.1, "para": 1.0}}))
    (tmp_path / "hw.pickle").write_bytes(pickle.dumps(hardware()))
    write_records(tmp_path / "x.tfrecord", [nasbench101_record("aa", 108, "0100", ["input", "output"], 1, 0.5, 0.5, 1.0)])
    files = {
        "nas-bench-macro": ("macro.json", "nasbench-macro.npz"),
        "nas-bench-graph": ("cora.bench", "nasbench-graph-cora.npz"),
        "hw-nas-bench": ("hw.pickle", "hw-nas-bench.npz"),
        "nasbench101": ("x.tfrecord", "nasbench101.npz"),
    }
    for name, (file, written) in files.items():
        code, out, _ = call("import", name, tmp_path / file, "--folder", tmp_path / "out")
        assert (code, out.splitlines()[-1]) == (0, f"table: {tmp_path / 'out' / written}")
    for name in ("nasbench-macro", "nasbench-graph:cora", "nasbench101"):
        assert len(find_benchmark(name, folder=tmp_path / "out").rows) == 1


def test_quiet_prints_nothing(call: Call, tmp_path: Path) -> None:
    write_records(tmp_path / "x", [nasbench101_record("aa", 108, "0100", ["input", "output"], 1, 0.5, 0.5, 1.0)])
    code, out, err = call("import", "nasbench101", tmp_path / "x", "-q")
    assert (code, out) == (0, "")
    assert err.count("\n") == 1  # the warning


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nats", "x"], "unknown format of a benchmark 'nats': did you mean 'nats-bench'?"),
        (["nasbench101", "missing"], "does not exist: searchitect benchmarks list says where to get it"),
        (["nasbench101", "."], "is a folder: name the file itself"),
        (["nasbench101", "text"], "is damaged, or no TensorFlow record file"),
        (["hw-nas-bench", "text"], "is damaged, or no pickle"),
        (["hw-nas-bench", "code"], "is refused: it asks to load posix.mkdir"),
        (["nats-bench", "text"], "is neither a folder nor a whole .tar"),
        (["nats-bench", "."], "holds no file such as 000000.pickle.pbz2"),
        (["nas-bench-macro", "text"], "is not nas-bench-macro_cifar10.json"),
        (["nas-bench-graph", "text"], "is not named after a data set"),
    ],
)
def test_what_is_wrong_is_told_in_one_sentence(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    class Code:
        def __reduce__(self) -> object:
            return os.mkdir, ("made-by-a-pickle",)

    monkeypatch.chdir(tmp_path)
    Path("text").write_text("some text\n" * 100)
    Path("code").write_bytes(pickle.dumps(Code()))
    code, out, err = call("import", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("searchitect: ")
    assert said in err
    assert err.count("\n") == 1
    assert not Path("made-by-a-pickle").exists()


def test_a_folder_that_cannot_be_written_to_is_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    write_records(tmp_path / "x", [nasbench101_record("aa", 108, "0100", ["input", "output"], 1, 0.5, 0.5, 1.0)])
    code, _, err = call("import", "nasbench101", tmp_path / "x", "--folder", tmp_path / "file", "-q")
    assert code == 2
    assert "the table cannot be written to" in err


def test_making_a_table(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    y = np.arange(80) % 2
    np.savez("data.npz", x=(np.random.default_rng(0).normal(size=(80, 8, 8)) + y[:, None, None]).astype(np.float32), y=y)
    settings = ["--set", "channels=2", "--set", "cells=1", "--set", "operations=none,skip_connect"]
    training = [
        "--set",
        "training.batch_size=8",
        "--seeds",
        1,
        "--epochs",
        2,
        "--valid",
        "1/2",
        "--test",
        "1/4",
        "--workers",
        1,
    ]
    code, out, err = call("make", "nasbench201", "data.npz", *settings, *training, "--licence", "CC0")
    assert code == 0
    assert out.splitlines()[0].startswith("5 architectures, test accuracy: mean 0.")
    assert out.splitlines()[1].startswith("Spearman's correlation: seed to seed nan, validation to test ")
    assert out.splitlines()[2] == "table: tables/nasbench201-data/nasbench201-data.npz"
    assert err.splitlines()[-1] == "training: 5 of 5"
    table = find_benchmark("tables/nasbench201-data/nasbench201-data.npz")
    assert (table.epochs, table.licence, table.name) == ((1, 2), "CC0", "nasbench201-data")
    about = json.loads(Path("tables/nasbench201-data/settings.json").read_text())
    assert about["examples"] == {"train": 30, "valid": 30, "test": 20}
    assert about["training"] == {"batch_size": 8}
    assert about["config"]["operations"] == ["none", "skip_connect"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nasbench202", "digits"], "unknown space 'nasbench202'"),
        (["nasbench201", "digits", "--valid", "half"], "--valid 'half' is no fraction: write 0.25 or 1/4"),
        (["nasbench201", "digits", "--test", "1/0"], "--test '1/0' is no fraction"),
        (["nasbench201", "digits", "--set", "x=1"], "has no setting 'x'"),
        (["nasbench201", "digits", "--set", "operations=none,conv"], "must be different ones of"),
        (["nasbench201", "digits", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["nasbench101", "digits"], "has 1,293,208 architectures to train them all, at most 20,000 are"),
        (["nasbench201", "missing.npz"], "missing.npz"),
    ],
)
def test_what_cannot_be_made_is_told_in_one_sentence(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call("make", *arguments, "-q")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "tables").exists()
