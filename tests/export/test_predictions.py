import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from searchitect.core import DataError, TaskInfo
from searchitect.export import Deployment, Predictions, predict
from searchitect.spaces import make_space
from searchitect.tasks import load_task
from tests.export.conftest import deploy


@pytest.fixture(scope="module")
def pictures() -> Deployment:
    rng = np.random.default_rng(0)
    task = load_task((rng.integers(0, 256, (60, 9, 7, 3), dtype=np.uint8), np.arange(60) % 2))
    return deploy(task, make_space("convnet", task.info))


def test_labels_are_the_most_probable_classes_and_rows_sum_to_one() -> None:
    task = load_task("wine")
    found = predict(deploy(task, make_space("mlp", task.info)), task.test.x.numpy())
    assert found.probabilities is not None
    assert found.values is None
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, rtol=1e-6)
    assert found.labels == [task.info.classes[k] for k in found.probabilities.argmax(axis=1)]
    frame = found.to_frame()
    assert frame["prediction"].tolist() == found.labels
    assert list(frame.columns) == ["prediction", *(f"probability of {c}" for c in task.info.classes)]


def test_more_rows_than_a_batch_are_answered_as_one_by_one() -> None:
    task = load_task("wine")
    deployment = deploy(task, make_space("mlp", task.info))
    rows = task.test.x[:5].repeat(500, 1).numpy()
    found = predict(deployment, rows).answers
    assert found.shape == (2500, 3)
    torch.testing.assert_close(found[-5:], predict(deployment, rows[:5]).answers)


def test_files_of_a_folder_are_answered_by_name(pictures: Deployment, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    (tmp_path / "ü").mkdir()
    for name in ("b.png", "a.png", "ü/c.png"):
        Image.fromarray(rng.integers(0, 256, (9, 7, 3), dtype=np.uint8)).save(tmp_path / name)
    found = predict(pictures, tmp_path)
    assert found.names == ("a.png", "b.png", "ü/c.png")
    one = predict(pictures, [tmp_path / "b.png"])
    assert one.names == (str(tmp_path / "b.png"),)
    torch.testing.assert_close(one.answers[0], found.answers[1])
    assert predict(pictures, np.zeros((2, 9, 7, 3), np.uint8)).names == (0, 1)


def test_csv_of_classes_and_of_values(tmp_path: Path) -> None:
    classes = TaskInfo("t", "table-classification", (2,), 2, 10, ("a,b", "ü"))
    found = Predictions(classes, torch.tensor([[0.25, 0.75], [1.0, 0.0]]), ("x", "y"))
    assert list(csv.reader(io.StringIO(found.to_csv()))) == [
        ["row", "prediction", "probability of a,b", "probability of ü"],
        ["x", "ü", "0.25", "0.75"],
        ["y", "a,b", "1", "0"],
    ]
    values = Predictions(TaskInfo("t", "table-regression", (2,), 1, 10), torch.tensor([0.1, -123456.78]), (0, 1))
    values.write(tmp_path / "out.csv")
    rows = list(csv.reader((tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[0] == ["row", "prediction"]
    assert [np.float32(row[1]) for row in rows[1:]] == values.answers.tolist()  # no digit is lost


def test_data_that_do_not_fit_are_refused(pictures: Deployment) -> None:
    with pytest.raises(DataError, match="must have the shape"):
        predict(pictures, np.zeros((2, 5, 5, 3), np.uint8))
