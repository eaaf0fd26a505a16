"""NATS-Bench from its archives of one packed pickle per architecture: NATS-tss-v1_0-3ffb9-simple, NATS-sss-v1_0-50262-simple.

Dong, Liu, Musial, Gabrys 2021, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size",
https://arxiv.org/abs/2009.00437. The archive may be unpacked (a folder) or not (the .tar). A file holds, per training length ("12",
"200"; size space "01", "12", "90"), the runs by (data set, seed) with their curves in percent and seconds per epoch.

Which numbers are which: on CIFAR-10 a search sees "cifar10-valid" (trained on one half, judged on the other), and the test score is that of
"cifar10" (trained on both). On the other two, validation and test are halves of the original test set. Each data set gives two tables:

- its own trainings, of 12 and of 200 epochs (size space: 1, 12, 90), each with a schedule of its own: no one is the beginning of another;
- with "-curve": the longest training, judged on its way. Between, the topology files of CIFAR-100 and ImageNet16-120 hold no
  validation scores: there the score is that of validation and test half together, as in the authors' own interface.
"""

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from searchitect.benchmarks.files import save_table
from searchitect.benchmarks.importers import Imported, OnStep
from searchitect.benchmarks.importers.pickles import read_packed_pickle
from searchitect.benchmarks.nats_size import NatsSize
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SpaceError
from searchitect.spaces.nasbench201 import NasBench201

DATASETS: Final = {
    "cifar10": ("cifar10-valid", "cifar10", "ori-test"),
    "cifar100": ("cifar100", "cifar100", "x-test"),
    "imagenet16-120": ("ImageNet16-120", "ImageNet16-120", "x-test"),
}
"""Name -> whose validation drives the search, whose test counts at the end, and what that is called in the file."""
SIZES: Final = {"nats-tss": 15_625, "nats-sss": 32_768}
BEST: Final = {("nats-tss", "cifar10"): 0.943733, ("nats-tss", "cifar100"): 0.735133, ("nats-tss", "imagenet16-120"): 0.473111}
"""The best mean test accuracies after 200 epochs, as published."""
LOOKS: Final = (1, 2, 4, 8, 12, 16, 25, 35, 50, 75, 90, 100, 125, 150, 175, 200)
"""Epochs at which the curves are kept, as far as the training goes."""
_RECORD: Final = re.compile(r"^[0-9]+\.pickle\.pbz2$")


def import_nats_bench(path: Path, folder: Path, on_step: OnStep | None = None) -> Imported:
    """Read an archive and write the tables ``nats-tss`` or ``nats-sss`` into ``folder``: six, two per data set.

    Args:
        path: the unpacked folder, or the .tar.
        folder: to write to.
        on_step: called with the files read, and those that the space has.

    Raises:
        DataError: where a file is damaged, or the archive holds something else.
        RunError: where a table cannot be written.
    """
    found: dict[str, dict[Any, Any]] = {}
    family = ""
    for name, content in _files(path):
        record = read_packed_pickle(content, name)
        try:
            text, taken = _taken(record)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(f"the file {name!r} in {str(path)!r} is not of NATS-Bench ({error!r}): get it anew") from None
        of = "nats-tss" if "|" in text else "nats-sss"
        if family and of != family:
            raise DataError(f"{str(path)!r} holds files of both spaces of NATS-Bench: import one archive at a time")
        family, found[text] = of, taken
        if on_step is not None:
            on_step(len(found), SIZES[family])
    if not found:
        raise DataError(
            f"{str(path)!r} holds no file such as 000000.pickle.pbz2: give the folder NATS-tss-v1_0-3ffb9-simple, or its .tar; the "
            "single files NATS-....pickle.pbz2 are not read"
        )
    warnings = []
    if len(found) != SIZES[family]:
        warnings.append(f"it holds {len(found):,} architectures, {SIZES[family]:,} are published: the table is a part of it")
    files = []
    for dataset in DATASETS:
        for is_curve in (False, True):
            name = f"{family}:{dataset}{'-curve' if is_curve else ''}"
            table = _table(name, {text: taken[dataset, is_curve] for text, taken in found.items()}, is_curve)
            best = BEST.get((family, dataset))
            if not warnings and best is not None and abs(table.optimum() - best) > 1e-5:
                warnings.append(f"the best mean test accuracy of {name} is {table.optimum():.6f}, published is {best:.6f}")
            files.append(folder / f"{name.replace(':', '-')}.npz")
            save_table(files[-1], table, made={"from": path.name})
    return Imported(files, len(found), warnings)


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(path.iterdir()):
            if _RECORD.match(file.name):
                yield file.name, file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                name = member.name.rpartition("/")[2]
                if member.isfile() and _RECORD.match(name) and (content := archive.extractfile(member)) is not None:
                    yield name, content.read()
    except (tarfile.TarError, EOFError) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        raise DataError(f"{str(path)!r} is neither a folder nor a whole .tar ({reason}): get it anew") from None


def _taken(record: Any) -> tuple[str, dict[Any, Any]]:
    """The authors' string of an architecture, and per data set and kind of table: epochs, scores and costs."""
    lengths = sorted(record, key=int)
    text = str(record[lengths[-1]]["arch_str"])
    taken: dict[Any, Any] = {}
    for dataset, (searched, tested, test) in DATASETS.items():
        runs = {length: _runs(record[length], searched) for length in lengths}
        longest = record[lengths[-1]]
        tests = [_accuracy(run, test, run["epochs"]) for run in _runs(longest, tested)]
        some = runs[lengths[-1]][0]
        latencies = [seconds for seconds in some["latency"] if seconds > 0]
        costs = {
            "params": round(float(some["params"]) * 1e6),
            "macs": round(float(some["flop"]) * 1e6),
            "latency_gpu": 1e3 * sum(latencies) / len(latencies) if latencies else float("nan"),
        }
        own = [(int(length), [_look(run, int(length)) for run in runs[length]]) for length in lengths]
        last = int(lengths[-1])
        curve = [(epoch, [_look(run, epoch) for run in runs[lengths[-1]]]) for epoch in LOOKS if epoch <= last]
        taken[dataset, False] = own, tests, costs
        taken[dataset, True] = curve, tests, costs
    return text, taken


def _runs(results: Any, dataset: str) -> list[Any]:
    return [results["all_results"][dataset, seed] for seed in sorted(results["dataset_seed"][dataset])]


def _accuracy(run: Any, part: str, epoch: int) -> float:
    return float(run["eval_acc1es"][f"{part}@{epoch - 1}"]) / 100


def _look(run: Any, epoch: int) -> tuple[float, float]:
    """The score after an epoch, and the seconds of training up to it and of one evaluation."""
    part = "x-valid" if f"x-valid@{epoch - 1}" in run["eval_acc1es"] else "ori-test"
    try:
        seconds = sum(run["train_times"][i] for i in range(epoch)) + run["eval_times"][f"{part}@{epoch - 1}"]
    except (TypeError, KeyError):  # some runs come without times
        seconds = float("nan")
    return _accuracy(run, part, epoch), float(seconds)


def _table(name: str, taken: dict[str, Any], is_curve: bool) -> TabularBenchmark:
    space: Any = NasBench201(merges=False) if name.startswith("nats-tss") else NatsSize()
    first = next(iter(taken.values()))
    epochs = [epoch for epoch, _ in first[0]]
    most = max(len(runs) for looks, _, _ in taken.values() for _, runs in looks)
    scores = np.full((len(taken), len(epochs), most, 2), np.nan)
    tested = np.full((len(taken), max(len(tests) for _, tests, _ in taken.values())), np.nan)
    rows: dict[str, int] = {}
    for row, (text, (looks, tests, _)) in enumerate(taken.items()):
        try:
            rows[space.from_string(text).text] = row
        except SpaceError as error:
            raise DataError(f"NATS-Bench: {error}") from None
        if [epoch for epoch, _ in looks] != epochs:
            raise DataError(f"NATS-Bench: {text!r} was trained for other numbers of epochs than the others")
        tested[row, : len(tests)] = tests
        for place, (_, runs) in enumerate(looks):
            scores[row, place, : len(runs)] = runs
    counts = (~np.isnan(scores[..., 1])).sum(axis=2)
    times = np.nansum(scores[..., 1], axis=2) / np.maximum(counts, 1)
    return TabularBenchmark(
        name=name,
        space=space,
        rows=rows,
        epochs=tuple(float(epoch) for epoch in epochs),
        valid=scores[..., 0],
        tested=tested,
        costs={cost: np.asarray([costs[cost] for _, _, costs in taken.values()], np.float64) for cost in first[2]},
        seconds=times if counts.all() else None,
        is_prefix=is_curve,
        source="Dong, Liu, Musial, Gabrys 2021, arXiv:2009.00437",
        licence="MIT",
    )
