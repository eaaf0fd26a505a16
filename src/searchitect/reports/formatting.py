"""How numbers are written for people: one place, so that the figures, the table and the text agree."""

import json
import math
from typing import Any, Final

KINDS: Final = {
    "accuracy": "share",
    "balanced_accuracy": "share",
    "f1": "share",
    "params": "count",
    "macs": "count",
    "memory": "MB",
    "latency": "ms",
    "energy": "mJ",
    "power": "W",
    "seconds": "seconds",
}
"""How a metric is written; others are plain numbers. The same words are read by ``report.js``."""

LABELS: Final = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1": "F1",
    "auc": "AUC",
    "r2": "R²",
    "rmse": "RMSE",
    "mae": "MAE",
    "params": "parameters",
    "macs": "multiply-adds",
    "memory": "activation memory",
    "latency": "latency",
    "energy": "energy",
    "power": "peak power",
}

_NARROW_SPACE: Final = "\u202f"


def label_of(metric: str) -> str:
    """The metric's name in running text."""
    return LABELS.get(metric, metric.replace("_", " "))


def kind_of(metric: str) -> str:
    """``share``, ``count``, ``ms``, ``mJ``, ``W``, ``MB``, ``seconds`` or ``number``."""
    return KINDS.get(metric, "number")


def is_number(value: Any) -> bool:
    """A finite number, not a truth value."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def format_value(metric: str, value: Any) -> str:
    """One value of a metric with its unit: ``98.4 %``, ``12.3 k``, ``1.8 ms``; a dash where there is none."""
    if not is_number(value):
        return "–"
    kind = kind_of(metric)
    if kind == "share":
        return f"{100 * value:.2f}{_NARROW_SPACE}%"
    if kind == "count":
        return format_count(value)
    if kind == "seconds":
        return format_seconds(value)
    text = format_number(value)
    return text if kind == "number" else f"{text}{_NARROW_SPACE}{kind}"


def format_number(value: float) -> str:
    """Four significant digits, without an exponent in the everyday range."""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        digits = 0 if value == 0 else max(0, 3 - math.floor(math.log10(abs(value))))
        return f"{value:.{digits}f}" if digits == 0 else f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return f"{value:.3g}"


def format_count(value: float) -> str:
    """A count: whole below ten thousand, then in thousands (k), millions (M), milliards (G), with three digits."""
    if abs(value) < 1e4:
        return f"{value:,.0f}".replace(",", _NARROW_SPACE)
    size, unit = next((size, unit) for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if abs(value) >= 0.9995 * size)
    return f"{float(f'{value / size:.3g}'):,g}{_NARROW_SPACE}{unit}"


def format_seconds(value: float) -> str:
    """``0.42 s``, ``38 s``, ``1 min 52 s``, ``2 h 05 min``."""
    if value < 10:
        return f"{value:.2g}{_NARROW_SPACE}s"
    whole = round(value)
    if whole < 60:
        return f"{whole}{_NARROW_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_NARROW_SPACE}min {whole % 60:02d}{_NARROW_SPACE}s"
    return f"{whole // 3600}{_NARROW_SPACE}h {whole % 3600 // 60:02d}{_NARROW_SPACE}min"


def format_setting(value: Any) -> str:
    """Any JSON value on one line: text as it is, lists with commas, the rest as JSON; a dash for nothing."""
    if value is None or (isinstance(value, (str, list, tuple, dict)) and not value):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return format_number(value) if math.isfinite(value) else str(value)
    if isinstance(value, (str, int)):
        return str(value)
    if isinstance(value, (list, tuple)) and all(isinstance(item, (str, int, float)) for item in value):
        return ", ".join(format_setting(item) for item in value)
    if isinstance(value, dict) and all(not isinstance(item, (dict, list)) for item in value.values()):
        return ", ".join(f"{name} {format_setting(item)}" for name, item in value.items())
    return json.dumps(value, ensure_ascii=False, default=str)


def round_figure(value: float) -> float | int | None:
    """Six significant digits: enough for any screen, and short in the file; ``None`` where not finite."""
    if not is_number(value):
        return None
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e15):
        return int(value)
    return float(f"{value:.6g}")
