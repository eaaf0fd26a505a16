import pickle
import random
from pathlib import Path

import pytest
import torch

from searchitect.core import Architecture, Fidelity, Job, SettingError
from searchitect.estimators.shared_weights import SharedWeights
from searchitect.networks import build
from searchitect.networks.mixed import choose_options
from searchitect.oneshot.method import Schedule
from searchitect.oneshot.sampled import Sampled, uniform
from searchitect.oneshot.training import SupernetTraining
from searchitect.oneshot.two_stage import TwoStage
from searchitect.tasks import measure
from searchitect.training.normalisation import batch_statistics, recalibrate
from tests.oneshot.blocks import Blocks
from tests.training.examples import images

TASK = images(200)
SPACE = Blocks()


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> SupernetTraining:
    method = Sampled(
        uniform,
        lambda space, objectives, seed, _: TwoStage(space, objectives, seed=seed),
        Schedule(epochs=16, batch_size=20, learning_rate=0.1, train_share=1.0, augmented=False),
    )
    found = SupernetTraining(SPACE, TASK, method, tmp_path_factory.mktemp("net") / "net.safetensors", device="cpu")
    found.run()
    return found


def job(architecture: Architecture, data: float = 1.0) -> Job:
    return Job(SPACE, architecture, TASK, Fidelity(1.0, data), 1.0)


def accuracy(estimator: SharedWeights, architecture: Architecture) -> float:
    return estimator.evaluate(job(architecture)).metrics["accuracy"]


def spoil(training: SupernetTraining, path: Path) -> Path:
    """A copy of the supernet whose running statistics belong to no network."""
    from searchitect.training.checkpoint import read_tensors, write_tensors

    tensors, notes = read_tensors(training.path)
    for name, values in tensors.items():
        if name.endswith("running_mean"):
            tensors[name] = values + 20
        if name.endswith("running_var"):
            tensors[name] = values * 400
    write_tensors(path, tensors, notes)
    return path


def test_statistics_computed_anew_lift_scores_from_chance(training: SupernetTraining, tmp_path: Path) -> None:
    file = spoil(training, tmp_path / "spoilt.safetensors")
    networks = list(SPACE.enumerate())
    running, batch, anew = (
        [accuracy(SharedWeights(file, normalisation=name, batch_size=32), a) for a in networks]
        for name in ("running", "batch", "recalibrated")
    )
    assert sum(running) / len(running) < 0.75  # two classes
    assert min(batch) > 0.85
    assert min(anew) > 0.85
    assert sum(anew) / len(anew) > 0.95


def test_a_path_scores_as_the_network_alone_with_the_same_weights(training: SupernetTraining) -> None:
    architecture = SPACE.sample(random.Random(3))
    alone = build(SPACE, architecture.spec, TASK.info)
    shared = training.network.state_dict()
    weights = {}
    for name in alone.state_dict():
        parts = name.split(".")  # blocks.0.1.weight, where the supernet has blocks.0.options.2.1.weight
        if parts[0] == "blocks":
            place = ["one", "three", "five"].index(architecture.decisions[f"block/{parts[1]}"])
            parts[2:2] = ["options", str(place)]
        weights[name] = shared[".".join(parts)]
    alone.load_state_dict(weights)
    batches = [TASK.preprocess(part) for part in torch.tensor_split(TASK.train.x, 4)]
    with torch.no_grad():
        recalibrate(alone, batches)
        outputs = alone(TASK.preprocess(TASK.valid.x))
        recalibrate(training.network, [])  # forgets
        choose_options(training.network, architecture.decisions)
        recalibrate(training.network, batches)
        assert torch.allclose(training.network(TASK.preprocess(TASK.valid.x)), outputs, atol=1e-5)
    expected = measure(TASK.info, outputs, TASK.valid.y, 0.0, 1.0)
    found = SharedWeights(
        training.path, rows=len(TASK.valid), batch_size=len(TASK.train) // 4, recalibration_rows=len(TASK.train)
    )
    assert found.evaluate(job(architecture)).metrics["accuracy"] == expected["accuracy"]


def test_less_data_looks_at_the_first_rows_of_the_validation_part(training: SupernetTraining) -> None:
    architecture = SPACE.sample(random.Random(1))
    estimator = SharedWeights(training.path, normalisation="running")
    some = estimator.evaluate(job(architecture, 0.5))
    rows = round(0.5 * len(TASK.valid))
    choose_options(estimator._network, architecture.decisions)  # type: ignore[arg-type]
    with torch.no_grad():
        outputs = estimator._network(TASK.preprocess(TASK.valid.x[:rows]))  # type: ignore[misc]
    assert some.metrics["loss"] == pytest.approx(
        float(torch.nn.functional.cross_entropy(outputs, TASK.valid.y[:rows])), rel=1e-4
    )


def test_scores_follow_from_the_architecture_alone(training: SupernetTraining) -> None:
    estimator = SharedWeights(training.path)
    networks = list(SPACE.enumerate())
    there = [estimator.evaluate(job(a)).metrics for a in networks]
    back = [estimator.evaluate(job(a)).metrics for a in reversed(networks)]
    assert there == back[::-1]
    assert pickle.loads(pickle.dumps(estimator)).evaluate(job(networks[0])).metrics == there[0]


def test_batch_statistics_leave_the_running_ones(training: SupernetTraining) -> None:
    before = {name: values.clone() for name, values in training.network.state_dict().items() if "running" in name}
    with torch.no_grad(), batch_statistics(training.network):
        training.network(TASK.preprocess(TASK.train.x[:32]))
    after = training.network.state_dict()
    assert all(torch.equal(values, after[name]) for name, values in before.items())


@pytest.mark.parametrize("wrong", [{"normalisation": "none"}, {"rows": 1}, {"batch_size": 1}, {"recalibration_rows": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=next(iter(wrong))):
        SharedWeights("net.safetensors", **wrong)  # type: ignore[arg-type]
