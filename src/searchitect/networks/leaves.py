"""The layers at the ends of a supernet's edges, and which of them can be run together: see `searchitect.networks.together`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

from torch import Tensor, nn

from searchitect.networks.cells import FactorizedReduction, ZeroOperation
from searchitect.networks.mixed import Edge, EdgeRow, EdgeSum, Mixed
from searchitect.networks.partial_channels import PartialChannels

Pool = nn.MaxPool2d | nn.AvgPool2d


@dataclass(frozen=True)
class Leaf:
    """A layer at the end of an edge, and where its output goes.

    Attributes:
        reader: the sum that it belongs to.
        source: the state that it reads.
        weight: what the output is multiplied by.
        layer: the layer.
    """

    reader: int
    source: int
    weight: float | Tensor
    layer: nn.Module


def leaves_of(module: nn.Module, reader: int, source: int = -1, weight: float | Tensor = 1.0) -> Iterator[Leaf]:
    """The leaves of a reader, or of a part of it that reads the state ``source`` with a weight."""
    if isinstance(module, Mixed):
        for place, share in _live(module):
            is_one = not isinstance(weight, Tensor) and weight == 1
            yield from leaves_of(module.options[place], reader, source, share if is_one else weight * share)
    elif isinstance(module, EdgeSum):
        for edge in module.edges:
            yield from leaves_of(edge, reader, source, weight)
    elif isinstance(module, EdgeRow):
        for place, edge in enumerate(module):
            yield from leaves_of(edge, reader, place, weight)
    elif isinstance(module, Edge):
        yield from leaves_of(module.layer, reader, module.source, weight)
    elif isinstance(module, PartialChannels) and module.share == 1:
        yield from leaves_of(module.layer, reader, source, weight)
    else:
        yield Leaf(reader, source, weight, module)


def _live(layer: Mixed) -> list[tuple[int, float | Tensor]]:
    """`OpenLayer.live`, but one tensor of weights is taken apart at once: its gradient is then put together at once."""
    if isinstance(layer.weights, Tensor):
        return list(enumerate(layer.weights.unbind()))
    return layer.live()


def kind_of(layer: nn.Module) -> tuple[Any, ...]:
    """Layers of one kind run together; one that is not recognised by its parts is of a kind of its own."""
    if isinstance(layer, nn.Identity):
        return ("identity", 1)
    if isinstance(layer, ZeroOperation):
        return ("zero", layer.stride)
    if isinstance(layer, FactorizedReduction) and isinstance(layer.relu, nn.ReLU) and _uses_batch(layer.bn):
        return ("reduction", layer.even.out_channels, layer.odd.out_channels, *_norm_settings(layer.bn))
    if _is_pool(layer):
        return ("pool", layer.stride, type(layer), layer.kernel_size)
    parts: list[Any] = list(layer) if isinstance(layer, nn.Sequential) else []
    if len(parts) == 2 and _is_pool(parts[0]) and _uses_batch(parts[1]) and not parts[1].affine:
        return ("pool", parts[0].stride, type(parts[0]), parts[0].kernel_size, *_norm_settings(parts[1]))
    if len(parts) == 3 and _is_convolution(parts):
        first = parts[1]
        sizes = first.out_channels, first.kernel_size, first.stride, first.padding, first.dilation, first.bias is not None
        return ("convolution", *sizes, *_norm_settings(parts[2]))
    if isinstance(layer, PartialChannels):
        return ("partial", layer.share, type(layer.around))
    blocks = blocks_of(parts)
    if blocks and all(_is_separable(block) for block in blocks):
        return ("separable", *(_block_settings(block) for block in blocks))
    return ("other", id(layer))


def blocks_of(parts: Sequence[nn.Module]) -> list[Sequence[nn.Module]]:
    """Of the parts of a separable convolution: four by four."""
    return [parts[start : start + 4] for start in range(0, len(parts), 4)]


def _norm_settings(norm: nn.BatchNorm2d) -> tuple[Any, ...]:
    return norm.eps, norm.momentum, norm.affine, norm.track_running_stats


def _block_settings(block: Sequence[Any]) -> tuple[Any, ...]:
    _, depth, point, norm = block
    return depth.kernel_size, depth.stride, depth.dilation, point.weight.shape, *_norm_settings(norm)


def _uses_batch(module: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether it normalises by the statistics of the batch."""
    return isinstance(module, nn.BatchNorm2d) and module.training and module.momentum is not None


def _is_convolution(parts: Sequence[nn.Module]) -> bool:
    """Whether it is ReLU, convolution that keeps the sides but for its stride, batch normalisation."""
    first, conv, norm = parts
    return (
        isinstance(first, nn.ReLU)
        and type(conv) is nn.Conv2d
        and _uses_batch(norm)
        and conv.groups == 1
        and conv.padding_mode == "zeros"
    )


def _is_pool(module: nn.Module) -> TypeGuard[Pool]:
    """Whether it is a pool that keeps the sides, or halves them, and leaves padding out."""
    if not isinstance(module, (nn.MaxPool2d, nn.AvgPool2d)):
        return False
    size = module.kernel_size
    fits = isinstance(size, int) and size % 2 == 1 and module.padding == size // 2 and not module.ceil_mode
    if isinstance(module, nn.MaxPool2d):
        return fits and module.dilation == 1 and not module.return_indices
    return fits and not module.count_include_pad and module.divisor_override is None


def _is_separable(block: Sequence[nn.Module]) -> bool:
    """Whether it is ReLU, depthwise convolution, pointwise convolution, batch normalisation."""
    if len(block) != 4:
        return False
    first, depth, point, norm = block
    if not (isinstance(first, nn.ReLU) and isinstance(depth, nn.Conv2d) and isinstance(point, nn.Conv2d) and _uses_batch(norm)):
        return False
    size, step, gap = depth.kernel_size[0], depth.stride[0], depth.dilation[0]
    return (
        depth.groups == depth.in_channels == depth.out_channels
        and size % 2 == 1
        and depth.kernel_size == (size, size)
        and depth.stride == (step, step)
        and depth.dilation == (gap, gap)
        and depth.padding == (gap * (size // 2),) * 2
        and point.kernel_size == point.stride == (1, 1)
        and point.groups == 1
        and depth.bias is point.bias is None
    )
