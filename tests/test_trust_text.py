"""``searchitect trust`` on a text, whose metric is the better the lower."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import Job, Measurement
from searchitect.estimators.shared_weights import SharedWeights
from searchitect.oneshot.training import SupernetTraining
from searchitect.trust import on_data, trust
from tests.texts import sentences, write_text

LOOKS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def quality(text: str) -> float:
    """Of an architecture, in [1, 2): its activations, which are what a cell has."""
    return 1 + text.count("tanh") / 10 + text.count("relu") / 100 + sum(map(ord, text)) % 97 / 1e5


def measured(jobs: Sequence[Job], file: Path, *_: Any) -> list[dict[str, Any]]:
    """As if trained: the perplexity falls towards 20 over the architecture's quality."""
    found = []
    for job in jobs:
        last = 20 / quality(job.architecture.text)
        curve = [{"epoch": epoch, "perplexity": last + 10 / epoch} for epoch in LOOKS if epoch <= job.fidelity.epochs]
        found.append(
            {"text": job.architecture.text, "metrics": {"perplexity": curve[-1]["perplexity"]}, "curve": curve, "reason": ""}
        )
    return found


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(on_data, "_measured", measured)
    return write_text(tmp_path, sentences(60))


@pytest.mark.parametrize("estimator", ["from-scratch", "last-value", "learning-curve"])
def test_what_ranks_perplexities_rightly_is_shown_to(estimator: str, story: Path, tmp_path: Path) -> None:
    found = trust(estimator, str(story), k=12, epochs=6, fidelity=3, space="darts-rnn", out=tmp_path / "run").record
    assert found["metric"] == "validation perplexity"
    assert found["spearman"]["value"] == pytest.approx(1)
    assert found["is_shown"]
    truths = [point["truth"] for point in found["points"]]
    assert all(10 < truth < 22 for truth in truths)  # in the metric itself
    assert min(truths) <= found["choice"]["score"]["value"] < found["choice"]["random_score"]
    assert found["choice"]["gain"]["value"] > 0
    assert "lowers the validation perplexity by" in found["sentences"][-1]
    if estimator == "learning-curve":  # nearer to the end than what it was told
        assert sum(-p["estimate"] < p["truth"] + 10 / 3 - 10 / 6 for p in found["points"]) > 6


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_shared_weights_are_trusted_where_their_perplexity_is_low_where_that_alone_is(
    sign: float, story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluate(_: SharedWeights, job: Job) -> Measurement:
        return Measurement({"perplexity": 50 - sign * quality(job.architecture.text)})

    monkeypatch.setattr(SharedWeights, "evaluate", evaluate)
    monkeypatch.setattr(SupernetTraining, "run", lambda _: None)
    found = trust("one-shot", str(story), k=10, epochs=6, space="darts-rnn", out=tmp_path / "run")
    assert found.record["spearman"]["value"] == pytest.approx(sign)
    assert found.record["is_shown"] == (sign > 0)
