"""Layers from decided choices: what `searchitect.networks.elastic` makes where nothing is open.

Stand-alone exports copy this file's functions in place of those of the same names there. Torch only.
"""

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

from torch import nn

from searchitect.networks.operations import Residual, SqueezeExcite, activation, conv_norm, squeezed_channels

__all__ = [
    "activation",
    "batch_norm",
    "choice_layers",
    "conv_norm",
    "layer_norm",
    "linear",
    "masks",
    "repeat_layers",
    "residual",
    "split_linear",
    "squeeze_excite",
    "width",
]


def width(*factors: int) -> int:
    """A number of channels, as a product."""
    return prod(factors)


def choice_layers(choice: Any, make: Callable[[Any], list[nn.Module]], way_out: str = "") -> list[nn.Module]:
    """The layers of a choice."""
    del way_out  # only of open choices
    return make(choice)


def repeat_layers(
    bodies: Iterable[Any],
    start: Any,
    make: Callable[[Any, Any], tuple[list[nn.Module], Any]],
    end: Callable[[Any], list[nn.Module]] = lambda _: [],
) -> list[nn.Module]:
    """The layers of a list of bodies, one after the other, and those that follow the last one.

    Args:
        bodies: of a spec.
        start: what ``make`` is told of before the first body, such as the number of channels that come in.
        make: from what is before it and a body to its layers, and what is before the next body.
        end: from what is before it to the layers behind the last body.
    """
    layers: list[nn.Module] = []
    for body in bodies:
        made, start = make(start, body)
        layers += made
    return [*layers, *end(start)]


def masks(channels: int) -> list[nn.Module]:
    """What follows a layer of so many channels: nothing."""
    del channels
    return []


def residual(
    body: nn.Sequential,
    inputs: int,
    outputs: int,
    stride: int,
    project: Callable[[], list[nn.Module]] | None = None,
    after: nn.Module | None = None,
) -> nn.Module:
    """A body with a shortcut, which is ``project()`` where the shape changes; without ``project`` there is none then."""
    if inputs == outputs and stride == 1:
        return Residual(body, None, after)
    return body if project is None else Residual(body, nn.Sequential(*project()), after)


def squeeze_excite(
    channels: int, of: int = 0, reduction: int = 4, act: nn.Module | None = None, gate: nn.Module | None = None
) -> nn.Module:
    """Channels reweighted by a small network on their averages, ``reduction`` times narrower than ``of``; 0: ``channels``."""
    return SqueezeExcite(channels, squeezed_channels(of or channels, reduction), act, gate)


def linear(inputs: int, outputs: int) -> nn.Module:
    """(..., inputs) -> (..., outputs)."""
    return nn.Linear(inputs, outputs)


def batch_norm(columns: int) -> nn.Module:
    """Batch normalisation of rows (N, columns)."""
    return nn.BatchNorm1d(columns)


def layer_norm(columns: int) -> nn.Module:
    """Layer normalisation of rows (N, columns)."""
    return nn.LayerNorm(columns)


def split_linear(
    parts: Mapping[str, tuple[int, Any, Callable[[Any], tuple[nn.Module, int]]]],
    outputs: int,
    encode: Callable[[], tuple[nn.Module, int]],
) -> list[nn.Module]:
    """The module of ``encode``, from columns to as many numbers as it says, and a linear layer from these to ``outputs``."""
    del parts  # only of open choices
    encoding, inputs = encode()
    return [encoding, nn.Linear(inputs, outputs)]
