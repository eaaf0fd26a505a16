"""Networks that are judged as they are built."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from searchitect import Fidelity, Job
from searchitect.estimators.as_built import AsBuilt
from searchitect.networks import build
from searchitect.spaces.neat import Neat
from searchitect.tasks import load_task
from searchitect.testing import check_estimator
from searchitect.training import evaluate
from searchitect.training.checkpoint import evaluated_state
from tests.training.examples import images, line, table


def job(task: Any, **more: Any) -> Job:
    space = Neat.for_task(task.info)
    return Job(space, space.sample(random.Random(3)), task, Fidelity(1), horizon=1.0, **more)


def test_it_keeps_the_contract() -> None:
    check_estimator(AsBuilt(), job(table()))


@pytest.mark.parametrize("make", [table, images, line])
def test_it_measures_both_parts_and_trains_nothing(make: Any, tmp_path: Path) -> None:
    asked = job(make(), save=tmp_path / "w.safetensors")
    found = AsBuilt().evaluate(asked).metrics
    network = build(asked.space, asked.architecture.spec, asked.task.info)
    assert found.items() >= evaluate(network, asked.task, asked.task.valid.x, asked.task.valid.y).items()
    trained = evaluate(network, asked.task, asked.task.train.x, asked.task.train.y)
    assert found.items() >= {f"train_{name}": value for name, value in trained.items()}.items()
    saved = evaluated_state(tmp_path / "w.safetensors")
    assert all(torch.equal(saved[name], value) for name, value in network.state_dict().items())


def test_the_error_is_one_minus_the_probability_of_the_true_class() -> None:
    asked = job(load_task("xor"))
    network = build(asked.space, asked.architecture.spec, asked.task.info)
    x, y = asked.task.train.x, asked.task.train.y
    probability = torch.softmax(network(asked.task.preprocess(x)), 1)[:, 1]
    expected = (probability - y).abs().mean().item()
    assert AsBuilt().evaluate(asked).metrics["train_error"] == pytest.approx(expected, abs=1e-6)
