"""What the DARTS paper says of its gradient: closed forms, and the exact second derivative."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor
from torch.autograd import Function

from searchitect.oneshot.gradients import constant, first_order, second_order


@pytest.mark.parametrize("xi", [0.0, 0.25, 0.5, 1.0])
def test_the_quadratic_of_the_paper_converges_where_the_paper_says(xi: float) -> None:
    """L_train = w^2 - 2 w a + a^2, L_val = a w - 2 a + 1 from (a, w) = (2, -2) (figure 2): to a = w = 2 / (1 + 2 xi)."""
    w = torch.tensor([-2.0], dtype=torch.float64, requires_grad=True)
    a = torch.tensor([2.0], dtype=torch.float64, requires_grad=True)

    def train() -> Tensor:
        return (w * w - 2 * w * a + a * a).sum()

    def held() -> Tensor:
        return (a * w - 2 * a + 1).sum()

    for _ in range(600):
        (by_a,) = second_order([w], [a], train, held, rate=xi)
        (by_w,) = torch.autograd.grad(train(), [w])
        with torch.no_grad():
            a -= 0.05 * by_a
            w -= 0.1 * by_w
    optimum = 2 / (1 + 2 * xi)
    assert (a.item(), w.item()) == pytest.approx((optimum, optimum), rel=1e-6)
    if xi == 0.5:
        assert held().item() == pytest.approx(0, abs=1e-5)  # the optimum of the bilevel problem


Losses = tuple[list[Tensor], list[Tensor], Callable[[], Tensor], Callable[[], Tensor]]


def smooth_net(dtype: torch.dtype) -> Losses:
    """Two layers whose units are mixed by a softmax of logits, on two batches."""
    generator = torch.Generator().manual_seed(3)
    draw = [
        torch.randn(shape, generator=generator, dtype=dtype)
        for shape in ((4, 5), (5, 3), (2, 5), (7, 4), (7, 4), (7, 3), (7, 3))
    ]
    weights, logits = [draw[0].requires_grad_(), draw[1].requires_grad_()], [draw[2].requires_grad_()]

    def loss(x: Tensor, y: Tensor) -> Tensor:
        mix = logits[0].softmax(0)
        hidden = mix[0] * torch.tanh(x @ weights[0]) + mix[1] * torch.sigmoid(x @ weights[0])
        return (hidden @ weights[1] - y).square().mean()

    return weights, logits, lambda: loss(draw[3], draw[5]), lambda: loss(draw[4], draw[6])


@pytest.mark.parametrize("with_momentum", [False, True])
def test_the_finite_difference_is_the_exact_derivative_through_the_virtual_step(with_momentum: bool) -> None:
    weights, logits, train, held = smooth_net(torch.float64)
    rate, momentum, decay = 0.3, 0.9, 0.01
    generator = torch.Generator().manual_seed(5)
    buffers = [torch.randn(w.shape, generator=generator, dtype=w.dtype) if with_momentum else None for w in weights]
    found = second_order(weights, logits, train, held, rate=rate, momentum=momentum, buffers=buffers, weight_decay=decay)

    slopes = torch.autograd.grad(train(), weights, create_graph=True)
    kept = [w.detach().clone() for w in weights]
    virtual = [
        w - rate * (g + decay * w + (momentum * b if b is not None else 0))
        for w, g, b in zip(weights, slopes, buffers, strict=True)
    ]
    with torch.no_grad():
        for w, v in zip(weights, virtual, strict=True):
            w.copy_(v)
    loss_there = held()
    by_logits, *by_weights = torch.autograd.grad(loss_there, [*logits, *weights])
    with torch.no_grad():
        for w, before in zip(weights, kept, strict=True):
            w.copy_(before)
    slopes = torch.autograd.grad(train(), weights, create_graph=True)
    (mixed,) = torch.autograd.grad(slopes, logits, grad_outputs=by_weights)
    exact = by_logits - rate * mixed

    error = torch.linalg.vector_norm(found[0] - exact) / torch.linalg.vector_norm(exact)
    assert float(error) < 1e-4
    plain = first_order(weights, logits, held)[0]
    assert float(torch.linalg.vector_norm(plain - exact) / torch.linalg.vector_norm(exact)) > 0.05  # it is another gradient


def test_a_virtual_step_of_length_nought_is_the_first_order_bit_for_bit() -> None:
    weights, logits, train, held = smooth_net(torch.float32)
    assert torch.equal(second_order(weights, logits, train, held, rate=0.0)[0], first_order(weights, logits, held)[0])


def test_the_weights_are_the_same_bit_for_bit_afterwards() -> None:
    weights, logits, train, held = smooth_net(torch.float32)
    before = [w.detach().clone() for w in weights]
    second_order(weights, logits, train, held, rate=0.3)
    assert all(torch.equal(w, b) for w, b in zip(weights, before, strict=True))
    assert all(w.grad is None for w in weights)


def test_what_the_loss_does_not_depend_on_gets_a_gradient_of_nought() -> None:
    weights, logits, train, held = smooth_net(torch.float32)
    weight, logit = (torch.ones(3, requires_grad=True) for _ in range(2))
    found = second_order([*weights, weight], [*logits, logit], train, held, rate=0.3)
    assert torch.equal(found[1], torch.zeros(3))
    assert torch.equal(weight, torch.ones(3))


class Weighed(Function):
    """Weight times logit, which notes for how many of the two a gradient is computed."""

    noted: ClassVar[list[int]] = []

    @staticmethod
    def forward(ctx: Any, weight: Tensor, logit: Tensor) -> Tensor:
        ctx.save_for_backward(weight, logit)
        return weight * logit

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        weight, logit = ctx.saved_tensors
        Weighed.noted.append(sum(ctx.needs_input_grad))
        return tuple(
            gradient * other if needs else None for other, needs in zip((logit, weight), ctx.needs_input_grad, strict=True)
        )


def test_no_gradient_is_computed_that_is_not_used() -> None:
    weight, logit = torch.tensor(2.0, requires_grad=True), torch.tensor(3.0, requires_grad=True)

    def loss() -> Tensor:
        return Weighed.apply(weight, logit).square()  # type: ignore[no-any-return, no-untyped-call]

    Weighed.noted.clear()
    assert first_order([weight], [logit], loss)[0].item() == 24
    assert Weighed.noted == [1]
    Weighed.noted.clear()
    second_order([weight], [logit], loss, loss, rate=0.1)
    assert Weighed.noted == [1, 2, 1, 1]  # the virtual step, the gradient there, both sides of the difference


def test_what_was_constant_before_is_so_afterwards_and_nothing_else() -> None:
    learned, fixed = torch.ones(2, requires_grad=True), torch.ones(2)
    needed: list[bool] = []

    def fail() -> None:
        with constant([learned, fixed]):
            needed.append(learned.requires_grad)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert needed == [False]
    assert learned.requires_grad
    assert not fixed.requires_grad


def test_a_loss_without_anything_learned_has_gradients_of_nought() -> None:
    weight, idle = torch.ones(2, requires_grad=True), torch.ones(3, requires_grad=True)
    assert torch.equal(first_order([weight], [idle], weight.sum)[0], torch.zeros(3))
