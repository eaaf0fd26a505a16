"""What papers make of a training's scores, in the place of the last one."""

import math
from typing import Final, TypeVar

from searchitect.core import Objective, SettingError, Trial

_T = TypeVar("_T")
_FIRST: Final = 10


def keep_first(first: dict[int, _T], trial: Trial, value: _T) -> None:
    """Keep what was measured of the first ten trials of a search, by id: it stands for a target or limit that nobody gave.

    A trial that is met again, when the rewards are compared at the end, counts once.
    """
    if len(first) < _FIRST:
        first.setdefault(trial.id, value)


def cost_of(trial: Trial, cost: str, recipe: str) -> float:
    """A cost of a trial, which the recipe's reward is made of.

    Raises:
        SettingError: where it was not measured, as in the record of a search that did without it.
    """
    if cost not in trial.metrics:
        raise SettingError(
            f"the recipe {recipe!r} needs the {cost} of each network, which was not measured of trial {trial.id}: begin anew, in another "
            f"folder by --out, or with it among the objectives by --minimize {cost}"
        )
    return trial.metrics[cost]


def check_target(recipe: str, target: float, unit: str, **exponents: float) -> None:
    """Raise `SettingError` for a target of `times_cost` below 0, and for exponents, by their names, that would pay for a higher cost."""
    if not 0 <= target < math.inf:
        raise SettingError(
            f"target of the recipe {recipe!r} must be above 0 {unit}, or 0, which takes it from the first networks, got {target:g}"
        )
    for name, w in exponents.items():
        if not -math.inf < w <= 0:
            raise SettingError(
                f"{name} of the recipe {recipe!r} must be at most 0, got {w:g}: above it, costly networks would be paid more"
            )


def best_of_the_end(trial: Trial, objective: Objective, part: float) -> float:
    """The best value of an objective, higher is better, among the looks in the last ``part`` of a training, in [0, 1], and at its end."""
    looks = [look for look in trial.curve if look["epoch"] > (1 - part) * trial.fidelity.epochs]
    return max(objective.value(measured) for measured in (trial.metrics, *looks))


def times_cost(value: float, cost: float, target: float, below: float, above: float) -> float:
    """MnasNet's reward (Tan et al. 2019, https://arxiv.org/abs/1807.11626, equations 2 and 3): value * (cost / target) ** w.

    What is below 0, such as a loss turned round, is divided by the power: a higher cost lowers it too.

    Args:
        value: such as an accuracy.
        cost, target: above 0, in the same unit.
        below, above: w where the cost is at most the target, and where it is above; at most 0.
    """
    factor = math.pow(cost / target, below if cost <= target else above)
    return value * factor if value >= 0 else value / factor


def mixed(value: float, cost: float, alpha: float) -> float:
    """MONAS' mixed reward (Hsu et al. 2018, https://arxiv.org/abs/1806.10332): alpha * value - (1 - alpha) * cost.

    Args:
        value: such as an accuracy.
        cost: as a share of some reference, in [0, 1].
        alpha: in [0, 1]; 1: the cost is no matter; 0: the value is none.
    """
    return alpha * value - (1 - alpha) * cost


def within_cost(value: float, cost: float, limit: float) -> float:
    """MONAS' reward under a limit of the cost, in the same unit: the value, at least 0, or 0 where the cost is above."""
    return value if cost <= limit else 0.0


def cheap_and_good(value: float, cost: float, least: float) -> float:
    """MONAS' reward under a limit of the accuracy: 1 - cost, of a cost in [0, 1], or 0 where the value is below ``least``."""
    return 1 - cost if value >= least else 0.0
