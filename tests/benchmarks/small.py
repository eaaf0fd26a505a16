"""A table small enough to reckon with by hand."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Space
from searchitect.core.choosing import Chooser
from searchitect.spaces.nasbench_macro import NasBenchMacro

NAN = float("nan")
MACRO = NasBenchMacro(stages=(1, 1))


@dataclass(frozen=True)
class Pair(Space):
    """Two letters whose order does not count."""

    name = "pair"

    def describe(self, choose: Chooser) -> Any:
        return {"letters": [choose("0", ["a", "b"]), choose("1", ["a", "b"])]}

    def canonical(self, spec: Any) -> Any:
        return {"letters": sorted(spec["letters"])}


def small_table(**changes: Any) -> TabularBenchmark:
    """Nine architectures, two fidelities, two seeds; the second seed of the last row is missing."""
    texts = [architecture.text for architecture in MACRO.enumerate()]
    valid = np.arange(36, dtype=np.float64).reshape(9, 2, 2) / 100
    valid[8, :, 1] = NAN
    tested = np.arange(18, dtype=np.float64).reshape(9, 2) / 20
    values: dict[str, Any] = {
        "name": "small",
        "space": MACRO,
        "rows": {text: row for row, text in enumerate(texts)},
        "epochs": (1.0, 4.0),
        "valid": valid,
        "tested": tested,
        "costs": {"params": np.arange(9.0) * 1000, "latency_phone": np.arange(9.0) / 2},
        "seconds": np.stack([np.arange(9.0) + 1, (np.arange(9.0) + 1) * 4], axis=1),
        "source": "nobody",
        "licence": "none",
    }
    return TabularBenchmark(**{**values, **changes})
