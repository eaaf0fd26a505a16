"""``searchitect trust one-shot``: shared weights against trainings alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.core import DataError, Measurement, SettingError, SpaceError
from searchitect.estimators.shared_weights import SharedWeights
from searchitect.oneshot import supernets
from searchitect.oneshot.training import SupernetTraining
from searchitect.trust import on_data, trust

CELLS = {"k": 6, "fidelity": 0.2}


def test_random_architectures_are_scored_with_the_weights_of_one_supernet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, int, int]] = []
    found = trust("one-shot", "digits-cells", **CELLS, out=tmp_path, on_done=lambda *each: told.append(each))
    record = json.loads((tmp_path / "one-shot.json").read_text())
    assert record["fidelity"] == 0.2  # epochs of the supernet
    assert len(record["points"]) == 6
    assert all(0 < p["estimate"] <= 1 for p in record["points"])
    assert "one-shot on 6 random architectures: Spearman" in found.sentences[0]
    assert told[-1] == ("steps of the supernet", told[-1][2], told[-1][2])
    monkeypatch.setattr(SupernetTraining, "_train", None)  # a second time it is not trained
    assert trust("one-shot", "digits-cells", **CELLS, out=tmp_path).record["points"] == found.record["points"]


def test_what_the_weights_say_is_compared_with_training_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = find_benchmark("digits-cells")
    monkeypatch.setattr(SharedWeights, "evaluate", lambda _, job: Measurement({"accuracy": table.test(job.architecture)}))
    monkeypatch.setattr(SupernetTraining, "run", lambda _: None)
    found = trust("one-shot", "digits-cells", k=8, out=tmp_path)
    assert found.record["spearman"]["value"] == pytest.approx(1)
    assert found.record["fidelity"] == min(50, table.epochs[-1])


def test_mistakes_are_told_before_any_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_data, "_measured", None)
    monkeypatch.setattr(supernets, "space_names", list)  # looking at all of them takes seconds
    with pytest.raises(SpaceError, match="'metaqnn' has no supernet"):
        trust("one-shot", "digits", space="metaqnn", out=tmp_path)
    with pytest.raises(DataError, match="give them with --data"):
        trust("one-shot", replace(find_benchmark("digits-cells"), made={}), out=tmp_path)
    with pytest.raises(SettingError, match="or a supernet learns from"):
        trust("trees", "digits-cells", data="digits", out=tmp_path)
