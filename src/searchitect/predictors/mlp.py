"""An ensemble of multilayer perceptrons, trained at once.

White, Neiswanger, Savani 2021, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search",
https://arxiv.org/abs/1910.11858, section 4, and the authors' code (naszilla): five networks of ten layers with 20 units, Adam with rate
0.01, 150 epochs, batches of 32, mean absolute error.

Differs from the paper:
1. The error is of standardised scores; the paper also has one that weighs good architectures more.
2. The networks' equal layers are one product of stacked matrices, and the gradient is written out. The matrices are so small that NumPy, which
   adds the least to each product, is twice as fast as PyTorch.
"""

import itertools
import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings import make_encoding, usual_encoding
from searchitect.predictors.predictor import Predictor, check_settings

Numbers = NDArray[np.float32]


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
        self._weights: list[Numbers] = []

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._weights = train_perceptrons(
            self.encoding(architectures).astype(np.float32),
            targets.astype(np.float32),
            [self.seed * self.members + member for member in range(self.members)],
            [self.units] * self.layers,
            self.epochs,
            self.batch,
            self.rate,
        )

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        guesses = perceive(self._weights, self.encoding(architectures).astype(np.float32)).astype(np.float64)
        return guesses.mean(axis=0), guesses.std(axis=0)


def perceive(weights: Sequence[Numbers], inputs: Numbers) -> Numbers:
    """What each member gives: [members, n].

    Args:
        weights: of each layer, [members, outputs, inputs + 1], the bias last.
        inputs: [n, d], the same for all members.
    """
    values = inputs.T
    for layer in weights[:-1]:
        values = np.maximum(layer[:, :, :-1] @ values + layer[:, :, -1:], 0)
    found: Numbers = (weights[-1][:, :, :-1] @ values + weights[-1][:, :, -1:])[:, 0]
    return found


def train_perceptrons(
    inputs: Numbers, targets: Numbers, seeds: Sequence[int], units: Sequence[int], epochs: int, batch: int, rate: float
) -> list[Numbers]:
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
    generators = [np.random.default_rng(seed % 2**63) for seed in seeds]
    shapes = [(len(seeds), outputs, given + 1) for given, outputs in itertools.pairwise([inputs.shape[1], *units, 1])]
    flat = np.zeros(sum(map(math.prod, shapes)), np.float32)
    slopes, mean, square, change = (np.zeros_like(flat) for _ in range(4))
    weights, gradients = _views(flat, shapes), _views(slopes, shapes)
    for layer in weights:
        bound = math.sqrt(6 / (layer.shape[1] + layer.shape[2] - 1))
        for member, generator in zip(layer[:, :, :-1], generators, strict=True):
            member[:] = generator.uniform(-bound, bound, member.shape)
    rows = np.concatenate([inputs, np.ones((len(inputs), 1), np.float32)], axis=1)
    full, last = min(batch, len(rows)), (len(rows) - 1) % batch + 1
    rooms = {size: [np.ones((width + 1, len(seeds), size), np.float32) for width in units] for size in {full, last}}
    zeros = np.zeros((max(units), len(seeds), full), np.float32)
    step = 0
    for _ in range(epochs):
        orders = np.stack([generator.permutation(len(rows)) for generator in generators])
        shuffled, wanted = rows[orders], targets[orders]
        for first in range(0, len(rows), batch):
            some = shuffled[:, first : first + batch]
            _backward(weights, gradients, rooms[some.shape[1]], zeros, some, wanted[:, first : first + batch])
            step += 1
            # Adam: Kingma, Ba 2015, the form at the end of section 2; ``mean`` is 10 times and ``square`` 1000 times what is there
            mean *= 0.9
            mean += slopes
            square *= 0.999
            square += np.square(slopes, out=slopes)
            np.sqrt(square, out=change)
            change += 1e-8 * math.sqrt(1000)
            np.divide(mean, change, out=change)
            change *= rate * math.sqrt(1000) / 10 * math.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            flat -= change
    return weights


def _views(flat: Numbers, shapes: Sequence[tuple[int, int, int]]) -> list[Numbers]:
    ends = itertools.accumulate(map(math.prod, shapes))
    return [flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, shapes, strict=True)]


def _backward(
    weights: Sequence[Numbers],
    gradients: Sequence[Numbers],
    rooms: Sequence[Numbers],
    zeros: Numbers,
    inputs: Numbers,
    targets: Numbers,
) -> None:
    """Write the gradient of each member's mean absolute error.

    Args:
        weights: see `perceive`.
        gradients: in their shapes.
        rooms: for what each hidden layer gives, [units + 1, members, n]; the last row is 1 and stays so. Units come first, so that all that is
            done besides the products runs along contiguous memory.
        zeros: at least as large as the rooms without that row: a maximum with them is taken faster than one with a single 0.
        inputs: [members, n, d + 1], the last column 1.
        targets: [members, n].
    """
    given = [inputs.swapaxes(1, 2), *(room.swapaxes(0, 1) for room in rooms)]  # [members, units + 1, n]
    for weight, values, room in zip(weights, given, rooms, strict=False):
        found = room[:-1]
        np.matmul(weight, values, out=found.swapaxes(0, 1))
        np.maximum(found, zeros[: len(found), :, : found.shape[2]], out=found)
    slope = np.sign(weights[-1] @ given[-1] - targets[:, None]) / np.float32(targets.shape[1])
    for layer in reversed(range(len(weights))):
        np.matmul(slope, given[layer].swapaxes(1, 2), out=gradients[layer])
        if layer:
            values = rooms[layer - 1][:-1]
            behind = np.empty_like(values)
            slope = np.matmul(weights[layer][:, :, :-1].swapaxes(1, 2), slope, out=behind.swapaxes(0, 1))
            behind *= values > 0
