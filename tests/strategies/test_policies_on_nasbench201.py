import statistics
from typing import Any

import pytest

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.replay import replay
from searchitect.core import Objective
from searchitect.strategies import make_strategy
from tests.real_data import real_data

OBJECTIVES = [Objective("accuracy", "max")]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
@pytest.mark.parametrize(("name", "options"), [("reinforce", {}), ("ppo", {}), ("q-learning", {"expected_trials": 300})])
def test_a_learned_policy_is_not_behind_random_search(name: str, options: dict[str, Any], dataset: str) -> None:
    """300 queries of the test accuracy; medians of 20 seeds."""
    folder = real_data("nasbench201.parquet").parent
    table = find_benchmark(f"nasbench201:{dataset}", folder=folder, score="test")

    def median_best(name: str, **options: Any) -> float:
        found = []
        for seed in range(100, 120):
            strategy = make_strategy(name, table.space, OBJECTIVES, seed, **options)
            found.append(max(trial.metrics["accuracy"] for trial in replay(strategy, table, evaluations=300)))
        return statistics.median(found)

    assert median_best(name, **options) >= median_best("random")
