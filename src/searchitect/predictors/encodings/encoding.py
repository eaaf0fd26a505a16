"""What an encoding is, and how one gets to know a space."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import RandomChooser
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space

SAMPLES: Final = 500
"""Seeded draws by which an encoding learns what a space holds, where no open spec tells it."""
MOST_COLUMNS: Final = 4096
"""Of an encoding that has one for each thing that may occur."""
_Item = TypeVar("_Item", bound=Hashable)


class Encoding(ABC):
    """Architectures of one space as rows of numbers. Pure: equal architectures always give equal rows.

    Attributes:
        columns: what each column says, in words.
    """

    columns: tuple[str, ...]

    @abstractmethod
    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """One row each: [n, d].

        Raises:
            SpaceError: for an architecture that is not of the space, as far as the encoding can tell.
        """


def draws(space: Space) -> Sequence[tuple[Any, RandomChooser]]:
    """The same `SAMPLES` draws of a space each time: the spec, and the chooser with its decisions and domains. Not to be changed."""
    try:
        return _remembered(space)
    except TypeError:  # a space that cannot be hashed
        return _draw(space)


def _draw(space: Space) -> Sequence[tuple[Any, RandomChooser]]:
    rng = random.Random(0)
    choosers = [RandomChooser(rng) for _ in range(SAMPLES)]
    return [(space.describe(chooser), chooser) for chooser in choosers]


_remembered = lru_cache(maxsize=4)(_draw)


def read(architecture: Architecture, reader: Callable[[Any], list[_Item]]) -> list[_Item]:
    """What ``reader`` finds in the spec; raises `SpaceError` where that is nothing."""
    found = reader(architecture.spec)
    if not found:
        raise SpaceError(f"the spec of the architecture {architecture.key} holds no graph in a form that is known")
    return found


def counted_columns(
    architectures: Sequence[Architecture], columns: dict[_Item, int], count: Callable[[Architecture], Counter[_Item]]
) -> NDArray[np.float64]:
    """How often each of the columns occurs: [n, d]. What has no column is left out."""
    encoded = np.zeros((len(architectures), len(columns)))
    for row, architecture in zip(encoded, architectures, strict=True):
        for item, number in count(architecture).items():
            if item in columns:
                row[columns[item]] = number
    return encoded
