"""Hierarchical evolution: graphs of operations are the operations of a larger graph; all of them evolve.

Liu, Simonyan, Vinyals, Fernando, Kavukcuoglu 2018, "Hierarchical Representations for Efficient Architecture Search",
https://arxiv.org/abs/1711.00436.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.hierarchical import Hierarchical


def hierarchical_evolution(*, population: int = 20, share: float = 0.2) -> Candidates:
    """Section 3.2: tournaments of a share of the population, which grows: nobody dies.

    Args:
        population: random architectures at the beginning.
        share: part of the population that meets in a tournament; the best is mutated once.
    """
    options = {
        "population_size": population,
        "sample_share": share,
        "sample_size": 1,
        "with_replacement": False,
        "dies": "nobody",
    }
    return Candidates("regularized-evolution", options, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="hierarchical-evolution",
    title="Hierarchical representations",
    paper="Liu, Simonyan, Vinyals, Fernando, Kavukcuoglu 2018, arXiv:1711.00436",
    summary="graphs of operations are the operations of a larger graph, and evolve at all levels by tournaments; nobody dies",
    space=Hierarchical.for_task,
    candidates=hierarchical_evolution,
    paper_settings={"epochs": 32.0, "population": 200, "share": 0.05},  # 5,000 batches of 256 of 40,000 images
    paper_space={"motifs": 6, "motif_nodes": 4, "cell_nodes": 5, "channels": 16, "cells": 1, "groups": 3},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "nesterov": False,
        "batch_size": 256,
        "weight_decay": 3e-4,
    },
    paper_trials=7000,
)
