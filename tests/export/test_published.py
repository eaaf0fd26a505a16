"""Every published network leaves searchitect: ONNX and ``model.py`` compute what the module does, which their writers check to 1e-4."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from searchitect.core import TaskInfo
from searchitect.export import Deployment, export_model
from searchitect.export.bundle import Bundle
from searchitect.networks import build, find_build
from searchitect.spaces import find_published, published_names
from searchitect.tasks import Task, load_task

from ..networks.exported import onnx_answers

SMALL: dict[str, Any] = {
    "channels": 8,
    "layers": 3,
    "cells": 1,
    "stem": "cifar",
    "stem_channels": None,
    "head": 16,
    "hidden": 12,
    "width": 0.25,
}
"""The structure stays: sizes only, of those that a space has and that the architecture leaves open."""
FIXED = {"enas-macro", "nas-rl-v1", "nas-rl-rnn"}
"""The number of layers is part of what was found."""
PICTURES = [
    name
    for name in published_names()
    # the larger EfficientNets are the first one, scaled
    if len(find_published(name).input_shape) == 3 and (name == "efficientnet-b0" or not name.startswith("efficientnet"))
]
TEXTS = [name for name in published_names() if len(find_published(name).input_shape) != 3]


def small(name: str) -> tuple[Any, Any]:
    entry = find_published(name)
    sizes = set(entry.make()[0].config()) - ({"layers"} if name in FIXED else set())
    return entry.make(**{size: value for size, value in SMALL.items() if size in sizes})


@pytest.fixture(scope="module")
def pictures() -> Task:
    rng = np.random.default_rng(0)
    return load_task((rng.integers(0, 255, size=(60, 32, 32, 3), dtype=np.uint8), np.arange(60) % 10))


def moved(network: torch.nn.Module) -> torch.nn.Module:
    """Normalisations with statistics and scales of their own, so that leaving one out shows."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.8, 1.2)
            if module.affine:
                torch.nn.init.uniform_(module.weight, 0.8, 1.2)
                torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    return network.eval()


@pytest.mark.parametrize("name", PICTURES)
def test_a_published_network_is_exported(name: str, pictures: Task, tmp_path: Path) -> None:
    space, spec = small(name)
    torch.manual_seed(0)
    network = moved(build(space, spec, pictures.info))
    task = pictures
    deployment = Deployment(space, spec, task.info, network, task.preprocess, task.postprocess, task.encoder)
    assert export_model(deployment, tmp_path, "python").exists()
    assert export_model(deployment, tmp_path, "onnx").exists()


@pytest.mark.parametrize(
    "name",
    [
        "darts-v2",
        "pnasnet-5",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("nasnet-a", "amoebanet-c", "randwire-ws")),
    ],
)
def test_a_network_for_large_images_is_exported(name: str, tmp_path: Path) -> None:
    sizes = {"channels": 8, "layers": 3, "cells": 1, "stem": "imagenet", "head": 16}
    entry = find_published(name)
    space, spec = entry.make(**{size: value for size, value in sizes.items() if size in entry.make()[0].config()})
    rng = np.random.default_rng(0)
    task = load_task((rng.integers(0, 255, size=(40, 64, 64, 3), dtype=np.uint8), np.arange(40) % 4))
    torch.manual_seed(0)
    network = moved(build(space, spec, task.info))
    deployment = Deployment(space, spec, task.info, network, task.preprocess, task.postprocess, task.encoder)
    assert export_model(deployment, tmp_path, "python").exists()
    assert export_model(deployment, tmp_path, "onnx").exists()


@pytest.mark.parametrize("name", TEXTS)
def test_a_published_recurrent_network_is_exported(name: str) -> None:
    space, spec = small(name)
    info = TaskInfo("text", "language-modelling", (5,), 11, 100)
    torch.manual_seed(0)
    network = build(space, spec, info).eval()
    tokens = torch.randint(11, (2, 5))
    expected = network(tokens).detach()
    torch.testing.assert_close(onnx_answers(network, tokens), expected, rtol=1e-4, atol=1e-4)
    bundle = Bundle()
    make = find_build(space)
    bundle.add(make.__module__, make.__qualname__)
    alone: dict[str, Any] = {}
    exec("\n".join([*bundle.import_lines(), bundle.text()]), alone)
    again = alone[make.__name__](spec, info)
    again.load_state_dict(network.state_dict())
    torch.testing.assert_close(again.eval()(tokens), expected)
