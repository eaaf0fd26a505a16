"""The layers of the edges that leave one state of a supernet's cell, run together: see `searchitect.networks.together`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, max_pool2d, pad, relu

from searchitect.networks.cells import FactorizedReduction, ZeroOperation
from searchitect.networks.separable import average_pool, centred, relu_separable, unbiased

Pool = nn.MaxPool2d | nn.AvgPool2d

LARGE = 2**20
"""From this many numbers in a state on, each edge is run by itself: what several edges make of it is more than a processor's cache holds."""


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


def run_leaves(leaves: Sequence[Leaf], x: Tensor) -> list[tuple[int, Tensor]]:
    """The weighted outputs of layers that read the state ``x``: readers, and parts of their sums."""
    x = x.contiguous(memory_format=torch.channels_last)
    groups: dict[Any, list[Leaf]] = {}
    for leaf in leaves:
        kind = kind_of(leaf.layer)
        if kind[0] == "separable" and x.numel() >= LARGE:
            kind = *kind, leaf.reader
        groups.setdefault(kind, []).append(leaf)
    served = {leaf.reader for kind, group in groups.items() for leaf in group if kind[0] != "zero"}
    sums: dict[Any, Tensor] = {}  # by readers and shape
    plain = {kind: group for kind, group in groups.items() if kind[0] in ("identity", "pool")}
    for stride in sorted({kind[1] for kind in plain}):
        readers, total = _combine({kind: group for kind, group in plain.items() if kind[1] == stride}, x)
        sums[readers, total.shape] = total
    shared: dict[Any, Tensor] = {}
    for kind, group in groups.items():
        if kind in plain or (kind[0] == "zero" and served.issuperset(leaf.reader for leaf in group)):
            continue
        readers = tuple(leaf.reader for leaf in group)
        value = _run_group(kind, group, x, shared)
        place = readers, value.shape
        sums[place] = sums[place].add_(value) if place in sums else value
    return [
        part for (readers, _), total in sums.items() for part in zip(readers, total.chunk(len(readers), dim=1), strict=True)
    ]


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
    blocks = _blocks(parts)
    if blocks and all(_is_separable(block) for block in blocks):
        return ("separable", *(_block_settings(block) for block in blocks))
    return ("other", id(layer))


def _combine(groups: dict[tuple[Any, ...], list[Leaf]], x: Tensor) -> tuple[tuple[int, ...], Tensor]:
    """Sums of the state and its pools, for all readers by one pointwise convolution: readers, (N, readers * C, H, W)."""
    readers = tuple(sorted({leaf.reader for group in groups.values() for leaf in group}))
    values, gains = [], []
    for kind, group in groups.items():
        value, gain = x, torch.ones_like(x[0, :, 0, 0])
        if kind[0] == "pool":
            _, stride, pool, size, *norm = kind
            value = average_pool(x, size, stride) if pool is nn.AvgPool2d else max_pool2d(x, size, stride, size // 2)
            if norm:
                value, variance, mean = centred(value)
                gain = torch.rsqrt(variance + norm[0])
                _note_statistics([leaf.layer[1] for leaf in group], mean, unbiased(variance, value))  # type: ignore[index]
        values.append(value)
        weights = _stacked([sum(leaf.weight for leaf in group if leaf.reader == reader) for reader in readers], x)
        gains.append(weights.view(-1, 1) * gain)
    diagonals = torch.diag_embed(torch.stack(gains, 1))  # (readers, values, C, C)
    kernel = diagonals.transpose(1, 2).reshape(len(readers) * x.shape[1], -1, 1, 1)
    return readers, conv2d(torch.cat(values, 1), kernel)


def _run_group(kind: tuple[Any, ...], group: Sequence[Leaf], x: Tensor, shared: dict[Any, Tensor]) -> Tensor:
    """Weighted outputs of layers of one kind, which read ``x``. What other groups may need as well is put into ``shared``."""
    layers: list[Any] = [leaf.layer for leaf in group]
    if kind[0] == "zero":
        part = x[:, :, :: kind[1], :: kind[1]]
        return torch.zeros_like(part, memory_format=torch.channels_last).repeat(1, len(group), 1, 1)
    weights = _stacked([leaf.weight for leaf in group], x)
    if kind[0] == "reduction":
        if "halves" not in shared:
            positive = relu(x)
            halves = [positive[:, :, ::2, ::2], pad(positive, (-1, 1, -1, 1))[:, :, ::2, ::2]]
            shared["halves"] = torch.cat(halves, 1).contiguous(memory_format=torch.channels_last)
        even = torch.stack([layer.even.weight for layer in layers])
        odd = torch.stack([layer.odd.weight for layer in layers])
        kernel = torch.cat([pad(even, (0, 0, 0, 0, 0, even.shape[2])), pad(odd, (0, 0, 0, 0, odd.shape[2], 0))], 1)
        return _normalised([layer.bn for layer in layers], conv2d(shared["halves"], kernel.flatten(0, 1)), weights)
    if kind[0] == "separable":
        key = "positive", len(layers)
        if key not in shared:
            shared[key] = torch.cat([relu(x)] * len(layers), 1)
        return _run_separable([_blocks(list(layer)) for layer in layers], shared[key], weights)
    value: Tensor = layers[0](x)
    return (weights * value).contiguous(memory_format=torch.channels_last)


def _run_separable(layers: Sequence[Sequence[Sequence[Any]]], x: Tensor, weights: Tensor) -> Tensor:
    """The blocks of several layers, one depth after the other; no number of ``x`` is below 0."""
    scale = None
    *inner, last = zip(*layers, strict=True)
    for blocks in inner:
        norms = [block[3] for block in blocks]
        y = _convolved(blocks, x, scale)
        if norms[0].affine:  # ReLU is next: what goes into it must be finished
            x, scale = _normalised(norms, y), torch.ones_like(y[0, :, 0, 0])
        else:
            x, variance, mean = centred(y)
            scale = torch.rsqrt(variance + norms[0].eps)
            _note_statistics(norms, mean, unbiased(variance, y))
    return _normalised([block[3] for block in last], _convolved(last, x, scale), weights)


def _convolved(blocks: Sequence[Sequence[Any]], x: Tensor, scale: Tensor | None) -> Tensor:
    first = blocks[0][1]
    kernel, mix = (torch.cat([block[place].weight for block in blocks]) for place in (1, 2))
    return relu_separable(x, scale, kernel, mix, len(blocks), first.stride[0], first.dilation[0])


def _normalised(norms: Sequence[nn.BatchNorm2d], y: Tensor, weights: Tensor | None = None) -> Tensor:
    """Each normalisation on its part of the channels, and its output times its weight."""
    gain, shift = None, None
    if weights is not None:
        gain = weights.repeat_interleave(norms[0].num_features)
    if norms[0].affine:
        scale, shift = torch.cat([norm.weight for norm in norms]), torch.cat([norm.bias for norm in norms])
        gain, shift = (scale, shift) if gain is None else (gain * scale, gain * shift)
    mean, variance = y.new_zeros(2, y.shape[1])
    # with a momentum of 1 the running statistics are those of the batch
    z = batch_norm(y, mean, variance, gain, shift, training=True, momentum=1.0, eps=norms[0].eps)
    _note_statistics(norms, mean, variance)
    return z


@torch.no_grad()
def _note_statistics(norms: Sequence[Any], mean: Tensor, variance: Tensor) -> None:
    """Update the running statistics; where there is one mean for all of the layers, each of them takes it."""
    first = norms[0]
    if not first.track_running_stats:
        return
    means, variances = ([*torch.split(values, first.num_features)] for values in (mean, variance))
    times = len(norms) // len(means)
    torch._foreach_add_([norm.num_batches_tracked for norm in norms], 1)
    torch._foreach_lerp_([norm.running_mean for norm in norms], means * times, first.momentum)
    torch._foreach_lerp_([norm.running_var for norm in norms], variances * times, first.momentum)


def _stacked(weights: Sequence[float | Tensor], like: Tensor) -> Tensor:
    return torch.stack([weight if isinstance(weight, Tensor) else like.new_tensor(weight) for weight in weights])


def _blocks(parts: Sequence[nn.Module]) -> list[Sequence[nn.Module]]:
    return [parts[start : start + 4] for start in range(0, len(parts), 4)]


def _norm_settings(norm: nn.BatchNorm2d) -> tuple[Any, ...]:
    return norm.eps, norm.momentum, norm.affine, norm.track_running_stats


def _block_settings(block: Sequence[Any]) -> tuple[Any, ...]:
    _, depth, point, norm = block
    return depth.kernel_size, depth.stride, depth.dilation, point.weight.shape, *_norm_settings(norm)


def _uses_batch(module: nn.Module) -> TypeGuard[nn.BatchNorm2d]:
    """Whether it normalises by the statistics of the batch."""
    return isinstance(module, nn.BatchNorm2d) and module.training and module.momentum is not None


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
