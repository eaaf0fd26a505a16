"""MONAS: a recurrent controller writes down networks like AlexNet, for accuracy and a cost, such as the energy measured on this machine.

Hsu, Chang, Liang, Chou, Liu, Chang, Pan, Chen, Wei, Juan 2018, "MONAS: Multi-Objective Neural Architecture Search using Reinforcement
Learning", https://arxiv.org/abs/1806.10332.
"""

import math
from statistics import median

from searchitect.core import COSTS, Objective, SettingError, Trial
from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts, keywords
from searchitect.recipes.rewards import cheap_and_good, cost_of, keep_first, mixed, within_cost
from searchitect.spaces.monas import Monas

REWARDS = ("mixed", "cost-limit", "accuracy-limit")


def monas(
    *,
    reward: str = "mixed",
    cost: str = "macs",
    alpha: float = 0.9,
    limit: float = 0.0,
    least: float = 0.0,
    children: int = 4,
    learning_rate: float = 0.03,
    baseline_decay: float = 0.95,
    entropy: float = 0.1,
) -> Candidates:
    """REINFORCE with a reward made of the accuracy and a cost.

    The share of a cost is that of the largest cost among the first ten networks, at most 1.

    Args:
        reward: "mixed": alpha * accuracy - (1 - alpha) * share of the cost; "cost-limit": the accuracy, 0 where the cost is above
            ``limit``; "accuracy-limit": 1 - share of the cost, 0 where the accuracy is below ``least``.
        cost: "macs", "params", "memory", "latency", "energy" or "power".
        alpha: weight of the accuracy in the mixed reward, in [0, 1].
        limit: of the cost, in its unit (counts, MB, ms, mJ, W), in "cost-limit"; 0: the median of the first ten networks.
        least: accuracy, in [0, 1], in "accuracy-limit"; 0: the median of the first ten networks.
        children: networks of one step of the controller.
        learning_rate: of Adam on the controller's weights.
        baseline_decay: of the moving average of the rewards.
        entropy: weight of the policy's entropy.
    """
    if reward not in REWARDS or cost not in COSTS:
        name, value, known = ("cost", cost, COSTS) if reward in REWARDS else ("reward", reward, REWARDS)
        raise SettingError(f"{name} of the recipe 'monas' must be one of {', '.join(known)}, got {value!r}")
    check_counts("monas", children=children)
    for own, (setting, number, high) in zip(
        REWARDS, (("alpha", alpha, 1.0), ("limit", limit, math.inf), ("least", least, 1.0)), strict=True
    ):
        if not 0 <= number <= high:
            within = "be at least 0" if high > 1 else "lie in [0, 1]"
            raise SettingError(f"{setting} of the recipe 'monas' must {within}, got {number:g}")
        if own != reward and number != keywords(monas)[setting]:
            raise SettingError(
                f"{setting} of the recipe 'monas' is of reward={own}, which is {reward} here: leave {setting} out"
            )
    first: dict[int, tuple[float, float]] = {}

    def rewarded(trial: Trial, objective: Objective) -> float:
        value, taken = objective.value(trial.metrics), cost_of(trial, cost, "monas")
        keep_first(first, trial, (value, taken))
        values, costs = zip(*first.values(), strict=True)
        share = min(1.0, taken / (max(costs) or 1.0))
        if reward == "mixed":
            return mixed(value, share, alpha)
        if reward == "cost-limit":
            return within_cost(value, taken, limit or median(costs))
        return cheap_and_good(value, share, least or median(values))

    options = {"batch": children, "learning_rate": learning_rate, "baseline_decay": baseline_decay, "entropy": entropy}
    is_share = reward == "cost-limit"  # its 0 is to be the worst
    return Candidates("reinforce", options, rewarded, cycle=8 * children, minimize=(cost,), costs=(cost,), needs_share=is_share)


RECIPE = ComposedRecipe(
    name="monas",
    title="MONAS",
    paper="Hsu, Chang, Liang, Chou, Liu, Chang, Pan, Chen, Wei, Juan 2018, arXiv:1806.10332",
    summary="a recurrent controller writes down networks like AlexNet, for accuracy and a cost, such as the energy measured on this machine",
    space=Monas.for_task,
    candidates=monas,
    paper_settings={"cost": "energy"},
    paper_silent=("epochs", "alpha", "limit", "least", "children", "learning_rate", "baseline_decay", "entropy"),
    paper_space={
        "layers": 5,
        "pools": 3,
        "filters": (8, 16, 32, 48, 64),
        "sides": (3, 5, 7, 9),
        "units": (384, 192),
    },
)
