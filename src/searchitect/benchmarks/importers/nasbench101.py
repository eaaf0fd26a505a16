"""NAS-Bench-101 from its record files, nasbench_only108.tfrecord or nasbench_full.tfrecord.

Ying, Klein, Christiansen, Real, Murphy, Hutter 2019, "NAS-Bench-101: Towards Reproducible Neural Architecture Search",
https://arxiv.org/abs/1902.09635; the files are described in google-research/nasbench. A record is a JSON list: a hash of the cell, epochs,
the adjacency matrix row by row as digits, the operations, and the metrics of one run as a protocol buffer in base 64. Of these, three
evaluations: before the training, half way and at the end. The last one is taken.
"""

import binascii
import json
import struct
from base64 import b64decode
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks.files import nasbench101_form, save_table
from searchitect.benchmarks.importers import Imported, OnStep
from searchitect.benchmarks.importers.records import message_fields, read_records
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, SpaceError, canonical_json
from searchitect.spaces.nasbench101 import NasBench101, prune

FILE: Final = "nasbench101.npz"
CELLS: Final = 423_624
BEST_VALID: Final = 1 - 0.04944576819737756
"""The best mean validation accuracy after 108 epochs, as public harnesses state it."""
BEST_TEST: Final = 1 - 0.056824247042338016
_RUNS: Final = 3
_EVALUATIONS, _PARAMS = 1, 2  # fields of ModelMetrics
_TIME, _VALID, _TEST = 2, 4, 5  # fields of EvaluationData
_EVERY: Final = 2000


def import_nasbench101(path: Path, folder: Path, on_step: OnStep | None = None) -> Imported:
    """Read a record file and write the table ``nasbench101`` into ``folder``.

    Cells are listed in one form per isomorphism class, as the authors count them (see `nasbench101_form`). Of the published record,
    training accuracies and the evaluations half way are left out.

    Args:
        path: of the record file.
        folder: to write to.
        on_step: called with the bytes read, and those of the file.

    Raises:
        DataError: where the file is damaged, or holds something else.
        RunError: where the table cannot be written.
    """
    size = path.stat().st_size
    rows: dict[str, int] = {}  # by the authors' hash
    texts: list[str] = []
    params: list[int] = []
    runs: defaultdict[int, _Runs] = defaultdict(_Runs)
    for count, (content, done) in enumerate(read_records(path)):
        cell, epochs, matrix, operations, metrics = _record(content, path)
        row = rows.setdefault(cell, len(texts))
        size_of, valid, test, seconds = _metrics(metrics, path)
        if row == len(texts):
            texts.append(_text(matrix, operations, path))
            params.append(size_of)
        runs[epochs].add(row, (valid, test, seconds))
        if on_step is not None and count % _EVERY == 0:
            on_step(done, size)
    if not texts:
        raise DataError(f"{str(path)!r} holds no record: get it anew")
    if on_step is not None:
        on_step(size, size)
    if len(set(texts)) < len(texts):
        raise DataError(f"{str(path)!r} holds isomorphic cells under several names: it is not the published file; get it anew")
    epochs_known = sorted(runs)
    scores = np.stack([runs[epochs].scores(len(texts)) for epochs in epochs_known], axis=1)  # (rows, fidelities, runs, 3)
    counts = np.maximum((~np.isnan(scores[..., 2])).sum(axis=2), 1)
    table = TabularBenchmark(
        name="nasbench101",
        space=NasBench101(),
        rows={text: row for row, text in enumerate(texts)},
        epochs=tuple(float(epochs) for epochs in epochs_known),
        valid=scores[..., 0],
        tested=scores[:, -1, :, 1],
        costs={"params": np.asarray(params, np.float64)},
        seconds=np.nansum(scores[..., 2], axis=2) / counts,
        is_prefix=False,
        source="Ying et al. 2019, arXiv:1902.09635",
        licence="Apache-2.0",
    )
    save_table(folder / FILE, table, made={"from": path.name})
    return Imported([folder / FILE], len(texts), check(table))


def check(table: TabularBenchmark) -> list[str]:
    """What differs from the published facts, one sentence each."""
    found = []
    if len(table.rows) != CELLS:
        found.append(f"it holds {len(table.rows):,} cells, {CELLS:,} are published: the table is a part of it")
        return found
    facts = (("validation", BEST_VALID, float(np.nanmax(table.mean_scores[:, -1]))), ("test", BEST_TEST, table.optimum()))
    for name, published, here in facts:
        if abs(published - here) > 1e-6:
            found.append(f"the best mean {name} accuracy is {here:.6f}, published is {published:.6f}: the file was changed")
    return found


class _Runs:
    """Validation accuracy, test accuracy and seconds at one number of epochs, [rows, runs, 3]; NaN where there was no run."""

    def __init__(self) -> None:
        self._found = np.full((1024, _RUNS, 3), np.nan)
        self._counts: Counter[int] = Counter()

    def add(self, row: int, found: tuple[float, float, float]) -> None:
        while row >= len(self._found):
            self._found = np.concatenate([self._found, np.full_like(self._found, np.nan)])
        if self._counts[row] == _RUNS:
            raise DataError(f"a cell has more than {_RUNS} runs, which the published file has not")
        self._found[row, self._counts[row]] = found
        self._counts[row] += 1

    def scores(self, rows: int) -> NDArray[np.float64]:
        missing = np.full((max(rows - len(self._found), 0), _RUNS, 3), np.nan)
        return np.concatenate([self._found[:rows], missing])


def _record(content: bytes, path: Path) -> tuple[str, int, str, str, bytes]:
    try:
        cell, epochs, matrix, operations, packed = json.loads(content)
        return str(cell), int(epochs), str(matrix), str(operations), b64decode(packed, validate=True)
    except (ValueError, TypeError, UnicodeDecodeError, binascii.Error) as error:
        raise DataError(f"{str(path)!r} holds a record that is not of NAS-Bench-101 ({error}): get it anew") from None


def _metrics(message: bytes, path: Path) -> tuple[int, float, float, float]:
    """Parameters, validation and test accuracy and seconds at the end of a run."""
    try:
        params, last = 0, b""
        for number, value in message_fields(message):
            if number == _EVALUATIONS and isinstance(value, bytes):
                last = value
            elif number == _PARAMS:
                params = int(value)
        found: dict[int, Any] = dict(message_fields(last))
        return params, float(found[_VALID]), float(found[_TEST]), float(found[_TIME])
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise DataError(f"{str(path)!r} holds metrics that cannot be read ({error!r}): get it anew") from None


def _text(matrix: str, operations: str, path: Path) -> str:
    """The canonical JSON of a cell's spec, in the form that the table lists."""
    space = NasBench101()
    side = round(len(matrix) ** 0.5)
    digits = [[int(digit) if digit.isdecimal() else -1 for digit in matrix[side * i : side * (i + 1)]] for i in range(side)]
    try:
        if side * side != len(matrix):
            raise SpaceError(f"{len(matrix)} digits are no square matrix")
        inner, edges = prune(digits, operations.split(","))
        if len(inner) + 2 > space.vertices or len(edges) > space.edges:
            raise SpaceError(
                f"{len(inner) + 2} vertices and {len(edges)} edges, allowed are {space.vertices} and {space.edges}"
            )
    except SpaceError as error:
        raise DataError(f"{str(path)!r} holds a cell that is not of NAS-Bench-101 ({error}): get it anew") from None
    sizes = {"channels": space.channels, "stacks": space.stacks, "cells": space.cells}
    return canonical_json(nasbench101_form({**sizes, "cell": {"operations": inner, "edges": edges}}))
