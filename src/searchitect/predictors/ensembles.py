"""Networks trained side by side: whoever has initial weights and a forward pass has an `Ensemble` that learns and predicts.

Every parameter has the members as its first dimension, so that one matrix product serves all of them. Each member has a generator of its own.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from searchitect.predictors.predictor import check_settings

_AT_ONCE: Final = 512
"""So many architectures are predicted at once: memory stays bounded."""


@final
class Ensemble:
    """Networks that differ in their initial weights, the order of their batches and, with a share below 1, their part of the data.

    Args:
        initial: the weights of all members, `uniform` and `constant` ones, from a generator for each and the scores to learn [n].
        forward: the scores [members, n], from the weights and each of the inputs [members, n, ...].
        members: networks, at least 1.
        epochs: passes over the data, at least 1.
        batch: examples in a step, at least 1.
        rate: of Adam at the start, above 0.
        share: of the data that each member sees.
        is_bounded: whether the scores come from a sigmoid. They are then learned in [0.1, 0.9], with the mean absolute error; else as
            they are, with the mean squared error.
    """

    def __init__(
        self,
        initial: Callable[[Sequence[Generator], Tensor], list[Tensor]],
        forward: Callable[..., Tensor],
        *,
        members: int,
        epochs: int,
        batch: int,
        rate: float,
        share: float = 1.0,
        is_bounded: bool = False,
    ) -> None:
        check_settings(rate, members=members, epochs=epochs, batch=batch)
        self.initial, self.forward, self.members, self.epochs = initial, forward, members, epochs
        self.batch, self.rate, self.share, self.is_bounded = batch, rate, share, is_bounded
        self.weights: list[Tensor] = []
        self._back = (0.0, 1.0)

    def fit(self, inputs: Sequence[Tensor], targets: NDArray[np.float64], seed: int) -> None:
        """Train anew, on inputs [n, ...] each and targets [n]."""
        wanted = torch.from_numpy(targets).float()
        if self.is_bounded:
            wanted, *back = between_tenths(wanted)
            self._back = back[0], back[1]
        generators = make_generators(seed, self.members)
        self.weights = self.initial(generators, wanted)

        def loss(places: Tensor) -> Tensor:
            errors = self.forward(self.weights, *(some[places] for some in inputs)) - wanted[places]
            return (errors.abs() if self.is_bounded else errors**2).mean(dim=1).sum()

        places = parts(generators, len(wanted), self.share)
        train(self.weights, loss, places, generators, self.epochs, self.batch, self.rate)

    @torch.no_grad()
    def guess(self, inputs: Sequence[Tensor]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation over the members, [n] both, of inputs [n, ...] each."""
        pieces = zip(*(torch.split(some, _AT_ONCE) for some in inputs), strict=True)
        found = [self.forward(self.weights, *(part.expand(self.members, *part.shape) for part in piece)) for piece in pieces]
        guesses = torch.cat(found, dim=1).double().numpy() * self._back[1] + self._back[0]
        return guesses.mean(axis=0), guesses.std(axis=0)


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


def between_tenths(targets: Tensor) -> tuple[Tensor, float, float]:
    """Targets moved to [0.1, 0.9], where a sigmoid is at home, with the shift and the unit that lead back: target * unit + shift."""
    low, high = float(targets.min()), float(targets.max())
    unit = (high - low) / 0.8 or 1.0
    shift = low - 0.1 * unit if high > low else low - 0.5
    return (targets - shift) / unit, shift, unit
