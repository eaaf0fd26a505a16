"""What papers make of a training's scores, in the place of the last one."""

import math
from typing import Final, TypeVar

from searchitect.core import Objective, Trial

_T = TypeVar("_T")
_FIRST: Final = 10


def keep_first(first: list[_T], value: _T) -> None:
    """Add what was measured to that of the first ten networks of a search, which stand for a target or limit that nobody gave."""
    if len(first) < _FIRST:
        first.append(value)


def best_of_the_end(trial: Trial, objective: Objective, part: float) -> float:
    """The best value of an objective, higher is better, among the looks in the last ``part`` of a training, in [0, 1], and at its end."""
    looks = [look for look in trial.curve if look["epoch"] > (1 - part) * trial.fidelity.epochs]
    return max(objective.value(measured) for measured in (trial.metrics, *looks))


def times_cost(value: float, cost: float, target: float, below: float, above: float) -> float:
    """MnasNet's reward (Tan et al. 2019, https://arxiv.org/abs/1807.11626, equations 2 and 3): value * (cost / target) ** w.

    Args:
        value: at least 0, such as an accuracy.
        cost, target: above 0, in the same unit.
        below, above: w where the cost is at most the target, and where it is above.
    """
    return value * math.pow(cost / target, below if cost <= target else above)


def mixed(value: float, cost: float, alpha: float) -> float:
    """MONAS' mixed reward (Hsu et al. 2018, https://arxiv.org/abs/1806.10332): alpha * value - (1 - alpha) * cost.

    Args:
        value: such as an accuracy.
        cost: as a share of some reference, in [0, 1].
        alpha: in [0, 1]; 1: the cost is no matter; 0: the value is none.
    """
    return alpha * value - (1 - alpha) * cost


def within_cost(value: float, cost: float, limit: float) -> float:
    """MONAS' reward under a limit of the cost, in the same unit: the value, or 0 where the cost is above."""
    return value if cost <= limit else 0.0


def cheap_and_good(value: float, cost: float, least: float) -> float:
    """MONAS' reward under a limit of the accuracy: 1 - cost, of a cost in [0, 1], or 0 where the value is below ``least``."""
    return 1 - cost if value >= least else 0.0
