"""Data sets by name: those that come with scikit-learn, and exclusive or."""

import difflib
from typing import Any, Final

import numpy as np

from searchitect.core import DataError
from searchitect.tasks.source import ArrayTable, Labelled
from searchitect.tasks.split import TEST, TRAIN, VALID

TABLES: Final = {
    "breast-cancer": "load_breast_cancer",
    "wine": "load_wine",
    "iris": "load_iris",
    "diabetes": "load_diabetes",
}
NAMES: Final = ("digits", *TABLES, "xor")
_XOR: Final = (12, 4, 4)
"""Rows of training, validation and test part: all four corners are in each, equally often."""


def read_embedded(name: str) -> Labelled:
    """One of `NAMES`: digits (1,797 images of 8x8, grey values 0..16), four tables, of which diabetes is a regression, and xor."""
    if name == "xor":
        return _xor()
    from sklearn import datasets

    if name == "digits":
        digits: Any = datasets.load_digits()
        images = digits.images.astype(np.uint8)[:, None]
        classes = tuple(str(c) for c in digits.target_names)
        return Labelled(name, images, digits.target, "digit", classes=classes, is_natural=False)
    data: Any = datasets.load_diabetes(scaled=False) if name == "diabetes" else getattr(datasets, TABLES[name])()
    classes = tuple(str(c) for c in getattr(data, "target_names", ()))
    columns = tuple(str(c) for c in data.feature_names)
    return Labelled(name, ArrayTable(data.data, columns, name), data.target, "target", classes=classes)


def _xor() -> Labelled:
    """Exclusive or, as the task of neuroevolution: every part of the data has the four corners, so that there is nothing to generalise."""
    corners = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (sum(_XOR) // 4, 1))
    labels = (corners[:, 0] != corners[:, 1]).astype(np.int64)
    parts = np.repeat(np.array([TRAIN, VALID, TEST], np.int8), _XOR)
    return Labelled("xor", ArrayTable(corners, ("a", "b"), "xor"), labels, "a xor b", parts=parts, classes=("0", "1"))


def unknown_data(name: str) -> DataError:
    """The error for a text that is neither a path nor an embedded name."""
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return DataError(f"data={name!r}: no such file or folder, and no embedded data set: {hint}embedded are {', '.join(NAMES)}")
