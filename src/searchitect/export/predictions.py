"""Answers of a finished network to raw rows or images."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.export.continuation import Continuation, continue_text
from searchitect.export.deployment import Deployment
from searchitect.search.folder import write_text
from searchitect.tasks import ImageEncoder, TextEncoder, list_images, predictions_frame

BATCH: Final = 1024  # examples at a time


@dataclass(frozen=True)
class Predictions:
    """One answer per row or image.

    Attributes:
        info: of the task.
        answers: float32: probabilities [N, classes] in the order of ``info.classes``, or values [N] in the user's units.
        names: of the rows: file names of images, otherwise 0, 1, ...
    """

    info: TaskInfo
    answers: Tensor
    names: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def labels(self) -> list[str]:
        """The most probable class of each row; empty for regression."""
        return [self.info.classes[k] for k in self.answers.argmax(dim=1).tolist()] if self.info.is_classification else []

    @property
    def probabilities(self) -> NDArray[np.float32] | None:
        """[N, classes]; ``None`` for regression."""
        return np.asarray(self.answers.numpy()) if self.info.is_classification else None

    @property
    def values(self) -> NDArray[np.float32] | None:
        """[N] in the user's units; ``None`` for classification."""
        return None if self.info.is_classification else np.asarray(self.answers.numpy())

    def to_frame(self) -> Any:
        """A pandas frame: the columns ``prediction`` and, of classes, ``probability of ...``."""
        return predictions_frame(self.info, self.answers, self.names)

    def to_csv(self) -> str:
        """The same columns as text, after the column ``row``."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["row", "prediction", *(f"probability of {c}" for c in self.info.classes)])
        if self.info.is_classification:
            rows = zip(self.names, self.labels, self.answers.tolist(), strict=True)
            writer.writerows([name, label, *map(_short, shares)] for name, label, shares in rows)
        else:
            writer.writerows([name, _short(value)] for name, value in zip(self.names, self.answers.tolist(), strict=True))
        return text.getvalue()

    def __str__(self) -> str:
        return self.to_csv()

    def write(self, path: str | Path) -> None:
        """Write `to_csv` to a file, whole or not at all. Raises `RunError` where that fails."""
        write_text(Path(path), self.to_csv())


def predict(deployment: Deployment, data: Any) -> Predictions | Continuation:
    """The answers to raw ``data``; of a text, what may come next.

    Args:
        deployment: what answers.
        data: rows or images without labels, or a text: whatever the encoder's ``encode`` takes (files, folders, frames, arrays, dicts).

    Raises:
        DataError: where the data cannot be read or lack a column.
    """
    if isinstance(deployment.encoder, TextEncoder):
        return continue_text(deployment, data)
    answers = run_in_batches(deployment.module(), deployment.encoder.encode(data))
    names = _file_names(data) if isinstance(deployment.encoder, ImageEncoder) else None
    return Predictions(deployment.info, answers, tuple(names if names is not None else range(len(answers))))


def run_in_batches(module: nn.Module, encoded: Tensor) -> Tensor:
    """``module`` on encoded input of any length, without gradients."""
    with torch.inference_mode():
        return torch.cat([module(encoded[start : start + BATCH]) for start in range(0, len(encoded), BATCH)])


def _file_names(data: Any) -> list[str] | None:
    """Names of image files, within their folder where one was given; ``None`` for other data."""
    if isinstance(data, (list, tuple)):
        return [str(p) for p in data] if data and all(isinstance(p, (str, Path)) for p in data) else None
    if not isinstance(data, (str, Path)) or Path(data).suffix.lower() == ".npz":
        return None
    root = Path(data)
    files: Sequence[Path] = list_images(root)
    return [str(p.relative_to(root)) if root.is_dir() else str(p) for p in files]


def _short(value: float) -> str:
    """As many digits as float32 has."""
    return f"{value:.9g}"
