import pytest
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, relu

from searchitect.networks.separable import average_pool, centred, relu_separable


def image(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).contiguous(memory_format=torch.channels_last)


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("stride", "dilation", "groups"), [(1, 1, 1), (1, 2, 2), (2, 1, 2), (2, 2, 1)])
def test_the_convolution_is_its_parts_one_after_the_other(stride: int, dilation: int, groups: int) -> None:
    torch.manual_seed(0)
    x, kernel, mix = image(2, 4, 8, 8).requires_grad_(), numbers(4, 1, 5, 5), numbers(6, 4 // groups, 1, 1)
    scale = (torch.rand(4, dtype=torch.float64) + 0.5).requires_grad_()
    between = conv2d(relu(x) * scale.view(-1, 1, 1), kernel, None, stride, 2 * dilation, dilation, groups=4)
    expected = conv2d(between, mix, groups=groups)
    found = relu_separable(x, scale, kernel, mix, groups, stride, dilation)
    torch.testing.assert_close(found, expected)
    gradient = torch.randn_like(expected)
    inputs = (x, scale, kernel, mix)
    torch.testing.assert_close(torch.autograd.grad(found, inputs, gradient), torch.autograd.grad(expected, inputs, gradient))


def test_without_a_scale_the_input_is_read_as_it_is() -> None:
    torch.manual_seed(0)
    x, kernel, mix = image(2, 4, 6, 6).abs().requires_grad_(), numbers(4, 1, 3, 3), numbers(4, 4, 1, 1)
    expected = conv2d(conv2d(x, kernel, None, 1, 1, 1, 4), mix)
    found = relu_separable(x, None, kernel, mix)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found.cos().sum(), x), torch.autograd.grad(expected.cos().sum(), x))


def test_first_and_second_derivatives_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    x = image(2, 2, 4, 4).requires_grad_()
    scale = (torch.rand(2, dtype=torch.float64) + 0.5).requires_grad_()

    def whole(x: Tensor, scale: Tensor, kernel: Tensor, mix: Tensor) -> tuple[Tensor, Tensor]:
        y, variance, _ = centred(relu_separable(x, scale, kernel, mix, 1, 1, 2))
        return y, variance

    inputs = (x, scale, numbers(2, 1, 3, 3), numbers(3, 2, 1, 1))
    assert torch.autograd.gradcheck(whole, inputs)
    assert torch.autograd.gradgradcheck(whole, inputs)


def test_centring_works_in_place_and_gives_the_statistics() -> None:
    torch.manual_seed(0)
    x = image(3, 4, 5, 5)
    before = x.clone()
    y, variance, mean = centred(x)
    assert y.data_ptr() == x.data_ptr()
    torch.testing.assert_close(mean, before.mean((0, 2, 3)))
    torch.testing.assert_close(variance, before.var((0, 2, 3), correction=0))
    torch.testing.assert_close(y, before - before.mean((0, 2, 3), keepdim=True))


@pytest.mark.parametrize(("sides", "stride"), [((6, 6), 1), ((6, 6), 2), ((5, 7), 1), ((5, 7), 2)])
def test_the_average_leaves_out_what_lies_outside(sides: tuple[int, int], stride: int) -> None:
    x = image(2, 3, *sides)
    torch.testing.assert_close(average_pool(x, 3, stride), avg_pool2d(x, 3, stride, 1, count_include_pad=False))
