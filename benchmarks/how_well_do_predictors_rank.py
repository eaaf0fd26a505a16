"""Predictors on NAS-Bench-201: rank correlation on 1,000 cells that they have not seen, from 30 and from 100 labels.

Labels are mean test accuracies after 200 epochs, handed in as ranks (quantiles of the normal distribution), as the strategies do. Three
seeds, each with cells of its own. Needs SEARCHITECT_DATA; about 4 minutes on one core. Names of predictors as arguments, such as
"gp (wl)": only those are measured anew.
"""

import json
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import RESULTS, save

from searchitect.benchmarks import find_benchmark
from searchitect.metrics.ranks import spearman
from searchitect.predictors import make_predictor
from searchitect.strategies.observed import normal_scores

SETS = ("cifar10", "cifar100", "imagenet16-120")
LABELS = (30, 100)
SEEDS = 3
HELD_OUT = 1000
PREDICTORS: dict[str, tuple[str, dict[str, Any]]] = {
    "trees (path)": ("trees", {}),
    "trees (one-hot)": ("trees", {"encoding": "one-hot"}),
    "trees (subtrees)": ("trees", {"encoding": "subtrees"}),
    "trees (boosting, path)": ("trees", {"kind": "boosting"}),
    "mlp-ensemble (path)": ("mlp-ensemble", {}),
    "mlp-ensemble (one-hot)": ("mlp-ensemble", {"encoding": "one-hot"}),
    "gp (hamming)": ("gp", {}),
    "gp (hamming, relevance)": ("gp", {"relevance": True}),
    "gp (path)": ("gp", {"kernel": "path"}),
    "gp (wl)": ("gp", {"kernel": "wl"}),
    "gp (structure)": ("gp", {"kernel": "structure"}),
    "graph-network": ("graph-network", {}),
    "lstm": ("lstm", {}),
    "mlp-mean": ("mlp-mean", {}),
}


def main() -> None:
    torch.set_num_threads(1)
    tables = {name: find_benchmark(f"nasbench201:{name}", score="test") for name in SETS}
    space = tables["cifar10"].space
    drawn = [[space.sample(random.Random(f"{seed} {cell}")) for cell in range(max(LABELS) + HELD_OUT)] for seed in range(SEEDS)]
    truth = {name: [np.array([table.test(cell) for cell in cells]) for cells in drawn] for name, table in tables.items()}
    chosen, file = sys.argv[1:], RESULTS / f"{Path(__file__).stem}.json"
    rows: dict[str, Any] = json.loads(file.read_text())["figures"]["predictors"] if chosen else {}
    for title in chosen or PREDICTORS:
        name, options = PREDICTORS[title]
        row: dict[str, Any] = {}
        for labels in LABELS:
            seconds: list[float] = []
            for data in SETS:
                whole, top = [], []
                for seed, cells in enumerate(drawn):
                    scores = truth[data][seed]
                    predictor = make_predictor(name, space, seed=seed, **options)
                    began = time.process_time()
                    predictor.fit(cells[:labels], normal_scores(scores[:labels]))
                    seconds.append(time.process_time() - began)
                    mean, _ = predictor.predict(cells[-HELD_OUT:])
                    held = scores[-HELD_OUT:]
                    best = np.argsort(held)[-HELD_OUT // 10 :]
                    whole.append(spearman(mean, held))
                    top.append(spearman(mean[best], held[best]))
                row[f"{data}, {labels} labels"] = {
                    "spearman": round(statistics.mean(whole), 3),
                    "standard deviation over seeds": round(statistics.stdev(whole), 3),
                    "spearman among the best tenth": round(statistics.mean(top), 3),
                }
            row[f"CPU seconds a fit, {labels} labels"] = round(statistics.median(seconds), 3)
        rows[title] = row
        print(title, [(key, value["spearman"] if isinstance(value, dict) else value) for key, value in row.items()], flush=True)
    hundred = {title: min(row[f"{data}, 100 labels"]["spearman"] for data in SETS) for title, row in rows.items()}
    save(
        "how_well_do_predictors_rank",
        "from 100 labels a random forest on paths ranks 1,000 other cells at 0.8 or more (Spearman) on each data set",
        {"least correlation of the three data sets, 100 labels": hundred, "predictors": rows},
    )


if __name__ == "__main__":
    main()
