"""Architecture gradients: what the logits learn from.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, section 2.3, and its code
(quark0/darts, cnn/architect.py), whose virtual step takes the momentum of the optimizer along.

The functions know neither networks nor data: they take the parameters and functions of the losses.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Loss = Callable[[], Tensor]
"""The loss on one batch at the present weights and logits; called several times, it must draw the same."""

PERTURBATION = 0.01
"""Length of the step on either side in the finite difference, section 2.3: epsilon = 0.01 / norm of the gradient."""


def first_order(logits: Sequence[Tensor], held_loss: Loss) -> list[Tensor]:
    """The gradient of the loss on held-out data by the logits, the weights taken as they are."""
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
        return first_order(logits, held_loss)
    kept = [w.detach().clone() for w in weights]
    momenta = list(buffers) or [None] * len(kept)
    slopes = _gradients(train_loss(), weights)
    with torch.no_grad():
        for weight, slope, buffer in zip(weights, slopes, momenta, strict=True):
            step = slope + weight_decay * weight
            weight.sub_(step if buffer is None else step + momentum * buffer, alpha=rate)
    both = _gradients(held_loss(), [*logits, *weights])
    direct, direction = both[: len(logits)], both[len(logits) :]
    length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(d) for d in direction]))
    epsilon = PERTURBATION / float(length) if float(length) > 0 else 0.0
    if epsilon == 0.0:
        _restore(weights, kept)
        return direct
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for weight, before, towards in zip(weights, kept, direction, strict=True):
                weight.copy_(before).add_(towards, alpha=sign * epsilon)
        sides.append(_gradients(train_loss(), logits))
    _restore(weights, kept)
    return [d - rate * (ahead - behind) / (2 * epsilon) for d, ahead, behind in zip(direct, *sides, strict=True)]


def _restore(weights: Sequence[Tensor], kept: Sequence[Tensor]) -> None:
    with torch.no_grad():
        for weight, before in zip(weights, kept, strict=True):
            weight.copy_(before)


def _gradients(loss: Tensor, by: Sequence[Tensor]) -> list[Tensor]:
    """Zeros for what the loss does not depend on, such as the weights of an option that was not run."""
    found = torch.autograd.grad(loss, list(by), allow_unused=True)
    return [torch.zeros_like(p) if g is None else g for g, p in zip(found, by, strict=True)]
