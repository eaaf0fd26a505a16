"""The table that is part of the package."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.collected import figures
from searchitect.benchmarks.digits_cells import FILE
from searchitect.benchmarks.files import read_arrays
from searchitect.benchmarks.make import TrainAndTest, all_architectures
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Fidelity, Job
from searchitect.costs import count_macs, count_params
from searchitect.networks import build
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.tasks import load_task

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "benchmarks.md"
SPACE = NasBench201(channels=8, cells=1, operations=("none", "avg_pool_3x3", "nor_conv_3x3"), merges=False)


@pytest.fixture(scope="module")
def table() -> TabularBenchmark:
    return find_benchmark("digits-cells")


def test_it_holds_every_cell_three_times_after_every_epoch(table: TabularBenchmark) -> None:
    assert table.space == SPACE
    assert list(table.rows) == [architecture.text for architecture in all_architectures(SPACE)]
    assert table.valid.shape == (729, 9, 3)
    assert table.tested.shape == (729, 3)
    assert table.epochs == tuple(range(1, 10))
    assert table.is_prefix
    for scores in (table.valid, table.tested):
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()
        assert np.allclose(scores * 599, np.round(scores * 599), atol=1e-9)  # right answers out of 599
    assert table.seconds is not None
    assert (np.diff(table.seconds, axis=1) >= 0).all()


def test_it_is_small_and_tells_how_it_was_made() -> None:
    assert FILE.stat().st_size < 150_000
    about = json.loads(read_arrays(FILE)["about"].tobytes())
    made = about["made"]
    assert made["examples"] == {"train": 599, "valid": 599, "test": 599}
    assert (made["seeds"], made["epochs"]) == (3, 9)
    assert made["training"] == {"batch_size": 64, "learning_rate": 0.015}
    assert about["licence"] == "Apache-2.0"


def test_the_page_says_the_command_and_the_figures(table: TabularBenchmark) -> None:
    page = PAGE.read_text(encoding="utf-8").partition("## digits-cells")[2]
    found = figures(table)
    for name in ("mean", "median", "best"):
        assert re.search(rf"\| {name} test accuracy \| {found[name]:.4f} \|", page), (name, found[name])
    for name in ("seed to seed", "validation to test"):
        assert re.search(rf"\| Spearman, {name} \| {found[name]:.3f} \|", page), (name, found[name])
    assert "searchitect benchmarks make nasbench201 digits" in page
    for setting in ("channels=8", "cells=1", "merges=false", "training.batch_size=64", "training.learning_rate=0.015"):
        assert f"--set {setting}" in page


def is_connected(cell: list[list[str]]) -> bool:
    reached = {0}
    for node, row in enumerate(cell, 1):
        if any(operation != "none" and source in reached for source, operation in enumerate(row)):
            reached.add(node)
    return 3 in reached


def test_exactly_the_cells_without_a_path_are_at_chance(table: TabularBenchmark) -> None:
    connected = np.array([is_connected(architecture.spec["cell"]) for architecture in all_architectures(SPACE)])
    assert int((~connected).sum()) == 67
    assert table.test_scores[~connected].max() < 0.2
    assert table.test_scores[connected].min() > 0.6


def test_costs_are_those_of_the_networks(table: TabularBenchmark) -> None:
    task = load_task("digits", valid=0.5, test=1 / 3)
    for architecture in list(SPACE.enumerate())[5::200]:
        network = build(SPACE, architecture.spec, task.info)
        costs = table.costs_of(table.row(architecture))
        assert costs == {"params": count_params(network), "macs": count_macs(network, task.info.input_shape)}


@pytest.mark.slow
def test_trainings_made_anew_give_the_scores_of_the_table(table: TabularBenchmark) -> None:
    # to the last digit on the machine that made it; elsewhere sums may be taken in another order
    task = load_task("digits", valid=0.5, test=1 / 3)
    cells = all_architectures(SPACE)
    behind = []
    for row, seed in ((37, 0), (150, 1), (301, 2), (700, 0)):
        job = Job(space=SPACE, architecture=cells[row], task=task, fidelity=Fidelity(9), horizon=9, seed=729 * seed + row)
        found = TrainAndTest({"batch_size": 64, "learning_rate": 0.015}).evaluate(job)
        behind.append(abs(found.curve[-1]["accuracy"] - table.valid[row, -1, seed]))
    assert max(behind) < 0.03
