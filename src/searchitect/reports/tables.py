"""What the report's text and tables hold, as plain values that the template writes out."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from searchitect.core import COSTS, METRICS, Trial, TrialState
from searchitect.reports.charts import fidelity_text
from searchitect.reports.data import Goal, ReportData, get, is_search, score_of
from searchitect.reports.decisions import decisions_of
from searchitect.reports.formatting import (
    format_count,
    format_seconds,
    format_setting,
    format_value,
    is_number,
    label_of,
    round_figure,
)

MOST_ROWS: Final = 500
MOST_FAILURES: Final = 200
_MOST_DETAILS: Final = 200  # decisions of a row: networks that list every link have thousands, which nobody reads here

_ORIGINS: Final = {
    "strategy": "strategy",
    "random": "random draw",
    "start": "start",
    "baseline": "baseline",
    "final": "final training",
}


def best_trial(trials: Iterable[Trial], goal: Goal) -> Trial | None:
    """The best complete trial: of the final step where there are any, else of the search."""
    scored = [trial for trial in trials if score_of(trial, goal) is not None]
    for pool in ([t for t in scored if t.origin == "final"], [t for t in scored if is_search(t)], scored):
        if pool:
            return min(pool, key=lambda trial: (goal.sort_key(score_of(trial, goal)), trial.id))
    return None


def state_counts(trials: Iterable[Trial]) -> dict[str, int]:
    """How many trials ended in which state; those that took over the result of an equal one count as ``duplicate``."""
    counts: dict[str, int] = {}
    for trial in trials:
        name = "duplicate" if trial.twin is not None else str(trial.state)
        counts[name] = counts.get(name, 0) + 1
    return counts


def headline(data: ReportData, goals: Sequence[Goal], best: Trial | None) -> list[dict[str, str]]:
    """The figures at the top: ``value``, ``label``, ``note``; the first is the main score."""
    goal = goals[0]
    winner = get(data.result, "winner", default={})
    validation = get(winner, "validation", default=best.metrics if best else {})
    test = get(winner, "test", goal.metric)
    tiles: list[dict[str, str]] = []

    def add(value: str, label: str, note: str = "") -> None:
        tiles.append({"value": value, "label": label, "note": note})

    on_validation = format_value(goal.metric, validation.get(goal.metric))
    if test is not None:
        note = f"validation {on_validation}" if validation.get(goal.metric) is not None else ""
        add(format_value(goal.metric, test), f"test {label_of(goal.metric)}", note)
    elif best is not None or validation:
        add(on_validation, f"validation {label_of(goal.metric)}", "test part not touched yet")
    measured = {
        **{name: validation.get(name) for name in COSTS},
        **{name: winner[name] for name in COSTS if winner.get(name) is not None},
    }
    for name in COSTS:
        if is_number(measured.get(name)):
            add(format_value(name, measured[name]), label_of(name), "per example" if name not in ("params", "power") else "")
    trained = sum(trial.is_trained for trial in data.trials)
    distinct = get(data.result, "counts", "distinct", default=len({trial.key for trial in data.trials}))
    add(format_count(trained), "trained trials", f"{format_count(distinct)} distinct architectures" if distinct else "")
    total = get(data.result, "seconds", "total", default=max((t.finished or 0.0 for t in data.trials), default=0.0))
    final = get(data.result, "seconds", "final")
    if total:
        add(format_seconds(total), "time", f"of which final step {format_seconds(final)}" if final else "")
    return tiles


def winner_rows(data: ReportData, goals: Sequence[Goal]) -> list[dict[str, str]]:
    """Each measure of the winner: ``label``, ``validation``, ``test``."""
    winner = get(data.result, "winner", default={})
    validation, test = get(winner, "validation", default={}), get(winner, "test", default={})
    names = [
        name for name in dict.fromkeys([g.metric for g in goals] + list(METRICS) + [*validation, *test]) if name not in COSTS
    ]
    return [
        {
            "label": label_of(name),
            "validation": format_value(name, validation.get(name)),
            "test": format_value(name, test.get(name)),
        }
        for name in names
        if validation.get(name) is not None or test.get(name) is not None
    ]


def finalist_rows(data: ReportData, goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """The architectures that were retrained, the best first."""
    entries = [entry for entry in get(data.result, "finalists", default=[]) if isinstance(entry, dict)]
    entries.sort(key=lambda entry: goals[0].sort_key(get(entry, "validation", goals[0].metric)))
    winner = get(data.result, "winner", "trial")
    return [
        {
            "trial": format_setting(entry.get("trial")),
            "source": format_setting(entry.get("from_trial")),
            "values": [format_value(goal.metric, get(entry, "validation", goal.metric)) for goal in goals],
            "is_winner": winner is not None and entry.get("trial") == winner,
        }
        for entry in entries
    ]


def trial_table(data: ReportData, goals: Sequence[Goal]) -> dict[str, Any]:
    """The table of trials: all, or of many the best 500 and up to 200 failures.

    Returns:
        ``columns`` (label, is_number), ``rows`` (id, state, cells: text and value to sort by, reason), ``note``, and
        ``details`` of the rows shown, packed: ``paths``, ``values``, ``trials`` (id -> [path, value, path, value, ...]),
        ``facts`` (id -> key, parent, seed, 0 or how its weights began: 1 on from the parent's, 2 with those of the parent that fit).
    """
    chosen, note = _chosen_rows(data.trials, goals[0])
    measured = {name for trial in chosen for name in trial.metrics}
    metrics = [g.metric for g in goals if g.metric in measured or g == goals[0]]
    metrics += [name for name in COSTS if name in measured and name not in metrics]
    tells_fidelity = len({trial.fidelity for trial in chosen}) > 1
    columns = [
        {"label": "trial", "is_number": True},
        {"label": "state", "is_number": False},
        {"label": "from", "is_number": False},
        *([{"label": "training", "is_number": True}] if tells_fidelity else []),
        *({"label": label_of(metric), "is_number": True} for metric in metrics),
        {"label": "time", "is_number": True},
        {"label": "reason", "is_number": False},
    ]
    rows = []
    for trial in chosen:
        state = "duplicate" if trial.twin is not None else str(trial.state)
        cells: list[dict[str, Any]] = [{"text": _ORIGINS.get(trial.origin, trial.origin), "value": None}]
        if tells_fidelity:
            cells.append({"text": fidelity_text(data, trial.fidelity), "value": round_figure(trial.fidelity.passes)})
        for metric in metrics:
            raw = trial.metrics.get(metric)
            value = round_figure(raw) if raw is not None else None
            cells.append({"text": format_value(metric, raw), "value": "" if value is None else value})
        spent = trial.seconds if trial.twin is None else 0.0
        cells.append({"text": format_seconds(spent) if spent else "–", "value": round_figure(spent)})
        reason = trial.reason or (f"equal to trial {trial.twin}" if trial.twin is not None else "")
        rows.append({"id": trial.id, "state": state, "cells": cells, "reason": reason[:400]})
    return {"columns": columns, "rows": rows, "note": note, "details": _packed_details(chosen)}


def _chosen_rows(trials: Sequence[Trial], goal: Goal) -> tuple[list[Trial], str]:
    if len(trials) <= MOST_ROWS + MOST_FAILURES:
        return sorted(trials, key=lambda t: t.id), ""
    failures = [t for t in trials if t.state is TrialState.FAILED]
    others = [t for t in trials if t.state is not TrialState.FAILED]
    others.sort(key=lambda t: (t.state is not TrialState.COMPLETE, goal.sort_key(t.metrics.get(goal.metric)), t.id))
    chosen = others[:MOST_ROWS] + failures[:MOST_FAILURES]
    shown = min(len(failures), MOST_FAILURES)
    of_failures = f" and {shown} of {format_count(len(failures))} failures" if failures else ""
    note = (
        f"Of {format_count(len(trials))} trials the table shows the best {MOST_ROWS}{of_failures}; trials.csv has all of them."
    )
    return sorted(chosen, key=lambda t: t.id), note


def _packed_details(trials: Sequence[Trial]) -> dict[str, Any]:
    paths: dict[str, int] = {}
    values: dict[str, int] = {}
    packed: dict[int, list[int]] = {}
    facts: dict[int, list[Any]] = {}
    for trial in trials:
        flat: list[int] = []
        shown = decisions_of(trial.architecture, _MOST_DETAILS + 1)
        if len(shown) > _MOST_DETAILS:
            shown = {**dict(islice(shown.items(), _MOST_DETAILS)), "and more": "in trials.csv"}
        for path, value in shown.items():
            flat.append(paths.setdefault(path, len(paths)))
            flat.append(values.setdefault(format_setting(value), len(values)))
        packed[trial.id] = flat
        facts[trial.id] = [trial.key, trial.parent, trial.seed, 2 if trial.inherit else int(trial.resume)]
    return {"paths": list(paths), "values": list(values), "trials": packed, "facts": facts}


def run_facts(data: ReportData) -> list[dict[str, Any]]:
    """Groups of settings for the section on reproduction: ``title`` and ``rows`` (name, value)."""
    run = data.run
    task = {**get(run, "task", default={})}
    names = ("name", "kind", "input_shape", "outputs", "train_rows", "valid_rows", "test_rows", "fingerprint", "baseline_score")
    groups = [
        ("Settings", get(run, "settings", default={})),
        ("Search space", get(run, "space", default={})),
        ("Strategy", get(run, "strategy", default={})),
        ("Plan", get(run, "plan", default={})),
        (
            "Data",
            {
                **{k: task[k] for k in names if k in task},
                **{k: v for k, v in get(run, "data", default={}).items() if k not in task},
            },
        ),
        ("Versions", get(run, "versions", default={})),
        ("Machine", get(run, "machine", default={})),
    ]
    return [
        {
            "title": title,
            "rows": [
                (str(name).replace("_", " "), text) for name, value in fields.items() if (text := format_setting(value)) != "–"
            ],
        }
        for title, fields in groups
        if isinstance(fields, dict) and fields
    ]


def reproduction(data: ReportData) -> str:
    """The lines to copy: the command, and the versions it ran with."""
    command = get(data.run, "command", default="")
    command = " ".join(map(str, command)) if isinstance(command, list) else str(command)
    lines = [command] if command else []
    versions = get(data.run, "versions", default={})
    if isinstance(versions, dict) and versions:
        lines.append("# " + ", ".join(f"{name} {format_setting(value)}" for name, value in versions.items()))
    seed = get(data.run, "settings", "seed")
    if seed is not None:
        lines.append(f"# seed {format_setting(seed)}")
    machine = get(data.run, "machine", default={})
    if isinstance(machine, dict) and machine:
        lines.append("# " + ", ".join(f"{name} {format_setting(value)}" for name, value in machine.items()))
    return "\n".join(lines)


def failure_reasons(trials: Iterable[Trial], most: int = 8) -> list[tuple[str, int]]:
    """The reasons of failed trials with their counts, the most frequent first."""
    counts: dict[str, int] = {}
    for trial in trials:
        if trial.state is TrialState.FAILED:
            reason = trial.reason.strip()[:200] or "no reason recorded"
            counts[reason] = counts.get(reason, 0) + 1
    return sorted(counts.items(), key=lambda item: -item[1])[:most]
