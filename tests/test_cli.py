"""The command line: one run through every command, mistakes in one sentence, interrupts, no needless imports."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from searchitect import cli
from searchitect.search import plan
from searchitect.search.store import open_store

Call = Callable[..., tuple[int, str, str]]


def write_table(path: Path, rows: int = 120) -> Path:
    numbers = np.random.default_rng(0).normal(size=(rows, 3))
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{'yes' if a > b else 'no'}" for a, b, c in numbers]
    path.write_text("\n".join(["a,b,c,answer", *lines]) + "\n")
    return path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A command: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["searchitect", *map(str, arguments)])
        capsys.readouterr()
        try:
            cli.main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


SMALL = ("--budget", "4trials", "--fidelity", "epochs=1", "--workers", "1", "--strategy", "random")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A table, the folder of its run, and what the command printed."""
    folder = tmp_path_factory.mktemp("cli")
    table = write_table(folder / "table.csv")
    arguments = ["search", str(table), "--target", "answer", *SMALL, "--out", str(folder / "run")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan, "usual_epochs", lambda info: 2.0)
        patch.setattr(sys, "argv", ["searchitect", *arguments])
        done = CliRunner().invoke(cli.app, arguments, catch_exceptions=False)
    assert done.exit_code == 0
    return table, folder / "run", done.output


# --- one run through every command -----------------------------------------------------------------------------------


def test_a_search_says_what_it_found_how_it_compares_where_it_lies_and_what_is_next(finished: tuple[Path, Path, str]) -> None:
    _, run, said = finished
    summary = json.loads((run / "result.json").read_text())
    assert summary["sentence"] in said
    assert f"report: {run / 'report.html'}" in said
    assert f"model:  {run / 'model.onnx'}, {run / 'model.py'}" in said
    assert f"next:   searchitect predict {run} NEW_DATA" in said
    assert "retraining the best" in said  # progress, for the last phase too


def test_the_same_command_again_has_nothing_left_to_do(finished: tuple[Path, Path, str], call: Call) -> None:
    table, run, said = finished
    before = {p.name: p.read_bytes() for p in (run / "weights").iterdir()}
    code, out, _ = call("search", table, "--target", "answer", *SMALL, "--out", run)
    assert code == 0
    assert out.splitlines()[0] in said
    assert {p.name: p.read_bytes() for p in (run / "weights").iterdir()} == before


def test_status_tells_trials_settings_and_result(finished: tuple[Path, Path, str], call: Call) -> None:
    _, run, _ = finished
    code, out, _ = call("status", run)
    assert code == 0
    assert out.startswith("table: 4 complete\n")
    assert "budget 4trials, strategy random, space mlp" in out
    assert json.loads((run / "result.json").read_text())["sentence"] in out


def test_status_of_a_search_that_has_not_ended_names_its_best_and_the_command(
    finished: tuple[Path, Path, str], call: Call, tmp_path: Path
) -> None:
    import shutil

    _, run, _ = finished
    unfinished = tmp_path / "run"
    shutil.copytree(run, unfinished)
    (unfinished / "result.json").unlink()
    code, out, _ = call("status", unfinished)
    assert code == 0
    store = open_store(run)
    best = max(t.metrics["accuracy"] for t in store.trials() if t.origin != "final")
    store.close()
    assert f"best so far: accuracy {best:.4f}" in out
    assert "The search has not ended: go on with  searchitect search" in out
    assert call("report", unfinished)[0] == 0


def test_show_prints_the_winner_or_the_trial_that_is_asked_for(
    finished: tuple[Path, Path, str], call: Call, tmp_path: Path
) -> None:
    _, run, _ = finished
    winner = json.loads((run / "result.json").read_text())["winner"]
    code, out, _ = call("show", run)
    assert code == 0
    assert out.startswith(f"trial {winner['trial']} · final · complete")
    assert json.loads(out[out.index("{") :]) == winner["spec"]
    assert "test accuracy" in out
    code, out, _ = call("show", run, "--trial", 0, "--svg", tmp_path / "drawing.svg")
    assert code == 0
    assert out.startswith("trial 0 · ")
    assert "test accuracy" not in out
    assert (tmp_path / "drawing.svg").read_text().startswith("<svg")


def test_report_is_written_anew_where_it_is_asked_to(finished: tuple[Path, Path, str], call: Call, tmp_path: Path) -> None:
    code, out, _ = call("report", finished[1], "--out", tmp_path / "mine.html")
    assert (code, out) == (0, f"report: {tmp_path / 'mine.html'}\n")
    assert (tmp_path / "mine.html").stat().st_size > 10_000


@pytest.mark.parametrize("format", ["python", "torch"])
def test_export_writes_the_model(format: str, finished: tuple[Path, Path, str], call: Call, tmp_path: Path) -> None:
    code, out, _ = call("export", finished[1], "--format", format, "--out", tmp_path / "new")
    assert code == 0
    assert Path(out.removeprefix("model: ").strip()).is_relative_to(tmp_path / "new")
    assert list((tmp_path / "new").iterdir())


def test_predict_answers_raw_rows(finished: tuple[Path, Path, str], call: Call, tmp_path: Path) -> None:
    table, run, _ = finished
    rows = table.read_text().splitlines()
    (tmp_path / "new.csv").write_text("\n".join(line.rpartition(",")[0] for line in rows[:6]) + "\n")
    code, out, _ = call("predict", run, tmp_path / "new.csv")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 6
    assert all(re.search(r"\b(yes|no)\b", line) for line in lines[1:])
    code, said, _ = call("predict", run, tmp_path / "new.csv", "--out", tmp_path / "answers.csv")
    assert (code, said) == (0, f"predictions: {tmp_path / 'answers.csv'}\n")
    assert (tmp_path / "answers.csv").read_text() == out


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("spaces", ["convnet", "mlp", "nasbench201"]),
        ("strategies", ["auto", "random", "regularized-evolution", "asha"]),
        ("estimators", ["from-scratch"]),
    ],
)
def test_list_names_what_there_is_with_a_line_about_each(what: str, names: list[str], call: Call) -> None:
    code, out, _ = call("list", what)
    assert code == 0
    listed = {line.split(maxsplit=1)[0]: line.split(maxsplit=1)[1] for line in out.splitlines()}
    assert set(names) <= listed.keys()
    assert all(len(text) > 20 for text in listed.values())


def test_each_space_is_listed_with_size_decisions_and_what_it_offers(call: Call) -> None:
    code, out, _ = call("list", "spaces")
    lines = out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("nasnet "))
    assert code == 0
    assert "arXiv:1707.07012" in lines[place]
    assert lines[place + 1].split(" · ")[1] == "50 decisions"
    assert lines[place + 1].endswith("sample, mutate, crossover, enumerate, open")


def test_a_published_architecture_is_shown_with_its_counts_and_drawn(call: Call, tmp_path: Path) -> None:
    drawing = tmp_path / "cells.svg"
    sizes = ("--channels", "36", "--layers", "20", "--input", "3x32x32", "--classes", "10")
    code, out, _ = call("show", "darts-v2", *sizes, "--svg", drawing)
    assert code == 0
    for expected in ("3,349,342", "3,825,768", "528,359,040", "arXiv:1806.09055"):
        assert expected in out
    assert drawing.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "3x32"), "--input '3x32' is not understood"),
        (("--input", "3x2x2"), "pixel"),
        (("--layers", "0"), "layers"),
        (("--set", "colour=3"), "colour"),
        (("--set", "training.ema=0"), "training"),
    ],
)
def test_what_cannot_be_shown_is_said_in_one_sentence(arguments: tuple[str, ...], message: str, call: Call) -> None:
    code, _, err = call("show", "darts-v2", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


def test_one_architecture_is_trained_rebuilt_and_asked(call: Call, tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 255, size=(60, 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", x=x, y=np.arange(60) % 2)
    run, larger = tmp_path / "run", tmp_path / "larger"
    tiny = ("--channels", "2", "--layers", "3", "--epochs", "1", "--set", "training.batch_size=16")
    code, out, err = call("train", "darts-v2", tmp_path / "images.npz", *tiny, "--out", run)
    assert code == 0, err
    assert "on test data it had never seen" in out
    assert f"searchitect predict {run}" in out
    assert call("predict", run, tmp_path / "images.npz")[1].count("\n") == 61
    assert call("export", run, "--format", "torch")[0] == 0
    code, out, _ = call("rebuild", run, "--layers", "4", "--out", larger)
    assert code == 0
    assert f"searchitect train {larger} DATA --inherit" in out
    assert "layers=4" in out


def test_the_size_of_nasbench201_is_listed(call: Call) -> None:
    assert "15,625 architectures" in call("list", "spaces")[1]


def test_quiet_prints_nothing_but_errors(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import searchitect.api as api

    monkeypatch.setattr(plan, "usual_epochs", lambda info: 2.0)
    monkeypatch.setattr(api, "_save_winner", lambda *_: None)
    table = write_table(tmp_path / "table.csv")
    arguments = ("search", table, "--target", "answer", *SMALL, "--out", tmp_path / "run", "--quiet")
    assert call(*arguments) == (0, "", "")
    code, out, err = call(*arguments, "--seed", 3)
    assert (code, out) == (2, "")
    assert "holds a run with seed=0, now it is 3" in err


def test_settings_reach_the_strategy_and_the_training(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import searchitect.api as api

    monkeypatch.setattr(plan, "usual_epochs", lambda info: 2.0)
    monkeypatch.setattr(api, "_save_winner", lambda *_: None)
    table = write_table(tmp_path / "table.csv")
    given = ("search", table, "--target", "answer", "--budget", "3trials", "--fidelity", "epochs=1", "--workers", 1, "-q")
    options = ("--strategy", "asha", "--set", "eta=2", "--set", "training.batch_size=8", "--set", "training.optimizer=sgd")
    assert call(*given, *options, "--out", tmp_path / "run")[0] == 0
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert json.loads(settings["strategy_options"]) == {"eta": 2}
    assert json.loads(settings["training"]) == {"batch_size": 8, "optimizer": "sgd"}
    protocol = json.loads((tmp_path / "run" / "result.json").read_text())["protocol"]
    assert protocol["training.protocol"]["optimizer"] == "sgd"


# --- mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("search", "digitz"), "did you mean 'digits'"),
        (("search", "nowhere.csv", "--target", "y"), "no such file"),
        (("search", "digits", "--budget", "soon"), "budget='soon' is not understood"),
        (("search", "digits", "--workers", "0"), "workers must lie in [1, 4096], got 0"),
        (("search", "digits", "--strategy", "randon"), "did you mean 'random'"),
        (("search", "digits", "--where", "params<=lots"), "is not a limit"),
        (("search", "digits", "--set", "eta"), "--set 'eta' is not understood: write KEY=VALUE"),
        (("search", "digits", "--set", "training.colour=1"), "unknown setting 'colour'"),
        (("search", "digits", "--baseline", "maybe"), "baseline must be"),
        (("status", "nowhere"), "is 'nowhere' the folder of a run?"),
        (("show", "nowhere"), "is 'nowhere' the folder of a run?"),
        (("report", "nowhere"), "is 'nowhere' the folder of a run?"),
        (("export", "nowhere"), "is 'nowhere' the folder of a run?"),
        (("predict", "nowhere", "x.csv"), "is 'nowhere' the folder of a run?"),
        (("list", "space"), "did you mean 'spaces'"),
    ],
)
def test_a_mistake_ends_with_one_sentence_and_code_2(
    arguments: tuple[str, ...], words: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(*arguments)
    assert code == 2
    assert words in err
    assert err.startswith("searchitect: ")
    assert len(err.splitlines()) == 1
    assert out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_trial_that_is_not_there_is_refused(finished: tuple[Path, Path, str], call: Call) -> None:
    code, _, err = call("show", finished[1], "--trial", 99)
    assert code == 2
    assert "trial=99" in err
    assert "has the trials 0 to 6" in err


def test_an_unknown_option_is_refused_with_usage(call: Call) -> None:
    code, _, err = call("search", "digits", "--bugdet", "3s")
    assert code == 2
    assert "--budget" in err


def test_a_fault_of_ours_is_not_blamed_on_the_user(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import searchitect.api as api

    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("our mistake")

    monkeypatch.setattr(api, "search", broken)
    code, _, err = call("search", "digits")
    assert code == 1
    assert "Traceback" in err
    assert "a fault of searchitect, not of yours" in err


def test_a_system_error_is_one_sentence(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    import searchitect.api as api

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "runs/digits/log.txt")

    monkeypatch.setattr(api, "search", full)
    assert call("search", "digits") == (2, "", "searchitect: No space left on device: runs/digits/log.txt\n")


def test_the_version_is_that_of_the_package(call: Call) -> None:
    from importlib.metadata import version

    assert call("--version") == (0, f"searchitect {version('searchitect')}\n", "")


def test_every_option_has_help() -> None:
    command = typer.main.get_command(cli.app)
    assert hasattr(command, "commands")
    for name, sub in command.commands.items():
        assert sub.help, name
        for parameter in sub.params:
            assert getattr(parameter, "help", None), f"{name}: {parameter.name}"


# --- processes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["search", "--help"],
        ["list", "spaces"],
        ["list", "published"],
        ["list", "strategies"],
        ["list", "estimators"],
    ],
)
def test_help_and_lists_do_without_heavy_packages(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom searchitect import cli\n"
        f"sys.argv = ['searchitect', *{arguments!r}]\n"
        "try:\n    cli.main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "heavy = {'torch', 'sklearn', 'sqlalchemy', 'pandas'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(workers: int, tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", rows=400)
    line = f"search table.csv --target answer --budget 16trials --fidelity epochs=14 --strategy random --out run --seed 2 --workers {workers}"
    program = (
        "import sys\nfrom searchitect import cli\nfrom searchitect.search import plan\nimport searchitect.api as api\n"
        "plan.usual_epochs = lambda info: 2.0\napi._save_winner = lambda *_: None\n"
        "if __name__ == '__main__':\n    cli.main()\n"
    )
    (tmp_path / "command.py").write_text(program)
    command = [sys.executable, "command.py", *line.split()]

    def finished() -> int:
        """As seen from outside, while the run may be making its tables."""
        try:
            with closing(sqlite3.connect(f"file:{tmp_path / 'run' / 'search.db'}?mode=ro", uri=True)) as database:
                return int(database.execute("select count(*) from trials where finished is not null").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    end = time.monotonic() + 90
    while finished() < 2 and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
    out, err = process.communicate(timeout=60)
    assert process.returncode == cli.INTERRUPTED, err
    assert "Traceback" not in err
    assert "The search was interrupted before its final step: the same command goes on." in out
    assert f"go on: searchitect {line}" in out
    assert (tmp_path / "run" / "report.html").exists()
    assert finished() >= 2
    if workers == 2:
        return  # going on with other numbers of workers has tests of its own
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    store = open_store(tmp_path / "run")
    trials = store.trials()
    store.close()
    assert sum(t.is_trained for t in trials if t.origin != "final") == 16
    assert all(t.state.is_finished for t in trials)
    assert "reaches accuracy" in done.stdout
