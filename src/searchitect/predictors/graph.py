"""A network on the graphs of a spec: nodes exchange messages along the edges, both ways, and their mean is scored.

Wen, Liu, Chen, Li, Bender, Kindermans 2020, "Neural Predictor for Neural Architecture Search", https://arxiv.org/abs/1912.00848, section 3.2:
graph convolutions that average over the directions of the edges, the mean over nodes, a linear score. Sums of neighbours with weights of their own
for the node itself are those of Xu, Hu, Leskovec, Jegelka 2019, "How Powerful are Graph Neural Networks?", https://arxiv.org/abs/1810.00826.

Differs from the papers:
1. Neighbours before and after a node have weights of their own, instead of one average.
2. An ensemble of three gives the deviation; the papers predict no deviation.
"""

from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.predictors.encodings import GraphEncoding, make_encoding
from searchitect.predictors.ensembles import check_settings, constant, make_generators, parts, pieces, train, uniform
from searchitect.predictors.predictor import Predictor

_AT_ONCE: Final = 512


class GraphNetwork(Predictor):
    """Mean and deviation over graph networks.

    Args:
        space: that the architectures are of; its specs must hold graphs.
        seed: of weights and batches.
        members: networks in the ensemble. At least 1.
        layers: rounds of messages. At least 1.
        units: of each node. At least 1.
        epochs: passes over the data. At least 1.
        batch: architectures in a step. At least 1.
        rate: of Adam at the start, above 0.
    """

    summary: ClassVar[str] = "ensemble of graph networks on the cells (Wen et al. 2020)"

    def __init__(
        self,
        space: Space,
        *,
        seed: int = 0,
        members: int = 3,
        layers: int = 3,
        units: int = 48,
        epochs: int = 100,
        batch: int = 32,
        rate: float = 0.005,
    ) -> None:
        super().__init__(space, seed=seed)
        check_settings(rate, members=members, layers=layers, units=units, epochs=epochs, batch=batch)
        self.members, self.layers, self.units = members, layers, units
        self.epochs, self.batch, self.rate = epochs, batch, rate
        encoding = make_encoding("graph", space)
        if not isinstance(encoding, GraphEncoding):
            raise SpaceError(f"the space {space.name!r} has no encoding 'graph'")
        self.encoding = encoding
        self._weights: list[Tensor] = []

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        features, edges = self._graphs(architectures)
        wanted = torch.from_numpy(targets).float()
        generators = make_generators(self.seed, self.members)
        widths = [self.encoding.features, *[self.units] * self.layers]
        self._weights = [
            *(uniform(generators, 3 * width, self.units) for width in widths[:-1]),
            *(constant(self.members, 1, self.units) for _ in range(self.layers)),
            uniform(generators, self.units, 1),
            constant(self.members, 1, 1),
        ]
        train(
            self._weights,
            lambda places: ((self._score(features[places], edges[places]) - wanted[places]) ** 2).mean(dim=1).sum(),
            parts(generators, len(targets)),
            generators,
            self.epochs,
            self.batch,
            self.rate,
        )

    @torch.no_grad()
    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        features, edges = self._graphs(architectures)
        pairs = zip(pieces(features, _AT_ONCE), pieces(edges, _AT_ONCE), strict=True)
        found = [self._score(*(part.expand(self.members, -1, -1, -1) for part in pair)) for pair in pairs]
        guesses = torch.cat(found, dim=1).double().numpy()
        return guesses.mean(axis=0), guesses.std(axis=0)

    def _graphs(self, architectures: list[Architecture]) -> tuple[Tensor, Tensor]:
        features, edges = self.encoding.unpack(self.encoding(architectures))
        return torch.from_numpy(features).float(), torch.from_numpy(edges).float()

    def _score(self, features: Tensor, edges: Tensor) -> Tensor:
        """[members, n] of features [members, n, nodes, features] and edges [members, n, nodes, nodes]."""
        is_there = features.any(dim=3, keepdim=True)
        members, count, nodes, _ = features.shape
        values = features
        for matrix, bias in zip(self._weights[: self.layers], self._weights[self.layers : -2], strict=True):
            heard = torch.cat([values, edges @ values, edges.transpose(2, 3) @ values], dim=3)
            found = torch.baddbmm(bias, heard.reshape(members, count * nodes, -1), matrix)
            values = torch.relu(found).view(members, count, nodes, -1) * is_there
        mean = values.sum(dim=2) / is_there.sum(dim=2).clamp(min=1)
        return torch.baddbmm(self._weights[-1], mean, self._weights[-2])[:, :, 0]
