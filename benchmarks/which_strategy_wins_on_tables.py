"""The published protocol on NAS-Bench-201: the validation accuracy after 12 epochs drives the search, the test accuracy of the chosen cell is reported.

    python benchmarks/which_strategy_wins_on_tables.py

Every strategy of the catalogue that fits takes part with its defaults, but that the zero-cost layers rank by the parameters that the table tells
(their default needs the images). 300 queries a search, on each of the three data sets; the table has no simulated time, so that queries are
counted. 30 searches of each strategy, 10 of those in SLOW; those of grid are all alike, since it draws nothing. It is `searchitect.compare` that
runs: twice in one folder, the second time without the slow ones and with more seeds. Searches are kept in
runs/which_strategy_wins_on_tables, so that the command goes on where it stopped.
Needs SEARCHITECT_DATA; about 35 minutes of one core.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from measuring import data_folder, save

from searchitect import Comparison, compare
from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.protocol import Contrast, verdict
from searchitect.benchmarks.statistics import difference, holm, mann_whitney, summarise, vargha_delaney
from searchitect.strategies import strategy_names

FOLDER = Path("runs/which_strategy_wins_on_tables")
TABLES = [f"nasbench201:{data}" for data in ("cifar10", "cifar100", "imagenet16-120")]
EPOCHS, QUERIES, SEEDS, FEW = 12, 300, 30, 10
SLOW = ("bananas",)  # a quarter of a minute a search
OPTIONS = {name: {"proxy": "params"} for name in ("zero-cost-warm-start", "zero-cost-proposal")}
PUBLISHED = {  # Dong, Yang 2020, https://arxiv.org/abs/2001.00326: mean test accuracy after 12,000 simulated seconds, on each of TABLES
    "random": (93.70, 71.04, 44.57),
    "regularized evolution": (93.92, 71.84, 45.54),
    "reinforce": (93.85, 71.71, 45.24),
    "bohb": (93.61, 70.85, 44.42),
}


def search(strategies: str | Sequence[str], seeds: int) -> Comparison:
    given = {name: options for name, options in OPTIONS.items() if strategies == "all" or name in strategies}
    found = compare(
        TABLES,
        strategies,
        queries=QUERIES,
        fidelity=EPOCHS,
        seeds=seeds,
        options=given,
        tables=data_folder(),
        out=FOLDER,
        on_progress=lambda done, total, row: print(
            f"{done} of {total}", row["task"], row["strategy"], row["seed"], row.get("error", ""), flush=True
        ),
    )
    if found.is_interrupted:
        raise SystemExit("stopped: the same command goes on")
    return found


def reached(found: Comparison) -> dict[str, dict[str, list[float]]]:
    """Test accuracies in percent: task -> strategy -> one for each search."""
    return {
        task["name"]: {name: [100 * run["test"] for run in runs] for name, runs in task["runs"].items()}
        for task in found.record["tasks"]
    }


def said_against(scores: Mapping[str, Sequence[float]], other: str) -> dict[str, str]:
    """What may be said of each strategy beside another, as in the report of a comparison: the p-values are corrected for their number."""
    names = [name for name in scores if name != other]
    corrected = holm([mann_whitney(scores[name], scores[other]) for name in names])
    found = {other: ""}
    for name, p in zip(names, corrected, strict=True):
        a, b = scores[name], scores[other]
        found[name] = verdict(Contrast(name, other, difference(a, b), p, vargha_delaney(a, b), min(len(a), len(b))))
    return found


def rows_of(task: str, scores: Mapping[str, Sequence[float]]) -> list[dict[str, Any]]:
    """One row for each strategy, the highest mean first."""
    beside_random, beside_local = said_against(scores, "random"), said_against(scores, "local-search")
    rows = []
    for name, values in scores.items():
        all_in_all, gain = summarise(values), difference(values, scores["random"])
        rows.append(
            {
                "data set": task.partition(":")[2],
                "strategy": name,
                "searches": len(values),
                "mean": round(all_in_all.mean, 3),
                "95 % interval": f"{all_in_all.mean_low:.2f} to {all_in_all.mean_high:.2f}",
                "median": round(all_in_all.median, 3),
                "its interval": f"{all_in_all.median_low:.2f} to {all_in_all.median_high:.2f}",
                "mean less random's": "" if name == "random" else f"{gain.value:+.2f} ({gain.low:+.2f} to {gain.high:+.2f})",
                "beside random": beside_random[name],
                "beside local search": beside_local[name],
            }
        )
    return sorted(rows, key=lambda row: -float(row["mean"]))


def main() -> None:
    first = search("all", FEW)
    others = [name for name in strategy_names() if name not in first.record["refused"] and name not in SLOW]
    few, many = reached(first), reached(search(others, SEEDS))
    figures: dict[str, Any] = {}
    rows: list[dict[str, Any]] = []
    for place, task in enumerate(TABLES):
        table = find_benchmark(task, folder=data_folder())
        seen, test = table.mean_scores[:, table.epochs.index(EPOCHS)], 100 * table.test_scores
        figures[task] = {
            "best test accuracy of all cells": round(float(test.max()), 2),
            "of the cell with the best validation accuracy after 12 epochs": round(float(test[seen.argmax()]), 2),
        }
        figures[f"{task}, published, after 12,000 simulated seconds"] = {
            name: values[place] for name, values in PUBLISHED.items()
        }
        rows += rows_of(task, {name: many[task].get(name, values) for name, values in few[task].items()})
    ahead = {
        other: [
            name
            for name in sorted({row["strategy"] for row in rows})
            if all(row[f"beside {other}"] == "better" for row in rows if row["strategy"] == name)
        ]
        for other in ("random", "local search")
    }
    figures |= {f"better than {other} on all three": ", ".join(names) or "none" for other, names in ahead.items()}
    figures |= {"left out": first.record["refused"], "rows": rows}
    save(
        "which_strategy_wins_on_tables",
        f"none beforehand. Validation after {EPOCHS} epochs drives the search, {QUERIES} queries, {SEEDS} searches of each strategy ({FEW} of "
        f"{', '.join(SLOW)}); test accuracy in percent. Ahead of random search on all three data sets: {', '.join(ahead['random']) or 'none'}; ahead of "
        f"local search on all three: {', '.join(ahead['local search']) or 'none'}",
        figures,
    )


if __name__ == "__main__":
    main()
