"""Layers from choices that are decided or open: with them one ``build`` gives the stand-alone network and the supernet.

Each function makes what its namesake in `searchitect.networks.decided` makes where all that it is given is decided. Open, sizes
become layers of the largest size (`searchitect.networks.elastic_layers`), choices between structures `Mixed` layers, repeated
bodies `OpenRepeat`. Where a function gives a list, it is one layer then.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

from torch import nn

from searchitect.networks import decided
from searchitect.networks.elastic_layers import (
    ElasticBatchNorm1d,
    ElasticBatchNorm2d,
    ElasticConv2d,
    ElasticLayerNorm,
    ElasticLinear,
    Mask,
)
from searchitect.networks.mixed import Mixed
from searchitect.networks.open_layers import OpenRepeat, OpenResidual, SplitLinear
from searchitect.networks.operations import Residual, SqueezeExcite, squeezed_channels
from searchitect.networks.widths import OpenNumber, Width, is_open, largest, options_of


def width(*factors: Any) -> Any:
    """A number of channels, as the other functions take it: the product of numbers, each decided, open, or such a product."""
    if not any(is_open(factor) for factor in factors):
        return decided.width(*factors)
    known, numbers = [f for f in factors if not is_open(f)], list[OpenNumber]()
    for factor in factors:
        if isinstance(factor, Width):
            known.append(factor.fixed)
            numbers += factor.open_numbers()
        elif is_open(factor):
            numbers.append(OpenNumber(factor))
    return Width(prod(known), numbers)


def choice_layers(choice: Any, make: Callable[[Any], list[nn.Module]], way_out: str = "") -> list[nn.Module]:
    """The layers of a choice; open, one mixed layer over all options.

    Args:
        choice: one of several, decided or open.
        make: the layers of a decided option.
        way_out: see `Mixed`; needed only where the outputs of options differ in shape.
    """
    if not is_open(choice):
        return decided.choice_layers(choice, make)
    labels, options = options_of(choice)
    return [Mixed(choice.path, labels, [_in_sequence(make(option)) for option in options], way_out=way_out)]


def repeat_layers(
    bodies: Any,
    start: Any,
    make: Callable[[Any, Any], tuple[list[nn.Module], Any]],
    end: Callable[[Any], list[nn.Module]] = lambda _: [],
) -> list[nn.Module]:
    """The layers of a list of bodies, and those that follow the last one; of each length, where that is open (`choose.repeat`).

    Args:
        bodies, start, make, end: see `searchitect.networks.decided.repeat_layers`. Each length has the layers of an ``end`` of
            its own.
    """
    if not is_open(bodies):
        return decided.repeat_layers(bodies, start, make, end)
    blocks, ends = [], []
    for length in range(bodies.high + 1):
        if length > 0:
            made, start = make(start, bodies.bodies[length - 1])
            blocks.append(_in_sequence(made))
        if length >= bodies.low:
            ends.append(_in_sequence(end(start)))
    return [OpenRepeat(bodies.path, bodies.low, blocks, ends)]


def masks(channels: int | Width) -> list[nn.Module]:
    """What follows the last layer of so many channels that works on each of them alone: where the number is open, a `Mask`."""
    return [Mask(channels)] if isinstance(channels, Width) else decided.masks(channels)


def activation(name: Any) -> nn.Module:
    """An activation layer. In a mixed layer no option works in place: the others read the same input."""
    if not is_open(name):
        return decided.activation(name)
    layer = choice_layers(name, lambda known: [decided.activation(known)])[0]
    option: Any
    for option in layer.modules():
        if hasattr(option, "inplace"):
            option.inplace = False
    return layer


def conv_norm(
    inputs: int | Width, outputs: int | Width, kernel: Any, stride: int = 1, groups: int | Width = 1
) -> list[nn.Module]:
    """Convolution without bias and batch normalisation; with ``groups`` of ``inputs`` on each channel alone."""
    if isinstance(inputs, int) and isinstance(outputs, int) and isinstance(groups, int) and not is_open(kernel):
        return decided.conv_norm(inputs, outputs, kernel, stride, groups)
    is_depthwise = isinstance(groups, Width) or groups > 1
    conv = ElasticConv2d(largest(inputs), outputs, kernel, stride, is_depthwise)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return [conv, ElasticBatchNorm2d(conv.out_channels)]


def squeeze_excite(
    channels: int | Width,
    of: int | Width = 0,
    reduction: int = 4,
    act: nn.Module | None = None,
    gate: nn.Module | None = None,
) -> nn.Module:
    """Channels reweighted by a small network on their averages, whose width follows that of ``of``; 0: theirs."""
    of = of or channels
    if isinstance(channels, int) and isinstance(of, int):
        return decided.squeeze_excite(channels, of, reduction, act, gate)
    squeezed = partial(squeezed_channels, reduction=reduction)
    hidden = Width(of.fixed, of.open_numbers(), then=squeezed) if isinstance(of, Width) else squeezed(of)
    layer = SqueezeExcite(largest(channels), largest(hidden), act, gate)
    layer.squeeze = ElasticConv2d(largest(channels), hidden, 1, bias=True)
    layer.excite = ElasticConv2d(largest(hidden), channels, 1, bias=True)
    layer.act = nn.Sequential(layer.act, *masks(hidden))
    return layer


def residual(
    body: nn.Sequential,
    inputs: int | Width,
    outputs: int | Width,
    stride: int,
    project: Callable[[], list[nn.Module]] | None = None,
    after: nn.Module | None = None,
) -> nn.Module:
    """A body with a shortcut, which is ``project()`` where the shape changes; without ``project`` there is none then.

    Open widths are compared by what is taken, see `OpenResidual`. Body and projection end in `masks`.
    """
    if isinstance(inputs, int) and isinstance(outputs, int):
        return decided.residual(body, inputs, outputs, stride, project, after)
    if inputs is outputs and stride == 1:
        _begin_with_zero(body)
        return Residual(body, None, after)
    projection = None if project is None else nn.Sequential(*project())
    if projection is not None:
        _begin_with_zero(body)  # what is left has a shortcut in any case
    if stride == 1:
        return OpenResidual(body, projection, inputs, outputs, after)
    return body if projection is None else Residual(body, projection, after)


def linear(inputs: int | Width, outputs: int | Width) -> nn.Module:
    """A linear layer."""
    if isinstance(inputs, int) and isinstance(outputs, int):
        return decided.linear(inputs, outputs)
    return ElasticLinear(largest(inputs), outputs)


def batch_norm(columns: int | Width) -> nn.Module:
    """Batch normalisation of rows."""
    return ElasticBatchNorm1d(columns.largest) if isinstance(columns, Width) else decided.batch_norm(columns)


def layer_norm(columns: int | Width) -> nn.Module:
    """Layer normalisation of rows."""
    return ElasticLayerNorm(columns) if isinstance(columns, Width) else decided.layer_norm(columns)


def split_linear(
    parts: Mapping[str, tuple[int, Any, Callable[[Any], tuple[nn.Module, int]]]],
    outputs: Any,
    encode: Callable[[], tuple[nn.Module, int]],
) -> list[nn.Module]:
    """An encoding of columns and a linear layer on it.

    Args:
        parts: name -> columns that it reads, its choice, decided or open, also inside, and the module of the decided choice
            with the number of numbers that it gives. Open, each way to decide has a linear layer of its own.
        outputs: of the linear layer.
        encode: the encodings of all parts in one module, where everything in them is decided, and its number of outputs.
    """
    choices = [choice for _, choice, _ in parts.values()]
    if not any(is_open(c) or (isinstance(c, dict) and any(map(is_open, c.values()))) for c in choices):
        if not is_open(outputs):
            return decided.split_linear(parts, outputs, encode)
        encoding, inputs = encode()
        return [encoding, linear(inputs, outputs)]

    def nested(choice: Any, make: Callable[[Any], tuple[nn.Module, int]]) -> nn.Module:
        def encoded(known: Any) -> nn.Module:
            encoder, inputs = make(known)
            return nn.Sequential(encoder, linear(inputs, outputs))

        return _nested(choice, encoded)

    return [SplitLinear({name: (columns, nested(choice, make)) for name, (columns, choice, make) in parts.items()})]


def _nested(choice: Any, make: Callable[[Any], nn.Module]) -> nn.Module:
    """``make`` of every way to decide a choice and the fields of its options, in mixed layers inside one another."""
    if is_open(choice):
        labels, options = options_of(choice)
        return Mixed(choice.path, labels, [_nested(option, make) for option in options])
    if isinstance(choice, dict):
        for key, field in choice.items():
            if is_open(field):
                labels, options = options_of(field)
                return Mixed(field.path, labels, [_nested({**choice, key: option}, make) for option in options])
    return make(choice)


def _in_sequence(layers: list[nn.Module]) -> nn.Module:
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


def _begin_with_zero(body: nn.Sequential) -> None:
    """As `Residual` does where the normalisation is the last layer."""
    last = next(layer for layer in reversed(body) if not isinstance(layer, Mask))
    if isinstance(last, nn.BatchNorm2d):
        nn.init.zeros_(last.weight)
