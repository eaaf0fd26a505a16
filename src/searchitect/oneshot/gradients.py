"""Architecture gradients: what the logits learn from.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, section 2.3, and its code
(quark0/darts, cnn/architect.py), whose virtual step takes the momentum of the optimizer along.

The functions know neither networks nor data: they take the parameters and functions of the losses.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

Loss = Callable[[], Tensor]
"""The loss on one batch at the present weights and logits; called several times, it must draw the same."""

PERTURBATION = 0.01
"""Length of the step on either side in the finite difference, section 2.3: epsilon = 0.01 / norm of the gradient."""


@contextmanager
def constant(parameters: Sequence[Tensor]) -> Iterator[None]:
    """Losses that are computed inside have no gradient by these parameters.

    To ask autograd for no more than the gradients by others is not enough: a layer with a backward pass of its own, as in
    `searchitect.networks.separable`, computes them all the same, and what only they need is kept for the way back.
    """
    learned = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def first_order(weights: Sequence[Tensor], logits: Sequence[Tensor], held_loss: Loss) -> list[Tensor]:
    """The gradient of the loss on held-out data by the logits, the weights taken as they are."""
    with constant(weights):
        return _gradients(held_loss(), logits)


def second_order(
    weights: Sequence[Tensor],
    logits: Sequence[Tensor],
    train_loss: Loss,
    held_loss: Loss,
    *,
    rate: float,
    momentum: float = 0.0,
    buffers: Sequence[Tensor | None] = (),
    weight_decay: float = 0.0,
) -> list[Tensor]:
    """The gradient through one virtual step of the weights (equation 7), its mixed second derivative by finite difference (equation 8).

    The weights are the same, bit for bit, afterwards.

    Args:
        weights, logits: parameters.
        train_loss, held_loss: on a batch of either part.
        rate: of the virtual step, xi in the paper; 0 gives `first_order`.
        momentum, buffers, weight_decay: of the optimizer of the weights; a buffer per weight, ``None`` or no buffers before its first step.
    """
    if rate == 0:
        return first_order(weights, logits, held_loss)
    kept = [w.detach().clone() for w in weights]
    with constant(logits):
        steps = torch._foreach_add(_gradients(train_loss(), weights), kept, alpha=weight_decay)
    moving = [(step, buffer) for step, buffer in zip(steps, buffers, strict=True) if buffer is not None] if buffers else []
    if moving:
        torch._foreach_add_(*([*side] for side in zip(*moving, strict=True)), alpha=momentum)
    _move(weights, kept, [*steps], -rate)
    del steps, moving
    both = _gradients(held_loss(), [*logits, *weights])
    direct, direction = both[: len(logits)], both[len(logits) :]
    length = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(direction))))
    sides = []
    for sign in (1.0, -1.0) if 0 < length < math.inf else ():
        _move(weights, kept, direction, sign * PERTURBATION / length)
        with constant(weights):
            sides.append(_gradients(train_loss(), logits))
    _move(weights, kept)
    if not sides:
        return direct
    factor = rate * length / (2 * PERTURBATION)
    return [d - factor * (ahead - behind) for d, ahead, behind in zip(direct, *sides, strict=True)]


@torch.no_grad()
def _move(weights: Sequence[Tensor], origin: list[Tensor], direction: list[Tensor] | None = None, times: float = 0.0) -> None:
    """Put the weights where they were, or from there some way in a direction."""
    moved = list(weights)
    torch._foreach_copy_(moved, origin)
    if direction is not None:
        torch._foreach_add_(moved, direction, alpha=times)


def _gradients(loss: Tensor, by: Sequence[Tensor]) -> list[Tensor]:
    """Zeros for what the loss does not depend on, such as the weights of an option that was not run."""
    if not loss.requires_grad:
        return [torch.zeros_like(p) for p in by]
    found = torch.autograd.grad(loss, list(by), allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, by, strict=True)]
