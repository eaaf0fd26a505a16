"""Trained-enough networks of each kind, and what they export: made once, since the exporters take seconds."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from searchitect.core import Space
from searchitect.export import Deployment, export_model, predict, save_deployment
from searchitect.networks import build
from searchitect.spaces import make_space
from searchitect.tasks import TableEncoder, Task, load_task


def deploy(task: Task, space: Space, seed: int = 0, steps: int = 30) -> Deployment:
    """A network that was trained for a moment: its answers depend on its input."""
    spec = space.sample(random.Random(seed)).spec
    is_classification = task.info.is_classification
    loss_of: nn.Module = nn.CrossEntropyLoss() if is_classification else nn.MSELoss()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(space, spec, task.info).train()
        optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
        for _ in range(steps):
            rows = torch.randint(len(task.train), (64,))
            y = task.train.y[rows]
            y = y if is_classification else (y[:, None] - task.target_mean) / task.target_std
            optimizer.zero_grad()
            loss_of(network(task.preprocess(task.train.x[rows])), y).backward()
            optimizer.step()
    return Deployment(space, spec, task.info, network.eval(), task.preprocess, task.postprocess, task.encoder)


def table_encoder(task: Task) -> TableEncoder:
    assert isinstance(task.encoder, TableEncoder)
    return task.encoder


def mixed_frame(rows: int, seed: int) -> pd.DataFrame:
    """A table with every kind of column, and holes in each."""
    rng = np.random.default_rng(seed)
    days = pd.Timestamp("2019-03-01") + pd.to_timedelta(rng.integers(0, 2000, rows), unit="D")
    seen = days + pd.to_timedelta(rng.integers(0, 86_400, rows), unit="s")
    frame = pd.DataFrame(
        {
            "size": rng.normal(50, 20, rows).round(2),
            "rooms": rng.integers(1, 9, rows).astype(float),
            "price": [f"${v:,.2f}" for v in rng.uniform(500, 90_000, rows)],
            "garden": rng.choice(["yes", "no"], rows),
            "built": [d.strftime("%d.%m.%Y") for d in days],
            "seen": [d.isoformat() for d in seen],
            "town": rng.choice(["Århus", "Bonn", "Cork, north", "2"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "agent": [f"agent {k}" for k in rng.integers(0, 300, rows)],
        }
    )
    for column in frame.columns:
        frame.loc[rng.random(rows) < 0.1, column] = None
    frame["sold"] = np.where(rng.random(rows) < 0.5, "quickly", "later")
    return frame


def new_rows() -> pd.DataFrame:
    """Rows to answer, with missing cells, unseen texts and cells of the wrong kind."""
    frame = mixed_frame(40, seed=9).drop(columns="sold")
    odd: dict[str, list[Any]] = {
        "size": [None, float("inf"), -1e35, 12.0],
        "rooms": [3.0, None, 0.5, 100.0],
        "price": ["about 5", None, "1,234", "12 %"],
        "garden": ["YES", "perhaps", None, "0"],
        "built": ["1.2.2021", "31.2.2021", None, "2021-02-01"],
        "seen": ["2021-02-01", "2021-02-01T23:30:00-02:00", "yesterday", None],
        "town": ["Paris", None, "bonn", "2"],
        "agent": ["agent 1000000", None, "agent 7", "nobody"],
    }
    return pd.concat([frame, pd.DataFrame(odd)], ignore_index=True)


@dataclass(frozen=True)
class Exported:
    """A deployment, saved and exported, with data to answer."""

    deployment: Deployment
    folder: Path
    raw: Any


Maker = Callable[..., Exported]


@pytest.fixture(scope="session")
def make_exported(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    def make(deployment: Deployment, raw: Any, formats: tuple[str, ...]) -> Exported:
        folder = tmp_path_factory.mktemp("run")
        answers = predict(deployment, raw).answers
        assert (answers.amax(0) - answers.amin(0)).min() > 0.02, "equal answers to all rows would prove nothing"
        save_deployment(deployment, folder)
        for format in formats:
            export_model(deployment, folder, format)
        return Exported(deployment, folder, raw)

    return make


@pytest.fixture(scope="session")
def digits(make_exported: Maker) -> Exported:
    task = load_task("digits")
    deployment = deploy(task, make_space("convnet", task.info), seed=3)
    return make_exported(deployment, task.test.x[:50].numpy(), ("onnx", "torch", "python"))


@pytest.fixture(scope="session")
def cells(make_exported: Maker) -> Exported:
    task = load_task("digits")
    space = make_space("nasbench201", task.info, {"channels": 4, "cells": 1})
    return make_exported(deploy(task, space), task.test.x[:50].numpy(), ("onnx", "python"))


@pytest.fixture(scope="session")
def mixed(make_exported: Maker) -> Exported:
    task = load_task(mixed_frame(1200, seed=1), target="sold")
    kinds = {c.name: c.kind for c in table_encoder(task).columns}
    assert sorted(set(kinds.values())) == ["date", "flag", "number", "text"]
    assert kinds["price"] == "number"
    assert [c.has_other for c in table_encoder(task).text_columns] == [False, True]
    return make_exported(deploy(task, make_space("mlp", task.info), seed=2), new_rows(), ("onnx", "torch", "python"))


@pytest.fixture(scope="session")
def regression(make_exported: Maker) -> Exported:
    task = load_task("diabetes")
    rows = pd.DataFrame(task.test.x[:50].numpy(), columns=list(table_encoder(task).numeric_names))
    rows.iloc[3, 2] = np.nan
    return make_exported(deploy(task, make_space("mlp", task.info), seed=4), rows, ("onnx", "python"))
