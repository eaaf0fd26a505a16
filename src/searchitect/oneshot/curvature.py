"""How sharply the loss bends in the logits: the largest eigenvalue of its Hessian."""

from collections.abc import Sequence

import torch
from torch import Tensor

from searchitect.oneshot.gradients import Loss

STEP = 1e-2
"""Length of the step on either side in the logits, in the finite difference of gradients."""


def dominant_eigenvalue(
    loss: Loss, logits: Sequence[Tensor], *, seed: int = 0, step: float = STEP, rounds: int = 20, tolerance: float = 1e-2
) -> float:
    """The largest one, of upward curvature, by Lanczos's method; negative only where the loss bends upwards in no direction.

    It is the largest and not the one of largest size: at a saddle the latter may be negative, and jumps between the two ends of the spectrum.
    A product with the Hessian is a central difference of two gradients, so that layers need no second derivative of their own. The logits
    are the same, bit for bit, afterwards.

    Args:
        loss: at the present logits; called often, it must draw the same.
        logits: parameters.
        seed: of the first direction.
        step: of the difference.
        rounds: products with the Hessian, at most.
        tolerance: the search ends when an eigenvalue is known to lie within this share of the one found; as a rule it lies much closer.
    """
    generator = torch.Generator().manual_seed(seed)
    direction = torch.cat([torch.randn(values.shape, generator=generator).flatten() for values in logits]).double()
    directions = torch.empty(0, len(direction), dtype=torch.float64)
    products = directions.clone()
    found = 0.0
    for _ in range(min(rounds, len(direction))):
        directions = torch.cat([directions, (direction / direction.norm())[None]])
        products = torch.cat([products, _hessian_product(loss, logits, directions[-1], step)[None]])
        within = directions @ products.T
        values, vectors = torch.linalg.eigh((within + within.T) / 2)
        found = float(values[-1])
        rest = vectors[:, -1] @ products - values[-1] * (vectors[:, -1] @ directions)
        direction = products[-1]
        for _ in range(2):  # once leaves what rounding leaves
            direction = direction - directions.T @ (directions @ direction)
        if rest.norm() <= tolerance * abs(found) or direction.norm() <= 1e-9 * products[-1].norm():
            break
    return found


def _hessian_product(loss: Loss, logits: Sequence[Tensor], direction: Tensor, step: float) -> Tensor:
    """Of one direction [all logits] in float64 on the CPU; so is the product."""
    kept = [values.detach().clone() for values in logits]
    parts = torch.split(direction, [values.numel() for values in logits])
    towards = [part.reshape(values.shape).to(values) for part, values in zip(parts, logits, strict=True)]
    sides = []
    for sign in (1.0, -1.0):
        with torch.no_grad():
            for values, before, way in zip(logits, kept, towards, strict=True):
                values.copy_(before).add_(way, alpha=sign * step)
        slopes = torch.autograd.grad(loss(), list(logits), materialize_grads=True, allow_unused=True)
        sides.append(torch.cat([slope.flatten() for slope in slopes]).double().cpu())
    with torch.no_grad():
        for values, before in zip(logits, kept, strict=True):
            values.copy_(before)
    return (sides[0] - sides[1]) / (2 * step)
