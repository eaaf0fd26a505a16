"""A small space as a whole: every architecture, with its features. Searches of equal spaces share one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.predictors.kernels import make_kernel

LISTED_AT_MOST: Final = 20_000
"""Spaces up to this size are ranked as a whole."""


@dataclass(frozen=True)
class Pool:
    """All different architectures of a space.

    Attributes:
        architectures: in the order of the enumeration.
        places: of each in it, by key.
        features: [n, d], those of the kernel.
    """

    architectures: Sequence[Architecture]
    places: Mapping[str, int]
    features: NDArray[np.float64]


def pool_of(space: Space, kernel: str) -> Pool | None:
    """Every architecture of a space of up to `LISTED_AT_MOST` ways to decide; ``None`` for a larger one.

    Args:
        space: to list.
        kernel: see `searchitect.predictors.kernels.make_kernel`.
    """
    try:
        hash(space)
    except TypeError:
        return _listed(space, kernel)
    return _shared(space, kernel)


def _listed(space: Space, kernel: str) -> Pool | None:
    if "open" in space.abilities() and (space.size() or 0) > LISTED_AT_MOST:
        return None  # counted, which is faster than listing
    try:
        found = list(islice(space.enumerate(), LISTED_AT_MOST + 1))
    except SpaceError:  # a continuous choice
        return None
    if len(found) > LISTED_AT_MOST:
        return None
    different = {space.key(architecture): architecture for architecture in found}
    architectures = list(different.values())
    places = {key: place for place, key in enumerate(different)}
    return Pool(architectures, places, make_kernel(kernel, space).features(architectures))


_shared = lru_cache(maxsize=4)(_listed)
