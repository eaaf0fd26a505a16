"""The layers of the edges that leave one state of a supernet's cell, run together: see `searchitect.networks.together`."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, max_pool2d, pad, relu

from searchitect.networks.leaves import Leaf, blocks_of, kind_of, leaves_of
from searchitect.networks.separable import average_pool, centred, relu_separable, unbiased

LARGE = 2**20
"""From this many numbers in a state on, each edge is run by itself: what several edges make of it is more than a processor's cache holds."""


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
    parts: list[tuple[int, Tensor]] = []
    for kind, group in groups.items():
        if kind[0] == "partial":
            parts += _run_partial(group, x)
            continue
        if kind in plain or (kind[0] == "zero" and served.issuperset(leaf.reader for leaf in group)):
            continue
        readers = tuple(leaf.reader for leaf in group)
        value = _run_group(kind, group, x, shared)
        place = readers, value.shape
        sums[place] = sums[place].add_(value) if place in sums else value
    for (readers, _), total in sums.items():
        parts += zip(readers, total.chunk(len(readers), dim=1), strict=True)
    return parts


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
    if kind[0] == "convolution":
        if "positive" not in shared:
            shared["positive"] = relu(x)
        first = layers[0][1]
        kernel = torch.cat([layer[1].weight for layer in layers])
        bias = None if first.bias is None else torch.cat([layer[1].bias for layer in layers])
        y = conv2d(shared["positive"], kernel, bias, first.stride, first.padding, first.dilation)
        return _normalised([layer[2] for layer in layers], y, weights)
    if kind[0] == "separable":
        key = "positive", len(layers)
        if key not in shared:
            shared[key] = torch.cat([relu(x)] * len(layers), 1)
        return _run_separable([blocks_of(list(layer)) for layer in layers], shared[key], weights)
    value: Tensor = layers[0](x)
    return (weights * value).contiguous(memory_format=torch.channels_last)


def _run_partial(group: Sequence[Leaf], x: Tensor) -> list[tuple[int, Tensor]]:
    """Layers through which a part of the channels goes: what goes round them is weighted and shuffled once for all edges of a reader."""
    layer: Any = group[0].layer
    first = x.shape[1] // layer.share
    inner = [part for leaf in group for part in leaves_of(leaf.layer.layer, leaf.reader, leaf.source, leaf.weight)]  # type: ignore[arg-type]
    sums: dict[int, Tensor] = {}
    for reader, part in run_leaves(inner, x[:, :first]):
        sums[reader] = sums[reader] + part if reader in sums else part
    around = layer.around(x[:, first:])
    weights = {reader: sum(leaf.weight for leaf in group if leaf.reader == reader) for reader in sums}
    return [
        (reader, torch.channel_shuffle(torch.cat([total, weights[reader] * around], 1), layer.share))
        for reader, total in sums.items()
    ]


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
