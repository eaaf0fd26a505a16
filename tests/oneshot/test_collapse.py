"""First-order DARTS on NAS-Bench-201 ends in skip connections, and safeguards derive something else: benchmarks/does_darts_collapse.py, one seed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from searchitect.core import TaskInfo
from searchitect.networks.nasbench201 import build
from searchitect.oneshot.guards import SKIP
from searchitect.oneshot.training import SupernetTraining
from searchitect.recipes import find_recipe
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.tasks import load_task
from tests.real_data import real_data


@dataclass(frozen=True)
class SearchedCells(NasBench201):
    """With the normalisations of the authors' searches."""

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        return build(spec, info, affine=False)


@pytest.mark.slow  # two minutes
def test_plain_darts_ends_in_skip_connections_and_guarded_darts_does_not(tmp_path: Path) -> None:
    images = tmp_path / "images.npz"
    unpack = [sys.executable, str(real_data("unpack.py")), "cifar10", str(images), "--size", "16", "--train", "2000"]
    subprocess.run(unpack, check=True)
    task = load_task(str(images), valid=0.05)

    def searched(**settings: Any) -> tuple[int, int, int]:
        """Epochs, skip connections by the last logits, and of the cell that is derived."""
        method = find_recipe("darts").make({"epochs": 50.0, "batch_size": 32, **settings})
        path = tmp_path / f"{'-'.join(settings)}.safetensors"
        training = SupernetTraining(SearchedCells(channels=8, cells=1), task, method, path)
        outcome = training.run()
        last = training.history[-1]["derived"]
        derived = outcome.found.get("decisions", last)
        return len(training.history), *(sum(op == SKIP for op in cell.values()) for cell in (last, derived))

    epochs, plain, perturbed = searched(select="perturbation")  # acts after the last epoch
    assert epochs == 50
    assert plain >= 5
    assert perturbed <= plain - 2
    epochs, _, stopped = searched(early_stop="skips")
    assert epochs < 50
    assert stopped < plain
