"""EfficientNet: a mobile network for accuracy and multiply-adds, and how its depth, width and image grow together.

Tan, Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", https://arxiv.org/abs/1905.11946.
"""

from dataclasses import replace

from searchitect.core import Objective, TaskInfo, Trial
from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.recipes.mnasnet import TRAINING
from searchitect.recipes.recipe import check_counts
from searchitect.recipes.rewards import check_target, cost_of, times_cost
from searchitect.spaces.mnasnet import MOBILENET_V2, MnasNet
from searchitect.strategies.compound_scaling import PHI


def space(task: TaskInfo) -> MnasNet:
    """MnasNet's, with networks scaled up to phi = 2."""
    return replace(MnasNet.for_task(task), activation="silu", largest_phi=2, compound_step=0.1)


def efficientnet(
    *,
    target: float = 0.0,
    w: float = -0.07,
    share: float = 0.5,
    minibatch: int = 10,
    learning_rate: float = 0.003,
    entropy: float = 0.03,
) -> Candidates:
    """Sections 3.3 and 4: PPO for accuracy times a power of the multiply-adds, then the grid at phi = 1, then larger phi.

    Args:
        target: T, multiply-adds of the base network; 0: those of the first network, since T moves all rewards by one factor. Scaled
            networks may have 2^phi times as many.
        w: exponent of multiply-adds / T, at most 0.
        share: part of the trials that the base network is searched with.
        minibatch: networks of one update of the controller.
        learning_rate: of Adam on the controller's weights.
        entropy: weight of the policy's entropy.
    """
    check_counts("efficientnet", minibatch=minibatch)
    check_target("efficientnet", target, "multiply-adds", w=w)
    targets = [target] if target else []

    def reward(trial: Trial, objective: Objective) -> float:
        phi, macs = trial.architecture.decisions.get(PHI, 0), cost_of(trial, "macs", "efficientnet")
        if not targets:
            targets.append(macs / 2**phi)
        return times_cost(objective.value(trial.metrics), macs, 2**phi * targets[0], w, w)

    inner = {"batch": minibatch, "learning_rate": learning_rate, "entropy": entropy}
    options = {"inner": "ppo", "inner_options": inner, "share": share}
    return Candidates("compound-scaling", options, reward, costs=("macs",), cycle=60)


RECIPE = ComposedRecipe(
    name="efficientnet",
    title="EfficientNet",
    paper="Tan, Le 2019, arXiv:1905.11946",
    summary="a mobile network for accuracy and multiply-adds, then how its depth, width and image grow together",
    space=space,
    candidates=efficientnet,
    paper_settings={"epochs": 5.0, "target": 400e6},
    paper_silent=("share", "minibatch", "learning_rate", "entropy"),
    paper_space={**MOBILENET_V2, "compound_step": 0.05, "largest_phi": 6},
    paper_training={**TRAINING, "drop_path": 0.2},
    paper_trials=8000,
)
