"""MnasNet: a recurrent controller writes down mobile networks block by block, for accuracy and the latency on this machine.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
https://arxiv.org/abs/1807.11626.
"""

from statistics import median
from typing import Final

from searchitect.core import Objective, Trial
from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts
from searchitect.recipes.rewards import check_target, cost_of, keep_first, times_cost
from searchitect.spaces.mnasnet import MOBILENET_V2, MnasNet

TRAINING: Final = {"weight_decay": 1e-5, "warmup": 5 / 350, "label_smoothing": 0.0, "ema": 0.9999, "gradient_clip": 0.0}
"""What the usual training can take over of that of both papers: theirs is RMSProp's, which is not here."""


def mnasnet(
    *,
    minibatch: int = 10,
    learning_rate: float = 0.003,
    entropy: float = 0.03,
    target: float = 0.0,
    alpha: float = -0.07,
    beta: float = -0.07,
) -> Candidates:
    """Section 4: proximal policy optimisation of accuracy times a power of the latency.

    Args:
        minibatch: networks of one update of the controller.
        learning_rate: of Adam on the controller's weights.
        entropy: weight of the policy's entropy.
        target: T, milliseconds of one example on this machine; 0: the median of the first ten networks.
        alpha, beta: exponents w of latency / T below and above the target, at most 0; 0 and -1 make it a hard limit.
    """
    check_counts("mnasnet", minibatch=minibatch)
    check_target("mnasnet", target, "milliseconds", alpha=alpha, beta=beta)
    first: dict[int, float] = {}

    def reward(trial: Trial, objective: Objective) -> float:
        latency = cost_of(trial, "latency", "mnasnet")
        keep_first(first, trial, latency)
        return times_cost(objective.value(trial.metrics), latency, target or median(first.values()), alpha, beta)

    options = {"batch": minibatch, "learning_rate": learning_rate, "entropy": entropy}
    return Candidates("ppo", options, reward, costs=("latency",), cycle=2 * minibatch)


RECIPE = ComposedRecipe(
    name="mnasnet",
    title="MnasNet",
    paper="Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le 2019, arXiv:1807.11626",
    summary="a recurrent controller writes down mobile networks block by block, for accuracy and the latency on this machine",
    space=MnasNet.for_task,
    candidates=mnasnet,
    paper_settings={"epochs": 5.0, "target": 75.0},
    paper_silent=("minibatch", "learning_rate", "entropy"),
    paper_space=MOBILENET_V2,
    paper_training=TRAINING,
    paper_trials=8000,
    minimize=("latency",),
)
