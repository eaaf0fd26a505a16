"""Published data sets, read as a user would."""

import json
import zipfile
from pathlib import Path

import pytest

from searchitect.tasks import load_task

from ..real_data import real_data


@pytest.mark.parametrize(
    ("name", "rows", "outputs"), [("adult", 48_842, 2), ("credit-g", 1_000, 2), ("car", 1_728, 4), ("abalone", 4_177, 1)]
)
def test_every_row_of_a_published_table_is_in_one_part(name: str, rows: int, outputs: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(real_data("tabular.zip")) as archive:
        places = {Path(place).name: place for place in archive.namelist()}
        meta = json.loads(archive.read(places["meta.json"]))[name]
        path = tmp_path / f"{name}.csv"
        path.write_bytes(archive.read(places[path.name]))
    task = load_task(path, target=meta["target"], task=meta["task"])
    assert sorted([*task.train.rows, *task.valid.rows, *task.test.rows]) == list(range(rows))
    assert task.info.outputs == outputs
    assert bool(task.preprocess(task.train.x).isfinite().all())


def test_fashion_mnist_keeps_its_own_test_part() -> None:
    task = load_task(real_data("fashion_mnist.npz"))
    assert task.info.input_shape == (1, 28, 28)
    assert (len(task.train), len(task.valid), len(task.test)) == (50_000, 10_000, 10_000)
    assert task.test.y.bincount().tolist() == [1000] * 10
