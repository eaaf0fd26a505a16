"""What must hold for the networks of every space of the catalogue."""

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Chooser, Space, SpaceError, TaskInfo
from searchitect.networks import build
from searchitect.spaces import make_space
from searchitect.spaces.convnet import ConvNet

TASKS = {
    "digits": TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000),
    "tiny": TaskInfo("tiny", "image-classification", (3, 5, 4), 2, 1000),
    "photos": TaskInfo("photos", "image-regression", (3, 40, 56), 1, 1000),
    "table": TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9)),
    "numbers": TaskInfo("numbers", "table-regression", (4,), 1, 500),
    "codes": TaskInfo("codes", "table-classification", (2,), 2, 500, cardinalities=(2, 300)),
}
CASES = [
    ("convnet", "digits"),
    ("convnet", "tiny"),
    ("convnet", "photos"),
    ("mlp", "table"),
    ("mlp", "numbers"),
    ("mlp", "codes"),
    ("nasbench201", "digits"),
    ("nasbench201", "tiny"),
]


def fitted(name: str, info: TaskInfo) -> Space:
    return make_space(name, info, {"cells": 1, "channels": 4} if name == "nasbench201" else None)


def example(info: TaskInfo, rows: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if info.is_image:
        return torch.randn(rows, *info.input_shape, generator=generator)
    codes = [torch.randint(0, codes, (rows, 1), generator=generator).float() for codes in info.cardinalities]
    return torch.cat([torch.randn(rows, info.numeric, generator=generator), *codes], 1)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_sample_builds_and_learns_from_a_batch(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(0)
    x = example(info)
    for _ in range(12):
        network = build(space, space.sample(rng).spec, info)
        outputs = network(x)
        assert outputs.shape == (4, info.outputs)
        assert outputs.isfinite().all()
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_row_is_judged_alone_in_evaluation_mode(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(1)
    x = example(info)
    for _ in range(6):
        network = build(space, space.sample(rng).spec, info)
        network(x)  # moves the running statistics
        network.eval()
        together = network(x)
        torch.testing.assert_close(network(x[1:2]), together[1:2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_equal_seeds_give_equal_weights(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    spec = space.sample(random.Random(2)).spec

    def weights() -> dict[str, Tensor]:
        torch.manual_seed(7)
        return build(space, spec, info).state_dict()

    first, second = weights(), weights()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize(("name", "task"), [case for case in CASES if case[0] != "mlp"])
def test_channels_last_gives_the_same_outputs(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    network = build(space, space.sample(random.Random(3)).spec, info).eval()
    x = example(info)
    expected = network(x)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_the_network_can_be_exported_with_any_batch_size(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(4)
    x = example(info)
    for _ in range(3):
        network = build(space, space.sample(rng).spec, info).eval()
        exported = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=64)},))
        torch.testing.assert_close(exported.module()(x[:3]), network(x[:3]), rtol=1e-4, atol=1e-5)


class OwnSpace(Space):
    name = "own"

    def describe(self, choose: Chooser) -> Any:
        return {"width": choose("width", [2, 3])}

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.LazyLinear(spec["width"]), nn.Linear(spec["width"], info.outputs))


class Unbuildable(Space):
    name = "operations"  # a file of that name is there, without a build

    def describe(self, choose: Chooser) -> Any:
        return {"width": choose("width", [2, 3])}


class ShallowConvNet(ConvNet):
    name = "shallow-convnet"


def test_a_space_that_builds_its_own_networks_is_asked_first() -> None:
    network = build(OwnSpace(), {"width": 3}, TASKS["digits"])
    assert network(example(TASKS["digits"])).shape == (4, 10)


def test_a_space_that_nobody_builds_is_refused_with_the_way_out() -> None:
    with pytest.raises(
        SpaceError, match=r"nothing builds networks of the space 'operations': define build\(self, spec, info\)"
    ):
        build(Unbuildable(), {"width": 2}, TASKS["digits"])


def test_a_space_derived_from_a_known_one_is_built_as_that_one() -> None:
    space = ShallowConvNet(max_stages=2, max_depth=1)
    network = build(space, space.sample(random.Random(0)).spec, TASKS["digits"])
    assert network(example(TASKS["digits"])).shape == (4, 10)


def test_what_is_built_must_be_a_module() -> None:
    class Wrong(OwnSpace):
        def build(self, spec: Any, info: TaskInfo) -> Any:
            return "a network"

    with pytest.raises(SpaceError, match=r"must return a torch\.nn\.Module, got str"):
        build(Wrong(), {"width": 2}, TASKS["digits"])
