"""NAS-Bench-201: all 15,625 cells on three data sets.

Dong, Yang 2020, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search",
https://arxiv.org/abs/2001.00326; the topology space of NATS-Bench (Dong, Liu, Musial, Gabrys 2021,
https://arxiv.org/abs/2009.00437). Latencies: HW-NAS-Bench (Li et al. 2021) and HELP (Lee et al. 2021), of the networks for CIFAR-10; where
HW-NAS-Bench was imported, its latencies and energies on each data set take their place.

Differs from the published table: mean scores of up to three runs, where the full table has each run and every epoch (CIFAR-10's test
scores are here run by run); no training times, so that the simulated clock counts epochs.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from searchitect.benchmarks import tables_folders
from searchitect.benchmarks.importers.hw_nas_bench import FILE as HARDWARE
from searchitect.benchmarks.importers.hw_nas_bench import hardware_costs
from searchitect.benchmarks.parquet import read_columns
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SpaceError
from searchitect.spaces.nasbench201 import NasBench201

DATASETS: Final = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "imagenet16_120"}
"""Name -> how the file's columns begin."""
FILE: Final = "nasbench201.parquet"
_RUNS: Final = 3


def load(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:
    """The table of one data set out of ``nasbench201.parquet``. ``options`` are further fields of `TabularBenchmark`.

    Raises:
        DataError: where the file is damaged.
    """
    try:
        return _table(path, dataset, options)
    except (KeyError, ValueError, SpaceError) as error:
        raise DataError(f"{str(path)!r} is not the table of NAS-Bench-201 ({error}): get it anew") from None


def _table(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:
    prefix = DATASETS[dataset]
    scores = [f"{prefix}_{part}_acc_{epochs}ep" for epochs in (12, 200) for part in ("valid", "test")]
    columns = read_columns(
        path,
        lambda name: (
            name in ("arch_str", "cifar10_test_acc_200ep_runs", *scores)
            or name.startswith(("latency_ms_", f"{prefix}_params", f"{prefix}_macs"))
        ),
    )
    space = NasBench201(merges=False)
    rows = {space.from_string(text).text: row for row, text in enumerate(columns["arch_str"])}
    valid = np.stack([np.asarray(columns[f"{prefix}_valid_acc_{epochs}ep"], np.float64) / 100 for epochs in (12, 200)], axis=1)
    tested = np.asarray(columns[f"{prefix}_test_acc_200ep"], np.float64)[:, None] / 100
    if dataset == "cifar10":
        runs = np.full((len(rows), _RUNS), np.nan)
        for row, found in enumerate(columns["cifar10_test_acc_200ep_runs"]):
            runs[row, : len(found)] = found
        tested = runs / 100
    costs = {
        "params": np.asarray(columns[f"{prefix}_params_computed"], np.float64),
        "macs": np.asarray(columns[f"{prefix}_macs_computed"], np.float64),
        **{
            f"latency_{name.removeprefix('latency_ms_')}": np.asarray(values, np.float64)
            for name, values in columns.items()
            if name.startswith("latency_ms_")
        },
    }
    hardware = next((file for place in (path.parent, *tables_folders()) if (file := place / HARDWARE).is_file()), None)
    if hardware is not None:
        costs |= hardware_costs(hardware, dataset, {text: row for row, text in enumerate(columns["arch_str"])})
    return TabularBenchmark(
        name=f"nasbench201:{dataset}",
        space=space,
        rows=rows,
        epochs=(12.0, 200.0),
        valid=valid[:, :, None],
        tested=tested,
        costs=costs,
        is_prefix=False,
        source="Dong, Yang 2020, arXiv:2001.00326",
        licence="MIT",
        **options,
    )
