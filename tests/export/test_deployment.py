import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from searchitect.core import Chooser, RunError, Space, TaskInfo
from searchitect.export import Deployment, load_deployment, predict, save_deployment
from searchitect.spaces import make_space
from searchitect.tasks import load_task
from tests.export.conftest import deploy, mixed_frame, new_rows


@dataclass(frozen=True)
class OwnSpace(Space):
    """A space of a user's own, with its own networks."""

    name: ClassVar[str] = "own"
    bias: bool = True

    def describe(self, choose: Chooser) -> Any:
        return {"width": choose("width", [4, 8])}

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        inputs = info.input_shape[0]
        return nn.Sequential(nn.Linear(inputs, spec["width"], self.bias), nn.ReLU(), nn.Linear(spec["width"], info.outputs))


@pytest.fixture(scope="module")
def table() -> Deployment:
    task = load_task(mixed_frame(300, seed=2), target="sold")
    return deploy(task, make_space("mlp", task.info, {"max_depth": 2}))


@pytest.fixture
def own() -> Deployment:
    return deploy(load_task("wine"), OwnSpace(bias=False))


def test_what_is_saved_answers_the_same_when_loaded(table: Deployment, tmp_path: Path) -> None:
    save_deployment(table, tmp_path)
    loaded = load_deployment(tmp_path)
    assert (loaded.space, loaded.spec, loaded.info, loaded.encoder) == (table.space, table.spec, table.info, table.encoder)
    assert not any(part.training for part in loaded.module().modules())
    assert torch.equal(predict(loaded, new_rows()).answers, predict(table, new_rows()).answers)


def test_regression_keeps_its_units(tmp_path: Path) -> None:
    task = load_task("diabetes")
    deployment = deploy(task, make_space("mlp", task.info))
    save_deployment(deployment, tmp_path)
    assert json.loads((tmp_path / "architecture.json").read_text())["task"]["target_mean"] == pytest.approx(task.target_mean)
    answers = predict(load_deployment(tmp_path), task.test.x.numpy()).answers
    network = task.preprocess(task.test.x)
    with torch.no_grad():
        expected = deployment.network(network)[:, 0] * task.target_std + task.target_mean
    torch.testing.assert_close(answers, expected)


def test_a_folder_holds_plain_files_only(table: Deployment, tmp_path: Path) -> None:
    save_deployment(table, tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["architecture.json", "model.safetensors"]
    record = json.loads((tmp_path / "architecture.json").read_text())
    assert record["spec"] == table.spec
    assert record["space"] == {"name": "mlp", "version": 1, "config": table.space.config(), "is_own": False}
    assert len(record["key"]) == 16


def test_weights_of_any_layout_are_saved(own: Deployment, tmp_path: Path) -> None:
    first, last = nn.Linear(13, 8, bias=False), nn.Linear(8, 3, bias=False)
    last.weight = nn.Parameter(first.weight.detach()[:3, :8])  # shares memory
    first.weight = nn.Parameter(first.weight.detach().T.contiguous().T)  # as channels_last does for images
    save_deployment(replace(own, network=nn.Sequential(first, last)), tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert torch.equal(saved["0.weight"], first.weight)
    assert torch.equal(saved["1.weight"], last.weight)


def test_loading_leaves_the_global_generator_alone(table: Deployment, tmp_path: Path) -> None:
    save_deployment(table, tmp_path)
    before = torch.get_rng_state()
    load_deployment(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_own_space_must_be_given(own: Deployment, tmp_path: Path) -> None:
    save_deployment(own, tmp_path)
    with pytest.raises(RunError, match=r"of your own space 'own': give it with space=\.\.\., or use model\.onnx"):
        load_deployment(tmp_path)
    loaded = load_deployment(tmp_path, OwnSpace(bias=False))
    rows = load_task("wine").test.x.numpy()
    assert torch.equal(predict(loaded, rows).answers, predict(own, rows).answers)


def test_an_own_space_under_a_catalogue_name_is_not_taken_for_the_catalogue_s(own: Deployment, tmp_path: Path) -> None:
    class Mlp(OwnSpace):
        name: ClassVar[str] = "mlp"

    save_deployment(replace(own, space=Mlp(bias=False)), tmp_path)
    with pytest.raises(RunError, match="your own space 'mlp'"):
        load_deployment(tmp_path)


def test_another_space_than_the_saved_one_is_refused(own: Deployment, tmp_path: Path) -> None:
    save_deployment(own, tmp_path)
    with pytest.raises(RunError, match="of the space 'own', but space='mlp' was given"):
        load_deployment(tmp_path, make_space("mlp"))


def test_the_space_s_settings_are_restored(tmp_path: Path) -> None:
    task = load_task("digits")
    space = make_space("convnet", task.info, {"base_width": 8})
    spec = space.sample(random.Random(1)).spec
    deployment = replace(deploy(task, space, seed=1), spec=spec)
    save_deployment(deployment, tmp_path)
    assert load_deployment(tmp_path).space == space


def test_damaged_and_missing_files_are_named(table: Deployment, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"architecture\.json' does not exist"):
        load_deployment(tmp_path)
    save_deployment(table, tmp_path)
    weights, record = tmp_path / "model.safetensors", tmp_path / "architecture.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"does not hold the weights of architecture\.json"):
        load_deployment(tmp_path)
    weights.unlink()
    with pytest.raises(RunError, match=r"model\.safetensors' does not exist"):
        load_deployment(tmp_path)
    text = record.read_text()
    record.write_text(text[:100])
    with pytest.raises(RunError, match="cannot be read"):
        load_deployment(tmp_path)
    record.write_text(json.dumps({k: v for k, v in json.loads(text).items() if k != "task"}))
    with pytest.raises(RunError, match=r"damaged .*KeyError: 'task'"):
        load_deployment(tmp_path)
    record.write_text(json.dumps({**json.loads(text), "format": 99}))
    with pytest.raises(RunError, match="has the format 99"):
        load_deployment(tmp_path)
    record.write_text(json.dumps({**json.loads(text), "spec": {"body": {"kind": "resmlp"}}}))
    with pytest.raises(RunError, match="its spec cannot be built"):
        load_deployment(tmp_path)


def test_weights_of_another_architecture_are_refused(own: Deployment, tmp_path: Path) -> None:
    save_deployment(own, tmp_path)
    record = tmp_path / "architecture.json"
    other = {4: 8, 8: 4}[own.spec["width"]]
    record.write_text(json.dumps({**json.loads(record.read_text()), "spec": {"width": other}}))
    with pytest.raises(RunError, match="does not hold the weights"):
        load_deployment(tmp_path, OwnSpace(bias=False))


def test_a_folder_that_cannot_be_written_is_one_error(table: Deployment, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot write"):
        save_deployment(table, tmp_path / "missing")
