"""What a report is made of, and safe ways to read it: every part may be missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from searchitect.core import METRICS, Trial, TrialState
from searchitect.reports.formatting import is_number


@dataclass(frozen=True)
class ReportData:
    """A run, as its folder holds it.

    Attributes:
        run: the content of ``run.json``: settings, seed, versions, machine, space, plan, task.
        trials: all trials of the run.
        result: the content of ``result.json``: sentence, winner, front, baseline, confusion, notes, protocol.
        supernet: the content of ``supernet.json``, of a search with shared weights.

    Every part may be missing: a run that was interrupted, that has only failures, or none at all, has a report too.
    """

    run: dict[str, Any] = field(default_factory=dict)
    trials: Sequence[Trial] = ()
    result: dict[str, Any] = field(default_factory=dict)
    supernet: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Goal:
    """An objective as the report reads it."""

    metric: str
    direction: str

    def better(self, a: float, b: float) -> bool:
        """Whether ``a`` is better than ``b``."""
        return a > b if self.direction == "max" else a < b

    def sort_key(self, value: Any) -> float:
        """Ascending order is best first; no value is last."""
        if not is_number(value):
            return float("inf")
        return -float(value) if self.direction == "max" else float(value)


_FALLBACK: Final = Goal("accuracy", "max")


def get(source: Any, *path: str, default: Any = None) -> Any:
    """``source[path[0]][path[1]]...``, or the default where a step is missing or ``None``."""
    for name in path:
        source = source.get(name) if isinstance(source, dict) else None
    return default if source is None else source


def goals_of(data: ReportData) -> list[Goal]:
    """The objectives, the main one first: as recorded, else what the settings say, else the first known metric of a trial."""
    recorded = [
        Goal(str(entry["metric"]), "min" if entry.get("direction") == "min" else "max")
        for entry in get(data.result, "objectives", default=[])
        if isinstance(entry, dict) and entry.get("metric")
    ]
    if recorded:
        return recorded
    settings = get(data.run, "settings", default={})
    goals = [Goal(str(m), "max") for m in settings.get("maximize") or []] + [
        Goal(str(m), "min") for m in settings.get("minimize") or []
    ]
    if goals:
        return goals
    measured = next((trial.metrics for trial in data.trials if trial.state is TrialState.COMPLETE), {})
    return [next((Goal(metric, METRICS[metric]) for metric in METRICS if metric in measured), _FALLBACK)]


def is_search(trial: Trial) -> bool:
    """Whether the trial is part of the search, not of the random baseline nor of the final step."""
    return trial.origin not in ("baseline", "final")


def score_of(trial: Trial, goal: Goal) -> float | None:
    """The trial's value of the goal's metric, where it is complete and has a finite one."""
    value = trial.metrics.get(goal.metric)
    return float(value) if trial.state is TrialState.COMPLETE and is_number(value) else None  # type: ignore[arg-type]


def finished_order(trials: Sequence[Trial]) -> list[Trial]:
    """In the order in which they ended; those still open last."""
    return sorted(trials, key=lambda t: (float("inf") if t.finished is None else t.finished, t.id))
