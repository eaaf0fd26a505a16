"""Do short trainings pay? Halving, Hyperband, BOHB and learning curves against random search with full trainings, at equal simulated cost.

On tables with fidelities, 30 seeds each: the median regret (test score) of the architecture chosen after so many full trainings' worth of
epochs. The choice is the best validation score at the highest fidelity reached. The last table is an adversary: the shorter a
training, the more its ranks are turned upside down; there the bracket s = 0 of Hyperband protects, and ASHA does not.
"""

import random
import statistics
import sys
from typing import Any

import numpy as np
from measuring import save

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.replay import replay
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, Objective, SearchitectError, Trial
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.strategies import make_strategy

SEEDS = 30
AFTER = (5, 10, 20, 40)
TABLES = ("digits-cells", "nasbench201:cifar10", "nasbench201:cifar100", "nasbench201:imagenet16-120")


def adversary() -> TabularBenchmark:
    """729 cells with drawn scores after 1, 3, 9 and 27 epochs: full scores q, short ones fall with q."""
    space = NasBench201(channels=8, cells=1, operations=("none", "skip_connect", "nor_conv_3x3"), merges=False)
    rows = {architecture.text: row for row, architecture in enumerate(space.enumerate())}
    rng = np.random.default_rng(0)
    full = rng.random(len(rows))
    short = [np.clip(1 - full + 0.05 * rng.standard_normal(len(rows)), 0, 1) * scale for scale in (0.5, 0.6, 0.7)]
    valid = np.stack([*short, full], axis=1)[:, :, None]
    return TabularBenchmark("adversary", space, rows, (1.0, 3.0, 9.0, 27.0), valid, full[:, None])


def contenders(table: TabularBenchmark) -> dict[str, dict[str, Any]]:
    halving: dict[str, Any] = table.halving()
    found = {name: dict(halving) for name in ("asha", "successive-halving", "hyperband", "bohb")}
    found["random"] = {}
    if len(table.fidelities) >= 8:  # a curve of two points is none
        for method in ("least-squares", "last-value", "median"):
            # one look, as soon as there are five points
            found[f"learning-curve {method}"] = {
                "max_epochs": halving["max_epochs"],
                "first": table.fidelities[4] / halving["max_epochs"],
                "method": method,
            }
    return found


def regrets(table: TabularBenchmark, trials: list[Trial]) -> dict[int, float]:
    """Regret after so many full trainings' worth of epochs."""
    full, spent, best = table.fidelities[-1], 0.0, (0.0, -1.0, -1)
    found: dict[int, float] = {}
    epochs = {trial.id: table.fidelities[table.fidelity(trial.fidelity.epochs)] for trial in trials}
    for trial in trials:
        before = epochs.get(trial.parent, 0.0) if trial.resume and table.is_prefix and trial.parent is not None else 0.0
        spent += (epochs[trial.id] - before) / full
        for mark in AFTER:
            if spent > mark + 1e-9 and mark not in found:
                found[mark] = _regret(table, best[2])
        best = max(best, (epochs[trial.id], trial.metrics[table.metric], table.row(trial.architecture)))
    return {mark: found.get(mark, _regret(table, best[2])) for mark in AFTER}


def _regret(table: TabularBenchmark, row: int) -> float:
    return table.optimum() - (float(table.test_scores[row]) if row >= 0 else 0.0)


def measure(table: TabularBenchmark) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, options in contenders(table).items():
        runs = []
        for seed in range(SEEDS):
            strategy = make_strategy(name.split()[0], table.space, [Objective(table.metric, "max")], seed, **options)
            runs.append(regrets(table, replay(strategy, table, evaluations=AFTER[-1], seed=1000 * seed)))
        found[name] = {str(mark): _summary([run[mark] for run in runs]) for mark in AFTER}
        print(table.name, name, {mark: round(s["median"], 5) for mark, s in found[name].items()}, flush=True)
    return found


def _summary(values: list[float]) -> dict[str, float]:
    """Median and its 95 % bootstrap interval."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(1000))
    return {"median": statistics.median(values), "low": medians[25], "high": medians[974]}


def main() -> None:
    figures: dict[str, Any] = {}
    for name in sys.argv[1:] or TABLES:
        try:
            table = find_benchmark(name)
        except (DataError, SearchitectError, FileNotFoundError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        figures[name] = measure(table)
    figures["adversary"] = measure(adversary())
    save(
        "do_short_trainings_pay",
        "at equal simulated cost ASHA, Hyperband and BOHB have a lower median regret than random search with full trainings: true on "
        "NAS-Bench-201 after 5 to 40 full trainings; on digits-cells not after 5, and after 40 of ASHA and BOHB only",
        {"regret after full trainings (median of 30 seeds, bootstrap interval of the median)": figures},
    )


if __name__ == "__main__":
    main()
