"""NAS-Bench-Macro: all 6,561 chains of eight layers on CIFAR-10, three runs each.

Su et al. 2021, "Prioritized Architecture Sampling with Monto-Carlo Tree Search", https://arxiv.org/abs/2103.11922, and its table
(xiusu/NAS-Bench-Macro). There is one accuracy, the best on the test set during 50 epochs: it is the score of a search and the test
score in one. A noisy table gives a search one run of the three, and the mean at the end.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.files import load_table
from searchitect.benchmarks.parquet import read_columns
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SpaceError
from searchitect.spaces.nasbench_macro import NasBenchMacro

EPOCHS: Final = 50.0
RUNS: Final = 3

_Array: TypeAlias = NDArray[np.float64]


def load(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:  # noqa: ARG001 - there is one data set
    """The table out of ``nasbench_macro.parquet``, or what an import wrote. ``options`` are further fields of `TabularBenchmark`.

    Raises:
        DataError: where the file is damaged.
    """
    if path.suffix == ".npz":
        return load_table(path, options)
    columns = read_columns(path)
    try:
        runs = np.stack([np.asarray(columns[f"test_acc_run{run}"], np.float64) for run in range(RUNS)], axis=1)
        params, macs = (np.asarray(columns[name], np.float64) for name in ("params", "flops"))
        return macro_table(columns["arch"], runs, params, macs, options)
    except (KeyError, SpaceError) as error:
        raise DataError(f"{str(path)!r} is not the table of NAS-Bench-Macro ({error}): get it anew") from None


def macro_table(
    texts: Sequence[str], percents: _Array, params: _Array, macs: _Array, options: Mapping[str, Any]
) -> TabularBenchmark:
    """The table of the authors' strings: test accuracies in percent [rows, runs], parameters and multiply-adds [rows].

    Raises:
        SpaceError: for a string that is none.
    """
    space = NasBenchMacro()
    runs = percents / 100
    return TabularBenchmark(
        name="nasbench-macro",
        space=space,
        rows={space.from_string(text).text: row for row, text in enumerate(texts)},
        epochs=(EPOCHS,),
        valid=runs[:, None, :],
        tested=runs,
        costs={"params": params, "macs": macs},
        source="Su et al. 2021, arXiv:2103.11922",
        licence="Apache-2.0",
        **options,
    )
