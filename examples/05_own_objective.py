"""Objectives: two at a time with their Pareto front, and one of your own making."""

import math
from dataclasses import replace

from searchitect import search
from searchitect.estimators.from_scratch import FromScratch
from searchitect.networks import build


class Priced(FromScratch):
    """Training from scratch, and one more metric: accuracy less a price for every doubling of the network's size."""

    def evaluate(self, job):
        found = super().evaluate(job)
        if "accuracy" not in found.metrics:  # a failed training, or the last one, on all data, where nothing is measured
            return found
        network = build(job.space, job.architecture.spec, job.task.info)
        size = sum(p.numel() for p in network.parameters())
        worth = found.metrics["accuracy"] - 0.01 * math.log2(size)
        return replace(found, metrics={**found.metrics, "worth": worth})


if __name__ == "__main__":
    two = search("digits", maximize="accuracy", minimize="params", budget="20s", out="runs/05_two_objectives")
    print("no other trial is both more accurate and smaller:")
    for trial in two.front:
        print(f"  trial {trial.id}: accuracy {trial.metrics['accuracy']:.4f}, {trial.metrics['params']:,.0f} parameters")

    own = search("digits", estimator=Priced(), maximize="worth", budget="20s", out="runs/05_own_objective")
    print(own.summary["sentence"])
