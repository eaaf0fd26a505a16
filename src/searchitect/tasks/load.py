"""From whatever a user has to a task."""

from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.core import DataError, SettingError, TaskInfo
from searchitect.core.task import TaskKind
from searchitect.tasks.arrays import read_dataset, read_npz, read_pair
from searchitect.tasks.control import is_environment, load_control, refuse_arguments
from searchitect.tasks.embedded import NAMES, read_embedded, unknown_data
from searchitect.tasks.encoders import ImageEncoder, TableEncoder, fit_image_encoder, fit_table_encoder
from searchitect.tasks.losses import imbalance_weights
from searchitect.tasks.metrics import measure
from searchitect.tasks.pictures import SUFFIXES as IMAGE_SUFFIXES
from searchitect.tasks.pictures import read_image_folder
from searchitect.tasks.preprocess import (
    ClassProbabilities,
    TablePreprocess,
    TargetUnits,
    fit_image_preprocess,
    fit_table_preprocess,
)
from searchitect.tasks.source import Labelled
from searchitect.tasks.split import Split, split_rows
from searchitect.tasks.tables import SUFFIXES as TABLE_SUFFIXES
from searchitect.tasks.tables import read_table
from searchitect.tasks.targets import Target, decide_target
from searchitect.tasks.task import Part, Task, fingerprint_of
from searchitect.tasks.text import is_text, load_text
from searchitect.tasks.text_encoder import SUFFIX as TEXT_SUFFIX

FLIP_SIDE: Final = 24  # pixels; smaller images are too coarse to be natural ones


def load_task(
    data: Any,
    *,
    target: str | None = None,
    task: str | None = None,
    seed: int = 0,
    valid: float | None = None,
    test: float | None = None,
) -> Task:
    """Read, split, encode.

    Args:
        data: the name of an embedded set (digits, breast-cancer, wine, iris, diabetes, xor); a folder of class folders of images, or
            with train/ and test/ (valid/) of class folders; an .npz file with x and y, or x_train, y_train, x_test, y_test; a
            csv, tsv or parquet file; a .txt file, which is a text unless a target makes it a table; a folder with the texts
            train.txt, valid.txt and test.txt; a pandas frame; a pair (X, y) of arrays (2-D: table; 3-D and 4-D: images); a torch Dataset
            of (image, label); or an environment of Gymnasium, "gym:CartPole-v1".
        target: the column to learn: needed for table files and frames, refused otherwise.
        task: "classification" or "regression", where it should not be guessed; of a text, "words" or "characters".
        seed: of the split; a text is split by its order, an environment has other episodes.
        valid: fraction of the rows outside test that validate; by default 0.2, at most 10,000 rows; of a text 0.05 of the whole.
        test: fraction of the rows that test; by default 0.25, of a text 0.05. Refused, as valid, where the data bring their own.

    Raises:
        DataError: data that cannot be read or learned from.
        SettingError: an argument outside its range.
    """
    if is_environment(data):
        refuse_arguments(target=target, task=task, valid=valid, test=test)
        return load_control(data, seed)
    if is_text(data, target):
        return load_text(_existing(Path(data)), unit=task, valid=valid, test=test)
    raw = _read(data, target)
    is_image = isinstance(raw.inputs, np.ndarray)
    goal = decide_target(raw.y, name=raw.target, task=task, classes=raw.classes, is_image=is_image)
    split = split_rows(
        goal.y if goal.classes else None,
        len(goal.kept),
        seed=seed,
        given=raw.parts[goal.kept] if raw.parts is not None else None,
        classes=goal.classes,
        valid=valid,
        test=test,
    )
    notes = [*raw.notes, *goal.notes, *split.notes]
    encoder, x, more = _encode(raw, goal, split)
    y = torch.from_numpy(goal.y) if goal.classes else torch.from_numpy(goal.y.astype(np.float32))
    train, valid_part, test_part = (
        Part(x[torch.from_numpy(rows)], y[torch.from_numpy(rows)], goal.kept[rows])
        for rows in (split.train, split.valid, split.test)
    )
    del x
    preprocess, info = _describe(raw.name, goal, encoder, train)
    weights = imbalance_weights(train.y, info.outputs) if goal.classes else None
    if weights is not None:
        counts = torch.bincount(train.y, minlength=info.outputs)
        rare, common = info.classes[int(counts.argmin())], info.classes[int(counts.argmax())]
        more += (
            f"classes are imbalanced: {int(counts.max())} training examples of {common!r}, {int(counts.min())} of {rare!r}",
        )
    mean, std = (0.0, 1.0) if goal.classes else _target_scale(goal.y[split.train], raw.target)
    natural = raw.is_natural and isinstance(encoder, ImageEncoder) and encoder.channels == 3
    return Task(
        info=info,
        train=train,
        valid=valid_part,
        test=test_part,
        encoder=encoder,
        preprocess=preprocess,
        postprocess=ClassProbabilities() if goal.classes else TargetUnits(mean, std),
        class_weights=weights,
        target_mean=mean,
        target_std=std,
        flips=natural and min(info.input_shape[1:]) >= FLIP_SIDE,
        fingerprint=fingerprint_of(train, valid_part, test_part),
        notes=(*notes, *more),
        baseline_score=_baseline(info, train, valid_part, mean, std),
    )


def _read(data: Any, target: str | None) -> Labelled:
    is_frame = hasattr(data, "iloc") and hasattr(data, "columns")
    path = data if isinstance(data, Path) else Path(data) if isinstance(data, str) and data not in NAMES else None
    has_columns = is_frame or (path is not None and path.suffix.lower() in TABLE_SUFFIXES)
    if target is not None and not has_columns and not (path is not None and not path.exists()):
        raise SettingError(
            f"target={target!r}: only tables with named columns (csv, parquet, pandas) take a target; leave it out"
        )
    if path is not None:
        return _read_path(path, target)
    if isinstance(data, str):
        return read_embedded(data)
    if is_frame:
        return read_table(data, target, "table")
    if isinstance(data, (tuple, list)) and len(data) == 2:
        return read_pair(*data)
    if hasattr(data, "__getitem__") and hasattr(data, "__len__") and not hasattr(data, "shape"):
        return read_dataset(data)
    raise DataError(
        f"data: a {type(data).__name__} cannot be learned from; give a name ({', '.join(NAMES)}), a path, a pair (X, y), "
        "a pandas frame or a torch Dataset with a length"
    )


def _existing(path: Path) -> Path:
    try:
        exists = path.exists()
    except OSError as error:
        raise DataError(f"{path}: cannot be opened ({error.strerror})") from None
    if not exists:
        if len(path.parts) > 1 or path.suffix:
            raise DataError(f"{path}: no such file or folder; check the spelling, from the folder {Path.cwd()}")
        raise unknown_data(str(path))
    return path


def _read_path(path: Path, target: str | None) -> Labelled:
    if _existing(path).is_dir():
        return read_image_folder(path)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return read_npz(path)
    if suffix in TABLE_SUFFIXES:
        return read_table(path, target, path.stem)
    hint = (
        "an image alone cannot be learned from; give a folder of class folders"
        if suffix in IMAGE_SUFFIXES
        else "not a known kind of file"
    )
    raise DataError(
        f"{path}: {hint}; known are folders of images, .npz, {', '.join(TABLE_SUFFIXES)}, and {TEXT_SUFFIX} of a text"
    )


def _encode(raw: Labelled, goal: Target, split: Split) -> tuple[ImageEncoder | TableEncoder, Tensor, tuple[str, ...]]:
    if isinstance(raw.inputs, np.ndarray):
        images: NDArray[Any] = raw.inputs if len(goal.kept) == len(raw.inputs) else raw.inputs[goal.kept]
        return fit_image_encoder(images), torch.from_numpy(images), ()
    is_train = np.zeros(len(goal.kept), bool)
    is_train[split.train] = True
    encoder, notes = fit_table_encoder(raw.inputs, goal.kept, is_train)
    return encoder, encoder.encode_table(raw.inputs, goal.kept), notes


def _describe(name: str, goal: Target, encoder: ImageEncoder | TableEncoder, train: Part) -> tuple[nn.Module, TaskInfo]:
    outputs, ending = (len(goal.classes), "classification") if goal.classes else (1, "regression")
    if isinstance(encoder, ImageEncoder):
        shape = (encoder.channels, encoder.height, encoder.width)
        kind = cast(TaskKind, f"image-{ending}")
        return fit_image_preprocess(train.x), TaskInfo(name, kind, shape, outputs, len(train), goal.classes)
    preprocess: TablePreprocess = fit_table_preprocess(train.x, len(encoder.numeric_names))
    numeric = encoder.numeric_names
    indicators = tuple(f"{numeric[j]} is missing" for j in preprocess.indicated.tolist())
    texts = encoder.text_columns
    columns = (*numeric, *indicators, *(c.name for c in texts))
    info = TaskInfo(
        name,
        cast(TaskKind, f"table-{ending}"),
        (len(columns),),
        outputs,
        len(train),
        goal.classes,
        columns,
        tuple(c.codes for c in texts),
    )
    return preprocess, info


def _target_scale(values: NDArray[np.float64], name: str) -> tuple[float, float]:
    mean, std = float(values.mean()), float(values.std())
    if not std > 0:
        raise DataError(f"target {name!r}: all {len(values)} training values are {mean:g}, so there is nothing to learn")
    return mean, std


def _baseline(info: TaskInfo, train: Part, valid: Part, mean: float, std: float) -> dict[str, float]:
    if not info.is_classification:
        return measure(info, torch.zeros(len(valid), 1), valid.y, mean, std)
    counts = torch.bincount(train.y, minlength=info.outputs).double()
    frequencies = ((counts + 1e-3) / (counts + 1e-3).sum()).log()
    return measure(info, frequencies.expand(len(valid), -1), valid.y)
