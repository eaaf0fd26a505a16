"""Draws without repetition: which architectures were proposed or told, and which are left."""

import itertools
import random
from typing import Final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.core.trial import Proposal

LISTED_AT_MOST: Final = 10_000
"""Spaces up to this size are listed once draws keep repeating, so that their last architectures are found."""
_DRAWS: Final = 50


class Seen:
    """The architectures that a search knows, by key. Its state is that set: the order of adding is no matter.

    Args:
        space: what can be drawn.
        remembers: ``False``: nothing is ever known, so that all draws are plain ones.
    """

    def __init__(self, space: Space, *, remembers: bool = True) -> None:
        self._space, self._remembers = space, remembers
        self._keys: set[str] = set()
        self._left: list[tuple[str, Architecture]] | None = None
        self._is_large = False

    def __len__(self) -> int:
        return len(self._keys)

    def __contains__(self, architecture: Architecture) -> bool:
        return bool(self._keys) and self._space.key(architecture) in self._keys

    def knows(self, key: str) -> bool:
        """Whether an architecture of that key was added."""
        return key in self._keys

    def add(self, key: str) -> None:
        """Take in the key of an architecture: `Trial.key`, or `Space.key` of a proposal."""
        if self._remembers:
            self._keys.add(key)

    def propose(self, ours: Proposal | None, rng: random.Random) -> Proposal | None:
        """``ours``, or a uniform draw (`draw`) in its place where that is ``None``; ``None`` when none is left. It is known from now on."""
        if ours is None:
            drawn = self.draw(rng)
            if drawn is None:
                return None
            ours = Proposal(drawn, is_random=True)
        if self._remembers:  # only then is a key worth its time
            self.add(self._space.key(ours.architecture))
        return ours

    def draw(self, rng: random.Random) -> Architecture | None:
        """A uniform draw that is not known yet; ``None`` when none is left.

        That is found in spaces of up to `LISTED_AT_MOST` architectures. In a larger space that
        is nearly used up it may be a known one.
        """
        for _ in range(_DRAWS):
            drawn = self._space.sample(rng)
            if drawn not in self:
                return drawn
        left = self._list_left()
        if left is None:
            return drawn
        return rng.choice(left)[1] if left else None

    def _list_left(self) -> list[tuple[str, Architecture]] | None:
        """What is not known yet, in the order of the enumeration; ``None`` in a space that is too large to list."""
        if self._is_large:
            return None
        if self._left is None:
            try:
                listed = list(itertools.islice(self._space.enumerate(), LISTED_AT_MOST + 1))
            except SpaceError:  # a continuous choice
                listed = []
            if not 0 < len(listed) <= LISTED_AT_MOST:
                self._is_large = True
                return None
            self._left = list({(key := self._space.key(a)): (key, a) for a in listed}.values())
        self._left = [(key, a) for key, a in self._left if key not in self._keys]
        return self._left
