"""What papers make of a training's scores, in the place of the last one."""

from searchitect.core import Objective, Trial


def best_of_the_end(trial: Trial, objective: Objective, part: float) -> float:
    """The best value of an objective, higher is better, among the looks in the last ``part`` of a training, in [0, 1], and at its end."""
    looks = [look for look in trial.curve if look["epoch"] > (1 - part) * trial.fidelity.epochs]
    return max(objective.value(measured) for measured in (trial.metrics, *looks))
