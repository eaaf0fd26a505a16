"""AmoebaNet: ageing evolution of a normal and a reduction cell.

Real, Aggarwal, Huang, Le 2019, "Regularized Evolution for Image Classifier Architecture Search", https://arxiv.org/abs/1802.01548.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.amoebanet import Amoebanet


def amoebanet(*, population: int = 20, sample: int = 5) -> Candidates:
    """Algorithm 1: the best of a sample is mutated, the oldest dies.

    Args:
        population: P, how many are alive.
        sample: S, how many of them meet in a tournament, drawn with replacement.
    """
    options = {"population_size": population, "sample_size": sample, "with_replacement": True}
    return Candidates("regularized-evolution", options, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="amoebanet",
    title="AmoebaNet",
    paper="Real, Aggarwal, Huang, Le 2019, arXiv:1802.01548",
    summary="ageing evolution of a normal and a reduction cell: the best of a sample is mutated, the oldest dies",
    space=Amoebanet.for_task,
    candidates=amoebanet,
    paper_settings={"epochs": 25.0, "population": 100, "sample": 25},
    paper_space={"channels": 24, "cells": 3},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.024,
        "nesterov": False,
        "batch_size": 128,
        "weight_decay": 5e-4,
    },
    paper_trials=20_000,
)
