"""From finished trainings to a table, and what to know of it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.rows import EqualRows
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Architecture, RunError, Space


def metric_of(task: Any) -> str:
    """What the scores of a task's table are: accuracy, or R2."""
    return "accuracy" if task.info.is_classification else "r2"


def collect(
    space: Space,
    architectures: Sequence[Architecture],
    task: Any,
    trainings: Sequence[Mapping[str, Any]],
    *,
    name: str,
    epochs: int,
    seeds: int,
    licence: str = "",
) -> TabularBenchmark:
    """The table of finished trainings.

    A training that was given up as hopeless keeps its last score and costs nothing more; one that failed gets the worst score of the whole
    table.

    Args:
        space: whose architectures they are.
        architectures: in the order of the rows.
        task: for costs.
        trainings: what `searchitect.benchmarks.trainings.read_trainings` gives: all of them.
        name: of the table.
        epochs: of each training.
        seeds: trainings of each architecture.
        licence: of the numbers.

    Raises:
        RunError: where all trainings failed.
    """
    if all(training["state"] == "failed" for training in trainings):
        raise RunError(
            f"all {len(trainings)} trainings failed, the first one since {trainings[0].get('reason', 'it broke off')}: change the "
            "recipe, such as --set training.learning_rate=0.01, and write to another folder"
        )
    from searchitect.costs import measure_costs
    from searchitect.networks import build

    valid = np.full((len(architectures), epochs, seeds), np.nan)
    tested = np.full((len(architectures), seeds), np.nan)
    seconds = np.full((len(architectures), epochs, seeds), np.nan)
    for training in trainings:
        row, seed, curve = training["row"], training["seed"], training["curve"]
        reached = curve[-1][0] if curve else float(epochs)
        for place in range(epochs):
            looks = [score for epoch, score in curve if epoch <= place + 1 + 1e-6] or [score for _, score in curve[:1]]
            valid[row, place, seed] = looks[-1] if looks and training["state"] != "failed" else np.nan
            seconds[row, place, seed] = training["cpu"] * min(1.0, (place + 1) / reached)
        tested[row, seed] = np.nan if training["test"] is None else training["test"]
    for scores in (valid, tested):
        scores[np.isnan(scores)] = np.nanmin(scores)
    costs = [
        measure_costs(lambda spec=a.spec: build(space, spec, task.info), task.info.input_shape, ["params", "macs"])  # type: ignore[misc]
        for a in architectures
    ]
    return TabularBenchmark(
        name=name,
        space=space,
        rows=EqualRows({a.text: row for row, a in enumerate(architectures)}, space.canonical),
        epochs=tuple(float(epoch + 1) for epoch in range(epochs)),
        valid=valid,
        tested=tested,
        costs={cost: np.asarray([found[cost] for found in costs], np.float64) for cost in ("params", "macs")},
        seconds=np.median(seconds, axis=2),  # the first training of a worker is slower
        metric=metric_of(task),
        is_prefix=True,
        source="made by searchitect benchmarks make",
        licence=licence,
    )


def figures(table: TabularBenchmark) -> dict[str, float]:
    """What to know of a table: how good its architectures are, and how well its scores order them.

    Returns:
        Mean, median and best of the mean test scores; Spearman's correlation between the validation scores of two seeds (the mean over
        pairs) and between mean validation and mean test score. NaN where a table has too little to tell.
    """
    from searchitect.metrics.ranks import spearman

    last, means = table.valid[:, -1, :], table.test_scores
    pairs = [spearman(last[:, a], last[:, b]) for a in range(last.shape[1]) for b in range(a) if not np.isnan(last).any()]
    valid = np.asarray(np.nanmean(last, axis=1))
    return {
        "architectures": float(len(table.rows)),
        "mean": float(np.mean(means)),
        "median": float(np.median(means)),
        "best": float(np.max(means)),
        "seed to seed": float(np.mean(pairs)) if pairs else math.nan,
        "validation to test": spearman(valid, means) if len(valid) > 1 else math.nan,
    }


def countable(examples: Mapping[str, int], table: TabularBenchmark) -> dict[str, int]:
    """Of the numbers of ``examples`` of valid and test, those whose scores are whole counts out of so many; named as `save_table` takes them."""
    scores: dict[str, NDArray[np.float64]] = {"valid": table.valid, "test": table.tested}
    if table.metric != "accuracy" or max(examples.values()) >= np.iinfo(np.uint16).max:
        return {}
    return {
        "tested" if part == "test" else part: examples[part]
        for part, found in scores.items()
        if np.abs(np.round(found * examples[part]) / examples[part] - found).max() < 1e-6
    }
