"""A perceptron on embeddings that are averaged over blocks: it scores architectures of any number of blocks.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, "Progressive Neural Architecture Search",
https://arxiv.org/abs/1712.00559, section 4.3, the second surrogate: each token is embedded (100), the embeddings are averaged over the blocks
for each of the four positions in a block, and two layers of 100 units follow; ensemble and loss as with the LSTM.

Differs from the paper:
1. A position is a pattern of paths that differ in indices alone ("normal/*/first/op"), so that it fits any space.
2. Scores are moved to [0.1, 0.9] for the sigmoid, and there are 60 epochs, with Adam's rate falling from 0.01 to nothing; the paper gives no number.

It does not see in which block a decision was made, by construction: the order of the blocks is no matter to it.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings import UNKNOWN, TokenEncoding
from searchitect.predictors.ensembles import Ensemble, constant, uniform
from searchitect.predictors.predictor import Predictor, check_settings

_SHARE: Final = 0.8


class MlpMean(Predictor):
    """Mean and deviation over perceptrons on averaged embeddings.

    Args:
        space: that the architectures are of.
        seed: of weights, batches and each network's part of the data.
        members: networks in the ensemble. At least 1.
        units: of both layers, and of the embedding. At least 1.
        epochs: passes over the data. At least 1.
        batch: architectures in a step. At least 1.
        rate: of Adam at the start, above 0.
    """

    summary: ClassVar[str] = "ensemble of perceptrons on embeddings averaged over blocks (PNAS, Liu et al. 2018)"

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 5,
        units: int = 100,
        epochs: int = 60,
        batch: int = 32,
        rate: float = 0.01,
    ) -> None:
        super().__init__(space, seed=seed)
        check_settings(units=units)
        self.encoding = TokenEncoding(space)
        patterns = self.encoding.patterns
        self._positions = [
            torch.from_numpy(np.flatnonzero(patterns == pattern)) for pattern in range(1, int(patterns.max()) + 1)
        ]
        self._units = units
        self._ensemble = Ensemble(
            self._initial, self._score, members=members, epochs=epochs, batch=batch, rate=rate, share=_SHARE, is_bounded=True
        )

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._ensemble.fit([self._shares(architectures)], targets, self.seed)

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._ensemble.guess([self._shares(architectures)])

    def _initial(self, generators: Sequence[Generator], wanted: Tensor) -> list[Tensor]:
        units, members = self._units, len(generators)
        return [
            uniform(generators, len(self.encoding.vocabulary), units, bound=1.0),
            uniform(generators, max(1, len(self._positions)) * units, units),
            constant(members, 1, units),
            uniform(generators, units, units),
            constant(members, 1, units),
            uniform(generators, units, 1),
            constant(members, 1, 1, value=float(torch.logit(wanted.mean()))),
        ]

    def _shares(self, architectures: list[Architecture]) -> Tensor:
        """[n, vocabulary]: which share of the tokens of its position each token has. Embeddings weighed by it are their mean."""
        tokens = self.encoding(architectures).astype(np.int64)
        counts = np.zeros((len(tokens), len(self.encoding.vocabulary)))
        np.add.at(counts, (np.arange(len(tokens))[:, None], tokens), 1)
        counts[:, : UNKNOWN + 1] = 0
        for position in self._positions:
            counts[:, position] /= np.maximum(counts[:, position].sum(axis=1, keepdims=True), 1)
        return torch.from_numpy(counts).float()

    def _score(self, weights: Sequence[Tensor], shares: Tensor) -> Tensor:
        """[members, n] of [members, n, vocabulary]."""
        embedding, *layers = weights
        means = [torch.bmm(shares[:, :, position], embedding[:, position]) for position in self._positions]
        values = torch.cat(means, dim=2) if means else shares.new_zeros(*shares.shape[:2], self._units)
        for matrix, bias in zip(layers[:-2:2], layers[1:-2:2], strict=True):
            values = torch.relu(torch.baddbmm(bias, values, matrix))
        return torch.sigmoid(torch.baddbmm(layers[-1], values, layers[-2]))[:, :, 0]
