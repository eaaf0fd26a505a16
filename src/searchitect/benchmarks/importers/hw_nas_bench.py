"""HW-NAS-Bench from its pickle HW-NAS-Bench-v1_0.pickle: what the cells of NAS-Bench-201 cost on six devices.

Li et al. 2021, "HW-NAS-Bench: Hardware-Aware Neural Architecture Search Benchmark", https://arxiv.org/abs/2103.10584; the file lies in
GATECH-EIC/HW-NAS-Bench. It holds no accuracies: its numbers are added to the tables of NAS-Bench-201, as costs named ``latency_DEVICE``
(ms) and ``energy_DEVICE`` (mJ). Its second part, look-up sums for FBNet's space, is left out.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.files import read_arrays, write_arrays
from searchitect.benchmarks.importers import Imported
from searchitect.benchmarks.importers.pickles import read_pickle
from searchitect.core import DataError, SpaceError
from searchitect.spaces.nasbench201 import parse_cell

FILE: Final = "hw-nas-bench.npz"
CELLS: Final = 15_625
DATASETS: Final = {"cifar10": "cifar10", "cifar100": "cifar100", "imagenet16-120": "ImageNet16-120"}
"""Name -> that in the file."""
METRICS: Final = {
    f"{kind}_{device}": f"{device}_{kind}"
    for kind, devices in (
        ("latency", ("edgegpu", "raspi4", "edgetpu", "pixel3", "eyeriss", "fpga")),
        ("energy", ("edgegpu", "eyeriss", "fpga")),
    )
    for device in devices
}
"""Name of a cost -> that in the file."""
FIRST: Final = {"latency_edgegpu": 5.807418537139893, "energy_edgegpu": 24.226614330768584, "latency_fpga": 2.57296}
"""Of the cell of index 0 on CIFAR-10, as the authors' documentation prints them."""


def import_hw_nas_bench(path: Path, folder: Path) -> Imported:
    """Read the pickle and write the costs into ``folder``.

    Raises:
        DataError: where the file is damaged, asks for more than plain data, or holds something else.
        RunError: where the costs cannot be written.
    """
    content = read_pickle(path.read_bytes(), path.name)
    arrays: dict[str, NDArray[Any]] = {}
    warnings: list[str] = []
    cells: list[str] = []
    checked: list[str] = []
    try:
        for dataset, published in DATASETS.items():
            part = content["nasbench201"][published]
            cells = [str(config["arch_str"]) for config in part["config"]]
            for text in cells if cells != checked else ():
                parse_cell(text)
            checked = cells
            arrays[f"cells/{dataset}"] = np.frombuffer("\n".join(cells).encode(), np.uint8)
            for cost, metric in METRICS.items():
                values = np.asarray(part[metric], np.float64)
                if values.shape != (len(cells),):
                    raise ValueError(f"{metric} of {published} has the shape {values.shape} for {len(cells)} cells")
                arrays[f"{dataset}/{cost}"] = values
    except (KeyError, TypeError, ValueError, SpaceError) as error:
        raise DataError(f"{str(path)!r} is not HW-NAS-Bench ({error}): get it anew") from None
    if len(cells) != CELLS:
        warnings.append(f"it holds {len(cells):,} cells, {CELLS:,} are published: the costs are a part of it")
    else:
        for cost, published_value in FIRST.items():
            here = float(arrays[f"cifar10/{cost}"][0])
            if abs(here - published_value) > 1e-4:
                warnings.append(f"{cost} of the first cell is {here:.5g}, published is {published_value:.5g}")
    write_arrays(folder / FILE, arrays)
    return Imported([folder / FILE], len(cells), warnings)


def hardware_costs(path: Path, dataset: str, cells: Mapping[str, int]) -> dict[str, NDArray[np.float64]]:
    """The costs on one data set, name -> [rows]; NaN where a cell is not in the file.

    Args:
        path: of what `import_hw_nas_bench` wrote.
        dataset: one of `DATASETS`.
        cells: the authors' string of a cell -> its row.

    Raises:
        DataError: where the file is damaged.
    """
    arrays = read_arrays(path)
    try:
        listed = arrays[f"cells/{dataset}"].tobytes().decode().split("\n")
        places = [place for place, text in enumerate(listed) if text in cells]
        rows = [cells[listed[place]] for place in places]
        found = {}
        for cost in METRICS:
            values = np.full(len(cells), np.nan)
            values[rows] = arrays[f"{dataset}/{cost}"][places]
            found[cost] = values
    except (KeyError, UnicodeDecodeError) as error:
        raise DataError(f"{str(path)!r} is not what an import of HW-NAS-Bench writes ({error}): import it anew") from None
    return found
