"""digits-cells: 729 small cells, each trained three times on the digits of scikit-learn. Part of the package: it needs no download.

Every cell of NAS-Bench-201's space with three operations (none, avg_pool_3x3, nor_conv_3x3), eight channels and one cell per stage;
training, validation and test parts of 599 images each. A score per epoch and seed; a training is the beginning of a longer one, so that the
table serves successive halving too. How it was made, and what is in it: docs/how-to/benchmarks.md.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from searchitect.benchmarks.files import load_table
from searchitect.benchmarks.tabular import TabularBenchmark

FILE: Final = Path(__file__).parent / "data" / "digits_cells.npz"


def load(path: Path | None, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:  # noqa: ARG001 - it lies in the package
    """The table. ``options`` are further fields of `TabularBenchmark`."""
    return load_table(FILE, options)
