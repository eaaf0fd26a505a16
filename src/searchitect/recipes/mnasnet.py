"""MnasNet: a recurrent controller writes down mobile networks block by block, for accuracy and the latency on this machine.

Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le 2019, "MnasNet: Platform-Aware Neural Architecture Search for Mobile",
https://arxiv.org/abs/1807.11626.
"""

from statistics import median

from searchitect.core import Objective, SettingError, Trial
from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.recipes.rewards import keep_first, times_cost
from searchitect.spaces.mnasnet import MnasNet


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
        alpha, beta: exponents w of latency / T below and above the target; 0 and -1 make it a hard limit.
    """
    if not target >= 0:
        raise SettingError(f"target of the recipe 'mnasnet' must be at least 0 milliseconds, got {target}")
    first: list[float] = []

    def reward(trial: Trial, objective: Objective) -> float:
        if "latency" not in trial.metrics:
            raise SettingError("the recipe 'mnasnet' needs the latency of each network: add --minimize latency")
        keep_first(first, trial.metrics["latency"])
        return times_cost(objective.value(trial.metrics), trial.metrics["latency"], target or median(first), alpha, beta)

    options = {"batch": minibatch, "learning_rate": learning_rate, "entropy": entropy}
    return Candidates("ppo", options, reward, cycle=2 * minibatch)


RECIPE = ComposedRecipe(
    name="mnasnet",
    title="MnasNet",
    paper="Tan, Chen, Pang, Vasudevan, Sandler, Howard, Le 2019, arXiv:1807.11626",
    summary="a recurrent controller writes down mobile networks block by block, for accuracy and the latency on this machine",
    space=MnasNet.for_task,
    candidates=mnasnet,
    paper_settings={"epochs": 5.0, "target": 75.0},
    paper_silent=("minibatch", "learning_rate", "entropy"),
    paper_trials=8000,
    minimize=("latency",),
)
