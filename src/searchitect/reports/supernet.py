"""What a supernet's training looked like, and how shared weights compare with trainings alone: views as in `searchitect.reports.charts`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from searchitect.reports.charts import Row, View, thin
from searchitect.reports.data import ReportData, get
from searchitect.reports.formatting import is_number, kind_of, label_of, round_figure

_TONES: Final = ("rung4", "front", "baseline", "accent", "rung1", "good", "bad", "muted", "rung3", "warn")
_MOST_EPOCHS: Final = 200
_MOST_LINES: Final = 60
_MOST_GROUPS: Final = 2
"""Kinds of choices, such as the operation of an edge, whose options are drawn."""
_MOST_ROWS: Final = 40


def training_views(data: ReportData) -> dict[str, View]:
    """The loss, how undecided the choices are, and for each kind of choice its options' probabilities and how often each leads."""
    history = [row for row in get(data.supernet, "history", default=[]) if is_number(row.get("epoch"))]
    history = thin(history, _MOST_EPOCHS)
    views: dict[str, View] = {}
    entropy = [(row["epoch"], get(row, "entropy", default={})) for row in history]
    if any(values for _, values in entropy):
        views["entropy"] = _entropy_view(entropy)
    for labels, paths in _groups(data.supernet)[:_MOST_GROUPS]:
        looks = [(row["epoch"], _of_group(row, paths, len(labels))) for row in history]
        looks = [(epoch, rows) for epoch, rows in looks if rows]
        if not looks:
            continue
        kind = paths[0].rsplit("/", 1)[-1]
        means = [(epoch, [sum(column) / len(rows) for column in zip(*rows, strict=True)]) for epoch, rows in looks]
        leads = [
            (epoch, [sum(row.index(max(row)) == place for row in rows) for place in range(len(labels))])
            for epoch, rows in looks
        ]
        views[f"{kind}: probability"] = _options_view(labels, means, f"mean probability over {len(paths)} choices", "share")
        views[f"{kind}: leading"] = _options_view(labels, leads, f"choices led, of {len(paths)}", "count")
    losses = [[row["epoch"], round_figure(row["loss"])] for row in history if is_number(row.get("loss"))]
    if losses:
        views["loss"] = {
            "x": _epochs(),
            "y": {"label": "training loss", "kind": "number", "log": False},
            "layers": [{"type": "line", "name": "supernet", "tone": "ink", "rows": losses}],
        }
    return views


def shared_views(data: ReportData) -> dict[str, View]:
    """Each network that was trained alone: its score with shared weights, and alone."""
    found = get(data.result, "shared_weights", default={})
    points = [p for p in get(found, "points", default=[]) if is_number(p.get("shared")) and is_number(p.get("alone"))]
    if not points:
        return {}
    metric = str(get(found, "metric", default="score"))
    names = (("random", "random", "baseline"), ("chosen", "chosen by the method", "rung2"), ("derived", "derived", "front"))
    layers = [
        {
            "type": "points",
            "name": name,
            "tone": tone,
            "large": True,
            "rows": [
                [round_figure(p["shared"]), round_figure(p["alone"]), p.get("trial")]
                for p in points
                if p.get("origin") == origin
            ],
        }
        for origin, name, tone in names
    ]
    return {
        "scores": {
            "x": {"label": f"validation {label_of(metric)} with shared weights", "kind": kind_of(metric), "log": False},
            "y": {"label": f"validation {label_of(metric)}, trained alone", "kind": kind_of(metric), "log": False},
            "layers": [layer for layer in layers if layer["rows"]],
        }
    }


def probability_table(data: ReportData) -> dict[str, Any] | None:
    """The probabilities at the end, of the choices of the most frequent kind; ``None`` where nothing was learned.

    Returns:
        ``labels``; ``rows``: path, and cells with share 0..1 and ``is_first``; ``left_out``: choices beyond the first forty.
    """
    history = get(data.supernet, "history", default=[])
    groups = _groups(data.supernet)
    last = get(history[-1], "probabilities", default={}) if history else {}
    if not groups or not any(path in last for path in groups[0][1]):
        return None
    labels, paths = groups[0]
    known = [path for path in paths if path in last]
    rows = []
    for path in known[:_MOST_ROWS]:
        total = sum(last[path]) or 1.0
        shares = [value / total for value in last[path]]
        rows.append({"path": path, "cells": [{"share": s, "is_first": s == max(shares)} for s in shares]})
    return {"labels": [str(label) for label in labels], "rows": rows, "left_out": len(known) - len(rows)}


def _groups(supernet: Mapping[str, Any]) -> list[tuple[Sequence[Any], list[str]]]:
    """Choices of one with the same options, the largest group first: (labels, paths)."""
    found: dict[str, tuple[Sequence[Any], list[str]]] = {}
    for choice in get(supernet, "choices", default=[]):
        if choice.get("k") is None and len(choice["labels"]) > 1:
            found.setdefault(str(choice["labels"]), (choice["labels"], []))[1].append(choice["path"])
    return sorted(found.values(), key=lambda group: -len(group[1]))


def _of_group(row: Mapping[str, Any], paths: Sequence[str], options: int) -> list[list[float]]:
    known = get(row, "probabilities", default={})
    rows = [[float(v) for v in known[path]] for path in paths if path in known and len(known[path]) == options]
    return [[v / sum(values) for v in values] if sum(values) > 0 else values for values in rows]


def _entropy_view(looks: Sequence[tuple[float, Mapping[str, float]]]) -> View:
    paths = list(dict.fromkeys(path for _, values in looks for path in values))
    layers: list[dict[str, Any]] = [
        {
            "type": "line",
            "name": "one choice",
            "tone": "faint",
            "thin": True,
            "rows": [[epoch, round_figure(values[path])] for epoch, values in looks if is_number(values.get(path))],
        }
        for path in thin(paths, _MOST_LINES)
    ]
    means: list[Row] = [[epoch, round_figure(sum(values.values()) / len(values))] for epoch, values in looks if values]
    layers.append({"type": "line", "name": "mean", "tone": "ink", "rows": means})
    label = "entropy of the choices: 1 undecided, 0 decided"
    return {"x": _epochs(), "y": {"label": label, "kind": "number", "log": False}, "layers": layers}


def _options_view(labels: Sequence[Any], looks: Sequence[tuple[float, Sequence[float]]], title: str, kind: str) -> View:
    layers = []
    for place, label in enumerate(labels):
        tone, again = _TONES[place % len(_TONES)], place // len(_TONES)
        layer: dict[str, Any] = {"type": "line", "name": str(label).replace("_", " "), "tone": tone}
        layer |= {"rows": [[epoch, round_figure(values[place])] for epoch, values in looks]}
        layers.append(layer | ({"dash": "5 4"} if again else {}))
    return {
        "x": _epochs(),
        "y": {"label": title, "kind": kind, "log": False, "low": 0},
        "layers": layers,
        "legend": [str(label).replace("_", " ") for label in labels],
    }


def _epochs() -> dict[str, Any]:
    return {"label": "epoch of the supernet", "kind": "number", "log": False, "low": 0}
