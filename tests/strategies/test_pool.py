from dataclasses import dataclass
from typing import Any

from searchitect.core import Chooser, Space
from searchitect.predictors.kernels import make_kernel
from searchitect.spaces.pnas import Pnas
from searchitect.strategies.pool import pool_of
from searchitect.testing import CountOnes, ToySpace


@dataclass
class Unhashable(Space):
    """A space of a user who did not freeze it."""

    letters: str = "ab"

    name = "unhashable"

    def describe(self, choose: Chooser) -> Any:
        return [choose("first", self.letters), choose("second", self.letters)]


def test_every_architecture_has_its_place_and_its_features() -> None:
    space = CountOnes(6)
    pool = pool_of(space, "hamming")
    assert pool is not None
    assert [a.spec for a in pool.architectures] == [a.spec for a in space.enumerate()]
    assert all(space.key(pool.architectures[place]) == key for key, place in pool.places.items())
    assert (pool.features == make_kernel("hamming", space).features(pool.architectures)).all()
    assert pool_of(CountOnes(6), "hamming") is pool  # shared


def test_architectures_that_train_identically_are_there_once() -> None:
    pool = pool_of(Pnas(blocks=1), "hamming")
    assert pool is not None
    assert len(pool.architectures) == 136


def test_a_space_that_cannot_be_hashed_is_listed_too() -> None:
    pool = pool_of(Unhashable(), "hamming")
    assert pool is not None
    assert len(pool.architectures) == 4


def test_large_and_continuous_spaces_are_not_listed() -> None:
    assert pool_of(CountOnes(30), "hamming") is None
    assert pool_of(ToySpace(), "hamming") is None
