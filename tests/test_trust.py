"""``searchitect trust``: on tables and on data."""

import json
import random
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.files import load_table, save_table
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.cli import app
from searchitect.core import Architecture, DataError, RunError, SearchitectError, SettingError, Space
from searchitect.estimators.from_scratch import FromScratch
from searchitect.metrics.ranks import spearman
from searchitect.reports.scatter import draw_scatter
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.tasks import Task
from searchitect.testing import CountOnes
from searchitect.trust import trust
from searchitect.trust.estimates import cross_predicted
from tests.real_data import real_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five trainings of two epochs."""
    out = tmp_path_factory.mktemp("trust") / "iris"
    trust("params", "iris", k=5, epochs=2, out=out)
    return out


def test_it_trains_random_architectures_and_judges(folder: Path) -> None:
    record = json.loads((folder / "params.json").read_text())
    assert record["architectures"] == len(record["points"]) == 5
    assert record["metric"] == "validation accuracy"
    assert (record["epochs"], record["on"], record["space"]) == (2, "iris", "mlp")
    rho = spearman([p["estimate"] for p in record["points"]], [p["truth"] for p in record["points"]])
    assert record["spearman"]["value"] == pytest.approx(rho)
    assert record["params"] == {name: record[name] for name in ("spearman", "kendall")}
    assert "<circle" in (folder / "params.svg").read_text()


def test_the_trainings_serve_every_estimator_and_are_never_made_twice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = (folder / "trainings.jsonl").read_text()
    monkeypatch.setattr(FromScratch, "evaluate", None)
    for estimator in ("naswot", "trees"):
        assert len(trust(estimator, "iris", k=5, epochs=2, out=folder).record["points"]) == 5
    assert (folder / "trainings.jsonl").read_text() == lines
    with pytest.raises(RunError, match=r"holds trainings with epochs=2.0, now it is 3.0: give the same settings"):
        trust("params", "iris", k=5, epochs=3, out=folder)


def test_a_line_that_was_cut_short_is_trained_again(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "trainings.jsonl").read_text().splitlines(keepends=True)
    out = tmp_path / "cut"
    out.mkdir()
    (out / "trust.json").write_text((folder / "trust.json").read_text())
    (out / "trainings.jsonl").write_text("".join(whole[:4]) + whole[4][:30])
    seen: list[tuple[str, int, int]] = []
    found = trust("params", "iris", k=5, epochs=2, out=out, on_done=lambda *done: seen.append(done))
    assert seen == [("trainings", 5, 5)]
    again = [json.loads(line) for line in (out / "trainings.jsonl").read_text().splitlines()]
    assert [row["metrics"] for row in again] == [json.loads(line)["metrics"] for line in whole]
    assert found.record["points"] == json.loads((folder / "params.json").read_text())["points"]


def test_a_short_training_and_the_beginning_of_a_curve(folder: Path) -> None:
    short = trust("from-scratch", "iris", k=5, epochs=2, fidelity=0.5, out=folder)
    assert short.record["fidelity"] == 0.5
    assert len((folder / "trainings-0.5.jsonl").read_text().splitlines()) == 5
    curves = trust("last-value", "iris", k=5, epochs=2, fidelity=1, out=folder)
    rows = [json.loads(line) for line in (folder / "trainings.jsonl").read_text().splitlines()]
    for point, row in zip(curves.record["points"], rows, strict=True):
        assert point["estimate"] == [look["accuracy"] for look in row["curve"] if look["epoch"] <= 1][-1]
    with pytest.raises(SettingError, match="must be below the 2 epochs of a whole one, got 2"):
        trust("from-scratch", "iris", k=5, epochs=2, fidelity=2, out=folder)


def test_a_predictor_is_judged_by_the_half_that_it_has_not_seen() -> None:
    space = CountOnes(8)
    architectures = [space.sample(random.Random(seed)) for seed in range(60)]
    truth = [float(sum(a.spec)) for a in architectures]
    assert spearman(cross_predicted("gp", space, architectures, truth), truth) > 0.8
    noise = [random.Random(f"noise {seed}").random() for seed in range(60)]
    assert abs(spearman(cross_predicted("gp", space, architectures, noise), noise)) < 0.4  # nothing leaks


def test_on_a_table_nothing_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_data("nasbench201.parquet")
    table = find_benchmark("nasbench201:cifar10")  # read once
    monkeypatch.setattr(FromScratch, "evaluate", None)
    found = trust("params", table, out=tmp_path / "t").record
    assert found["architectures"] == 200
    assert found["spearman"]["value"] == pytest.approx(0.753, abs=0.1)  # of all cells, exactly
    short = trust("from-scratch", table, k=60, fidelity=12, out=tmp_path / "t").record
    assert short["is_shown"]
    free = trust("l2_norm", table, k=4, out=tmp_path / "t").record
    assert len(free["points"]) == 4
    with pytest.raises(DataError, match="naswot looks at data, which the table 'nasbench201:cifar10' does not hold"):
        trust("naswot", table, k=4, out=tmp_path / "t")
    with pytest.raises(SettingError, match="--space and --epochs are for data"):
        trust("params", table, epochs=3, out=tmp_path / "t")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a table of one's own, "mine", of 31 small cells: the score rises with the parameters. Other folders are empty."""
    monkeypatch.delenv("SEARCHITECT_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    space = NasBench201(channels=2, cells=1, operations=("none", "skip_connect", "nor_conv_1x1"))
    texts = [a.text for a in space.enumerate()][::20]
    params = np.array([100.0 + 10 * text.count("nor_conv") + row / 100 for row, text in enumerate(texts)])
    scores = params / params.max()
    table = TabularBenchmark(
        name="mine of an earlier name",
        space=space,
        rows={text: row for row, text in enumerate(texts)},
        epochs=(1.0, 3.0),
        valid=np.stack([-scores, scores], axis=1)[:, :, None],
        tested=scores[:, None],
        costs={"params": params},
    )
    save_table(tmp_path / "tables" / "mine.npz", table)
    return tmp_path / "tables"


def test_a_table_of_ones_own_is_found_as_a_comparison_finds_it(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    by_folder = trust("params", "mine", k=10, tables=own)
    assert by_folder.folder == Path("runs/trust-mine")
    assert by_folder.record["on"] == "mine of an earlier name"
    assert by_folder.record["spearman"]["value"] == pytest.approx(1)
    by_path = trust("params", str(own / "mine.npz"), k=10)
    by_object = trust("params", load_table(own / "mine.npz"), k=10)
    monkeypatch.setenv("SEARCHITECT_DATA", str(own))
    by_variable = trust("params", "mine", k=10)
    assert by_folder.record == by_path.record == by_object.record == by_variable.record
    short = trust("from-scratch", "mine", k=10, fidelity=2).record
    assert short["spearman"]["value"] == pytest.approx(-1)  # after one epoch the order is the reverse
    done = CliRunner().invoke(app, ["trust", "params", "--on", "mine", "--k", "10", "--tables", str(own)])
    assert done.output.startswith(by_folder.sentences[0])


def test_what_a_proxy_looks_at_is_asked_for_where_the_table_of_ones_own_has_no_data(own: Path, tmp_path: Path) -> None:
    for estimator, said in (
        ("naswot", "looks at data, which the table"),
        ("l2_norm", "builds networks for the data of the table"),
    ):
        with pytest.raises(DataError, match=rf"{estimator} {said} 'mine of an earlier name'.*give them with --data"):
            trust(estimator, "mine", k=4, tables=own, out=tmp_path / "t")
    assert len(trust("l2_norm", "mine", k=4, tables=own, data="digits", out=tmp_path / "t").record["points"]) == 4


def test_a_proxy_sees_the_very_split_of_a_table_whose_data_are_embedded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def score_all(name: str, space: Space, task: Task, architectures: list[Architecture], seed: int) -> list[float]:
        seen.append(task)
        return [1.0] * len(architectures)

    monkeypatch.setattr("searchitect.proxies.score_all", score_all)
    trust("naswot", "digits-cells", k=4, out=tmp_path / "t")
    assert len(seen[0].train) == len(seen[0].valid) == len(seen[0].test) == 599


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimator": "synflo"}, "unknown estimator 'synflo': did you mean 'synflow'"),
        ({"k": 3}, "k must be at least 4 architectures, got 3"),
        ({"epochs": 0.0}, "epochs must be above 0, got 0"),
        ({"data": "digits"}, "--data is for a table"),
        (
            {"on": "digits-cells", "estimator": "trees", "data": "digits"},
            "--data is what a proxy looks at, or a supernet learns from: 'trees' is none of them",
        ),
        ({"on": "digits-cells", "task": "regression"}, "--target and --task say how --data is read"),
        ({"on": "irisses"}, "unknown table or data set 'irisses': did you mean 'iris'"),
        ({"on": "digits-cell"}, "did you mean 'digits-cells'"),
        (
            {"fidelity": 1.0, "k": 5, "epochs": 2},
            "--fidelity is for from-scratch, one-shot, last-value and learning-curve: 'params' has none",
        ),
    ],
)
def test_mistakes_are_refused(given: dict[str, object], message: str, folder: Path) -> None:
    with pytest.raises(SearchitectError, match=message):
        trust(**({"estimator": "params", "on": "iris", "out": folder} | given))  # type: ignore[arg-type]


def test_the_command_says_what_was_found(folder: Path) -> None:
    done = CliRunner().invoke(app, ["trust", "params", "--on", "iris", "--k", "5", "--epochs", "2", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert "params on 5 random architectures: Spearman" in done.output
    assert "picture:" in done.output
    quiet = CliRunner().invoke(
        app, ["trust", "params", "--on", "iris", "--k", "5", "--epochs", "2", "--out", str(folder), "-q"]
    )
    assert quiet.output == ""
    wrong = CliRunner().invoke(app, ["trust", "params", "--on", "iris", "--fidelity", "fast"])
    assert isinstance(wrong.exception, SettingError)


def test_the_picture_leaves_room_for_odd_numbers() -> None:
    for points in ([], [(1.0, 2.0)], [(1.0, 1.0), (1e6, 2.0)], [(float("-inf"), 0.0), (-1e30, 1.0), (3.0, 2.0)]):
        assert draw_scatter(points, "x", "y", "t").count("<circle") == len(points)
