"""NASNet: a recurrent controller, trained by proximal policy optimisation, writes down a normal and a reduction cell.

Zoph, Vasudevan, Shlens, Le 2018, "Learning Transferable Architectures for Scalable Image Recognition", https://arxiv.org/abs/1707.07012.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts
from searchitect.spaces.nasnet import Nasnet


def nasnet(
    *,
    minibatch: int = 10,
    learning_rate: float = 0.003,
    baseline_decay: float = 0.95,
    entropy: float = 0.03,
    clip: float = 0.2,
    passes: int = 5,
) -> Candidates:
    """Appendix A.2: proximal policy optimisation.

    Args:
        minibatch: architectures of one update of the controller.
        learning_rate: of Adam on the controller's weights.
        baseline_decay: of the moving average of the rewards.
        entropy: weight of the policy's entropy.
        clip, passes: of proximal policy optimisation.
    """
    check_counts("nasnet", minibatch=minibatch, passes=passes)
    options = {
        "batch": minibatch,
        "learning_rate": learning_rate,
        "baseline_decay": baseline_decay,
        "entropy": entropy,
        "clip": clip,
        "passes": passes,
    }
    return Candidates("ppo", options, cycle=2 * minibatch)


RECIPE = ComposedRecipe(
    name="nasnet",
    title="NASNet",
    paper="Zoph, Vasudevan, Shlens, Le 2018, arXiv:1707.07012",
    summary="a recurrent controller, trained by PPO, writes down a normal and a reduction cell, which are stacked to any size",
    space=Nasnet.for_task,
    candidates=nasnet,
    paper_settings={"epochs": 20.0, "minibatch": 20, "learning_rate": 3.5e-4, "entropy": 1e-5},
    paper_silent=("clip", "passes"),
    paper_space={"channels": 32, "cells": 2},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.025,
        "nesterov": False,
        "batch_size": 32,
        "weight_decay": 5e-4,
        "gradient_clip": 5.0,
    },
    paper_trials=20_000,
)
