"""What can be told before a search begins: that its budget is too small for the system, and what the paper's own search would take."""

import math
from collections.abc import Iterator

from searchitect.search.plan import Plan
from searchitect.search.setup import Setup


def foresight(setup: Setup, plan: Plan) -> Iterator[str]:
    """Sentences for the user; none where there is nothing to be said."""
    expected = min(plan.expected_trials, setup.budget.trials or plan.expected_trials)
    if expected < setup.cycle:
        yield (
            f"the budget allows about {expected} trainings, and one full cycle of {setup.name} is of {setup.cycle}: "
            f"the smallest sensible one is --budget {_smallest(setup, expected)}"
        )
    if setup.paper_trials and plan.epoch_seconds is not None:
        hours = setup.paper_trials * plan.single_epochs * plan.epoch_seconds / setup.workers / 3600
        yield (
            f"the paper's search, {setup.paper_trials:,} trainings of {plan.single_epochs:g} epochs, would take about {hours:,.3g} hours here; "
            f"the budget is {setup.budget}"
        )


def _smallest(setup: Setup, expected: int) -> str:
    if setup.budget.seconds is None:
        return f"{setup.cycle}trials"
    minutes = math.ceil(setup.budget.seconds / 60 * setup.cycle / max(1, expected))
    return f"{minutes}m" if minutes < 120 else f"{math.ceil(minutes / 60)}h"
