"""The whole way from data to a task."""

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from searchitect.core import DataError, MissingPackageError, SettingError
from searchitect.tasks import Task, deployment_from_json, load_task, predictions_frame, source, tables, task_to_json


def frame(rows: int = 200, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    data = pd.DataFrame(
        {
            "größe": rng.normal(170, 10, rows),
            "city": rng.choice(["Köln", "Rome", "Oslo"], rows),
            "day": pd.date_range("2020-01-01", periods=rows).astype(str),
            "label": rng.choice(["yes", "no"], rows),
        }
    )
    data.loc[::9, "größe"] = np.nan
    return data


def same(a: Task, b: Task) -> bool:
    return a.fingerprint == b.fingerprint and a.info == b.info


def test_digits_are_images_split_1077_270_450() -> None:
    task = load_task("digits")
    assert task.info.kind == "image-classification"
    assert task.info.input_shape == (1, 8, 8)
    assert [len(p) for p in (task.train, task.valid, task.test)] == [1077, 270, 450]
    assert task.train.x.dtype == torch.uint8
    assert not task.flips
    raw = load_digits()
    assert (task.test.x[:, 0].numpy() == raw.images[task.test.rows]).all()
    assert (task.test.y.numpy() == raw.target[task.test.rows]).all()


@pytest.mark.parametrize(
    ("name", "kind", "rows", "columns", "outputs"),
    [
        ("breast-cancer", "table-classification", 569, 30, 2),
        ("wine", "table-classification", 178, 13, 3),
        ("iris", "table-classification", 150, 4, 3),
        ("diabetes", "table-regression", 442, 10, 1),
    ],
)
def test_embedded_tables_have_their_published_size(name: str, kind: str, rows: int, columns: int, outputs: int) -> None:
    task = load_task(name)
    assert (task.info.kind, task.info.input_shape, task.info.outputs) == (kind, (columns,), outputs)
    assert len(task.train) + len(task.valid) + len(task.test) == rows
    assert task.info.train_rows == len(task.train)


def test_the_network_receives_what_the_info_says() -> None:
    for data, target in [("digits", None), ("diabetes", None), (frame(), "label")]:
        task = load_task(data, target=target)
        assert task.preprocess(task.valid.x).shape == (len(task.valid), *task.info.input_shape)
        assert torch.isfinite(task.preprocess(task.train.x)).all()


def test_columns_are_numbers_then_indicators_then_codes() -> None:
    info = load_task(frame(), target="label").info
    assert info.columns == ("größe", "day day", "day month", "day weekday", "größe is missing", "city")
    assert info.cardinalities == (4,)
    assert info.numeric == 5


def test_the_same_seed_gives_the_same_task_and_another_another() -> None:
    assert same(load_task("wine", seed=4), load_task("wine", seed=4))
    assert load_task("wine", seed=4).fingerprint != load_task("wine", seed=5).fingerprint


def test_a_changed_cell_changes_the_fingerprint() -> None:
    changed = frame()
    changed.loc[0, "city"] = "Rome" if changed.loc[0, "city"] != "Rome" else "Oslo"
    assert load_task(frame(), target="label").fingerprint != load_task(changed, target="label").fingerprint


def test_nothing_is_learned_from_validation_and_test_rows() -> None:
    data = frame()
    task = load_task(data, target="label")
    others = np.r_[task.valid.rows, task.test.rows]
    data.loc[others, "größe"] = data.loc[others, "größe"] * 1000 + 5
    data.loc[others, "city"] = "Paris"
    data.loc[others, "day"] = "1999-01-01"
    shifted = load_task(data, target="label")
    assert shifted.encoder == task.encoder
    assert shifted.info == task.info
    before, after = task.preprocess.state_dict(), shifted.preprocess.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert torch.equal(shifted.train.x.nan_to_num(), task.train.x.nan_to_num())


def test_nothing_is_learned_from_the_pixels_and_values_of_other_parts() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 99, (100, 5, 5)), rng.normal(size=100)
    task = load_task((x, y))
    others = np.r_[task.valid.rows, task.test.rows]
    x[others] += 100
    y[others] += 1000
    shifted = load_task((x, y))
    assert torch.equal(shifted.preprocess.mean, task.preprocess.mean)
    assert (shifted.target_mean, shifted.target_std) == (task.target_mean, task.target_std)


def test_files_of_all_kinds_give_the_same_task(tmp_path: Path) -> None:
    folder = tmp_path / "Meßwerte ü"
    folder.mkdir()
    data = frame()
    data.to_csv(folder / "t.csv", index=False)
    data.to_csv(folder / "t.tsv", index=False, sep="\t")
    data.to_csv(folder / "t.txt", index=False, sep=";")
    data.to_parquet(folder / "t.parquet")
    data.to_csv(folder / "latin.csv", index=False, encoding="latin-1")
    expected = load_task(data, target="label")
    for name in ("t.csv", "t.tsv", "t.txt", "t.parquet", "latin.csv"):
        task = load_task(str(folder / name), target="label")
        assert task.fingerprint == expected.fingerprint
        assert torch.equal(task.encoder.encode(folder / name).nan_to_num(), task.encoder.encode(data).nan_to_num())


def test_a_table_read_in_chunks_is_the_table_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = frame(1000)
    data.loc[990, "label"] = None
    data.to_csv(tmp_path / "t.csv", index=False)
    data.to_csv(tmp_path / "latin.csv", index=False, encoding="latin-1")
    data.to_parquet(tmp_path / "t.parquet")
    expected = load_task(data, target="label")
    monkeypatch.setattr(tables, "CHUNK", 77)
    monkeypatch.setattr(source, "CHUNK", 77)
    monkeypatch.setattr(tables, "SMALL_FILE", 0)
    for name in ("t.csv", "latin.csv", "t.parquet"):
        task = load_task(tmp_path / name, target="label")
        assert task.fingerprint == expected.fingerprint
        assert task.info.columns == expected.info.columns
        assert 990 not in np.concatenate([task.train.rows, task.valid.rows, task.test.rows])


def test_a_table_beyond_the_memory_is_refused_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    class Little:
        available = 3000

    monkeypatch.setattr(psutil, "virtual_memory", Little)
    with pytest.raises(DataError, match=r"200 rows of 5 numbers\) needs about 0.0 GB of memory.*use fewer rows"):
        load_task(frame(), target="label")


def test_npz_files_with_parts_keep_their_test_part(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 6, 6, 3), dtype=np.uint8), np.arange(90) % 3
    np.savez(
        tmp_path / "a.npz", x_train=x[:60], y_train=y[:60], x_test=x[60:], y_test=y[60:], classes=np.array(["p", "q", "r"])
    )
    task = load_task(tmp_path / "a.npz")
    assert task.info.classes == ("p", "q", "r")
    assert task.test.rows.tolist() == list(range(60, 90))
    assert (task.test.x.numpy() == x[60:].transpose(0, 3, 1, 2)).all()
    np.savez(tmp_path / "b.npz", train_images=x[:50], train_labels=y[:50, None], val_images=x[50:60], val_labels=y[50:60, None])
    task = load_task(tmp_path / "b.npz")
    assert task.valid.rows.tolist() == list(range(50, 60))
    assert len(task.test) == 13  # a quarter of the 50 that are free
    assert task.test.rows.max() < 50


@pytest.mark.parametrize("names", [("x", "y"), ("X", "Y"), ("images", "labels"), ("data", "target")])
def test_npz_files_without_parts_are_split(tmp_path: Path, names: tuple[str, str]) -> None:
    x, y = np.random.default_rng(0).normal(size=(80, 5)), np.eye(4)[np.arange(80) % 4]
    np.savez(tmp_path / "t.npz", **{names[0]: x, names[1]: y})
    task = load_task(tmp_path / "t.npz")
    assert task.info.kind == "table-classification"
    assert task.info.outputs == 4
    assert len(task.test) == 20
    assert np.allclose(task.encoder.encode(tmp_path / "t.npz"), x)


def test_pairs_of_frame_and_series_arrays_and_tensors_are_one() -> None:
    data = load_breast_cancer(as_frame=True)
    named = load_task((data.data, data.target))
    assert named.info.columns == tuple(data.data.columns)
    array = load_task((data.data.to_numpy(), data.target.to_numpy()))
    tensor = load_task((torch.tensor(data.data.to_numpy()), torch.tensor(data.target.to_numpy())))
    assert named.fingerprint == array.fingerprint == tensor.fingerprint


def test_numbers_need_no_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(purpose: str) -> None:
        raise MissingPackageError(purpose)

    monkeypatch.setattr(source, "load_pandas", absent)
    monkeypatch.setattr("searchitect.tasks.cells.load_pandas", absent)
    monkeypatch.setattr(tables, "load_pandas", absent)
    assert load_task("wine").info.outputs == 3


def test_a_task_survives_pickling_and_its_deployment_json() -> None:
    for data, target in [("digits", None), ("diabetes", None), (frame(), "label")]:
        task = load_task(data, target=target)
        copy = pickle.loads(pickle.dumps(task))
        assert same(copy, task)
        part = deployment_from_json(json.loads(json.dumps(task_to_json(task))))
        assert (part.info, part.encoder) == (task.info, task.encoder)
        assert torch.equal(part.preprocess(task.valid.x), task.preprocess(task.valid.x))
        outputs = torch.randn(5, task.info.outputs)
        assert torch.equal(part.postprocess(outputs), task.postprocess(outputs))
        assert task_to_json(part) == task_to_json(task)


def test_the_baseline_is_the_majority_class_or_the_mean() -> None:
    task = load_task("breast-cancer")
    majority = int(torch.bincount(task.train.y).argmax())
    assert task.baseline_score["accuracy"] == pytest.approx((task.valid.y == majority).double().mean().item())
    assert task.baseline_score["auc"] == 0.5
    values = load_task("diabetes")
    assert values.baseline_score["mae"] == pytest.approx((values.valid.y - values.target_mean).abs().mean().item(), rel=1e-4)


def test_rare_classes_get_weights_and_a_note() -> None:
    x = np.random.default_rng(0).normal(size=(420, 3))
    task = load_task((x, np.repeat(["often", "rare"], [400, 20])))
    assert task.class_weights is not None
    assert task.class_weights[1] / task.class_weights[0] == pytest.approx(np.sqrt(240 / 12), rel=1e-5)
    assert "classes are imbalanced: 240 training examples of 'often', 12 of 'rare'" in task.notes


def test_predictions_come_as_a_frame() -> None:
    task = load_task("iris")
    answers = torch.tensor([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]])
    found = predictions_frame(task.info, answers, ["a", "b"])
    assert found["prediction"].tolist() == ["versicolor", "setosa"]
    assert found.loc["b", "probability of setosa"] == 0.5
    values = predictions_frame(load_task("diabetes").info, torch.tensor([1.5, 2.5]))
    assert values["prediction"].tolist() == [1.5, 2.5]


def test_a_path_is_a_path_also_where_it_is_called_as_an_embedded_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    for data in (Path("digits"), "./digits"):
        with pytest.raises(DataError, match="no images"):
            load_task(data)
    assert load_task("digits").info.outputs == 10


def test_only_tables_take_a_target() -> None:
    with pytest.raises(SettingError, match="only tables with named columns"):
        load_task("digits", target="y")


def test_exclusive_or_has_its_four_corners_equally_often_in_every_part() -> None:
    task = load_task("xor", seed=3)
    assert (task.info.kind, task.info.input_shape, task.info.classes) == ("table-classification", (2,), ("0", "1"))
    for part, times in ((task.train, 3), (task.valid, 1), (task.test, 1)):
        rows = sorted((*x, y) for x, y in zip(part.x.tolist(), part.y.tolist(), strict=True))
        assert rows == sorted([(0.0, 0.0, 0), (0.0, 1.0, 1), (1.0, 0.0, 1), (1.0, 1.0, 0)] * times)
