"""The main job on a text: from the file to the report."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from searchitect import load_result, search
from searchitect.cli import app
from searchitect.core import SpaceError, TaskInfo, parse_budget
from searchitect.export import Continuation
from searchitect.search import plan
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.spaces.enas_rnn import EnasRnn
from tests.texts import sentences, write_text

DROPOUT = {"drop_words": 0.0, "drop_embedding": 0.1, "drop_input": 0.1, "drop_hidden": 0.1, "drop_output": 0.1}


@pytest.mark.parametrize("space", [DartsRnn(8, 2, **DROPOUT), pytest.param(EnasRnn(8, 2, **DROPOUT), marks=pytest.mark.slow)])
def test_a_text_is_searched_trained_tested_once_and_exported(
    space: DartsRnn | EnasRnn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "usual_epochs", lambda info: 8.0)
    file = write_text(tmp_path, sentences(120))
    result = search(
        file,
        budget="2trials",
        space=space,
        strategy="random",
        training={"batch_size": 8, "learning_rate": 0.05},
        fidelity="epochs=1",
        baseline="none",
        out=tmp_path / "run",
    )
    summary = result.summary
    assert summary["objectives"] == [{"metric": "perplexity", "direction": "min"}]
    winner = summary["winner"]
    assert set(winner["test"]) == {"perplexity", "loss"}
    finalists = [entry["validation"]["perplexity"] for entry in summary["finalists"]]
    assert winner["validation"]["perplexity"] == min(finalists)
    assert winner["test"]["perplexity"] < result.settings["task"]["baseline_score"]["perplexity"]
    assert summary["protocol"]["test_access"] == 1
    assert "reaches perplexity" in summary["sentence"]
    report = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "the text is read as words" in report
    assert "test perplexity" in report
    assert (tmp_path / "run" / "model.py").exists()
    assert not any(note.startswith("not exported as python") for note in summary["notes"])
    found = load_result(tmp_path / "run").predict("the cat")
    assert isinstance(found, Continuation)
    shown = CliRunner().invoke(app, ["predict", str(tmp_path / "run"), "the cat"])
    assert shown.stdout == str(found)


def test_a_first_look_at_a_slow_network_does_not_run_into_its_limit_of_time() -> None:
    info = TaskInfo("novel", "language-modelling", (64,), 65, 16_000)
    found = plan.make_plan(parse_budget("5m"), info, [180.0], workers=1, spent=168.0)
    assert found.time_limit is not None
    assert found.time_limit >= 2 * found.base_epochs * 180


def test_a_space_for_images_is_refused_with_those_that_fit(tmp_path: Path) -> None:
    file = write_text(tmp_path, sentences(200))
    with pytest.raises(SpaceError, match="'convnet' builds no networks for language-modelling; spaces that fit are darts-rnn"):
        search(file, space="convnet", out=tmp_path / "run")
