import pytest
import torch
from torch import nn

from searchitect.proxies.counts import l2_norm, macs, params
from searchitect.proxies.given import Given, gradients, weights_of
from searchitect.proxies.gradients import fisher, grad_norm, grasp, hessian_gradient, plain, snip
from tests.proxies.nets import IMAGE, ROW, convolutions, given, perceptron


def two_weights() -> tuple[nn.Module, Given]:
    """y = w x with w = (2, -3), L = y, two examples (1, 4) and (3, 0): dL/dw is their mean, (2, 2)."""
    network = nn.Linear(2, 1, bias=False)
    with torch.no_grad():
        network.weight.copy_(torch.tensor([[2.0, -3.0]]))
    x = torch.tensor([[1.0, 4.0], [3.0, 0.0]])
    return network, Given(ROW, 2, 0, ((x, torch.zeros(2)),), lambda outputs, _: outputs.mean())


def test_by_hand() -> None:
    network, data = two_weights()
    assert grad_norm(network, data) == pytest.approx(8**0.5)
    assert plain(network, data) == pytest.approx(2 * 2 - 3 * 2)
    assert snip(network, data) == pytest.approx(2 * 2 + 3 * 2)
    assert l2_norm(network, data) == pytest.approx(13**0.5)
    # a = (2 - 12, 6) = (-10, 6), dL/da = 1/2 each: 1/2 mean of 25 and 9
    assert fisher(network, data) == pytest.approx((25 + 9) / 4)
    # of a squared loss, L = mean(y^2) / 2: H = mean x x' = [[5, 2], [2, 8]], g = H w = (4, -20), H g = (-20, -152)
    squared = Given(ROW, 2, 0, data.batches, lambda outputs, _: outputs.square().mean() / 2)
    assert grasp(network, squared) == pytest.approx(-(2 * -20 + -3 * -152))


def test_fisher_sums_over_places_before_it_squares() -> None:
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Flatten())
    with torch.no_grad():
        network[0].weight.fill_(2.0)
    x = torch.tensor([1.0, 3.0]).reshape(1, 1, 1, 2)
    data = Given(IMAGE, 1, 0, ((x, torch.zeros(1)),), lambda outputs, _: outputs[0, 0] - outputs[0, 1])
    assert fisher(network, data) == pytest.approx((2 * 1 - 6 * 1) ** 2 / 2)


def test_fisher_counts_a_channel_once_whatever_its_weights() -> None:
    """A kernel of 3 x 3 that is zero around its centre gives what a kernel of 1 x 1 does; two equal channels count twice."""
    x = torch.randn(4, 1, 5, 5, generator=torch.Generator().manual_seed(0))
    found = []
    for kernel, channels in ((1, 1), (3, 1), (1, 2)):
        conv = nn.Conv2d(1, channels, kernel, padding=kernel // 2, bias=False)
        with torch.no_grad():
            conv.weight.zero_()[:, 0, kernel // 2, kernel // 2] = 1.0
        data = Given(IMAGE, 4, 0, ((x, torch.zeros(4)),), lambda outputs, _: outputs.square().sum())
        found.append(fisher(conv, data))
    assert found[1:] == pytest.approx([found[0], 2 * found[0]])


def test_the_hessian_times_the_gradient_equals_a_finite_difference() -> None:
    network = perceptron().double()
    data = given(dtype=torch.float64)
    exact = hessian_gradient(network, data)
    slopes, step = gradients(network, data), 1e-6
    moved = []
    for sign in (1, -1):
        for weight, slope in zip(weights_of(network), slopes, strict=True):
            weight.data += sign * step * slope
        moved.append(gradients(network, data))
        for weight, slope in zip(weights_of(network), slopes, strict=True):
            weight.data -= sign * step * slope
    for h, after, before in zip(exact, *moved, strict=True):
        assert torch.allclose(h, (after - before) / (2 * step), atol=1e-6)
    assert grasp(network, data) == pytest.approx(
        -float(sum((w.detach() * h).sum() for w, h in zip(weights_of(network), exact, strict=True)))
    )


@pytest.mark.parametrize(("proxy", "power"), [(grad_norm, 1), (plain, 1), (snip, 1), (grasp, 2), (fisher, 2)])
def test_a_scaled_loss_scales_the_score(proxy, power) -> None:
    once, thrice = (proxy(convolutions(), given(IMAGE, scale=scale)) for scale in (1.0, 3.0))
    # H g is of second order in the loss
    assert thrice == pytest.approx(3**power * once, rel=1e-4)


@pytest.mark.parametrize("proxy", [grad_norm, plain, snip, grasp, fisher])
def test_the_order_of_examples_is_no_matter(proxy) -> None:
    data = given(IMAGE)
    x, y = data.batches[0]
    turned = Given(IMAGE, 8, 0, ((x.flip(0), y.flip(0)),), data.loss)
    assert proxy(convolutions(), turned) == pytest.approx(proxy(convolutions(), data), rel=1e-4)


class WithIdleLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = perceptron(), nn.Linear(3, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x)


def test_a_layer_that_the_loss_does_not_read_counts_nothing() -> None:
    for proxy in (grad_norm, plain, snip, grasp, fisher):
        assert proxy(WithIdleLayer(), given()) == pytest.approx(proxy(perceptron(), given()))


def test_counts() -> None:
    assert params(convolutions(), given(IMAGE)) == 2 * 4 * 9 + 8 + (4 * 5 * 9 + 5) + (5 * 3 + 3)
    assert macs(convolutions(), given(IMAGE)) == 72 * 36 + 180 * 9 + 15
