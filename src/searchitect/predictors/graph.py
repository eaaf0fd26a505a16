"""A network on the graphs of a spec: nodes exchange messages along the edges, both ways, and their mean is scored.

Wen, Liu, Chen, Li, Bender, Kindermans 2020, "Neural Predictor for Neural Architecture Search", https://arxiv.org/abs/1912.00848, section 3.2:
graph convolutions that average over the directions of the edges, the mean over nodes, a linear score. Sums of neighbours with weights of their own
for the node itself are those of Xu, Hu, Leskovec, Jegelka 2019, "How Powerful are Graph Neural Networks?", https://arxiv.org/abs/1810.00826.

Differs from the papers:
1. Neighbours before and after a node have weights of their own, instead of one average.
2. An ensemble of three gives the deviation; the papers predict no deviation.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.predictors.encodings import GraphEncoding, make_encoding
from searchitect.predictors.ensembles import Ensemble, constant, uniform
from searchitect.predictors.predictor import Predictor, check_settings


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
        check_settings(layers=layers, units=units)
        encoding = make_encoding("graph", space)
        if not isinstance(encoding, GraphEncoding):
            raise SpaceError(f"the space {space.name!r} has no encoding 'graph'")
        self.encoding = encoding
        self._layers, self._units = layers, units
        self._ensemble = Ensemble(self._initial, self._score, members=members, epochs=epochs, batch=batch, rate=rate)

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._ensemble.fit(self._graphs(architectures), targets, self.seed)

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._ensemble.guess(self._graphs(architectures))

    def _initial(self, generators: Sequence[Generator], _: Tensor) -> list[Tensor]:
        widths = [self.encoding.features, *[self._units] * (self._layers - 1)]
        return [
            *(uniform(generators, 3 * width, self._units) for width in widths),
            *(constant(len(generators), 1, self._units) for _ in widths),
            uniform(generators, self._units, 1),
            constant(len(generators), 1, 1),
        ]

    def _graphs(self, architectures: list[Architecture]) -> tuple[Tensor, Tensor]:
        features, edges = self.encoding.unpack(self.encoding(architectures))
        return torch.from_numpy(features).float(), torch.from_numpy(edges).float()

    def _score(self, weights: Sequence[Tensor], features: Tensor, edges: Tensor) -> Tensor:
        """[members, n] of features [members, n, nodes, features] and edges [members, n, nodes, nodes]."""
        is_there = features.any(dim=3, keepdim=True)
        members, count, nodes, _ = features.shape
        values = features
        for matrix, bias in zip(weights[: self._layers], weights[self._layers : -2], strict=True):
            heard = torch.cat([values, edges @ values, edges.transpose(2, 3) @ values], dim=3)
            found = torch.baddbmm(bias, heard.reshape(members, count * nodes, -1), matrix)
            values = torch.relu(found).view(members, count, nodes, -1) * is_there
        mean = values.sum(dim=2) / is_there.sum(dim=2).clamp(min=1)
        return torch.baddbmm(weights[-1], mean, weights[-2])[:, :, 0]
