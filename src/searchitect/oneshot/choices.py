"""What a supernet leaves undecided: the open choices of a space, as a list in which outer choices come before those inside their options."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.core import Space
from searchitect.core.choosing import Between, OneOf, OpenChooser, OpenNode, Repeat, SomeOf


@dataclass(frozen=True)
class Choice:
    """One open choice.

    Attributes:
        path: its name.
        labels: of its options, in their order; of a number, the numbers; of a repeated body, the lengths.
        k: how many options are taken, of ``choose.some``; ``None``: one.
        outer: the path of the choice that it lies inside of, and those labels of it under which it is there; ``None``: always there.
    """

    path: str
    labels: tuple[Any, ...]
    k: int | None = None
    outer: tuple[str, tuple[Any, ...]] | None = None


def open_choices(space: Space) -> list[Choice]:
    """The choices that a supernet of ``space`` can hold open. A continuous one, such as a learning rate, is none: no layer can hold it.

    Raises:
        SpaceError: where the space computes with the value of a choice, so that it has no open spec.
    """
    reader = OpenChooser()
    space.describe(reader)
    return _listed(reader.nodes, None)


def _listed(nodes: Sequence[OpenNode], outer: tuple[str, tuple[Any, ...]] | None) -> list[Choice]:
    found: list[Choice] = []
    for node in nodes:
        match node:
            case OneOf(path=path, labels=labels, inner=inner):
                found.append(Choice(path, tuple(labels), None, outer))
                for label, inside in zip(labels, inner, strict=True):
                    found += _listed(inside, (path, (label,)))
            case SomeOf(path=path, labels=labels, k=k, inner=inner):
                found.append(Choice(path, tuple(labels), k, outer))
                for label, inside in zip(labels, inner, strict=True):
                    found += _listed(inside, (path, (label,)))
            case Between(path=path, low=low, high=high):
                if isinstance(low, int) and isinstance(high, int):
                    found.append(Choice(path, tuple(range(low, high + 1)), None, outer))
            case Repeat(path=path, low=low, high=high, inner=inner):
                lengths = tuple(range(low, high + 1))
                found.append(Choice(path, lengths, None, outer))
                for place, inside in enumerate(inner):
                    found += _listed(inside, (path, tuple(n for n in lengths if n > place)))
    return found
