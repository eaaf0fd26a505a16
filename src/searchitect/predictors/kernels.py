"""Kernels on architectures: how alike two of them are, in (0, 1]; 1 for equal ones. Each makes positive semidefinite matrices.

    hamming   exp(-differing decisions), times a Matern 5/2 kernel of the numbers
    path      exp(-differing paths)
    wl        exp(-squared distance of the normalised counts of subtrees): Weisfeiler-Lehman features in a Gaussian kernel
    structure hamming, times exp(-difference of the counts of operations), times exp(-difference of the counts of paths), each in the
              same units; the last two where the specs hold graphs, the last one where paths are few enough to be shared

Ru, Wan, Dong, Osborne 2021, "NAS-BOWL", https://arxiv.org/abs/2006.07556, take the dot product of the WL counts. The Gaussian kernel of the
same features ranks as well on NAS-Bench-201 and shares its hyperparameters with the other kernels.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import unknown_name
from searchitect.core.space import Space
from searchitect.predictors.encodings import OneHotEncoding, fitting_encodings, has_few_paths, make_encoding
from searchitect.predictors.encodings.encoding import draws

Matrix = NDArray[np.float64]
_ENCODINGS: Final = {"hamming": "one-hot", "path": "path", "wl": "subtrees"}
_STRUCTURE: Final = "structure"
_DRAWN: Final = 200


@dataclass(frozen=True)
class Kernel:
    """exp(-d(a, b) / lengthscale) of the symbolic features, times Matern 5/2 of the numeric ones.

    Distances are squared Euclidean ones, which for bits count the differences, in units of their mean between random architectures. So a
    lengthscale of 1 means the same in every space.

    Attributes:
        features: of architectures, [n, d], already in those units.
        is_number: [d], which features are numbers.
    """

    features: Callable[[Sequence[Architecture]], Matrix]
    is_number: NDArray[np.bool_] = field(repr=False)

    def __call__(self, a: Matrix, b: Matrix, lengthscale: float) -> Matrix:
        """[n, m] of features [n, d] and [m, d]."""
        symbolic, numeric = self.distances(a, b)
        return combined(symbolic / lengthscale, None if numeric is None else numeric / lengthscale)

    def distances(self, a: Matrix, b: Matrix) -> tuple[Matrix, Matrix | None]:
        """Squared distances of the symbolic and of the numeric features, [n, m] both; ``None`` without numbers."""
        if not self.is_number.any():
            return squared_distances(a, b), None
        names, numbers = ~self.is_number, self.is_number
        return squared_distances(a[:, names], b[:, names]), squared_distances(a[:, numbers], b[:, numbers])


def combined(symbolic: Matrix, numeric: Matrix | None) -> Matrix:
    """The kernel of distances in units of the lengthscale."""
    found: Matrix = np.exp(-symbolic)
    if numeric is not None:
        root = np.sqrt(5 * numeric)
        found *= (1 + root + root**2 / 3) * np.exp(-root)  # Rasmussen, Williams 2006, equation 4.17
    return found


def squared_distances(a: Matrix, b: Matrix) -> Matrix:
    """[n, m] of rows of a [n, d] and b [m, d]."""
    found: Matrix = a @ (-2.0 * b.T)
    found += (a**2).sum(axis=1)[:, None]
    found += (b**2).sum(axis=1)
    return np.maximum(found, 0.0, out=found)


def kernel_names() -> list[str]:
    """The names of all kernels."""
    return [*_ENCODINGS, _STRUCTURE]


def make_kernel(name: str, space: Space) -> Kernel:
    """The kernel of that name for a space.

    Raises:
        SettingError: for an unknown name.
        SpaceError: where ``path`` or ``wl`` is asked for and the specs hold no graphs.
    """
    if name not in kernel_names():
        raise unknown_name("kernel", name, kernel_names())
    if name == _STRUCTURE:
        return _product([_make(part, space) for part in _parts(space)])
    return _make(_ENCODINGS[name], space)


def _parts(space: Space) -> list[str]:
    """The encodings that the kernel ``structure`` compares."""
    if "operation-counts" not in fitting_encodings(space):
        return ["one-hot"]
    return ["one-hot", "operation-counts", *(["path-counts"] if has_few_paths(space) else [])]


def _product(kernels: Sequence[Kernel]) -> Kernel:
    """The product of kernels, each to the power of one by their number, so that a lengthscale of 1 still is the mean distance."""
    share = 1 / math.sqrt(len(kernels))

    def features(architectures: Sequence[Architecture]) -> Matrix:
        return np.concatenate([kernel.features(architectures) for kernel in kernels], axis=1) * share

    return Kernel(features, np.concatenate([kernel.is_number for kernel in kernels]))


def _make(name: str, space: Space) -> Kernel:
    encoding = make_encoding(name, space)
    is_number = np.zeros(len(encoding.columns), dtype=bool)
    if isinstance(encoding, OneHotEncoding):
        is_number = encoding.is_number

    def plain(architectures: Sequence[Architecture]) -> Matrix:
        found = encoding(architectures)
        if name == "subtrees":
            found /= np.sqrt((found**2).sum(axis=1, keepdims=True)).clip(1e-12)
        return found

    drawn = plain([Architecture(spec, chooser.decisions) for spec, chooser in draws(space)[:_DRAWN]])
    units = np.ones(drawn.shape[1])
    for group in (is_number, ~is_number):
        # the mean squared distance of two draws is twice the sum of the variances
        mean = 2 * float(drawn[:, group].var(axis=0).sum())
        units[group] = 1 / np.sqrt(mean) if mean > 0 else 1.0
    return Kernel(lambda architectures: plain(architectures) * units, is_number)
