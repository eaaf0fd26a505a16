"""The tables that are known by name: what they hold, where they are from, and how to get them."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Entry:
    """A family of tables in the catalogue.

    Attributes:
        module: has ``load(path, dataset, options)``.
        datasets: the first one is the default.
        file: the name of its file, with ``{dataset}`` where each has its own; empty where the table is part of the package.
        summary: one line.
        source: authors, year, arXiv number.
        licence: of the numbers.
        space: whose architectures it holds.
        architectures: how many.
        fidelities: what trainings it knows, in words.
        get: how to get the file, one sentence.
        imported: the name of the file that an import writes instead, where ``file`` is another.
    """

    module: str
    datasets: tuple[str, ...]
    file: str
    summary: str
    source: str
    licence: str
    space: str = ""
    architectures: int = 0
    fidelities: str = ""
    get: str = ""
    imported: str = ""


_IMAGES: Final = ("cifar10", "cifar100", "imagenet16-120")
_NATS: Final = "download {} (https://github.com/D-X-Y/NATS-Bench) and run: searchitect benchmarks import nats-bench FILE"
_DRIFTS: Final = ("1m", "1h", "1d", "30d")

BENCHMARKS: Final[dict[str, Entry]] = {
    "digits-cells": Entry(
        "searchitect.benchmarks.digits_cells",
        ("digits",),
        "",
        "729 small cells on digits, three seeds, a score per epoch",
        "made with searchitect benchmarks make",
        "Apache-2.0",
        "nasbench201",
        729,
        "epochs 1 to 9 of one training",
        "part of the package",
    ),
    "nasbench201": Entry(
        "searchitect.benchmarks.nasbench201",
        _IMAGES,
        "nasbench201.parquet",
        "15,625 cells after 12 and 200 epochs, with sizes and 27 measured latencies",
        "Dong, Yang 2020, arXiv:2001.00326",
        "MIT",
        "nasbench201",
        15_625,
        "12 and 200 epochs, two trainings",
        "a collection of several sources in one file, described in docs/how-to/benchmarks.md; the same cells come with nats-tss",
    ),
    "nats-tss": Entry(
        "searchitect.benchmarks.imported",
        (*_IMAGES, *(f"{name}-curve" for name in _IMAGES)),
        "nats-tss-{dataset}.npz",
        "NATS-Bench's topology space: the cells of NAS-Bench-201 run by run, with times",
        "Dong, Liu, Musial, Gabrys 2021, arXiv:2009.00437",
        "MIT",
        "nasbench201",
        15_625,
        "12 and 200 epochs, two trainings; -curve: 16 looks at that of 200",
        _NATS.format("NATS-tss-v1_0-3ffb9-simple.tar"),
    ),
    "nats-sss": Entry(
        "searchitect.benchmarks.imported",
        (*_IMAGES, *(f"{name}-curve" for name in _IMAGES)),
        "nats-sss-{dataset}.npz",
        "NATS-Bench's size space: widths of five layers",
        "Dong, Liu, Musial, Gabrys 2021, arXiv:2009.00437",
        "MIT",
        "nats-size",
        32_768,
        "1, 12 and 90 epochs, three trainings; -curve: 11 looks at that of 90",
        _NATS.format("NATS-sss-v1_0-50262-simple.tar"),
    ),
    "nasbench101": Entry(
        "searchitect.benchmarks.imported",
        ("cifar10",),
        "nasbench101.npz",
        "423,624 cells of free wiring, three runs each, with times",
        "Ying et al. 2019, arXiv:1902.09635",
        "Apache-2.0",
        "nasbench101",
        423_624,
        "4, 12, 36 and 108 epochs, four trainings; or 108 alone",
        "download https://storage.googleapis.com/nasbench/nasbench_full.tfrecord (1.95 GB) or nasbench_only108.tfrecord (0.5 GB) and run: "
        "searchitect benchmarks import nasbench101 FILE",
    ),
    "nasbench-macro": Entry(
        "searchitect.benchmarks.nasbench_macro",
        ("cifar10",),
        "nasbench_macro.parquet",
        "6,561 chains of eight layers, three runs each",
        "Su et al. 2021, arXiv:2103.11922",
        "Apache-2.0",
        "nasbench-macro",
        6_561,
        "50 epochs",
        "download nas-bench-macro_cifar10.json (https://github.com/xiusu/NAS-Bench-Macro) and run: searchitect benchmarks import "
        "nas-bench-macro FILE",
        "nasbench-macro.npz",
    ),
    "nasbench-graph": Entry(
        "searchitect.benchmarks.nasbench_graph",
        ("cora", "citeseer", "pubmed", "cs", "physics", "photo", "computers", "arxiv"),
        "nasbench_graph.parquet",
        "26,206 graph networks, mean of three runs",
        "Qin, Zhang, Wang, Zhu 2022, arXiv:2206.09166",
        "Apache-2.0",
        "nasbench-graph",
        26_206,
        "one whole training",
        "download the files .bench (https://github.com/THUMNLab/NAS-Bench-Graph) and run, for each or for their folder: searchitect benchmarks "
        "import nas-bench-graph FILE",
        "nasbench-graph-{dataset}.npz",
    ),
    "analog-nasbench201": Entry(
        "searchitect.benchmarks.analog",
        (
            *("baseline", "ptq", "qat", "noisy", "analog"),
            *(f"{kind}-drift-{time}" for kind in ("baseline", "analog") for time in _DRIFTS),
        ),
        "analog_nasbench201.parquet",
        "the cells of NAS-Bench-201 on CIFAR-10, quantised and on simulated analog hardware",
        "the package analog-nasbench 0.1.3",
        "none stated",
        "nasbench201",
        15_625,
        "one whole training",
        "the tables of https://pypi.org/project/analog-nasbench as parquet, described in docs/how-to/benchmarks.md",
    ),
}
"""Name -> what it is."""
