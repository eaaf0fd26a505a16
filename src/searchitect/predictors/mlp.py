"""An ensemble of multilayer perceptrons, trained at once.

White, Neiswanger, Savani 2021, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search",
https://arxiv.org/abs/1910.11858, section 4, and the authors' code (naszilla): five networks of ten layers with 20 units, Adam with rate
0.01, 150 epochs, batches of 32, mean absolute error.

Differs from the paper:
1. The error is of standardised scores; the paper also has one that weighs good architectures more.
2. The networks' equal layers are one batched matrix product, and the gradient is written out: that is five times quicker than one network
   after another.
"""

import itertools
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings import make_encoding, usual_encoding
from searchitect.predictors.ensembles import check_settings
from searchitect.predictors.predictor import Predictor


class MlpEnsemble(Predictor):
    """Mean and deviation over perceptrons that differ in their initial weights and the order of their batches.

    Args:
        space: that the architectures are of.
        seed: of weights and batches.
        members: networks in the ensemble. At least 1.
        layers: of each, hidden ones. At least 1.
        units: of each layer. At least 1.
        epochs: passes over the data. At least 1.
        batch: architectures in a step. At least 1.
        rate: of Adam, above 0.
        encoding: see `searchitect.predictors.encodings`; ``None``: ``path`` where the specs hold graphs, else ``one-hot``.
    """

    summary: ClassVar[str] = "ensemble of multilayer perceptrons on an encoding (BANANAS, White et al. 2021)"

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 5,
        layers: int = 10,
        units: int = 20,
        epochs: int = 150,
        batch: int = 32,
        rate: float = 0.01,
        encoding: str | None = None,
    ) -> None:
        super().__init__(space, seed=seed)
        check_settings(rate, members=members, layers=layers, units=units, epochs=epochs, batch=batch)
        self.members, self.layers, self.units = members, layers, units
        self.epochs, self.batch, self.rate = epochs, batch, rate
        self.encoding = make_encoding(encoding or usual_encoding(space), space)
        self._weights: list[Tensor] = []

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._weights = train_perceptrons(
            torch.from_numpy(self.encoding(architectures)).float(),
            torch.from_numpy(targets).float(),
            [self.seed * self.members + member for member in range(self.members)],
            [self.units] * self.layers,
            self.epochs,
            self.batch,
            self.rate,
        )

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        inputs = torch.from_numpy(self.encoding(architectures)).float()
        with torch.no_grad():
            guesses = perceive(self._weights, inputs.expand(self.members, -1, -1))[-1][:, :, 0].double().numpy()
        return guesses.mean(axis=0), guesses.std(axis=0)


def perceive(weights: Sequence[Tensor], inputs: Tensor) -> list[Tensor]:
    """The inputs, then what each layer gives: [members, n, units], the last one [members, n, 1].

    Args:
        weights: of each layer in turn its matrix [members, inputs, units] and its bias [members, 1, units].
        inputs: [members, n, inputs].
    """
    values = [inputs]
    for layer in range(0, len(weights), 2):
        found = torch.baddbmm(weights[layer + 1], values[-1], weights[layer])
        values.append(found if layer + 2 == len(weights) else found.relu_())
    return values


@torch.no_grad()
def train_perceptrons(
    inputs: Tensor, targets: Tensor, seeds: Sequence[int], units: Sequence[int], epochs: int, batch: int, rate: float
) -> list[Tensor]:
    """Perceptrons with ReLUs, one for each seed, trained by Adam on the mean absolute error. See `perceive` for what is given back.

    Args:
        inputs: [n, d].
        targets: [n].
        seeds: of initial weights (uniform after Glorot) and batches. Equal seeds give equal networks.
        units: of the hidden layers.
        epochs: passes over the data.
        batch: size of a step.
        rate: of Adam.
    """
    sizes = [inputs.shape[1], *units, 1]
    shapes = [(len(seeds), rows, fan_out) for fan_in, fan_out in itertools.pairwise(sizes) for rows in (fan_in, 1)]
    flat = torch.zeros(sum(map(math.prod, shapes)))
    slopes = torch.zeros_like(flat)
    weights, gradients = _views(flat, shapes), _views(slopes, shapes)
    generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
    for matrix in weights[::2]:
        bound = math.sqrt(6 / (matrix.shape[1] + matrix.shape[2]))
        for member, generator in zip(matrix, generators, strict=True):
            member.uniform_(-bound, bound, generator=generator)
    turned = [matrix.transpose(1, 2) for matrix in weights]  # views: they follow the weights
    mean, square, root = torch.zeros_like(flat), torch.zeros_like(flat), torch.zeros_like(flat)
    step = 0
    for _ in range(epochs):
        orders = torch.stack([torch.randperm(len(targets), generator=generator) for generator in generators])
        shuffled, wanted = inputs[orders], targets[orders][:, :, None]
        for first in range(0, len(targets), batch):
            _backward(weights, turned, gradients, shuffled[:, first : first + batch], wanted[:, first : first + batch])
            step += 1
            mean.lerp_(slopes, 0.1)  # Adam: Kingma, Ba 2015, the form at the end of section 2
            square.mul_(0.999).addcmul_(slopes, slopes, value=0.001)
            torch.sqrt(square, out=root).add_(1e-8)
            flat.addcdiv_(mean, root, value=-rate * math.sqrt(1 - 0.999**step) / (1 - 0.9**step))
    return weights


def _views(flat: Tensor, shapes: Sequence[tuple[int, int, int]]) -> list[Tensor]:
    ends = itertools.accumulate(map(math.prod, shapes))
    return [flat[end - math.prod(shape) : end].view(shape) for end, shape in zip(ends, shapes, strict=True)]


def _backward(
    weights: Sequence[Tensor], turned: Sequence[Tensor], gradients: Sequence[Tensor], inputs: Tensor, targets: Tensor
) -> None:
    """Write the gradient of each member's mean absolute error. ``turned`` are the transposed weights."""
    values = perceive(weights, inputs)
    slope = (values[-1] - targets).sign_().div_(targets.shape[1])
    for layer in reversed(range(len(values) - 1)):
        torch.bmm(values[layer].transpose(1, 2), slope, out=gradients[2 * layer])
        torch.sum(slope, 1, keepdim=True, out=gradients[2 * layer + 1])
        if layer:
            slope = torch.ops.aten.threshold_backward(torch.bmm(slope, turned[2 * layer]), values[layer], 0)
