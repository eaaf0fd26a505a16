"""A task: data ready for networks, and what turns new data into answers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.tasks.encoders import ImageEncoder, TableEncoder, encoder_from_json
from searchitect.tasks.preprocess import preprocess_from_json
from searchitect.tasks.source import load_pandas
from searchitect.tasks.text_encoder import TextEncoder

Encoder: TypeAlias = ImageEncoder | TableEncoder | TextEncoder


@dataclass(frozen=True)
class Part:
    """Rows of one part of the data.

    Attributes:
        x: encoded inputs: images [N, C, H, W], uint8 or float32; rows [N, encoded columns], float32; or segments of a text, in its
            order, token codes [N, tokens], int32; or of a control task the seeds of episodes [N], int64.
        y: int64 class numbers, or float32 values in the user's units, [N]; of a text, the token after each, [N, tokens], int32;
            of a control task, zeros [N].
        rows: int64 row numbers in the user's data [N]; of separate arrays, folders and texts, counted through train, valid, test;
            of a control task, the seeds.
    """

    x: Tensor
    y: Tensor
    rows: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Task:
    """Data, split and encoded; picklable.

    Attributes:
        info: shapes and names.
        train, valid, test: the parts. Test is for the final evaluation alone.
        encoder: raw data to encoded inputs.
        preprocess: encoded inputs to network input; fitted on training rows.
        postprocess: network output to class probabilities [N, classes], to values [N] in the user's units, or, of a text, to
            probabilities of the token that comes next [N, vocabulary].
        class_weights: [classes], where one class is more than 10 times as frequent as another; see `imbalance_weights`.
        target_mean, target_std: of the training targets; a network learns (y - mean) / std. 0 and 1 unless values are learned.
        flips: whether an image in the mirror keeps its label.
        fingerprint: 16 hexadecimal digits of the encoded data and the split.
        notes: what was done to the data, and what a user should know.
        baseline_score: validation metrics of always answering the class frequencies (the mean, the token frequencies) of training; of a
            control task, of actions by chance.
        environment: the id of a control task's environment in Gymnasium.
    """

    info: TaskInfo
    train: Part
    valid: Part
    test: Part
    encoder: Encoder
    preprocess: nn.Module
    postprocess: nn.Module
    class_weights: Tensor | None
    target_mean: float
    target_std: float
    flips: bool
    fingerprint: str
    notes: tuple[str, ...]
    baseline_score: dict[str, float]
    environment: str = ""


@dataclass(frozen=True)
class Deployment:
    """What a finished network needs to answer for new raw data: a task without its data."""

    info: TaskInfo
    encoder: Encoder
    preprocess: nn.Module
    postprocess: nn.Module
    target_mean: float
    target_std: float


def fingerprint_of(*parts: Part) -> str:
    """16 hexadecimal digits of encoded data and their split."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(f"{tuple(part.x.shape)}{part.x.dtype}{part.y.dtype}".encode())
        for array in (part.x.contiguous().numpy(), part.y.numpy(), part.rows):
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def task_to_json(task: Task | Deployment) -> dict[str, Any]:
    """Plain JSON data for `deployment_from_json`: everything but the data."""
    preprocess: Any = task.preprocess
    postprocess: Any = task.postprocess
    return {
        "info": task.info.to_json(),
        "encoder": task.encoder.to_json(),
        "preprocess": preprocess.to_json(),
        "postprocess": postprocess.to_json(),
        "target_mean": task.target_mean,
        "target_std": task.target_std,
    }


def deployment_from_json(data: dict[str, Any]) -> Deployment:
    """The inverse of `task_to_json`."""
    return Deployment(
        TaskInfo.from_json(data["info"]),
        encoder_from_json(data["encoder"]),
        preprocess_from_json(data["preprocess"]),
        preprocess_from_json(data["postprocess"]),
        data["target_mean"],
        data["target_std"],
    )


def predictions_frame(info: TaskInfo, answers: Tensor, names: Sequence[Any] | None = None) -> Any:
    """A pandas frame of predictions: the class and each class's probability, or the value.

    Args:
        info: of the task.
        answers: what ``postprocess`` gives: probabilities [N, classes], or values [N].
        names: of the rows, such as file names; by default 0, 1, ...
    """
    pandas = load_pandas("a table of predictions")
    index = pandas.Index(list(names) if names is not None else range(len(answers)), name="row")
    if not info.is_classification:
        return pandas.DataFrame({"prediction": answers.tolist()}, index=index)
    best = [info.classes[k] for k in answers.argmax(dim=1).tolist()]
    shares = {f"probability of {c}": answers[:, k].tolist() for k, c in enumerate(info.classes)}
    return pandas.DataFrame({"prediction": best, **shares}, index=index)
