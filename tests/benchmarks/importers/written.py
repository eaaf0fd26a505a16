"""Tiny files in the formats of published benchmarks."""

import base64
import bz2
import json
import pickle
import struct
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from searchitect.benchmarks.importers.records import masked_crc


def write_records(path: Path, contents: Sequence[bytes]) -> None:
    """A TensorFlow record file."""
    with path.open("wb") as file:
        for content in contents:
            length = struct.pack("<Q", len(content))
            file.write(length + struct.pack("<I", masked_crc(length)))
            file.write(content + struct.pack("<I", masked_crc(content)))


def model_metrics(params: int, evaluations: Sequence[dict[str, float]]) -> bytes:
    """A ModelMetrics message of NAS-Bench-101."""
    message = b""
    for found in evaluations:
        numbers = {"epoch": 1, "time": 2, "train": 3, "valid": 4, "test": 5}
        inner = b"".join(bytes([numbers[name] << 3 | 1]) + struct.pack("<d", value) for name, value in found.items())
        inner += bytes([6 << 3 | 2, 4]) + b"ckpt"
        message += bytes([1 << 3 | 2]) + _varint(len(inner)) + inner
    return message + bytes([2 << 3]) + _varint(params) + bytes([3 << 3 | 1]) + struct.pack("<d", 1234.5)


def nasbench101_record(
    cell: str, epochs: int, matrix: str, operations: Sequence[str], params: int, valid: float, test: float, seconds: float
) -> bytes:
    """A record of NAS-Bench-101: one run, with the evaluations before, half way and at the end."""
    looks = [
        {"epoch": 0.0, "time": 0.0, "train": 0.1, "valid": 0.1, "test": 0.1},
        {"epoch": epochs / 2, "time": seconds / 2, "train": 0.5, "valid": valid / 2, "test": test / 2},
        {"epoch": float(epochs), "time": seconds, "train": 1.0, "valid": valid, "test": test},
    ]
    packed = base64.b64encode(model_metrics(params, looks)).decode()
    return json.dumps([cell, epochs, matrix, ",".join(operations), packed]).encode()


def nats_run(epochs: int, parts: Sequence[str], start: float, *, looks: Sequence[int] | None = None) -> dict[str, Any]:
    """One run of NATS-Bench: after epoch e, a part's accuracy is start + e percent; an epoch takes 2 s, an evaluation 0.5 s.

    Args:
        epochs: of the training.
        parts: that are evaluated.
        start: accuracy before the first epoch.
        looks: epochs, from 0, at which x-parts are evaluated; ``None``: all.
    """
    kept = [(part, e) for part in parts for e in range(epochs) if part == "ori-test" or looks is None or e in looks]
    return {
        "train_times": OrderedDict((e, 2.0) for e in range(epochs)),
        "params": np.float64(0.129306),
        "flop": 15.64737,
        "epochs": epochs,
        "latency": [np.float64(0.0139), -1, np.float64(0.0141)],
        "eval_names": list(parts),
        "eval_acc1es": {f"{part}@{e}": start + e + 1 for part, e in kept},
        "eval_times": {f"{part}@{e}": 0.5 for part in parts for e in range(epochs)},
        "net_state_dict": None,
    }


def nats_record(text: str, lengths: Sequence[int] = (12, 200), start: float = 10.0, seeds: Sequence[int] = (777, 888)) -> Any:
    """The content of a file of NATS-Bench. The tests of CIFAR-10 start 5 percent higher, those of the others 1 percent; a seed adds its place."""
    record: Any = OrderedDict()
    for length in lengths:
        results: dict[Any, Any] = {}
        last = (length - 1,) if length == max(lengths) else None
        for place, seed in enumerate(seeds):
            results["cifar10-valid", seed] = nats_run(length, ["x-valid", "ori-test"], start + place)
            results["cifar10", seed] = nats_run(length, ["ori-test"], start + 5 + place)
            for name in ("cifar100", "ImageNet16-120"):
                run = nats_run(length, ["ori-test", "x-valid", "x-test"], start + place, looks=last)
                run["eval_acc1es"] = {
                    key: value + (1 if key.startswith("x-test") else 0.5 if key.startswith("ori") else 0)
                    for key, value in run["eval_acc1es"].items()
                }
                results[name, seed] = run
        record[f"{length:02d}"] = {
            "arch_str": text,
            "all_results": results,
            "dataset_seed": {name: list(seeds) for name in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")},
        }
    return record


def write_nats(folder: Path, records: dict[int, Any]) -> None:
    """An unpacked archive of NATS-Bench."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, record in records.items():
        (folder / f"{index:06d}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(record, protocol=4)))
    (folder / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"meta_archs": [], "total_archs": 15625}, protocol=4)))


def _varint(number: int) -> bytes:
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])
