"""The parts of mixed edges, for training on a CPU: separable convolutions and normalisation that keep little for the way back.

Inside a layer a normalisation is taken apart: `centred` subtracts the mean, in place, and gives the variance; the division by the
standard deviation is left to the convolution that reads the result, which moves it into its kernel. So a convolution keeps its input,
which is the output that the normalisation keeps, and nothing in between is kept. Everything here can be differentiated twice.

Images are (N, C, H, W) in channels-last order.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn.functional import conv2d, relu

from searchitect.networks.depthwise import depthwise, depthwise_input_gradient, depthwise_weight_gradient


def relu_separable(
    x: Tensor, scale: Tensor | None, kernel: Tensor, mix: Tensor, groups: int = 1, stride: int = 1, dilation: int = 1
) -> Tensor:
    """ReLU, depthwise convolution, pointwise convolution; on the way back, what lies between them is computed again.

    Args:
        x: (N, C, H, W).
        scale: of the channels of ``x``, all above 0; ``None``: 1, and no number of ``x`` is below 0.
        kernel: (C, 1, k, k), of the depthwise convolution.
        mix: (outputs, C / groups, 1, 1), of the pointwise convolution.
        groups: of the pointwise convolution.
        stride, dilation: of the depthwise convolution.

    Returns:
        (N, outputs, ceil(H / stride), ceil(W / stride)).
    """
    y: Tensor = _ReluSeparable.apply(x, scale, kernel, mix, groups, stride, dilation)  # type: ignore[no-untyped-call]
    return y


class _ReluSeparable(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor | None, kernel: Tensor, mix: Tensor, groups: int, stride: int, dilation: int
    ) -> Tensor:
        ctx.save_for_backward(x, scale, kernel, mix)
        ctx.groups, ctx.steps = groups, (stride, dilation)
        positive, scaled = _ready(x, scale, kernel)
        return conv2d(depthwise(positive, scaled, stride, dilation), mix, groups=groups)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, scale, kernel, mix = ctx.saved_tensors
        _, needs_scale, needs_kernel, needs_mix, *_ = ctx.needs_input_grad
        by_scale = by_kernel = by_mix = None
        positive, scaled = _ready(x, scale, kernel) if needs_kernel or needs_mix else (x, _scaled(kernel, scale))
        if needs_mix:
            between = depthwise(positive, scaled, *ctx.steps)
            by_mix = torch.ops.aten.convolution_backward(
                gradient, between, mix, None, [1, 1], [0, 0], [1, 1], False, [0, 0], ctx.groups, [False, True, False]
            )[1]
        transposed = mix.view(ctx.groups, -1, *mix.shape[1:]).transpose(1, 2).flatten(0, 1)
        by_between = conv2d(gradient, transposed, groups=ctx.groups)
        if needs_kernel:
            by_kernel = _scaled(depthwise_weight_gradient(by_between, positive, kernel, *ctx.steps), scale)
        by_x = depthwise_input_gradient(by_between, scaled, x, *ctx.steps)
        if scale is not None:
            by_x = torch.ops.aten.threshold_backward(by_x, x, 0)
        if needs_scale:
            by_scale = channel_sums(by_x * x) / scale  # the gradient by x holds the scale already
        return by_x, by_scale, by_kernel, by_mix, None, None, None


def _ready(x: Tensor, scale: Tensor | None, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """What the depthwise convolution reads, and its kernel; the scale of the one is moved to the other."""
    return (x, kernel) if scale is None else (relu(x), _scaled(kernel, scale))


def _scaled(kernel: Tensor, scale: Tensor | None) -> Tensor:
    return kernel if scale is None else kernel * scale.view(-1, 1, 1, 1)


def centred(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Subtracts the mean of each channel, in place.

    Returns:
        x, and the variances (C) of the channels, divided by the number of pixels; the means (C), which carry no gradient.
    """
    y, variance, mean = _Centred.apply(x)  # type: ignore[no-untyped-call]
    return y, variance, mean


class _Centred(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        pixels = x.numel() // x.shape[1]
        mean = channel_sums(x) / pixels
        rows(x).sub_(mean)
        variance = channel_sums(x * x) / pixels
        ctx.mark_dirty(x)
        ctx.mark_non_differentiable(mean)
        ctx.save_for_backward(x)
        return x, variance, mean

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, by_variance: Tensor, _: Tensor) -> Tensor:
        (y,) = ctx.saved_tensors
        pixels = y.numel() // y.shape[1]
        about_zero = gradient - (channel_sums(gradient) / pixels).view(-1, 1, 1)
        return torch.addcmul(about_zero, y, (by_variance * (2 / pixels)).view(-1, 1, 1))


def unbiased(variance: Tensor, x: Tensor) -> Tensor:
    """The variance of the channels of ``x`` as running statistics have it: divided by the number of pixels less one."""
    pixels = x.numel() // x.shape[1]
    return variance.detach() * (pixels / max(pixels - 1, 1))


def average_pool(x: Tensor, kernel: int, stride: int) -> Tensor:
    """The mean of the pixels under each window, those outside of the image left out, as a depthwise convolution.

    (N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride)).
    """
    ones = x.new_ones(x.shape[1], 1, kernel, kernel)
    counts = depthwise(torch.ones_like(x[:1]), ones, stride)
    return depthwise(x, ones, stride) * counts.reciprocal()


def channel_sums(x: Tensor) -> Tensor:
    """(N, C, H, W) -> (C)."""
    return rows(x).sum(0)


def rows(x: Tensor) -> Tensor:
    """An image as a matrix of a pixel per row, without moving anything."""
    return x.permute(0, 2, 3, 1).flatten(0, 2)
