"""Tables that an import wrote, in files of our own format."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from searchitect.benchmarks.files import load_table
from searchitect.benchmarks.tabular import TabularBenchmark


def load(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:  # noqa: ARG001 - the file is of one data set
    """The table in ``path``. ``options`` are further fields of `TabularBenchmark`."""
    return load_table(path, options)
