"""Every space for images in the main job: searched, retrained, scored, exported. All of them: make proofs."""

from pathlib import Path

import numpy as np
import pytest

import searchitect
from searchitect.search import plan
from searchitect.spaces import find_space, space_names

QUICK = {"metaqnn", "nas-rl", "nasbench101"}
NAMES = [name for name in space_names() if "image-classification" in find_space(name).tasks]


@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES])
def test_a_space_goes_from_data_to_an_exported_network(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "usual_epochs", lambda info: 1.0)
    x = np.random.default_rng(0).integers(0, 255, size=(60, 8, 8), dtype=np.uint8)
    result = searchitect.search(
        (x, np.arange(60) % 2),
        space=name,
        budget="2trials",
        strategy="regularized-evolution",
        fidelity="epochs=0.5",
        final="paper",
        training={"batch_size": 16},
        out=tmp_path / "run",
    )
    assert result.best is not None
    assert 0 <= result.best.metrics["test_accuracy"] <= 1
    assert result.summary["notes"] == []  # among others: not exported as ...
    assert {"model.onnx", "model.py", "report.html"} <= {path.name for path in (tmp_path / "run").iterdir()}
