"""NAS-Bench-Graph from its files DATASET.bench, of which the small ones ("light") are enough.

Qin, Zhang, Wang, Zhu 2022, https://arxiv.org/abs/2206.09166; the files lie in THUMNLab/NAS-Bench-Graph: a pickled dict from a network's key to
its validation score (valid_perf), test score (perf), latency (s) and parameters (millions).
"""

from pathlib import Path
from typing import Final

import numpy as np

from searchitect.benchmarks.files import save_table
from searchitect.benchmarks.importers import Imported
from searchitect.benchmarks.importers.pickles import read_pickle
from searchitect.benchmarks.nasbench_graph import DATASETS, graph_table
from searchitect.core import DataError

NETWORKS: Final = 26_206
_COLUMNS: Final = ("valid_perf", "perf", "latency", "para")


def import_nas_bench_graph(path: Path, folder: Path) -> Imported:
    """Read one file, or all in a folder, and write a table ``nasbench-graph:DATASET`` for each into ``folder``.

    Raises:
        DataError: where a file is damaged, asks for more than plain data, or holds something else.
        RunError: where a table cannot be written.
    """
    files = sorted(path.glob("*.bench")) if path.is_dir() else [path]
    files = [file for file in files if not (path.is_dir() and file.stem not in DATASETS)]
    if not files:
        raise DataError(f"{str(path)!r} holds no file such as cora.bench: give a file DATASET.bench, or a folder of them")
    written, warnings, networks = [], [], 0
    for file in files:
        if file.stem not in DATASETS:
            raise DataError(f"{str(file)!r} is not named after a data set of NAS-Bench-Graph: {', '.join(DATASETS)}")
        found = read_pickle(file.read_bytes(), file.name)
        try:
            numbers = [np.asarray([row[name] for row in found.values()], np.float64) for name in _COLUMNS]
            table = graph_table(file.stem, [int(key) for key in found], numbers, {})
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise DataError(f"{str(file)!r} is not a table of NAS-Bench-Graph ({error}): get it anew") from None
        networks = len(found)
        if networks != NETWORKS:
            warnings.append(f"{file.name} holds {networks:,} networks, {NETWORKS:,} are published: the table is a part of it")
        written.append(folder / f"nasbench-graph-{file.stem}.npz")
        save_table(written[-1], table, made={"from": file.name})
    return Imported(written, networks, warnings)
