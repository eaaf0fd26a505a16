"""AnalogNAS-Bench: all 15,625 cells of NAS-Bench-201 on CIFAR-10, quantised and on simulated analog in-memory hardware.

The data of the package analog-nasbench 0.1.3, https://pypi.org/project/analog-nasbench/. The cells were trained by other authors and in
another way than those of NAS-Bench-201, so that the scores differ. One accuracy per setting, on the test set: it is the score of a search
and the test score in one. The accuracies in all settings are also told as costs, named ``accuracy_SETTING``, for limits and further
objectives.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from searchitect.benchmarks.parquet import read_columns
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError
from searchitect.spaces.nasbench201 import OPERATIONS, NasBench201

_DRIFTS: Final = {"60": "1m", "3600": "1h", "86400": "1d", "2592000": "30d"}
SETTINGS: Final[dict[str, str]] = {
    "baseline": "baseline_accuracy",
    "ptq": "ptq_accuracy",
    "qat": "qat_accuracy",
    "noisy": "noisy_accuracy",
    "analog": "analog_accuracy",
    **{
        f"{kind}-drift-{name}": f"{kind}_drift_{seconds}"
        for kind in ("baseline", "analog")
        for seconds, name in _DRIFTS.items()
    },
}
"""Name -> column. Float; quantised after and during training; float weights on noisy hardware; trained for the hardware; each of the two
after so much time of drift."""
_EDGES: Final = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(node, source) of the six digits of a cell."""


def load(path: Path, dataset: str, options: Mapping[str, Any]) -> TabularBenchmark:
    """The table of one setting out of ``analog_nasbench201.parquet``. ``options`` are further fields of `TabularBenchmark`.

    Raises:
        DataError: where the file is damaged.
    """
    columns, space = read_columns(path), NasBench201(merges=False)
    try:
        rows = {
            space.decide(
                {f"cell/{node}/{source}": OPERATIONS[int(digit)] for (node, source), digit in zip(_EDGES, text, strict=True)}
            ).text: row
            for row, text in enumerate(columns["arch_ops"])
        }
        scores = {name: np.asarray(columns[column], np.float64) / 100 for name, column in SETTINGS.items()}
    except (KeyError, ValueError, IndexError) as error:
        raise DataError(f"{str(path)!r} is not the table of AnalogNAS-Bench ({error}): get it anew") from None
    score = scores[dataset]
    return TabularBenchmark(
        name=f"analog-nasbench201:{dataset}",
        space=space,
        rows=rows,
        epochs=(1.0,),
        valid=score[:, None, None],
        tested=score[:, None],
        costs={f"accuracy_{name.replace('-', '_')}": values for name, values in scores.items()},
        source="AnalogNAS-Bench, the package analog-nasbench 0.1.3",
        licence="none stated",
        **options,
    )
