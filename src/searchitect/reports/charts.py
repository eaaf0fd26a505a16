"""What each chart shows, as plain data that ``report.js`` draws: layers of points, lines and bands over two axes.

A view is {"x": axis, "y": axis, "layers": [layer, ...]}, with "legend", where the order of the names matters. An axis is
{"label", "kind", "log", "low", "high"}, where low and high may be missing. A layer is {"type": "points" | "line" | "band" |
"limit", "name", "tone", "rows"} with rows [x, y, trial id] or [x, low, high]. A tone is the name of a colour in ``report.css``.
Long series are thinned out: a screen shows about a thousand points.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from searchitect.core import Constraint, Fidelity, SearchitectError, Trial, TrialState, parse_constraint
from searchitect.reports.data import Goal, ReportData, finished_order, get, is_search, score_of
from searchitect.reports.formatting import is_number, kind_of, label_of, round_figure

MOST_POINTS: Final = 1200
MOST_CURVES: Final = 50
_MOST_LOOKS: Final = 60

View = dict[str, Any]
Row = list[Any]


def thin(rows: Sequence[Any], most: int) -> list[Any]:
    """At most ``most`` of them, evenly spread, the first and the last included."""
    if len(rows) <= most:
        return list(rows)
    return [rows[round(place * (len(rows) - 1) / (most - 1))] for place in range(most)]


def fidelity_text(data: ReportData, fidelity: Fidelity) -> str:
    """``3 epochs``, ``1 epoch, 50 % of the data``; where nothing was trained, ``shared weights``."""
    is_shared = get(data.run, "settings", "estimator") == "shared-weights"
    parts = ["shared weights" if is_shared else f"{fidelity.epochs:g} epoch" + ("" if fidelity.epochs == 1 else "s")]
    if fidelity.data != 1:
        parts.append(f"{100 * fidelity.data:.3g} % of the data")
    if fidelity.resolution != 1:
        parts.append(f"{100 * fidelity.resolution:.3g} % resolution")
    return ", ".join(parts)


def fidelity_tones(trials: Iterable[Trial]) -> dict[Fidelity, str]:
    """A tone for each fidelity, ``rung0`` (cheapest) to ``rung4``, spread over the ramp."""
    levels = sorted({trial.fidelity for trial in trials}, key=lambda fidelity: (fidelity.passes, fidelity))
    last = max(1, len(levels) - 1)
    return {level: f"rung{4 if len(levels) == 1 else round(4 * place / last)}" for place, level in enumerate(levels)}


def axis(metric: str, *, label: str | None = None, log: bool = False) -> dict[str, Any]:
    """An axis that shows a metric."""
    return {"label": label or label_of(metric), "kind": kind_of(metric), "log": log}


def progress_views(data: ReportData, goal: Goal) -> dict[str, View]:
    """Best score so far, against trials and against time, over the scores themselves; no views before the first score.

    The line counts the search's own trials at any fidelity; those of the interleaved baseline and of the final step are drawn,
    but not counted.
    """
    scored = [(t, s) for t in finished_order(data.trials) if t.twin is None and (s := score_of(t, goal)) is not None]
    if not scored:
        return {}
    tones = fidelity_tones(t for t, _ in scored)
    order = {t.id: n for n, t in enumerate((t for t in finished_order(data.trials) if t.is_trained), start=1)}
    views: dict[str, View] = {}
    for name, x_axis in (
        ("trials", {"label": "trained trials", "kind": "count", "log": False, "low": 0}),
        ("time", {"label": "time", "kind": "seconds", "log": False, "low": 0}),
    ):
        groups: dict[tuple[float, str], tuple[str, list[Row]]] = {}
        best: list[Row] = []
        for trial, score in scored:
            x = order.get(trial.id, 0) if name == "trials" else (trial.finished or 0.0)
            key, tone = _group(data, trial, tones)
            groups.setdefault(key, (tone, []))[1].append([x, score, trial.id])
            if is_search(trial) and (not best or goal.better(score, best[-1][1])):
                best.append([x, score, trial.id])
        if best:
            last = max(row[0] for _, rows in groups.values() for row in rows)
            best.append([last, best[-1][1], best[-1][2]])
        share = MOST_POINTS // len(groups)
        layers: list[dict[str, Any]] = [
            {"type": "points", "name": title, "tone": tone, "rows": _rounded(thin(rows, share))}
            for (_, title), (tone, rows) in sorted(groups.items())
        ]
        if best:
            line = {"type": "line", "name": "best so far", "tone": "ink", "step": True, "rows": _rounded(best)}
            layers.append(line)
        y_axis = axis(goal.metric, label=f"validation {label_of(goal.metric)}") | _focus([s for _, s in scored], goal)
        views[name] = {"x": x_axis, "y": y_axis, "layers": layers}
    return views


def _group(data: ReportData, trial: Trial, tones: dict[Fidelity, str]) -> tuple[tuple[float, str], str]:
    """Sort key with title, and tone: by fidelity, the baseline and the final step apart."""
    if trial.origin == "baseline":
        return (math.inf, "random baseline"), "baseline"
    if trial.origin == "final":
        return (math.inf, "final training"), "final"
    return (trial.fidelity.passes, fidelity_text(data, trial.fidelity)), tones[trial.fidelity]


def _focus(scores: Sequence[float], goal: Goal) -> dict[str, float]:
    """The ends of the axis, where a few bad scores would press all others flat: the reader compares the good ones.

    Points beyond are drawn at the edge as hollow triangles.
    """
    ordered = sorted(scores, reverse=goal.direction == "max")
    best, middle, worst = ordered[0], ordered[len(ordered) // 2], ordered[-1]
    edge = best + 3 * (middle - best)
    if best == middle or abs(worst - best) <= 1.3 * abs(edge - best):
        return {}
    return {"low": edge} if goal.direction == "max" else {"high": edge}


def _rounded(rows: Sequence[Row]) -> list[Row]:
    return [[None if value is None else round_figure(value) for value in row] for row in rows]


def baseline_views(data: ReportData, goal: Goal) -> dict[str, View]:
    """The search against the expected best of as many random trials, at the same fidelity."""
    baseline = get(data.result, "baseline", default={})
    curve = [p for p in get(baseline, "curve", default=[]) if is_number(p.get("n")) and is_number(p.get("expected"))]
    if not curve:
        return {}
    metric = str(get(baseline, "metric", default=goal.metric))
    band = [[p["n"], p["low"], p["high"]] for p in curve if is_number(p.get("low")) and is_number(p.get("high"))]
    last = max(p["n"] for p in curve)  # beyond it the random draws are too few to say anything
    search = [
        [p["n"], p["best"]] for p in get(baseline, "search_curve", default=[]) if is_number(p.get("best")) and p["n"] <= last
    ]
    layers: list[dict[str, Any]] = [
        {"type": "band", "name": "95 % interval", "tone": "baseline", "rows": _rounded(thin(band, 300))},
        {
            "type": "line",
            "name": "random search, expected",
            "tone": "baseline",
            "rows": _rounded(thin([[p["n"], p["expected"]] for p in curve], 300)),
        },
        {"type": "line", "name": "this search", "tone": "ink", "step": True, "rows": _rounded(thin(search, 600))},
    ]
    # the first draws are always poor: the question is decided where the curves have flattened
    settled = [p["expected"] for p in curve[len(curve) // 6 :]] + [row[1] for row in search[len(search) // 6 :]]
    values = settled + [row[1] for row in band[len(band) // 3 :]]
    spread = max(values) - min(values)
    ends = {"low": min(values) - 0.1 * spread} if goal.direction == "max" else {"high": max(values) + 0.1 * spread}
    view = {
        "x": {"label": "architectures tried", "kind": "count", "log": False, "low": 0},
        "y": axis(metric, label=f"best validation {label_of(metric)}") | (ends if spread > 0 else {}),
        "layers": [layer for layer in layers if layer["rows"]],
    }
    return {"trials": view}


def constraints_of(data: ReportData) -> list[Constraint]:
    """The limits of the run, those that cannot be read left out."""
    found = []
    measured = {name for trial in data.trials[:50] for name in trial.metrics}
    for text in get(data.result, "constraints") or get(data.run, "settings", "where", default=[]):
        try:
            found.append(parse_constraint(str(text), measured))
        except SearchitectError:
            continue
    return found


def trade_off_views(data: ReportData, goals: Sequence[Goal]) -> dict[str, View]:
    """The main score against every other objective and every limited cost: the front, the rest, and what was over a limit."""
    main = goals[0]
    limits = {limit.metric: limit for limit in constraints_of(data)}
    others = list(dict.fromkeys([g.metric for g in goals[1:]] + [m for m in limits if m != main.metric]))
    front = set(get(data.result, "front", default=[])) or _front(data.trials, goals)
    views: dict[str, View] = {}
    for metric in others:
        groups: dict[str, list[Row]] = {"infeasible": [], "other": [], "final": [], "front": []}
        for trial in data.trials:
            x, y = trial.metrics.get(metric), trial.metrics.get(main.metric)
            if not is_number(x) or trial.twin is not None:
                continue
            if trial.state is TrialState.INFEASIBLE:
                groups["infeasible"].append([x, y if is_number(y) else None, trial.id])
            elif trial.state is TrialState.COMPLETE and is_number(y):
                groups["final" if trial.origin == "final" else "front" if trial.id in front else "other"].append(
                    [x, y, trial.id]
                )
        xs = [row[0] for rows in groups.values() for row in rows if row[0] > 0]
        if not groups["front"] and not groups["other"]:
            continue
        on_front = _rounded(sorted(groups["front"]))
        layers: list[dict[str, Any]] = [
            {
                "type": "points",
                "name": "over a limit",
                "tone": "faint",
                "hollow": True,
                "rows": _rounded(thin(groups["infeasible"], 300)),
            },
            {"type": "points", "name": "trial", "tone": "rung2", "rows": _rounded(thin(groups["other"], MOST_POINTS))},
            {"type": "points", "name": "final training", "tone": "final", "rows": _rounded(thin(groups["final"], 300))},
            {"type": "line", "name": "", "tone": "front", "step": len(goals) == 2, "rows": on_front if len(goals) == 2 else []},
            {"type": "points", "name": "Pareto front", "tone": "front", "large": True, "rows": thin(on_front, 300)},
        ]
        if metric in limits:
            value = round_figure(limits[metric].limit)
            layers.append({"type": "limit", "name": f"limit {limits[metric]}", "tone": "bad", "rows": [[value]]})
        scores = [row[1] for rows in (groups["other"], groups["final"], groups["front"]) for row in rows]
        views[label_of(metric)] = {
            "x": axis(metric, log=bool(xs) and len(xs) > 1 and max(xs) > 10 * min(xs)),
            "y": axis(main.metric, label=f"validation {label_of(main.metric)}") | _focus(scores, main),
            "layers": [layer for layer in layers if layer["rows"]],
        }
    return views


def _front(trials: Iterable[Trial], goals: Sequence[Goal]) -> set[int]:
    """The non-dominated trials of the search for two objectives: the front of a run that has no result yet."""
    if len(goals) != 2:
        return set()
    found: set[int] = set()
    least = math.inf
    keyed = (
        ((goals[0].sort_key(score_of(t, goals[0])), goals[1].sort_key(score_of(t, goals[1]))), t)
        for t in trials
        if is_search(t)
    )
    for (_, second), trial in sorted(keyed, key=lambda pair: pair[0]):
        if second < least:
            least = second
            found.add(trial.id)
    return found


def curve_views(data: ReportData, goal: Goal) -> dict[str, View]:
    """Learning curves of the best trials: the main score, and the training loss where it is recorded."""
    with_curve = [t for t in data.trials if t.curve and t.twin is None and t.state is not TrialState.FAILED]
    with_curve.sort(key=lambda t: (goal.sort_key(t.metrics.get(goal.metric)), t.id))
    chosen = with_curve[:MOST_CURVES]
    tones = fidelity_tones(chosen)
    names = dict.fromkeys(name for t in chosen for look in t.curve for name in look)
    shown = [name for name in (goal.metric, "loss", "train_loss") if name in names]
    if not shown:
        shown = [name for name in names if name != "epoch" and kind_of(name) != "seconds"][:1]
    views: dict[str, View] = {}
    for metric in shown:
        layers = []
        for trial in reversed(chosen):  # the best on top
            looks = [
                [round_figure(look.get("epoch", place)), round_figure(look[metric]), trial.id]
                for place, look in enumerate(trial.curve, start=1)
                if is_number(look.get(metric))
            ]
            tone = "final" if trial.origin == "final" else tones[trial.fidelity]
            name = "final training" if trial.origin == "final" else fidelity_text(data, trial.fidelity)
            if looks:
                layers.append({"type": "line", "name": name, "tone": tone, "thin": True, "rows": thin(looks, _MOST_LOOKS)})
        if layers:
            # "loss" alone is that of the validation part
            title = "training loss" if metric == "train_loss" else f"validation {label_of(metric)}"
            views[title] = {
                "x": {"label": "epoch", "kind": "number", "log": False, "low": 0},
                "y": axis(metric, label=title),
                "layers": layers,
                "legend": [*(fidelity_text(data, fidelity) for fidelity in tones), "final training"],
            }
    return views


def residual_views(data: ReportData) -> dict[str, View]:
    """Predicted against actual values of the test part, and the residuals."""
    residuals = get(data.result, "residuals", default={})
    pairs = [
        (a, p)
        for a, p in zip(get(residuals, "actual", default=[]), get(residuals, "predicted", default=[]), strict=False)
        if is_number(a) and is_number(p)
    ]
    if not pairs:
        return {}
    pairs = thin(sorted(pairs), MOST_POINTS)
    low, high = min(min(pair) for pair in pairs), max(max(pair) for pair in pairs)
    actual = {"label": "actual value", "kind": "number", "log": False}
    return {
        "predicted": {
            "x": actual,
            "y": {"label": "predicted value", "kind": "number", "log": False},
            "layers": [
                {
                    "type": "line",
                    "name": "perfect prediction",
                    "tone": "baseline",
                    "rows": _rounded([[low, low], [high, high]]),
                },
                {"type": "points", "name": "test example", "tone": "rung3", "rows": _rounded([list(pair) for pair in pairs])},
            ],
        },
        "residuals": {
            "x": actual,
            "y": {"label": "predicted minus actual", "kind": "number", "log": False},
            "layers": [
                {"type": "line", "name": "perfect prediction", "tone": "baseline", "rows": _rounded([[low, 0], [high, 0]])},
                {"type": "points", "name": "test example", "tone": "rung3", "rows": _rounded([[a, p - a] for a, p in pairs])},
            ],
        },
    }


def confusion_table(data: ReportData, most: int = 20) -> dict[str, Any] | None:
    """The confusion matrix of the test part: rows are the truth. Of more than ``most`` classes those with the most errors.

    Returns:
        ``labels``, ``rows`` (label, total, recall 0..1, cells), where a cell has count, share 0..1 of its row and ``is_right``;
        ``left_out``: how many classes are not shown; ``pairs``: the most frequent confusions (truth, taken for, count).
    """
    counts = get(data.result, "confusion", "counts")
    if not counts:
        return None
    labels = [str(label) for label in get(data.result, "confusion", "labels", default=[])]
    labels += [str(place) for place in range(len(labels), len(counts))]
    wrong = [sum(row) - row[place] + sum(r[place] for r in counts) - row[place] for place, row in enumerate(counts)]
    places = sorted(sorted(range(len(counts)), key=lambda place: -wrong[place])[:most])
    pairs = sorted(
        ((count, labels[i], labels[j]) for i, row in enumerate(counts) for j, count in enumerate(row) if i != j and count),
        key=lambda pair: -pair[0],
    )
    rows = []
    for i in places:
        total = sum(counts[i])
        cells = [
            {"count": counts[i][j], "share": counts[i][j] / total if total else 0.0, "is_right": i == j, "column": labels[j]}
            for j in places
        ]
        rows.append({"label": labels[i], "total": total, "recall": counts[i][i] / total if total else None, "cells": cells})
    return {
        "labels": [labels[place] for place in places],
        "rows": rows,
        "left_out": len(counts) - len(places),
        "pairs": [{"truth": truth, "taken": taken, "count": count} for count, truth, taken in pairs[:5]],
    }
