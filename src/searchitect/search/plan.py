"""How a budget is divided: many short trainings, fewer long ones, and a final step."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from searchitect.core import Budget, TaskInfo

ETA = 3
RUNGS = 3
FINAL_SHARE = 0.36
LARGE_FINAL_SHARE = 0.45
"""Part of a time budget that is kept for retraining the best: more of it with many rows, where a few epochs are all that it allows."""
MANY_ROWS = 20_000
LEAST_FINAL_EPOCHS = 20
"""A network that could not make so many passes in the final step's time is too slow for the budget: it is not trained."""
CLOSING_SECONDS = 10.0
CLOSING_SHARE = 0.06
"""What exporting and reporting take: so many seconds, but no larger part of the budget, are kept for them."""
WISHED_TRIALS = 210
"""Architectures that a budget should suffice for, unless the system that searches says otherwise."""
TRIAL_SECONDS = 0.2
"""What a trial takes besides its epochs: building, saving, passing on."""
ARCHITECTURE_SECONDS = TRIAL_SECONDS * sum(ETA**-rung for rung in range(RUNGS))
"""The same of an architecture in 1 + 1/eta + 1/eta^2 trials."""
LOOK_SECONDS = 0.02
"""What a trial takes where nothing is trained: measuring costs, one look, the record."""
LOOKS_SHARE = 0.95
"""Part of the time for such trials: the record of thousands takes a while to be written at the end."""
BASELINE_EVERY = 5
"""One random architecture is judged for so many of the system's own, where the search has an interleaved baseline."""
SHORTEST = 0.25
"""Epochs below which a training says too little, however small the budget."""


@dataclass(frozen=True)
class Plan:
    """What a run does with its budget. Made once, recorded, and kept when the run goes on.

    Attributes:
        base_epochs: passes of the shortest training; a strategy with one fidelity uses `single_epochs`.
        max_epochs: passes of the longest training of the search, and the end of every learning-rate schedule in it.
        eta: one in so many is trained on, to so many times the passes.
        single_epochs: passes for a strategy that does not choose a fidelity itself.
        expected_trials: architectures the budget will roughly pay for.
        search_seconds: when the search ends; the rest of the time is the final step's.
        final_epochs: passes of the final training at most; with a time budget, as many of them as the time allows.
        finalists: architectures that are retrained.
        refit: train the winner once more on training and validation part together.
        time_limit: seconds of one trial.
        epoch_seconds: of a typical network here, one worker; measured before the search.
        most_macs: multiply-adds of one example above which a network is too slow for the budget.
    """

    base_epochs: float
    max_epochs: float
    eta: int
    single_epochs: float
    expected_trials: int
    search_seconds: float | None
    final_epochs: float
    finalists: int
    refit: bool
    time_limit: float | None
    epoch_seconds: float | None
    most_macs: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def training_seconds(budget: Budget) -> float | None:
    """Seconds after which all training ends: the budget less what exporting and reporting take; ``None`` without a limit of time."""
    return None if budget.seconds is None else budget.seconds - min(CLOSING_SECONDS, CLOSING_SHARE * budget.seconds)


def most_macs(budget: Budget, info: TaskInfo, measured: Sequence[tuple[float, float]]) -> float | None:
    """Multiply-adds of the slowest network that still fits the final step; ``None`` without a limit of time.

    Args:
        budget: of the whole run.
        info: the task.
        measured: (seconds per epoch, multiply-adds) of a few networks.
    """
    if budget.seconds is None or not info.is_image:
        return None
    rates = [macs / seconds for seconds, macs in measured if seconds > 0]
    epoch_seconds = budget.seconds * final_share(info) * 0.8 / min(LEAST_FINAL_EPOCHS, usual_epochs(info))
    return statistics.median(rates) * epoch_seconds if rates else None


def final_share(info: TaskInfo | None) -> float:
    """Part of a time budget that is the final step's."""
    return LARGE_FINAL_SHARE if info is not None and info.train_rows > MANY_ROWS else FINAL_SHARE


def usual_epochs(info: TaskInfo) -> float:
    """Passes that train a small network well: fewer for more data."""
    return min(max(600_000 / info.train_rows, 20), 100 if info.is_image else 60)


def own_trials(trials: int, has_baseline: bool) -> int:
    """Of so many, at least 1, those that the system itself proposes, which begins."""
    return trials - (trials + BASELINE_EVERY - 1) // (BASELINE_EVERY + 1) if has_baseline else trials


def architecture_epochs(levels: Sequence[float], eta: float) -> float:
    """Epochs that an architecture takes where one in ``eta`` goes on from each level (epochs, rising) to the next, resumed.

    An improving search promotes about half as many again, since what was among the best is overtaken later.
    """
    return levels[0] + 1.5 * sum((above - below) / eta**rung for rung, (below, above) in enumerate(pairwise(levels), 1))


def shortest_epochs() -> float:
    """Epochs that an architecture takes in the shortest sensible search."""
    return architecture_epochs([SHORTEST * ETA**rung for rung in range(RUNGS)], ETA)


def make_plan(
    budget: Budget,
    info: TaskInfo | None,
    epoch_seconds: Sequence[float],
    workers: int,
    spent: float = 0.0,
    time_limit: float | None = None,
    wished_trials: int = WISHED_TRIALS,
) -> Plan:
    """Divide ``budget``.

    Args:
        budget: of the whole run.
        info: the task; ``None`` where the estimator needs no data.
        epoch_seconds: of a few networks of the space, on one worker; empty where nothing is trained.
        workers: evaluations at a time.
        spent: seconds used before the search begins.
        time_limit: seconds of one trial, where the user sets one.
        wished_trials: architectures that the budget should suffice for, where the shortest sensible training allows it.
    """
    full = usual_epochs(info) if info is not None else 1.0
    typical = statistics.median(epoch_seconds) if epoch_seconds else None
    longest = ETA ** (RUNGS - 1)
    per_trial = shortest_epochs() / SHORTEST
    base = full / longest
    search_seconds = None
    trials = budget.trials
    if budget.seconds is not None:
        search_seconds = max(budget.seconds * (1 - final_share(info)), spent + 0.3 * (budget.seconds - spent))
        if typical is not None:
            available = (search_seconds - spent) * workers
            base = min(
                base, max(SHORTEST, (available / (trials or wished_trials) - ARCHITECTURE_SECONDS) / (per_trial * typical))
            )
            trials = min(trials or 10**9, max(1, _whole(available / (ARCHITECTURE_SECONDS + per_trial * base * typical))))
    if budget.epochs is not None:
        base = min(base, max(SHORTEST, budget.epochs / per_trial / (trials or wished_trials)))
        trials = min(trials or 10**9, max(1, _whole(budget.epochs / per_trial / base)))
    base = _rounded(base)
    if time_limit is None and search_seconds is not None and typical is not None:
        # a quarter of the search, but no first look may run into it
        time_limit = max(20.0, (search_seconds - spent) / 4, 2 * base * typical)
    return Plan(
        base_epochs=base,
        max_epochs=base * longest,
        eta=ETA,
        single_epochs=_rounded(base * per_trial),
        expected_trials=trials or wished_trials,
        search_seconds=search_seconds,
        final_epochs=max(full, base * longest),
        finalists=max(2, min(workers, 4)),
        refit=info is not None and info.train_rows <= MANY_ROWS,
        time_limit=time_limit,
        epoch_seconds=typical,
    )


def without_training(plan: Plan, budget: Budget) -> Plan:
    """The plan of a search that trains nothing: it has all of the time, and each network is looked at once."""
    end = training_seconds(budget)
    trials = budget.trials or (plan.expected_trials if end is None else max(1, int(end / LOOK_SECONDS)))
    return replace(
        plan,
        base_epochs=1.0,
        max_epochs=1.0,
        single_epochs=1.0,
        final_epochs=1.0,
        expected_trials=trials,
        search_seconds=None if end is None else LOOKS_SHARE * end,
        refit=False,
        most_macs=None,
    )


def _whole(count: float) -> int:
    """Rounded down, but not where only the last bits are missing."""
    return int(count + 1e-6)


def _rounded(epochs: float) -> float:
    """Two significant digits, and whole numbers from 3 on: what a person would write."""
    return float(round(epochs)) if epochs >= 3 else float(f"{epochs:.2g}")
