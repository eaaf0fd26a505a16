"""Tasks with known answers, and the protocol by which strategies are compared on them. The catalogue loads a table when it is asked for."""

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from searchitect.benchmarks.catalogue import BENCHMARKS, Entry
from searchitect.core import DataError, SettingError, unknown_name

if TYPE_CHECKING:
    from searchitect.benchmarks.tabular import TabularBenchmark

__all__ = [
    "BENCHMARKS",
    "Entry",
    "at_hand",
    "available_benchmarks",
    "benchmark_names",
    "find_benchmark",
    "is_table",
    "names_table",
    "own_tables",
    "tables_folders",
    "user_folder",
]


def benchmark_names() -> list[str]:
    """All names that `find_benchmark` takes, a data set after the colon where a family has several."""
    return [
        f"{name}:{dataset}" if len(entry.datasets) > 1 else name
        for name, entry in BENCHMARKS.items()
        for dataset in entry.datasets
    ]


def user_folder() -> Path:
    """The user's own folder of tables, into which imports write: ``$XDG_DATA_HOME/searchitect/benchmarks``."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "searchitect" / "benchmarks"


def tables_folders(folder: str | Path | None = None) -> list[Path]:
    """Where tables are looked for: ``folder``, then the one of the environment variable SEARCHITECT_DATA, then the user's own."""
    named = os.environ.get("SEARCHITECT_DATA")
    return [Path(place) for place in (folder, named or None, user_folder()) if place is not None]


def find_benchmark(name: str, *, folder: str | Path | None = None, **options: Any) -> "TabularBenchmark":
    """The table of that name.

    Args:
        name: "nasbench201", or with one of its data sets, "nasbench201:cifar100"; or the path of a table of one's own, an .npz file; or the
            name of such a file in the folders of tables, without .npz.
        folder: where its file lies; by default see `tables_folders`.
        options: fields of `TabularBenchmark`: score="valid" or "test", noisy=True or False.

    Raises:
        SettingError: for an unknown name or data set.
        DataError: where the file is not at hand, or damaged.
    """
    unknown = [option for option in options if option not in ("score", "noisy")]
    if unknown:
        raise SettingError(f"a benchmark has the options score and noisy, got {unknown[0]}={options[unknown[0]]!r}")
    family, _, dataset = name.partition(":")
    if family not in BENCHMARKS:
        own = {path.stem: path for path in own_tables(folder)}
        path = Path(name) if name.endswith(".npz") else own.get(name)
        if path is None:
            raise unknown_name("benchmark", name, [*BENCHMARKS, *own])
        if not path.is_file():
            raise DataError(f"the table {name!r} does not exist: name a file that searchitect benchmarks make has written")
        from searchitect.benchmarks.files import load_table

        return load_table(path, options)
    entry = BENCHMARKS[family]
    dataset = dataset or entry.datasets[0]
    if dataset not in entry.datasets:
        raise unknown_name(f"data set of the benchmark {family!r}", dataset, entry.datasets)
    path = at_hand(family, dataset, folder)
    if path is None and entry.file:
        places = ", ".join(map(repr, map(str, tables_folders(folder))))
        raise DataError(
            f"the table {name!r} is not at hand: {entry.file.format(dataset=dataset)} lies in none of {places}. To get it: {entry.get}"
        )
    load = importlib.import_module(entry.module).load
    found: TabularBenchmark = load(path, dataset, options)
    return found


def at_hand(family: str, dataset: str, folder: str | Path | None = None) -> Path | None:
    """The file of a table of the catalogue; ``None`` where it is in no folder, or part of the package."""
    entry = BENCHMARKS[family]
    files = [file.format(dataset=dataset) for file in (entry.imported, entry.file) if file]
    return next((place / file for place in tables_folders(folder) for file in files if (place / file).is_file()), None)


def available_benchmarks(folder: str | Path | None = None) -> list[str]:
    """Those of `benchmark_names` that can be loaded now: their file is at hand, or part of the package."""
    return [
        f"{name}:{dataset}" if len(entry.datasets) > 1 else name
        for name, entry in BENCHMARKS.items()
        for dataset in entry.datasets
        if not entry.file or at_hand(name, dataset, folder) is not None
    ]


def own_tables(folder: str | Path | None = None) -> list[Path]:
    """Tables that the user made, in the folders of tables: files .npz that are not of the catalogue."""
    known = {
        file.format(dataset=dataset)
        for entry in BENCHMARKS.values()
        for dataset in entry.datasets
        for file in (entry.file, entry.imported)
    }
    found = [path for place in tables_folders(folder) if place.is_dir() for path in sorted(place.glob("*.npz"))]
    return [path for path in found if path.name not in known and is_table(path)]


def names_table(name: str, folder: str | Path | None = None) -> bool:
    """Whether a name stands for a table: of the catalogue, or of one's own, by its name or its path. Otherwise it stands for data.

    Args:
        name: what a command was given to work on.
        folder: a further folder of tables, see `tables_folders`.

    Raises:
        SettingError: where it stands for neither.
    """
    own = [path.stem for path in own_tables(folder)]
    if name.partition(":")[0] in BENCHMARKS or name in own or is_table(Path(name)):
        return True
    from searchitect.tasks.embedded import NAMES

    if name not in NAMES and not os.path.exists(name):
        raise unknown_name("table or data set", name, [*benchmark_names(), *sorted(own), *NAMES])
    return False


def is_table(path: Path) -> bool:
    """Whether a file is a table of one's own."""
    import zipfile

    try:
        with zipfile.ZipFile(path) as file:
            return {"about.npy", "architectures.npy"} <= set(file.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
