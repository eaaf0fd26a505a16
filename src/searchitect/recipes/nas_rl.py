"""NAS-RL: a recurrent controller writes down convolutional networks layer by layer, and learns from how they do.

Zoph, Le 2017, "Neural Architecture Search with Reinforcement Learning", https://arxiv.org/abs/1611.01578.
"""

import math

from searchitect.core import Objective, SettingError, Trial
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts
from searchitect.recipes.rewards import best_of_the_end
from searchitect.spaces.nas_rl import NasRl


def nas_rl(
    *,
    children: int = 8,
    learning_rate: float = 0.01,
    baseline_decay: float = 0.95,
    entropy: float = 0.1,
    power: float = 3.0,
    end: float = 0.1,
) -> Candidates:
    """Section 3: REINFORCE with a moving average of the rewards as baseline.

    Args:
        children: m, networks of one step of the controller.
        learning_rate: of Adam on the controller's weights theta.
        baseline_decay: of the average of earlier rewards, b.
        entropy: weight of the policy's entropy.
        power: the reward is the accuracy to this power, above 0; on texts it is 80 divided by the square of the perplexity.
        end: the accuracy is the best one in this last part of a training, in [0, 1]: 5 of the paper's 50 epochs; 0: that at its end.
    """

    check_counts("nas-rl", children=children)
    if not 0 < power < math.inf:
        raise SettingError(f"power of the recipe 'nas-rl' must be above 0, got {power}; the paper has 3")
    if not 0 <= end <= 1:
        raise SettingError(f"end of the recipe 'nas-rl' must lie in [0, 1], a part of a training, got {end}; the paper has 0.1")

    def reward(trial: Trial, objective: Objective) -> float:
        best = best_of_the_end(trial, objective, end)
        if objective.metric == "perplexity":
            return 80 / best**2
        return math.copysign(abs(best) ** power, best)  # a score below 0, such as an R2, keeps its place

    options = {"batch": children, "learning_rate": learning_rate, "baseline_decay": baseline_decay, "entropy": entropy}
    return Candidates("reinforce", options, reward, {"close_looks": end}, cycle=2 * children)


RECIPE = ComposedRecipe(
    name="nas-rl",
    title="NAS with reinforcement learning",
    paper="Zoph, Le 2017, arXiv:1611.01578",
    summary="a recurrent controller, trained by REINFORCE, writes down convolutional networks layer by layer",
    space=NasRl.for_task,
    candidates=nas_rl,
    paper_settings={"epochs": 50.0, "learning_rate": 6e-4, "entropy": 0.0},
    paper_silent=("baseline_decay",),
    paper_space={"variant": "v3", "layers": 13, "filters": (6, 12, 24, 36)},
    paper_training={**PLAIN, "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    paper_trials=12_800,
)
