"""Layers of open sizes, whose options share weights: each takes the first channels and the centre of the kernel.

Shared leading channels: Yu et al. 2019, https://arxiv.org/abs/1812.08928, and Cai et al. 2020 (Once-for-all),
https://arxiv.org/abs/1908.09791. Kernels inside larger ones: Stamoulis et al. 2019, https://arxiv.org/abs/1904.02877;
Once-for-all passes the centre through a learned matrix, which is left out here.

How many channels come in is read off the input. As many go out as the largest option that has a weight; where there are several
such options, a `Mask` behind them says how far each channel counts. So a single option is computed at its own size, with the
rest of the weights untouched. Normalisations of a slice use and update the slice of the same running statistics: these are then
averages over whatever was taken, and whoever evaluates one option computes them anew first.
"""

from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.networks.mixed import scaled
from searchitect.networks.widths import OpenNumber, Width, is_open, largest, stacked


class ElasticConv2d(nn.Conv2d):
    """A convolution, across all channels or on each alone, padded to keep the sides but for its stride.

    Args:
        inputs: channels, at most.
        outputs: channels.
        kernel: odd; decided or open.
        stride: decided.
        is_depthwise: on each channel alone; ``outputs`` are then as many as come in.
        bias: whether it has one.

    Raises:
        SpaceError: for a choice of kernels that have no common centre.
    """

    def __init__(
        self, inputs: int, outputs: int | Width, kernel: Any, stride: int = 1, is_depthwise: bool = False, bias: bool = False
    ) -> None:
        open_kernel = OpenNumber(kernel) if is_open(kernel) else None
        sizes = open_kernel.values if open_kernel is not None else (kernel,)
        if open_kernel is not None and any(size % 2 == 0 for size in sizes):
            raise SpaceError(f"the choice {kernel.path!r} must be of odd kernels, which have a common centre, got {sizes}")
        super().__init__(inputs, largest(outputs), max(sizes), stride, groups=inputs if is_depthwise else 1, bias=bias)
        self.outputs = outputs
        self.kernel = open_kernel

    def forward(self, input: Tensor) -> Tensor:
        """(N, inputs taken, H, W) -> (N, outputs taken, ceil(H / stride), ceil(W / stride))."""
        inputs = input.shape[1]
        is_depthwise = self.groups > 1
        outputs = inputs if is_depthwise else taken(self.outputs)
        weight = self._centred(self.weight[:outputs, : 1 if is_depthwise else inputs])
        bias = None if self.bias is None else self.bias[:outputs]
        groups = inputs if is_depthwise else 1
        return nn.functional.conv2d(input, weight, bias, self.stride, weight.shape[-1] // 2, groups=groups)

    def _centred(self, weight: Tensor) -> Tensor:
        """The part of the kernel that is taken, each of its rings times the weights of the kernels that reach it."""
        if self.kernel is None:
            return weight
        live = [(self.kernel.values[i], w) for i, w in self.kernel.live()]
        size = max(k for k, _ in live)
        margin = (weight.shape[-1] - size) // 2
        weight = weight[..., margin : margin + size, margin : margin + size]
        if len(live) == 1:
            return scaled(live[0][1], weight)
        place = (torch.arange(size, device=weight.device) - size // 2).abs()
        ring = torch.maximum(place[:, None], place)  # how far from the centre
        reaches = torch.stack([ring <= k // 2 for k, _ in live]).to(weight.dtype)
        return weight * torch.einsum("k,kij->ij", stacked([w for _, w in live], weight), reaches)


def taken(width: int | Width) -> int:
    """A decided number itself, of an open one the largest option that has a weight."""
    return width.now() if isinstance(width, Width) else width


class ElasticLinear(nn.Linear):
    """A linear layer; the last dimension tells how many numbers come in."""

    def __init__(self, inputs: int, outputs: int | Width) -> None:
        super().__init__(inputs, largest(outputs))
        self.outputs = outputs

    def forward(self, input: Tensor) -> Tensor:
        """(..., inputs taken) -> (..., outputs taken)."""
        outputs = taken(self.outputs)
        return nn.functional.linear(input, self.weight[:outputs, : input.shape[-1]], self.bias[:outputs])


class ElasticBatchNorm1d(nn.BatchNorm1d):
    """Batch normalisation of the first channels: as many as come in."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C) -> the same shape."""
        return super().forward(input) if input.shape[1] == self.num_features else sliced_batch_norm(self, input)


class ElasticBatchNorm2d(nn.BatchNorm2d):
    """Batch normalisation of the first channels: as many as come in."""

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, H, W) -> the same shape."""
        return super().forward(input) if input.shape[1] == self.num_features else sliced_batch_norm(self, input)


def sliced_batch_norm(norm: nn.BatchNorm1d | nn.BatchNorm2d, x: Tensor) -> Tensor:
    """What ``norm`` does, with the first entries of its scale, shift and running statistics, which are updated in place."""
    n = x.shape[1]
    mean, var, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
    momentum = norm.momentum
    if norm.training and count is not None:
        count.add_(1)
        momentum = 1.0 / float(count) if momentum is None else momentum  # None: the plain average of all batches
    return nn.functional.batch_norm(
        x,
        None if mean is None else mean[:n],
        None if var is None else var[:n],
        norm.weight[:n],
        norm.bias[:n],
        norm.training or mean is None,
        momentum or 0.0,
        norm.eps,
    )


class ElasticLayerNorm(nn.LayerNorm):
    """Layer normalisation over an open number of columns; of several, mean and variance are weighted averages of theirs."""

    def __init__(self, width: Width) -> None:
        super().__init__(width.largest)
        self.width = width

    def forward(self, input: Tensor) -> Tensor:
        """(N, columns taken) -> the same shape."""
        n = input.shape[-1]
        options = self.width.options()
        if all(m == n for m, _ in options):
            return nn.functional.layer_norm(input, (n,), self.weight[:n], self.bias[:n], self.eps)
        weights = stacked([w for _, w in options], input)
        moments = [torch.stack(torch.var_mean(input[:, :m], -1, correction=0), -1) for m, _ in options]
        var, mean = torch.einsum("o,onm->mn", weights / weights.sum(), torch.stack(moments)).unsqueeze(-1)
        y: Tensor = (input - mean) / (var + self.eps).sqrt() * self.weight[:n] + self.bias[:n]
        return y


class Mask(nn.Module):
    """Each channel times the sum of the weights of the widths that have it; nothing where one width is taken."""

    def __init__(self, width: Width) -> None:
        super().__init__()
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels taken, ...) -> the same shape."""
        mask = self.width.mask(x)
        return x if mask is None else x * mask.view(-1, *[1] * (x.ndim - 2))
