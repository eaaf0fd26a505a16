import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from searchitect.networks.depthwise import depthwise, depthwise_input_gradient, depthwise_weight_gradient


def image(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("sides", [(8, 8), (12, 6), (7, 9), (4, 4), (2, 2), (10, 16), (2, 16), (16, 8)])
@pytest.mark.parametrize("size", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
def test_convolution_and_gradients_are_those_of_torch(sides: tuple[int, int], size: int, stride: int, dilation: int) -> None:
    torch.manual_seed(0)
    x = image(2, 3, *sides).requires_grad_()
    kernel = torch.randn(3, 1, size, size, dtype=torch.float64, requires_grad=True)
    y = conv2d(x, kernel, None, stride, dilation * (size // 2), dilation, groups=3)
    gradient = torch.randn_like(y)
    by_x, by_kernel = torch.autograd.grad(y, (x, kernel), gradient)
    torch.testing.assert_close(depthwise(x, kernel, stride, dilation), y)
    torch.testing.assert_close(depthwise_input_gradient(gradient, kernel, x, stride, dilation), by_x)
    torch.testing.assert_close(depthwise_weight_gradient(gradient, x, kernel, stride, dilation), by_kernel)
