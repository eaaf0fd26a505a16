"""What can be told before a search begins: that its budget is too small for the system, and what the paper's own search would take."""

import math
from collections.abc import Iterator

from searchitect.search.plan import LOOK_SECONDS, Plan
from searchitect.search.setup import Setup


def foresight(setup: Setup, plan: Plan) -> Iterator[str]:
    """Sentences for the user; none where there is nothing to be said."""
    expected = min(plan.expected_trials, setup.budget.trials or plan.expected_trials)
    if expected < setup.cycle:
        yield (
            f"the budget allows about {expected} trainings, and one full cycle of {setup.name} is of {setup.cycle}: "
            f"the smallest sensible one is --budget {_smallest(setup, plan, expected)}"
        )
    if setup.paper_trials and not setup.estimator.trains:
        hours = setup.paper_trials * LOOK_SECONDS / 3600
        yield (
            f"the paper's search, {setup.paper_trials:,} networks that are not trained, would take about {_shown(hours)} hours here; "
            f"the budget is {setup.budget}"
        )
    elif setup.paper_trials and plan.epoch_seconds is not None:
        hours = setup.paper_trials * plan.single_epochs * plan.epoch_seconds / setup.workers / 3600
        yield (
            f"the paper's search, {setup.paper_trials:,} trainings of {plan.single_epochs:g} epochs, would take about {_shown(hours)} hours here; "
            f"the budget is {setup.budget}"
        )


def _shown(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _smallest(setup: Setup, plan: Plan, expected: int) -> str:
    if setup.budget.seconds is None:
        return f"{setup.cycle}trials"
    seconds = setup.budget.seconds * setup.cycle / max(1, expected)
    if plan.epoch_seconds is not None:  # where not even one training fits, it is expected all the same
        share = (plan.search_seconds or setup.budget.seconds) / setup.budget.seconds
        seconds = max(seconds, setup.cycle * plan.single_epochs * plan.epoch_seconds / setup.workers / share)
    minutes = math.ceil(seconds / 60)
    return f"{minutes}m" if minutes < 120 else f"{math.ceil(minutes / 60)}h"
