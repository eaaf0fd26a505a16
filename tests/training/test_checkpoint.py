import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from searchitect.core import RunError
from searchitect.training.checkpoint import evaluated_state, load_checkpoint, restore_optimizer, save_checkpoint


def trained() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten())
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(network.parameters(), fused=True)
    for _ in range(3):
        network(torch.rand(4, 2, 5, 5)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return network, optimizer


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    network, optimizer = trained()
    average = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    best = {name: tensor + 2 for name, tensor in network.state_dict().items()}
    path = tmp_path / "deep" / "1.safetensors"
    save_checkpoint(path, network, 1.75, average=average, best=best, optimizer=optimizer, notes={"epoch": 1.5, "accuracy": 0.9})
    saved = load_checkpoint(path)
    assert (saved.epochs, saved.notes) == (1.75, {"epoch": 1.5, "accuracy": 0.9})
    for name, tensor in network.state_dict().items():
        assert torch.equal(saved.network[name], tensor)
        assert torch.equal(saved.average[name], tensor + 1)
        assert torch.equal(saved.best[name], tensor + 2)
    other = trained()[0]
    fresh = torch.optim.AdamW(other.parameters(), fused=True)
    restore_optimizer(fresh, saved.optimizer)
    before, after = optimizer.state_dict()["state"], fresh.state_dict()["state"]
    assert before.keys() == after.keys()
    for index in before:
        assert all(torch.equal(before[index][field], after[index][field]) for field in before[index])


def test_the_moments_of_a_restored_optimizer_lie_in_memory_as_the_weights_do(tmp_path: Path) -> None:
    network, optimizer = trained()
    save_checkpoint(tmp_path / "1.safetensors", network, 1, optimizer=optimizer)
    fresh = torch.optim.AdamW(network.parameters(), fused=True)
    restore_optimizer(fresh, load_checkpoint(tmp_path / "1.safetensors").optimizer)
    kernel = next(network.parameters())
    assert not kernel.is_contiguous()
    assert fresh.state[kernel]["exp_avg"].stride() == kernel.stride()


def test_the_state_to_use_is_the_best_one_else_the_average_else_the_network(tmp_path: Path) -> None:
    network, _ = trained()
    average = {name: tensor + 1 for name, tensor in network.state_dict().items()}
    best = {name: tensor + 2 for name, tensor in network.state_dict().items()}
    cases = [(average, best, best), (average, None, average), (None, best, best), (None, None, network.state_dict())]
    for number, (has_average, has_best, expected) in enumerate(cases):
        path = tmp_path / f"{number}.safetensors"
        save_checkpoint(path, network, 1, average=has_average, best=has_best)
        found = evaluated_state(path)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], expected[key]) for key in expected)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "1.safetensors"
    network, optimizer = trained()
    save_checkpoint(path, network, 1, optimizer=optimizer)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left on device"):
        save_checkpoint(path, network, 2, optimizer=optimizer)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["1.safetensors"]


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "header", "pickle", "folder", "epochs"])
def test_a_damaged_file_is_an_error_that_names_it(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "1.safetensors"
    network, optimizer = trained()
    save_checkpoint(path, network, 1, optimizer=optimizer)
    whole = path.read_bytes()
    path.unlink()
    if damage == "empty":
        path.write_bytes(b"")
    elif damage == "half":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "header":
        path.write_bytes(b"\xff" * 64 + whole[64:])
    elif damage == "pickle":
        torch.save(network.state_dict(), path)
    elif damage == "folder":
        path.mkdir()
    elif damage == "epochs":
        path.write_bytes(whole.replace(b'"epochs":"1"', b'"epochs":"{"'))
    with pytest.raises(RunError, match=r"1\.safetensors.*missing or damaged"):
        load_checkpoint(path)


def test_epochs_that_are_no_number_are_damage(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"network/w": torch.zeros(1)}, tmp_path / "1.safetensors", metadata={"epochs": "null"})
    with pytest.raises(RunError, match="missing or damaged"):
        load_checkpoint(tmp_path / "1.safetensors")


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("exit 1",)


def test_loading_never_unpickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "1.safetensors"
    path.write_bytes(pickle.dumps(Bomb()))

    def run(*_: object) -> int:
        raise AssertionError("the file's code was run")

    monkeypatch.setattr(os, "system", run)
    with pytest.raises(RunError):
        load_checkpoint(path)
    network, optimizer = trained()
    save_checkpoint(path, network, 1, optimizer=optimizer)
    with safe_open(path, framework="pt") as file:  # a plain safetensors file, which anybody can read
        assert any(name.startswith("network/") for name in file.keys())  # noqa: SIM118
