"""Depthwise convolutions and their gradients, each in the form that is fastest on a CPU.

oneDNN, which computes torch's convolutions on CPUs, has fast code for channels-last depthwise convolutions, forward with any kernel, but
backward only without dilation, and for the weights only up to three columns. Elsewhere it is 5 to 15 times slower. So gradients
that it has no code for are put as ones that it has. Everything here is made of differentiable operations.

Images are (N, C, H, W) in channels-last order, kernels (C, 1, k, k) with odd k; the padding keeps the sides, or their halves rounded up.
"""

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad


def depthwise(x: Tensor, kernel: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """(N, C, H, W) -> (N, C, ceil(H / stride), ceil(W / stride))."""
    x, stride, dilation = _without_gaps(x, stride, dilation)
    return conv2d(x, kernel, None, stride, dilation * (kernel.shape[-1] // 2), dilation, kernel.shape[0])


def depthwise_input_gradient(gradient: Tensor, kernel: Tensor, like: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Of `depthwise` by its input, of the shape of ``like``; ``gradient`` is that by its output."""
    if stride == 1:  # the convolution with the kernel turned round
        return depthwise(gradient, kernel.flip(-1, -2), 1, dilation)
    if dilation == stride:
        inside = depthwise_input_gradient(gradient, kernel, gradient)
        spread = torch.zeros_like(like, memory_format=torch.channels_last)
        spread[:, :, ::stride, ::stride] = inside
        return spread
    return _convolution_gradients(gradient, like, kernel, stride, dilation, of_input=True)


def depthwise_weight_gradient(gradient: Tensor, x: Tensor, kernel: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
    """Of `depthwise` by its kernel, of the shape of ``kernel``; ``gradient`` is that by its output."""
    x, stride, dilation = _without_gaps(x, stride, dilation)
    size = kernel.shape[-1]
    has_code = size == 3 and dilation == 1
    divides = x.shape[2] % dilation == 0 and x.shape[3] % (2 * dilation) == 0
    if has_code or size > 5 or stride * dilation > 2 or not divides:
        return _convolution_gradients(gradient, x, kernel, stride, dilation, of_input=False)
    if stride == 2:
        found = _pairwise_gradient(gradient, x, size)
    else:
        rows = dilation * (size - 1) + 1  # all that lie under the kernel, gaps included
        if rows > x.shape[2]:
            rows, gradient, x = size, _rows_as_images(gradient, dilation), _rows_as_images(x, dilation)
        found = _stepwise_gradient(gradient, x, rows, dilation)
        if size == 5:
            found |= _stepwise_gradient(gradient, x, rows, 2 * dilation)
    columns = [found[dilation * column] for column in range(-(size // 2), size // 2 + 1)]
    return torch.stack(columns, dim=-1)[:, :, :: (columns[0].shape[2] - 1) // (size - 1)]


def _without_gaps(x: Tensor, stride: int, dilation: int) -> tuple[Tensor, int, int]:
    """A convolution that steps as far as it is dilated reads a part of the pixels only, and those without gaps."""
    if stride == dilation > 1:
        return x[:, :, ::stride, ::stride].contiguous(memory_format=torch.channels_last), 1, 1
    return x, stride, dilation


def _stepwise_gradient(gradient: Tensor, x: Tensor, rows: int, step: int) -> dict[int, Tensor]:
    """The sums for column shifts of -step, 0 and step: ``step`` neighbours taken as channels, they are neighbours themselves."""
    channels = x.shape[1]
    if x.shape[2] < rows:  # rows of zeros change no sum, and there is no code for kernels that are larger than the image
        gradient, x = (pad(image, (0, 0, 0, rows - image.shape[2])) for image in (gradient, x))
    kernel = x.new_empty(step * channels, 1, rows, 3)
    sums = _convolution_gradients(_columns_as_channels(gradient, step), _columns_as_channels(x, step), kernel, (1, 1), 1, False)
    sums = sums.view(step, channels, 1, rows, 3).sum(0)
    return {step * (place - 1): sums[..., place] for place in range(3)}


def _pairwise_gradient(gradient: Tensor, x: Tensor, rows: int) -> dict[int, Tensor]:
    """The sums for column shifts of -2 to 3 and a stride of 2: even and odd columns taken as channels, each has a stride of 1."""
    channels = x.shape[1]
    kernel = x.new_empty(2 * channels, 1, rows, 3)
    twice = torch.cat([gradient, gradient], dim=1)
    sums = _convolution_gradients(twice, _columns_as_channels(x, 2), kernel, (2, 1), 1, False)
    sums = sums.view(2, channels, 1, rows, 3)
    return {2 * (place - 1) + odd: sums[odd, ..., place] for place in range(3) for odd in range(2)}


def _rows_as_images(x: Tensor, step: int) -> Tensor:
    """(N, C, H, W) -> (N * step, C, H / step, W): every ``step``-th row."""
    if step == 1:
        return x
    count, channels, height, width = x.shape
    parts = x.permute(0, 2, 3, 1).reshape(count, height // step, step, width, channels).transpose(1, 2)
    return parts.reshape(count * step, height // step, width, channels).permute(0, 3, 1, 2)


def _columns_as_channels(x: Tensor, step: int) -> Tensor:
    """(N, C, H, W) -> (N, step * C, H, W / step), without moving anything."""
    count, channels, height, width = x.shape
    return x.permute(0, 2, 3, 1).reshape(count, height, width // step, step * channels).permute(0, 3, 1, 2)


def _convolution_gradients(
    gradient: Tensor, x: Tensor, kernel: Tensor, stride: int | tuple[int, int], dilation: int, of_input: bool
) -> Tensor:
    strides = list(stride) if isinstance(stride, tuple) else [stride] * 2
    padding = [dilation * (size // 2) for size in kernel.shape[2:]]
    by_input, by_kernel, _ = torch.ops.aten.convolution_backward(
        gradient,
        x,
        kernel,
        None,
        strides,
        padding,
        [dilation] * 2,
        False,
        [0, 0],
        kernel.shape[0],
        [of_input, not of_input, False],
    )
    found: Tensor = by_input if of_input else by_kernel
    return found
