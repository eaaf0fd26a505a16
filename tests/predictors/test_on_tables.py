"""How well predictors rank the cells of NAS-Bench-201: 100 labels, 1,000 others.

`benchmarks/how_well_do_predictors_rank.py` has the figures of all data sets and several seeds. Labels are ranks, as quantiles of the
normal distribution, as the strategies hand them in.
"""

import random
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, rankdata

from searchitect.benchmarks.parquet import read_columns
from searchitect.core import Architecture
from searchitect.metrics.ranks import spearman
from searchitect.predictors import make_predictor
from searchitect.spaces.nasbench201 import NasBench201

from ..real_data import real_data

SPACE = NasBench201(merges=False)


@pytest.fixture(scope="module")
def table() -> tuple[list[Architecture], np.ndarray]:
    """1,100 random cells with their mean test accuracy on CIFAR-10 after 200 epochs."""
    wanted = ("arch_str", "cifar10_test_acc_200ep")
    columns = read_columns(real_data("nasbench201.parquet"), lambda name: name in wanted)
    rows = random.Random(0).sample(range(15_625), 1100)
    return [SPACE.from_string(columns["arch_str"][row]) for row in rows], np.array([columns[wanted[1]][row] for row in rows])


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [
        ("trees", {}, 0.75),
        ("trees", {"encoding": "subtrees"}, 0.83),
        ("mlp-ensemble", {}, 0.8),
        ("gp", {}, 0.75),
        ("gp", {"kernel": "path"}, 0.83),
        ("gp", {"kernel": "wl"}, 0.87),
        ("graph-network", {}, 0.88),
        ("lstm", {"units": 50}, 0.7),
        ("mlp-mean", {}, 0.72),
    ],
)
def test_a_hundred_labels_rank_a_thousand_others(
    name: str, options: dict[str, Any], least: float, table: tuple[list[Architecture], np.ndarray]
) -> None:
    cells, scores = table
    predictor = make_predictor(name, SPACE, **options)
    predictor.fit(cells[:100], norm.ppf((rankdata(scores[:100]) - 0.5) / 100))
    mean, std = predictor.predict(cells[100:])
    assert spearman(mean, scores[100:]) > least
    assert (std > 0).mean() > 0.99
