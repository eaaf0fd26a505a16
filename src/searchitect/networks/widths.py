"""Numbers that are still to be chosen: widths, kernel sizes and expansions of a supernet."""

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.networks.mixed import OpenLayer


def options_of(choice: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """The labels and the options of an open choice; of a whole number in a range, all numbers, twice.

    Raises:
        SpaceError: for a continuous choice, of which no list of options can be made.
    """
    if hasattr(choice, "labels"):
        return choice.labels, choice.options
    if isinstance(choice.low, int) and isinstance(choice.high, int):
        numbers = range(choice.low, choice.high + 1)
        return numbers, numbers
    raise SpaceError(
        f"the choice {choice.path!r} is continuous, from {choice.low:g} to {choice.high:g}: a supernet needs options that can be "
        "listed; offer a few values with choose(...)"
    )


class OpenNumber(OpenLayer):
    """One number that is still to be chosen. It computes nothing: the layers whose size it is ask for its weights.

    Args:
        choice: of whole numbers above 0.

    Raises:
        SpaceError: for a choice of anything else.
    """

    def __init__(self, choice: Any) -> None:
        labels, values = options_of(choice)
        super().__init__(choice.path, labels)
        wrong = [v for v in values if not isinstance(v, int) or isinstance(v, bool) or v < 1]
        if wrong:
            raise SpaceError(
                f"the choice {choice.path!r} must be of whole numbers above 0 to be the size of a layer, got {wrong[0]!r}"
            )
        self.values = tuple(values)


class Width(nn.Module):
    """A number of channels that open choices decide: a product of theirs and of decided numbers.

    Layers of that many channels hold one and the same ``Width``, so that there is one `OpenNumber` for them all.

    Args:
        fixed: the product of the decided factors.
        numbers: the open factors.
        then: what the layer makes of the product.

    Attributes:
        largest: of all options.
    """

    def __init__(self, fixed: int, numbers: Iterable[OpenNumber], then: Callable[[int], int] | None = None) -> None:
        super().__init__()
        self.fixed = fixed
        self.numbers = nn.ModuleList(numbers)
        self.then = then
        largest = fixed * prod(max(number.values) for number in self.open_numbers())
        self.largest = largest if then is None else then(largest)

    def open_numbers(self) -> list[OpenNumber]:
        """The open factors."""
        return [number for number in self.numbers if isinstance(number, OpenNumber)]

    def options(self) -> list[tuple[int, float | Tensor]]:
        """Every number that it may now be, with its weight: the product of those of the choices."""
        found: list[tuple[int, float | Tensor]] = [(self.fixed, 1.0)]
        for number in self.open_numbers():
            live = [(number.values[i], weight) for i, weight in number.live()]
            found = [(n * value, _times(w, weight)) for n, w in found for value, weight in live]
        return found if self.then is None else [(self.then(n), w) for n, w in found]

    def now(self) -> int:
        """The largest number that it may now be."""
        return max(n for n, _ in self.options())

    def mask(self, like: Tensor) -> Tensor | None:
        """What each of the first `now` channels is multiplied with, of the type of ``like``; ``None``: 1.

        A channel's factor is the sum of the weights of those options that have it (Wan et al. 2020,
        https://arxiv.org/abs/2004.05565, section 3.1).
        """
        options = self.options()
        channels = max(n for n, _ in options)
        if len(options) == 1 and not isinstance(options[0][1], Tensor) and options[0][1] == 1:
            return None
        has = torch.tensor([n for n, _ in options], device=like.device)[:, None] > torch.arange(channels, device=like.device)
        return stacked([w for _, w in options], like) @ has.to(like.dtype)

    def value(self, decisions: Any) -> int:
        """The number that ``decisions``, path -> label, make of it."""
        taken = [number.values[number.takes(decisions[number.path]).index(True)] for number in self.open_numbers()]
        number = self.fixed * prod(taken)
        return number if self.then is None else self.then(number)


def stacked(weights: Sequence[float | Tensor], like: Tensor) -> Tensor:
    """Numbers and scalar tensors as one tensor, of the type of ``like``."""
    return torch.stack([w.to(like) if isinstance(w, Tensor) else like.new_tensor(w) for w in weights])


def _times(a: float | Tensor, b: float | Tensor) -> float | Tensor:
    if not isinstance(a, Tensor) and a == 1:
        return b
    return a if not isinstance(b, Tensor) and b == 1 else a * b


def is_open(value: Any) -> bool:
    """Whether it is a choice left in place, or a width that depends on one, rather than a decided value."""
    return hasattr(value, "path") or isinstance(value, Width)


def largest(width: int | Width) -> int:
    """A decided number itself, of an open one the largest option."""
    return width.largest if isinstance(width, Width) else width


def width_options(width: int | Width) -> list[tuple[int, float | Tensor]]:
    """The numbers that it may now be, with their weights."""
    return width.options() if isinstance(width, Width) else [(width, 1.0)]
