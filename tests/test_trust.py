"""``searchitect trust``: on tables and on data."""

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from searchitect.cli import app
from searchitect.core import DataError, RunError, SearchitectError, SettingError
from searchitect.estimators.from_scratch import FromScratch
from searchitect.metrics.ranks import spearman
from searchitect.reports.scatter import draw_scatter
from searchitect.testing import CountOnes
from searchitect.trust import cross_predicted, trust
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
    monkeypatch.setattr(FromScratch, "evaluate", None)
    found = trust("params", "nasbench201:cifar10", out=tmp_path / "t").record
    assert found["architectures"] == 200
    assert found["spearman"]["value"] == pytest.approx(0.753, abs=0.1)  # of all cells, exactly
    short = trust("from-scratch", "nasbench201:cifar10", k=60, fidelity=12, out=tmp_path / "t").record
    assert short["is_shown"]
    free = trust("l2_norm", "nasbench201:cifar10", k=4, out=tmp_path / "t").record
    assert len(free["points"]) == 4
    with pytest.raises(DataError, match="naswot looks at data, which the table 'nasbench201:cifar10' does not hold"):
        trust("naswot", "nasbench201:cifar10", k=4, out=tmp_path / "t")
    with pytest.raises(SettingError, match="--space and --epochs are for data"):
        trust("params", "nasbench201:cifar10", epochs=3, out=tmp_path / "t")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"estimator": "synflo"}, "unknown estimator 'synflo': did you mean 'synflow'"),
        ({"k": 3}, "k must be at least 4 architectures, got 3"),
        ({"epochs": 0.0}, "epochs must be above 0, got 0"),
        ({"data": "digits"}, "--data is for a table"),
        ({"on": "digits-cells", "estimator": "trees", "data": "digits"}, "--data is what a proxy looks at: 'trees' is none"),
        ({"on": "digits-cells", "task": "regression"}, "--target and --task say how --data is read"),
        ({"on": "irisses"}, "irisses"),
        (
            {"fidelity": 1.0, "k": 5, "epochs": 2},
            "--fidelity is for from-scratch, last-value and learning-curve: 'params' has none",
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
