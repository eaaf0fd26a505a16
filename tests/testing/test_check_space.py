import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from searchitect.core import Chooser, SettingError, Space
from searchitect.testing import CountOnes, ToySpace, check_space, toy_score


@pytest.mark.parametrize("space", [ToySpace(), ToySpace(1), CountOnes(), CountOnes(1), CountOnes(11)])
def test_the_toys_keep_the_contract(space: Space) -> None:
    check_space(space)


@dataclass(frozen=True)
class Right(Space):
    """Right in every respect; the others each break one thing."""

    name = "right"

    def describe(self, choose: Chooser) -> Any:
        return [choose("a", ["x", "y"]), choose("b", [1, 2, 3])]


@dataclass(frozen=True)
class Editing(Space):
    """A space without a finite list of decisions."""

    name = "editing"

    def describe(self, choose: Chooser) -> Any:
        return [1]

    def edit(self, spec: Any, choose: Chooser) -> Any:
        return [*spec, choose("next", [1, 2])]


class DrawsBesideTheChoices(Right):
    def describe(self, choose: Chooser) -> Any:
        return [*super().describe(choose), id(object()) + random.SystemRandom().random()]


class DrawsFromEverybodysGenerator(Right):
    def describe(self, choose: Chooser) -> Any:
        random.random()
        return super().describe(choose)


class CannotBePickled(Right):
    def __reduce__(self) -> Any:
        raise TypeError("not me")


class ForgetsItsSetting(Space):
    name = "forgets"

    def __init__(self, options: int) -> None:
        self.options = options

    def describe(self, choose: Chooser) -> Any:
        return choose("a", list(range(self.options)))


class HidesItsSetting(Space):
    name = "hides"

    def __init__(self, options: int = 2) -> None:
        self.options = options

    def describe(self, choose: Chooser) -> Any:
        return choose("a", list(range(self.options)))


class ChangesTheSpec(Right):
    def canonical(self, spec: Any) -> Any:
        spec.sort(key=str)
        return spec


class NeverSettles(Right):
    def canonical(self, spec: Any) -> Any:
        return [spec]


class EqualOptions(Right):
    def describe(self, choose: Chooser) -> Any:
        return [choose("a", ["x", "x"]), choose("b", [1, 2])]


class CountsPaths(Right):
    """The names of its choices differ from one call to the next."""

    calls: Iterator[int] = iter(range(10**9))

    def describe(self, choose: Chooser) -> Any:
        return choose(f"a{next(CountsPaths.calls)}", ["x", "y"])


def test_right_spaces_pass() -> None:
    check_space(Right())
    check_space(Editing())


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (DrawsBesideTheChoices(), "describes another architecture for the same decisions"),
        (DrawsFromEverybodysGenerator(), "global generator random"),
        (CannotBePickled(), "cannot be pickled"),
        (ForgetsItsSetting(3), "cannot be made again from its config"),
        (HidesItsSetting(3), "samples other architectures than one made again"),
        (ChangesTheSpec(), "changes the spec it is given"),
        (NeverSettles(), "twice is not"),
        (EqualOptions(), "the same decisions twice"),
    ],
)
def test_a_planted_mistake_is_found(space: Space, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_space(space)


def test_names_that_count_are_found() -> None:
    with pytest.raises(Exception, match="no valid value for the choice"):
        check_space(CountsPaths())


def test_the_toys_score_what_they_say() -> None:
    layer = {"op": "conv", "kernel": 3, "width": 64}
    assert toy_score({"rate": 0.01, "skips": ["second", "third"], "layers": [layer] * 3}) == pytest.approx(3)
    assert toy_score({"rate": 1e-4, "skips": ["first", "second"], "layers": [{"op": "skip"}]}) == pytest.approx(-0.9)
    with pytest.raises(SettingError, match="bits"):
        CountOnes(0)
