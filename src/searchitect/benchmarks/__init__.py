"""Tasks with known answers, and the protocol by which strategies are compared on them. The catalogue loads a table when it is asked for."""

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from searchitect.core import DataError, SettingError, unknown_name

if TYPE_CHECKING:
    from searchitect.benchmarks.tabular import TabularBenchmark

__all__ = ["BENCHMARKS", "Entry", "benchmark_names", "find_benchmark", "tables_folders"]


@dataclass(frozen=True)
class Entry:
    """A family of tables in the catalogue.

    Attributes:
        module: has ``load(path, dataset, options)``.
        datasets: the first one is the default.
        file: the name of its file; empty where the table is part of the package.
        summary: one line.
        source: authors, year, arXiv number.
        licence: of the numbers.
    """

    module: str
    datasets: tuple[str, ...]
    file: str
    summary: str
    source: str
    licence: str


BENCHMARKS: Final[dict[str, Entry]] = {
    "nasbench201": Entry(
        "searchitect.benchmarks.nasbench201",
        ("cifar10", "cifar100", "imagenet16-120"),
        "nasbench201.parquet",
        "15,625 cells after 12 and 200 epochs, with sizes and 27 measured latencies",
        "Dong, Yang 2020, arXiv:2001.00326",
        "MIT",
    ),
}
"""Name -> what it is."""


def benchmark_names() -> list[str]:
    """All names that `find_benchmark` takes, a data set after the colon where a family has several."""
    return [
        f"{name}:{dataset}" if len(entry.datasets) > 1 else name
        for name, entry in BENCHMARKS.items()
        for dataset in entry.datasets
    ]


def tables_folders(folder: str | Path | None = None) -> list[Path]:
    """Where tables are looked for: ``folder``, then the one of the environment variable SEARCHITECT_DATA, then the user's own."""
    home = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "searchitect" / "benchmarks"
    named = os.environ.get("SEARCHITECT_DATA")
    return [Path(place) for place in (folder, named or None, home) if place is not None]


def find_benchmark(name: str, *, folder: str | Path | None = None, **options: Any) -> "TabularBenchmark":
    """The table of that name.

    Args:
        name: "nasbench201", or with one of its data sets, "nasbench201:cifar100".
        folder: where its file lies; by default see `tables_folders`.
        options: fields of `TabularBenchmark`: score="valid" or "test", noisy=True or False.

    Raises:
        SettingError: for an unknown name or data set.
        DataError: where the file is not at hand, or damaged.
    """
    family, _, dataset = name.partition(":")
    if family not in BENCHMARKS:
        raise unknown_name("benchmark", name, BENCHMARKS)
    entry = BENCHMARKS[family]
    dataset = dataset or entry.datasets[0]
    if dataset not in entry.datasets:
        raise unknown_name(f"data set of the benchmark {family!r}", dataset, entry.datasets)
    unknown = [option for option in options if option not in ("score", "noisy")]
    if unknown:
        raise SettingError(f"a benchmark has the options score and noisy, got {unknown[0]}={options[unknown[0]]!r}")
    load = importlib.import_module(entry.module).load
    found: TabularBenchmark = load(_file(family, entry, folder), dataset, options)
    return found


def _file(family: str, entry: Entry, folder: str | Path | None) -> Path | None:
    if not entry.file:
        return None
    places = tables_folders(folder)
    for place in places:
        if (place / entry.file).is_file():
            return place / entry.file
    raise DataError(
        f"the table {family!r} is not at hand: {entry.file} lies in none of {', '.join(map(repr, map(str, places)))}; "
        "`searchitect benchmarks list` says where to get it"
    )
