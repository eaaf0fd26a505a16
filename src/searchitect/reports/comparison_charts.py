"""What the charts of a comparison show, as plain data that ``report.js`` draws: the layers are those of `charts`."""

import math
from typing import Any, Final

from searchitect.reports.charts import View
from searchitect.reports.formatting import kind_of, label_of, round_figure

COLOURS: Final = 10
"""So many strategies have a colour of their own; the next ones share them, dashed."""
_DASHES: Final = ("", "7 4", "2 3")
_FEW: Final = 5

Json = dict[str, Any]


def tone_of(place: int) -> str:
    """The colour of a strategy by its place, as a name in the style sheet."""
    return f"s{place % COLOURS}"


def dash_of(place: int) -> str:
    """How its line is broken."""
    return _DASHES[place // COLOURS % len(_DASHES)]


def anytime_views(task: Json, names: list[str]) -> dict[str, View]:
    """Regret on a logarithmic axis (where the optimum is known) and the best so far, against each axis of the task."""
    views: dict[str, View] = {}
    many = len(task["axes"]) > 1
    for axis, settings in task["axes"].items():
        ending = f" / {axis}" if many else ""
        curves = task["anytime"][axis]
        if task.get("regret"):
            views[f"regret{ending}"] = _regret_view(task, settings, curves, names, axis)
        views[f"{'test score' if task['kind'] == 'table' else 'best so far'}{ending}"] = _score_view(
            task, settings, curves, names, axis
        )
    return views


def _x(settings: Json) -> Json:
    return {"label": settings["label"], "kind": settings["kind"], "log": False, "low": 0}


def _layers(curves: Json, names: list[str], bend: Any) -> list[Json]:
    """A band of the quartiles and a line of the median for each strategy; all bands lie under all lines."""
    bands, lines = [], []
    for place, name in enumerate(names):
        curve = curves.get(name)
        if not curve or not curve["x"]:
            continue
        x = curve["x"]
        sides = [[bend(value) for value in curve[side]] for side in ("lower", "upper")]
        rows = [
            [round_figure(a), round_figure(min(low, high)), round_figure(max(low, high))]
            for a, low, high in zip(x, *sides, strict=True)
        ]
        opacity = 0.16 if len(names) <= _FEW else 0.07
        bands.append({"type": "band", "name": "", "tone": tone_of(place), "opacity": opacity, "rows": rows})
        line = {"type": "line", "name": name, "tone": tone_of(place), "step": True, "thin": True}
        if dash_of(place):
            line["dash"] = dash_of(place)
        line["rows"] = [[round_figure(a), round_figure(bend(value))] for a, value in zip(x, curve["median"], strict=True)]
        lines.append(line)
    return bands + lines


def _regret_view(task: Json, settings: Json, curves: Json, names: list[str], axis: str) -> View:
    best, floor = task["regret"]["optimum"], task["regret"]["floor"]
    scale = 100.0 if kind_of(task["metric"]) == "share" else 1.0

    def bend(test: float) -> float:
        return scale * max(float(best - test), float(floor))

    layers = _layers(curves, names, bend)
    expected = task.get("expected_random", {})
    if axis == "evaluations" and expected.get("n"):
        rows = [[n, round_figure(bend(test))] for n, test in zip(expected["n"], expected["test"], strict=True)]
        layers.append({"type": "line", "name": EXPECTED, "tone": "ink", "dash": "1 4", "rows": rows})
    unit = " (percentage points)" if scale == 100.0 else ""
    y = {"label": f"regret of the test score{unit}, logarithmic", "kind": "number", "log": True}
    return {"x": _x(settings), "y": y, "layers": layers, "legend": [*names, EXPECTED]}


EXPECTED: Final = "random search, exact mean"


def _score_view(task: Json, settings: Json, curves: Json, names: list[str], axis: str) -> View:
    sign = task.get("sign", 1)
    layers = _layers(curves, names, lambda value: sign * value)
    expected = task.get("expected_random", {})
    if axis == "evaluations" and expected.get("n"):
        rows = [[n, round_figure(test)] for n, test in zip(expected["n"], expected["test"], strict=True)]
        layers.append({"type": "line", "name": EXPECTED, "tone": "ink", "dash": "1 4", "rows": rows})
    part = "test" if task["kind"] == "table" else "validation"
    y: Json = {"label": f"{part} {label_of(task['metric'])} of the best so far", "kind": kind_of(task["metric"]), "log": False}
    lows = [row[1] for layer in layers if layer["type"] == "line" for row in layer["rows"][len(layer["rows"]) // 12 :]]
    highs = [row[1] for layer in layers if layer["type"] == "line" for row in layer["rows"]]
    if (
        sign > 0 and lows and max(highs) > min(lows)
    ):  # the first draws are poor: the question is decided where the curves flatten
        y["low"] = min(lows) - 0.05 * (max(highs) - min(lows))
    return {"x": _x(settings), "y": y, "layers": layers, "legend": [*names, EXPECTED]}


def correlation_views(task: Json, names: list[str]) -> dict[str, View]:
    """Scores that a search sees against test scores, of random architectures; and where each search ended."""
    views: dict[str, View] = {}
    label, kind, sign = label_of(task["metric"]), kind_of(task["metric"]), task.get("sign", 1)
    for found in task.get("correlations", []):
        x = {"label": f"{label}: {found['what']}", "kind": kind, "log": False}
        y = {"label": f"test {label}", "kind": kind, "log": False}
        rows = [[round_figure(a), round_figure(b)] for a, b in found["points"]]
        layer = {"type": "points", "name": "random architecture", "tone": "rung2", "rows": rows}
        views[found["what"]] = {
            "x": _focus(x, [a for a, _ in found["points"]]),
            "y": _focus(y, [b for _, b in found["points"]]),
            "layers": [layer],
        }
    layers = [
        {
            "type": "points",
            "name": name,
            "tone": tone_of(place),
            "rows": [
                [round_figure(sign * run["score"]), round_figure(sign * run["test"])] for run in task["runs"].get(name, [])
            ],
        }
        for place, name in enumerate(names)
    ]
    layers = [layer for layer in layers if layer["rows"]]
    if layers:
        seen = "score that the search saw" if task.get("score") == "test" else f"validation {label}"
        views["chosen architectures"] = {
            "x": {"label": seen, "kind": kind, "log": False},
            "y": {"label": f"test {label}", "kind": kind, "log": False},
            "layers": layers,
            "legend": names,
        }
    return views


def _focus(axis: Json, values: list[float]) -> Json:
    """Without the worst twentieth, where it would press the others flat; points beyond are drawn at the edge."""
    ordered = sorted(value for value in values if value is not None and math.isfinite(value))
    if len(ordered) < 20:
        return axis
    low, high = ordered[len(ordered) // 20], ordered[-1]
    if high - ordered[0] > 1.5 * (high - low) > 0:
        return axis | {"low": low - 0.05 * (high - low)}
    return axis
