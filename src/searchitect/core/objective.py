"""What is to become large or small, and hard limits."""

import math
import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from searchitect.core.errors import ConstraintError, SettingError, unknown_name

COSTS: Final = {
    "params": "number of trained parameters",
    "macs": "multiply-adds of one example",
    "memory": "peak activation memory of one example, MB",
    "latency": "milliseconds for one example on this machine",
    "energy": "millijoules for one example on this machine",
    "power": "highest watts while examples run on this machine",
}
"""Metrics that need no training: checked before it."""

COUNTED: Final = ("params", "macs", "memory")
"""The costs that are the same whenever and wherever they are looked at."""

METRICS: Final[dict[str, Literal["max", "min"]]] = {
    "accuracy": "max",
    "balanced_accuracy": "max",
    "f1": "max",
    "auc": "max",
    "loss": "min",
    "r2": "max",
    "rmse": "min",
    "mae": "min",
    "perplexity": "min",
    "bits_per_character": "min",
    "return": "max",
}
"""What is measured on validation data, and which way is better."""

QUALITIES: Final = ("accuracy", "r2", "perplexity", "return")
"""The metrics that tasks are searched by unless something else is asked for: of classes, of values, of texts, of control."""

_SCALES: Final = {
    "params": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9},
    "macs": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9},
    "memory": {"": 1.0, "b": 1e-6, "kb": 1e-3, "mb": 1.0, "gb": 1e3},
    "latency": {"": 1.0, "us": 1e-3, "ms": 1.0, "s": 1e3},
    "energy": {"": 1.0, "uj": 1e-3, "mj": 1.0, "j": 1e3},
    "power": {"": 1.0, "mw": 1e-3, "w": 1.0},
}
_COMPARE: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_PATTERN: Final = re.compile(
    r"^\s*([a-z_][a-z0-9_]*)\s*(<=|>=|<|>)\s*([0-9.]+(?:e[+-]?[0-9]+)?)\s*([a-z%]*)\s*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Objective:
    """A metric and the direction that is better."""

    metric: str
    direction: Literal["max", "min"]

    def value(self, metrics: Mapping[str, float]) -> float:
        """Oriented so that higher is better; minus infinity where the metric is missing or NaN."""
        raw = metrics.get(self.metric)
        if raw is None or math.isnan(raw):
            return float("-inf")
        return raw if self.direction == "max" else -raw

    def __str__(self) -> str:
        return f"{self.direction}imize {self.metric}"


def objective_values(objectives: Iterable[Objective], metrics: Mapping[str, float]) -> tuple[float, ...]:
    """One value per objective, higher is better."""
    return tuple(objective.value(metrics) for objective in objectives)


@dataclass(frozen=True)
class Constraint:
    """A hard limit on a metric, such as params <= 100000."""

    metric: str
    relation: Literal["<=", ">=", "<", ">"]
    limit: float

    @property
    def is_cost(self) -> bool:
        """Whether it can be checked before training."""
        return self.metric in COSTS

    def is_met(self, metrics: Mapping[str, float]) -> bool:
        """False also where the metric is missing or NaN."""
        value = metrics.get(self.metric)
        return value is not None and bool(_COMPARE[self.relation](value, self.limit))

    def violation(self, metrics: Mapping[str, float]) -> float:
        """0 where met; else how far off, relative to the limit."""
        if self.is_met(metrics):
            return 0.0
        value = metrics.get(self.metric, float("inf"))
        return abs(value - self.limit) / max(abs(self.limit), 1e-12) + 1e-12

    def __str__(self) -> str:
        return f"{self.metric}{self.relation}{self.limit:.12g}"


def parse_constraint(text: str, metrics: Iterable[str] | None = None) -> Constraint:
    """``params<=100k``, ``latency<=2ms``, ``memory<4MB``, ``accuracy>=0.9``.

    Args:
        text: metric, relation, number, unit. Units: k, M, G for counts; us, ms, s for latency; uJ, mJ, J for energy;
            mW, W for power; B, kB, MB, GB for memory.
        metrics: names that are known besides the costs; ``None``: those of training.
    """
    match = _PATTERN.match(text)
    if match is None:
        raise ConstraintError(
            f"where={text!r} is not a limit: write metric, <= or >=, number and unit, such as 'params<=100k' or 'latency<=2ms'"
        )
    metric, relation, number, unit = match.groups()
    metric = metric.lower()
    known = [*COSTS, *(METRICS if metrics is None else metrics)]
    if metric not in known:
        raise ConstraintError(f"where={text!r}: {unknown_name('metric', metric, known)}")
    kind = metric.partition("_")[0] if metric.startswith(("latency_", "energy_")) else metric  # on a device that a table knows
    scales = _SCALES.get(kind, {"": 1.0, "%": 0.01})
    if unit.lower() not in scales:
        allowed = ", ".join(repr(u) for u in scales if u) or "none"
        raise ConstraintError(f"where={text!r}: unknown unit {unit!r} of {metric}; allowed are {allowed}")
    try:
        limit = float(number) * scales[unit.lower()]
    except ValueError:
        raise ConstraintError(f"where={text!r}: {number!r} is not a number") from None
    return Constraint(metric, relation, limit)  # type: ignore[arg-type]


def parse_objectives(maximize: Sequence[str], minimize: Sequence[str]) -> tuple[Objective, ...]:
    """The objectives in the order given: those to maximise first. Each metric once."""
    found = [Objective(m, "max") for m in maximize] + [Objective(m, "min") for m in minimize]
    names = [o.metric for o in found]
    for name in names:
        if names.count(name) > 1:
            raise SettingError(f"the objective {name!r} is given twice: name each metric once, in maximize or in minimize")
    return tuple(found)
