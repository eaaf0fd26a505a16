"""PNAS: cells grow block by block; a surrogate chooses which of all extensions are trained.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, "Progressive Neural Architecture Search",
https://arxiv.org/abs/1712.00559.
"""

from dataclasses import replace

from searchitect.core import Space, TaskInfo
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.pnas import Pnas


def growing_cells(info: TaskInfo) -> Space:
    """Cells of one block and more."""
    return replace(Pnas.for_task(info), least_blocks=1)


def pnas(*, beam: int = 12, first: int = 36, predictor: str = "mlp-mean") -> Candidates:
    """Algorithm 1: from cells of one block to cells of all blocks.

    Args:
        beam: K, cells of a size that are trained and extended.
        first: cells of one block that are trained, at most; the paper's space has 136.
        predictor: the surrogate: "mlp-mean" or "lstm", the paper's two, or "lstm+mlp-mean", the mean of both.
    """
    return Candidates("progressive", {"beam": beam, "first": first, "predictor": predictor}, cycle=first + 2 * beam)


RECIPE = ComposedRecipe(
    name="pnas",
    title="PNAS",
    paper="Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, arXiv:1712.00559",
    summary="cells grow block by block; a surrogate that learns from the smaller ones chooses which larger ones are trained",
    space=growing_cells,
    candidates=pnas,
    paper_settings={"epochs": 20.0, "beam": 256, "first": 136},
    paper_space={"channels": 24, "cells": 2},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "nesterov": False,
        "batch_size": 32,
        "weight_decay": 5e-4,
        "gradient_clip": 5.0,
    },
    paper_trials=1160,
)
