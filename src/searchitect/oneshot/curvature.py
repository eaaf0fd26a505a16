"""How curved the loss is in the logits: the eigenvalue of its Hessian that is largest in size."""

from collections.abc import Sequence

import torch
from torch import Tensor

from searchitect.oneshot.gradients import Loss

STEP = 1e-2
"""Length of the step on either side in the logits, in the finite difference of gradients."""


def dominant_eigenvalue(
    loss: Loss, logits: Sequence[Tensor], *, seed: int = 0, step: float = STEP, rounds: int = 20, tolerance: float = 1e-3
) -> float:
    """By power iteration.

    A product with the Hessian is a central difference of two gradients, so that layers need no second derivative of their own. The logits
    are the same, bit for bit, afterwards.

    Args:
        loss: at the present logits; called often, it must draw the same.
        logits: parameters.
        seed: of the first direction.
        step: of the difference.
        rounds: at most.
        tolerance: relative change of the eigenvalue at which the iteration ends.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = _unit([torch.randn(values.shape, generator=generator).to(values) for values in logits])
    found = 0.0
    for _ in range(rounds):
        product = _hessian_product(loss, logits, direction, step)
        before, found = found, float(_dot(direction, product))
        if float(_dot(product, product)) == 0:
            return 0.0
        if abs(found - before) <= tolerance * abs(found):
            break
        direction = _unit(product)
    return found


def _hessian_product(loss: Loss, logits: Sequence[Tensor], direction: Sequence[Tensor], step: float) -> list[Tensor]:
    kept = [values.detach().clone() for values in logits]
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for values, before, towards in zip(logits, kept, direction, strict=True):
                values.copy_(before).add_(towards, alpha=sign * step)
        slopes = torch.autograd.grad(loss(), list(logits), allow_unused=True)
        sides.append([torch.zeros_like(v) if s is None else s for s, v in zip(slopes, logits, strict=True)])
    with torch.no_grad():
        for values, before in zip(logits, kept, strict=True):
            values.copy_(before)
    return [(ahead - behind) / (2 * step) for ahead, behind in zip(*sides, strict=True)]


def _dot(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a * b).sum() for a, b in zip(first, second, strict=True)]).sum()


def _unit(vectors: Sequence[Tensor]) -> list[Tensor]:
    length = _dot(vectors, vectors).sqrt()
    return [v / length for v in vectors]
