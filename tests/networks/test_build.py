"""What must hold for the networks of every space of the catalogue."""

import itertools
import random
import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Chooser, SettingError, Space, SpaceError, TaskInfo
from searchitect.networks import build
from searchitect.spaces import find_space, make_space, space_names
from searchitect.spaces.convnet import ConvNet

TASKS = {
    "digits": TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000),
    "tiny": TaskInfo("tiny", "image-classification", (3, 5, 4), 2, 1000),
    "photos": TaskInfo("photos", "image-regression", (3, 40, 56), 1, 1000),
    "table": TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9)),
    "numbers": TaskInfo("numbers", "table-regression", (4,), 1, 500),
    "text": TaskInfo("text", "language-modelling", (6,), 20, 1000),
    "codes": TaskInfo("codes", "table-classification", (2,), 2, 500, cardinalities=(2, 300)),
}
IMAGE_SPACES = [name for name in space_names() if "image-classification" in find_space(name).tasks and name != "convnet"]
CASES = [
    ("convnet", "digits"),
    ("convnet", "tiny"),
    ("convnet", "photos"),
    ("mlp", "table"),
    ("mlp", "numbers"),
    ("mlp", "codes"),
    *((name, task) for name in IMAGE_SPACES for task in ("digits", "tiny")),
    *((name, "text") for name in ("darts-rnn", "enas-rnn", "nas-rl-rnn")),
]


SMALL = {"channels": 8, "cells": 1, "blocks": 3, "hidden": 16}


def fitted(name: str, info: TaskInfo) -> Space:
    sizes = find_space(name).for_task(info).config()
    return make_space(name, info, {size: value for size, value in SMALL.items() if size in sizes})


def draws(name: str, count: int) -> range:
    """Fewer of the spaces whose networks are large."""
    return range(count if name in ("convnet", "mlp") else max(1, count // 4))


def example(info: TaskInfo, rows: int = 4) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if info.is_image:
        return torch.randn(rows, *info.input_shape, generator=generator)
    if info.kind == "language-modelling":
        return torch.randint(info.outputs, (rows, *info.input_shape), generator=generator)
    codes = [torch.randint(0, codes, (rows, 1), generator=generator).float() for codes in info.cardinalities]
    return torch.cat([torch.randn(rows, info.numeric, generator=generator), *codes], 1)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_every_sample_builds_and_learns_from_a_batch(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(0)
    x = example(info)
    for _ in draws(name, 12):
        network = build(space, space.sample(rng).spec, info)
        outputs = network(x)
        assert (outputs.shape[0], outputs.shape[-1]) == (4, info.outputs)
        assert outputs.isfinite().all()
        outputs.square().sum().backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_row_is_judged_alone_in_evaluation_mode(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(1)
    x = example(info)
    for _ in draws(name, 6):
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


@pytest.mark.parametrize(("name", "task"), [case for case in CASES if TASKS[case[1]].is_image])
def test_channels_last_gives_the_same_outputs(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    network = build(space, space.sample(random.Random(3)).spec, info).eval()
    x = example(info)
    expected = network(x)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    torch.testing.assert_close(network(x.to(memory_format=torch.channels_last)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "task"), [case for case in CASES if case[1] != "tiny"])
def test_the_network_can_be_exported_with_any_batch_size(name: str, task: str) -> None:
    info = TASKS[task]
    space = fitted(name, info)
    rng = random.Random(4)
    x = example(info)
    for _ in draws(name, 3):
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


def test_a_spec_of_another_space_is_refused_in_one_sentence() -> None:
    spec = make_space("convnet", TASKS["digits"]).sample(random.Random(0)).spec
    for name in IMAGE_SPACES:
        with pytest.raises(SpaceError) as caught:
            build(make_space(name, TASKS["digits"]), spec, TASKS["digits"])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "other"), list(itertools.permutations(["nasnet", "amoebanet", "pnas"], 2)))
def test_a_spec_of_a_sibling_space_is_refused(name: str, other: str) -> None:
    spec = make_space(other, TASKS["digits"]).sample(random.Random(0)).spec
    with pytest.raises(SpaceError):
        build(make_space(name, TASKS["digits"]), spec, TASKS["digits"])


@pytest.mark.parametrize("name", ["nasnet", "amoebanet", "pnas"])
def test_the_auxiliary_classifier_changes_no_other_weight_s_name(name: str) -> None:
    info = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
    space = make_space(name, info, {"channels": 4, "cells": 1, "blocks": 2, "stages": 3})
    rng = random.Random(0)
    for _ in range(40):
        spec = space.sample(rng).spec
        with torch.device("meta"):
            alone, helped = (build(space, spec, info, auxiliary=has).state_dict() for has in (False, True))
        assert all(helped[key].shape == value.shape for key, value in alone.items())


@pytest.mark.parametrize("name", IMAGE_SPACES)
def test_an_image_of_one_pixel_is_built_for_or_refused_in_one_sentence(name: str) -> None:
    info = TaskInfo("dot", "image-classification", (3, 1, 1), 2, 100)
    said, network = "", None
    try:
        space = make_space(name, info)
        network = build(space, space.sample(random.Random(0)).spec, info).eval()
    except (SpaceError, SettingError) as error:
        said = str(error)
    if network is None:
        assert re.fullmatch(r"[^\n]*(pixel|image)[^\n]*", said)
    else:
        assert network(example(info)).shape == (4, 2)
