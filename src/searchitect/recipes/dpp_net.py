"""DPP-Net: a cell of mobile layers grows layer by layer; which ones are trained is decided by Pareto dominance over all objectives.

Dong, Cheng, Juan, Wei, Sun 2018, "DPP-Net: Device-aware Progressive Search for Pareto-optimal Neural Architectures",
https://arxiv.org/abs/1806.08198.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts
from searchitect.spaces.dpp_net import CONVOLUTIONS, NORMS, DppNet

_SMALLEST = len(NORMS) * len(CONVOLUTIONS)


def dpp_net(*, beam: int = 8, predictor: str = "lstm") -> Candidates:
    """Section 3.3: from cells of one layer, all of which are trained, to cells of all layers.

    Args:
        beam: K, cells of a size that are trained and extended: the first by non-dominated front, then by crowding distance, over the
            predicted accuracy, the counted costs, and the measured ones, which are predicted too.
        predictor: the surrogate: "lstm", the paper's, "mlp-mean", or "lstm+mlp-mean", the mean of both.
    """
    check_counts("dpp-net", beam=beam)
    options = {"beam": beam, "first": _SMALLEST, "predictor": predictor, "select": "pareto"}
    return Candidates("progressive", options, cycle=_SMALLEST + 3 * beam)


RECIPE = ComposedRecipe(
    name="dpp-net",
    title="DPP-Net",
    paper="Dong, Cheng, Juan, Wei, Sun 2018, arXiv:1806.08198",
    summary="cells of mobile layers grow; those that are Pareto-optimal by counts and a surrogate are trained and extended",
    space=DppNet.for_task,
    candidates=dpp_net,
    paper_settings={"epochs": 10.0, "beam": 128},
    paper_space={"growth": 8, "cells": 7, "blocks": 3},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.1,
        "nesterov": True,
        "batch_size": 64,
        "weight_decay": 1e-4,
    },
    paper_trials=_SMALLEST + 3 * 128,
    minimize=("params", "macs", "latency"),
)
