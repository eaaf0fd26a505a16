"""Data sets that come with scikit-learn, by name."""

import difflib
from typing import Any, Final

import numpy as np

from searchitect.core import DataError
from searchitect.tasks.source import ArrayTable, Labelled

TABLES: Final = {
    "breast-cancer": "load_breast_cancer",
    "wine": "load_wine",
    "iris": "load_iris",
    "diabetes": "load_diabetes",
}
NAMES: Final = ("digits", *TABLES)


def read_embedded(name: str) -> Labelled:
    """One of `NAMES`: digits (1,797 images of 8x8, grey values 0..16), and four tables, of which diabetes is a regression."""
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


def unknown_data(name: str) -> DataError:
    """The error for a text that is neither a path nor an embedded name."""
    near = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return DataError(f"data={name!r}: no such file or folder, and no embedded data set: {hint}embedded are {', '.join(NAMES)}")
