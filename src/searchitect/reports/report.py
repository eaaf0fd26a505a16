"""The report of a run: one HTML file that needs nothing else, not even a network."""

import base64
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from searchitect.core import RunError, Trial
from searchitect.reports import charts, tables
from searchitect.reports.data import Goal, ReportData, get, goals_of
from searchitect.reports.decisions import FEWEST_TRIALS, MOST_TAKEN, comparable_trials, decisions_taken, importance
from searchitect.reports.drawing import draw_cells, draw_network
from searchitect.reports.formatting import format_seconds, format_setting, format_value, label_of
from searchitect.reports.style import width_of
from searchitect.reports.supernet import probability_table, shared_views, training_views

_MOST_DECISIONS: Final = 15
_LEAST_SHARE: Final = 0.005
_STATES: Final = ("complete", "pruned", "failed", "infeasible", "duplicate", "running", "waiting")


def write_report(data: ReportData, path: Path) -> Path:
    """Write the report of a run as one HTML file, replacing an older one in one step.

    Args:
        data: the run; any part of it may be missing.
        path: of the file; its folder must exist.

    Raises:
        RunError: where the file cannot be written.
    """
    text = render_report(data)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    except OSError as error:
        if unfinished.is_file():
            unfinished.unlink()
        raise RunError(
            f"the report cannot be written to {path}: {error.strerror or error}; name a folder that exists and is writable"
        ) from None
    return path


def render_report(data: ReportData) -> str:
    """The report's HTML: self-contained, with everything that came from the run escaped."""
    environment = Environment(
        loader=PackageLoader("searchitect.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    source = environment.loader
    assert source is not None
    script = source.get_source(environment, "report.js")[0]
    return environment.get_template("report.html.j2").render(
        **_content(data),
        style=Markup(source.get_source(environment, "report.css")[0]),
        script=Markup(script),
        # the browser runs this script and no other, whatever names the data may hold
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _content(data: ReportData) -> dict[str, Any]:
    goals = goals_of(data)
    goal = goals[0]
    best = tables.best_trial(data.trials, goal)
    table = tables.trial_table(data, goals)
    counts = tables.state_counts(data.trials)
    views = {
        "progress": charts.progress_views(data, goal),
        "baseline": charts.baseline_views(data, goal),
        "trade-off": charts.trade_off_views(data, goals),
        "curves": charts.curve_views(data, goal),
        "residuals": charts.residual_views(data),
        "supernet": training_views(data),
        "shared": shared_views(data),
    }
    return {
        "name": str(get(data.run, "name", default="search")),
        "created": str(get(data.run, "created", default=""))[:16].replace("T", " "),
        "tags": _tags(data),
        "sentence": str(get(data.result, "sentence", default="")) or _fallback_sentence(data, goal, best),
        "is_finished": get(data.result, "winner") is not None,
        "tiles": tables.headline(data, goals, best),
        **_drawings(data, best),
        "drawn": _drawn(data, best),
        "winner_rows": tables.winner_rows(data, goals),
        "finalists": tables.finalist_rows(data, goals),
        "goals": [f"{goal.direction}imise {label_of(goal.metric)}" for goal in goals],
        "goal_labels": [label_of(goal.metric) for goal in goals],
        "constraints": [format_setting(limit) for limit in get(data.result, "constraints", default=[])],
        "baseline": str(get(data.result, "baseline", "sentence", default="")),
        "baseline_full": str(get(data.result, "baseline", "full", "sentence", default="")),
        "is_multi_objective": len(goals) > 1,
        "probabilities": probability_table(data),
        "shared_sentences": [str(s) for s in get(data.result, "shared_weights", "sentences", default=[])],
        "charts": views,
        "summaries": _summaries(views, goal),
        "chart_json": script_json({"charts": views, "details": table.pop("details")}),
        "importance": _importance(data, goal),
        "table": table,
        "states": [(state, counts[state]) for state in _STATES if state in counts],
        "reasons": tables.failure_reasons(data.trials),
        "confusion": charts.confusion_table(data),
        "command": tables.reproduction(data),
        "facts": tables.run_facts(data),
        "sessions": _sessions(data),
        "protocol": [(name, format_setting(value)) for name, value in get(data.result, "protocol", default={}).items()],
        "notes": _notes(data),
    }


def script_json(value: Any) -> Markup:
    """JSON inside a script element: no text of the run can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _tags(data: ReportData) -> list[str]:
    settings = get(data.run, "settings", default={})
    space = get(data.run, "space", "name") or settings.get("space")
    strategy = get(data.run, "strategy", "name") or settings.get("strategy")
    tags = [
        get(data.run, "task", "kind", default="").replace("-", " "),
        f"space {space}" if space else "",
        f"strategy {strategy}" if strategy else "",
        f"budget {settings['budget']}" if settings.get("budget") else "",
        f"seed {settings['seed']}" if settings.get("seed") is not None else "",
    ]
    return [tag for tag in tags if tag]


def _fallback_sentence(data: ReportData, goal: Goal, best: Trial | None) -> str:
    if not data.trials:
        return "This run has no trials yet."
    if best is None:
        return f"None of the {len(data.trials)} trials so far is complete; the table below gives the reasons."
    score = format_value(goal.metric, best.metrics.get(goal.metric))
    return (
        f"The search has not reached its final step. The best of {len(data.trials)} trials so far is trial {best.id}, "
        f"with a validation {label_of(goal.metric)} of {score}."
    )


def _drawings(data: ReportData, best: Trial | None) -> dict[str, Any]:
    """The network, and its cells beside it: they may be wider than a phone, and are then shown smaller or scroll."""
    spec = get(data.result, "winner", "spec")
    if spec is None and best is not None:
        spec = best.architecture.spec
    if spec is None:
        return {"drawing": None, "cells": "", "cells_width": 0}
    cells = draw_cells(spec, chains=False)
    return {
        "drawing": Markup(draw_network(spec, get(data.run, "task"))),
        "cells": Markup(cells),
        "cells_width": round(width_of(cells)),
    }


def _drawn(data: ReportData, best: Trial | None) -> dict[str, str]:
    """Which architecture is drawn: its title, key and spec as indented JSON."""
    winner = get(data.result, "winner", default={})
    spec, key = winner.get("spec"), winner.get("key")
    if spec is None and best is not None:
        spec, key = best.architecture.spec, best.key
    origin = winner.get("search_trial", winner.get("trial"))
    title = f"found as trial {origin}" if origin is not None else f"trial {best.id}" if best is not None else ""
    epochs = winner.get("epochs")
    trained = f"trained for {epochs:g} epochs" if isinstance(epochs, (int, float)) else ""
    refit = "on training and validation data together" if winner.get("refit") else ""
    return {
        "title": title,
        "key": str(key or ""),
        "trained": f"{trained} {refit}".strip(),
        "json": json.dumps(spec, indent=2, ensure_ascii=False, default=str) if spec is not None else "",
    }


def _importance(data: ReportData, goal: Goal) -> dict[str, Any]:
    """Bars, or a sentence that says why there are none."""
    found = importance(data.trials, goal.metric, goal.direction)
    if not found:
        usable = comparable_trials(data.trials, goal.metric)
        if len(usable) < FEWEST_TRIALS:
            why = f"Too few trials to tell: {len(usable)} can be compared with each other, at least {FEWEST_TRIALS} are needed."
        elif len(decisions_taken(usable)) > MOST_TAKEN:
            why = f"Too many decisions to tell: at most {MOST_TAKEN} can be told apart."
        else:
            why = "No decision varied among the trials that can be compared."
        return {"bars": [], "note": why}
    if not any(entry["share"] for entry in found):
        return {
            "bars": [],
            "note": f"No decision explains the scores of the {found[0]['trials']} trials: none helps to rank unseen ones.",
        }
    shown = [entry for entry in found[:_MOST_DECISIONS] if entry["share"] >= _LEAST_SHARE]
    bars = [
        {
            "decision": entry["decision"],
            "share": f"{100 * entry['share']:.0f}\u202f%",
            "width": f"{100 * entry['share'] / found[0]['share']:.1f}",
            "best": entry["best_value"],
            "mean": format_value(goal.metric, entry["best_mean"]),
            "values": ", ".join(
                f"{v['value']}: {format_value(goal.metric, v['mean'])} ({v['count']})" for v in entry["values"][:8]
            ),
        }
        for entry in shown
    ]
    left = f" The other {len(found) - len(shown)} decisions hardly mattered." if len(found) > len(shown) else ""
    note = (
        f"From {found[0]['trials']} trials at one fidelity: how much worse a random forest ranks unseen trials "
        f"when it is not told the decision. All decisions together explain {100 * found[0]['explained']:.0f}\u202f% of the "
        f"differences in rank.{left}"
    )
    return {"bars": bars, "note": note}


def _summaries(views: dict[str, dict[str, charts.View]], goal: Goal) -> dict[str, str]:
    """What each chart shows, in words, for those who do not see it."""
    label = label_of(goal.metric)
    texts = {
        "progress": f"Chart: validation {label} of each trial and the best so far, against trials or time.",
        "baseline": f"Chart: best validation {label} of this search and of random search, against the number of trials.",
        "trade-off": f"Chart: validation {label} against cost, the Pareto front highlighted.",
        "curves": "Chart: learning curves of the best trials, coloured by fidelity.",
        "residuals": "Chart: predicted against actual values of the test part.",
        "supernet": "Chart: the training of the supernet by epoch: how undecided the choices are, their options, the loss.",
        "shared": f"Chart: validation {label} of networks trained alone against their score with shared weights.",
    }
    for name, text in texts.items():
        view = next(iter(views[name].values()), None)
        points = sum(len(layer["rows"]) for layer in view["layers"] if layer["type"] in ("points", "line")) if view else 0
        texts[name] = f"{text} {points} points; move through them with the arrow keys."
    progress = views["progress"].get("trials", {}).get("layers", [])
    line: list[charts.Row] = next((layer["rows"] for layer in progress if layer["type"] == "line"), [])
    if line:
        best = (
            f"The best so far rises from {format_value(goal.metric, line[0][1])} to {format_value(goal.metric, line[-1][1])}."
        )
        texts["progress"] += " " + (best if goal.direction == "max" else best.replace("rises", "falls"))
    return texts


def _sessions(data: ReportData) -> list[str]:
    """One line per session: a run that was resumed has several."""
    lines = []
    for entry in get(data.run, "sessions", default=[]):
        lines.append(format_setting(entry))
    return lines


def _notes(data: ReportData) -> list[dict[str, Any]]:
    notes = get(data.result, "notes", default=[])
    groups = (
        ("What to know", notes),
        ("What the strategy did", get(data.result, "strategy_notes", default=[])),
        ("What was done to the data", [note for note in get(data.run, "task", "notes", default=[]) if note not in notes]),
    )
    counts = get(data.result, "counts", default={})
    seconds = {
        name: format_seconds(value)
        for name, value in get(data.result, "seconds", default={}).items()
        if isinstance(value, (int, float))
    }
    found = [{"title": title, "items": [str(item) for item in items]} for title, items in groups if items]
    if counts or seconds:
        spent = [", ".join(f"{value} {name}" for name, value in counts.items())] if counts else []
        spent += [", ".join(f"{name} {value}" for name, value in seconds.items())] if seconds else []
        found.append({"title": "Trials and time", "items": spent})
    return found
