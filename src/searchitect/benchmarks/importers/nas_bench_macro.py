"""NAS-Bench-Macro from its file nas-bench-macro_cifar10.json.

Su et al. 2021, https://arxiv.org/abs/2103.11922; the file lies in xiusu/NAS-Bench-Macro: per architecture test_acc (three runs, percent),
mean_acc, std, params and flops.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np

from searchitect.benchmarks.files import save_table
from searchitect.benchmarks.importers import Imported
from searchitect.benchmarks.nasbench_macro import RUNS, macro_table
from searchitect.core import DataError, SpaceError

FILE: Final = "nasbench-macro.npz"
ARCHITECTURES: Final = 6_561
BEST: Final = 0.931267
"""The best mean test accuracy."""


def import_nas_bench_macro(path: Path, folder: Path) -> Imported:
    """Read the file and write the table ``nasbench-macro`` into ``folder``.

    Raises:
        DataError: where the file is damaged, or holds something else.
        RunError: where the table cannot be written.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        runs = np.asarray([row["test_acc"] for row in found.values()], np.float64)
        if runs.shape != (len(found), RUNS):
            raise ValueError(f"test accuracies of shape {runs.shape}")
        params, macs = (np.asarray([row[name] for row in found.values()], np.float64) for name in ("params", "flops"))
        table = macro_table(list(found), runs, params, macs, {})
    except (ValueError, KeyError, TypeError, AttributeError, SpaceError) as error:
        raise DataError(f"{str(path)!r} is not nas-bench-macro_cifar10.json ({error}): get it anew") from None
    warnings = []
    if len(found) != ARCHITECTURES:
        warnings.append(f"it holds {len(found):,} architectures, {ARCHITECTURES:,} are published: the table is a part of it")
    elif abs(table.optimum() - BEST) > 1e-5:
        warnings.append(f"the best mean test accuracy is {table.optimum():.6f}, published is {BEST:.6f}: the file was changed")
    save_table(folder / FILE, table, made={"from": path.name})
    return Imported([folder / FILE], len(found), warnings)
