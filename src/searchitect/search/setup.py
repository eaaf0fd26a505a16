"""All that a run is made of, before it begins."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from searchitect.core import Budget, Constraint, Estimator, Fidelity, Objective, Space, Strategy
from searchitect.search.plan import WISHED_TRIALS, Plan

StrategyMaker = Callable[[Space, Sequence[Objective], int, Plan], Strategy]
"""Makes the strategy for a space, objectives, seed and plan."""

Preparation = Callable[[float | None, Callable[[str], None]], None]
"""Done before the first trial, given the seconds of the whole search, ``None`` without a limit of time, and a function that is to be called
with what a progress line shows."""


@dataclass(frozen=True)
class Setup:
    """All that a run is made of.

    Attributes:
        name: for titles.
        folder: of the run.
        task: `searchitect.tasks.Task`, or ``None`` for an estimator that needs no data.
        final_estimator: trains the final candidates; ``None``: there is no final step.
        fidelity: fraction of data and resolution of every trial, and where ``sets_epochs`` the epochs of its first look.
        identity: JSON of every setting that must be equal for a run to go on.
        command: the command or call that repeats the run.
        time_limit: seconds of one trial; ``None``: a quarter of the search's time.
        baseline: interleave random trials.
        prepare: trains what the search relies on, such as a supernet; ``None``: nothing. It goes on where it stopped.
        drawn_finalists: random architectures that are trained beside the finalists in the final step, to compare with.
        deviation: how the run differs from a published one.
        cycle: trials of one full cycle of the system that the run is of; a smaller budget is said before the search begins.
        wished_trials: among which a budget is divided; fewer are trained longer.
        max_epochs: of the longest training of the search, where ``fidelity`` has the epochs of the first look; 0: nine times these.
        paper_trials: trials of the paper's own search, whose cost is said before it begins; 0: nothing is said.
        notice: says, before the search begins, what training what it relies on takes, or what it makes of the settings; ``None``, or an empty
            sentence: nothing.
        promotes: one in so many trainings goes on, to so many times the epochs; 0: each is trained once.
        measured: costs that are measured of each network besides those of objectives and limits.
    """

    name: str
    folder: Path
    space: Space
    make_strategy: StrategyMaker
    strategy_name: str
    estimator: Estimator
    final_estimator: Estimator | None
    task: Any
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    budget: Budget
    workers: int
    seed: int
    fidelity: Fidelity | None
    sets_epochs: bool
    identity: Mapping[str, Any]
    command: str
    time_limit: float | None = None
    baseline: bool = True
    prepare: Preparation | None = None
    drawn_finalists: int = 0
    deviation: str = "not a published recipe"
    cycle: int = 1
    wished_trials: int = WISHED_TRIALS
    max_epochs: float = 0.0
    paper_trials: int = 0
    notice: Callable[[], str] | None = None
    promotes: float = 0.0
    measured: Sequence[str] = ()
