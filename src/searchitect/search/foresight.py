"""What can be told before a search begins: that its budget is too small for the system, and what the paper's own search would take."""

import math
from collections.abc import Iterator
from dataclasses import replace

from searchitect.core import Budget
from searchitect.search.plan import (
    ARCHITECTURE_SECONDS,
    BASELINE_EVERY,
    LOOK_SECONDS,
    Plan,
    architecture_epochs,
    final_share,
    shortest_epochs,
)
from searchitect.search.setup import Setup
from searchitect.strategies.rungs import rungs


def foresight(setup: Setup, plan: Plan, spent: float = 0.0) -> Iterator[str]:
    """Sentences for the user; none where there is nothing to be said.

    Args:
        setup: of the run.
        plan: what its budget is divided into.
        spent: seconds of the budget that are used already.
    """
    # what a supernet's networks cost to be judged is not known before there is one
    expected = plan.expected_trials if setup.prepare is None else setup.budget.trials or setup.cycle * 2
    expected = min(expected, setup.budget.trials or expected)
    drawn = math.ceil(setup.cycle / BASELINE_EVERY) if setup.baseline and setup.cycle > 1 else 0
    if expected < setup.cycle + drawn:
        between = f", with {drawn} random ones between them" if drawn else ""
        yield (
            f"the budget allows about {expected} {_things(setup)}, and one full cycle of {setup.name} is of {setup.cycle}{between}: "
            f"the smallest sensible one is --budget {_smallest(setup, plan, setup.cycle + drawn, spent)}"
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


def _things(setup: Setup) -> str:
    return "trainings" if setup.estimator.trains else "networks"


def _shown(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _smallest(setup: Setup, plan: Plan, needed: int, spent: float) -> Budget:
    """The budget with each of its parts raised to what ``needed`` trials of the shortest training take."""
    budget = setup.budget
    epochs = plan.single_epochs
    if setup.estimator.trains and not setup.sets_epochs:
        epochs = shortest_epochs()
    elif setup.promotes and setup.estimator.trains:
        epochs = architecture_epochs(rungs(plan.base_epochs, plan.max_epochs, setup.promotes), setup.promotes)
    seconds = budget.seconds
    if seconds is not None and not setup.estimator.trains:
        seconds = max(seconds, _rounded_up(seconds * needed / max(1, plan.expected_trials)))
    elif seconds is not None and plan.epoch_seconds is not None and setup.prepare is None:
        searched = needed * (ARCHITECTURE_SECONDS + epochs * plan.epoch_seconds) / setup.workers + spent
        seconds = max(seconds, _rounded_up(searched / (1 - final_share(setup.task.info))))
    return replace(
        budget,
        seconds=seconds,
        trials=None if budget.trials is None else max(budget.trials, needed),
        epochs=None if budget.epochs is None else max(budget.epochs, math.ceil(needed * epochs)),
    )


def _rounded_up(seconds: float) -> float:
    """Whole minutes, from two hours on whole hours."""
    minutes = math.ceil(seconds / 60)
    return 60.0 * minutes if minutes < 120 else 3600.0 * math.ceil(minutes / 60)
