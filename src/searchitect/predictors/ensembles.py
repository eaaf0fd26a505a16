"""What networks trained side by side share: initial weights, the part of the data that each sees, the training loop.

Every parameter has the members as its first dimension, so that one matrix product serves all of them. Each member has a generator of its own.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from searchitect.core.errors import SettingError


def make_generators(seed: int, members: int) -> list[Generator]:
    """One generator per member; different seeds have different ones."""
    return [torch.Generator().manual_seed((seed * members + member) % 2**63) for member in range(members)]


def uniform(generators: Sequence[Generator], *shape: int, bound: float | None = None) -> Tensor:
    """A parameter [members, *shape], uniform in [-bound, bound]; ``None``: after Glorot, for a matrix [inputs, outputs]."""
    width = math.sqrt(6 / (shape[-2] + shape[-1])) if bound is None else bound
    drawn = [torch.empty(*shape).uniform_(-width, width, generator=generator) for generator in generators]
    return torch.stack(drawn).requires_grad_()


def constant(members: int, *shape: int, value: float = 0.0) -> Tensor:
    """A parameter [members, *shape] of one value."""
    return torch.full((members, *shape), value).requires_grad_()


def parts(generators: Sequence[Generator], count: int, share: float = 1.0) -> Tensor:
    """Which of ``count`` examples each member sees: [members, round up (share * count)], drawn without replacement."""
    kept = max(1, math.ceil(share * count))
    return torch.stack([torch.randperm(count, generator=generator)[:kept] for generator in generators])


def train(
    parameters: Sequence[Tensor],
    loss: Callable[[Tensor], Tensor],
    places: Tensor,
    generators: Sequence[Generator],
    epochs: int,
    batch: int,
    rate: float,
) -> None:
    """Adam on the sum of the members' losses, which share no parameter: each is trained as if it were alone.

    Args:
        parameters: of all members.
        loss: of a batch, [members, examples] of places in the data; the sum over members of the mean over examples.
        places: [members, n] that each member sees, once per epoch.
        generators: that shuffle them.
        epochs: passes over the data.
        batch: examples in a step.
        rate: of Adam at the start; it falls to nothing along half a cosine.
    """
    optimizer = torch.optim.Adam(parameters, lr=rate)
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group["lr"] = rate * (1 + math.cos(math.pi * epoch / epochs)) / 2
        orders = torch.stack([torch.randperm(places.shape[1], generator=generator) for generator in generators])
        shuffled = places.gather(1, orders)
        for first in range(0, places.shape[1], batch):
            optimizer.zero_grad()
            loss(shuffled[:, first : first + batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()


def pieces(tensor: Tensor, size: int) -> list[Tensor]:
    """Along the first dimension, ``size`` at a time: what is predicted at once, so that memory stays bounded."""
    return [tensor[first : first + size] for first in range(0, len(tensor), size)]


def check_settings(rate: float, **counts: int) -> None:
    """Raises `SettingError` for a rate that is not above 0, and for a count below 1."""
    for name, value in counts.items():
        if value < 1:
            raise SettingError(f"{name} must be at least 1, got {value}")
    if not rate > 0:
        raise SettingError(f"rate must be above 0, got {rate}; usual are 0.001 to 0.01")


def between_tenths(targets: Tensor) -> tuple[Tensor, float, float]:
    """Targets moved to [0.1, 0.9], where a sigmoid is at home, with the shift and the unit that lead back: target * unit + shift."""
    low, high = float(targets.min()), float(targets.max())
    unit = (high - low) / 0.8 or 1.0
    shift = low - 0.1 * unit if high > low else low - 0.5
    return (targets - shift) / unit, shift, unit
