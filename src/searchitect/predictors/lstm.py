"""A recurrent network over the sequence of decisions: it scores sequences of any length, longer ones than it has seen too.

Liu, Zoph, Neumann, Shlens, Hua, Li, Fei-Fei, Yuille, Huang, Murphy 2018, "Progressive Neural Architecture Search",
https://arxiv.org/abs/1712.00559, section 4.3: embeddings of 100, an LSTM with 100 units, a sigmoid, the L1 loss; an ensemble of five, each
fitted to four fifths of the data.

Differs from the paper:
1. Scores are moved to [0.1, 0.9] for the sigmoid; the paper predicts accuracies as they are.
2. The paper gives no number of epochs: 60 here, with Adam's rate falling from 0.01 to nothing.
3. The embedding is of tokens (`searchitect.predictors.encodings`), for any space. For PNAS they are those of the paper, but that the two
   inputs of a block have each their own embedding, and the two operations as well.
"""

from collections.abc import Sequence
from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings import PADDING, TokenEncoding
from searchitect.predictors.ensembles import Ensemble, constant, uniform
from searchitect.predictors.predictor import Predictor, check_settings

_SHARE: Final = 0.8


class Lstm(Predictor):
    """Mean and deviation over recurrent networks.

    Args:
        space: that the architectures are of.
        seed: of weights, batches and each network's part of the data.
        members: networks in the ensemble. At least 1.
        units: of the LSTM, and of the embedding. At least 1.
        epochs: passes over the data. At least 1.
        batch: architectures in a step. At least 1.
        rate: of Adam at the start, above 0.
    """

    summary: ClassVar[str] = "ensemble of LSTMs over the decisions (PNAS, Liu et al. 2018)"

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
        self._units = units
        self._ensemble = Ensemble(
            self._initial, recur, members=members, epochs=epochs, batch=batch, rate=rate, share=_SHARE, is_bounded=True
        )

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        self._ensemble.fit([self._tokens(architectures)], targets, self.seed)

    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self._ensemble.guess([self._tokens(architectures)])

    def _initial(self, generators: Sequence[Generator], wanted: Tensor) -> list[Tensor]:
        units, bound = self._units, self._units**-0.5
        gates = constant(len(generators), 1, 4 * units)
        gates.data[:, :, units : 2 * units] = 1  # forget nothing at first: Jozefowicz et al. 2015
        return [
            uniform(generators, len(self.encoding.vocabulary), units, bound=0.1),
            uniform(generators, units, 4 * units, bound=bound),
            uniform(generators, units, 4 * units, bound=bound),
            gates,
            uniform(generators, units, 1, bound=bound),
            constant(len(generators), 1, 1, value=float(torch.logit(wanted.mean()))),
        ]

    def _tokens(self, architectures: list[Architecture]) -> Tensor:
        return torch.from_numpy(self.encoding(architectures)).long()


def recur(weights: Sequence[Tensor], tokens: Tensor) -> Tensor:
    """The scores in (0, 1), [members, n], of sequences [members, n, longest]; the padding at their ends changes nothing.

    Args:
        weights: embedding, matrices of the input and of the state, bias, matrix and bias of the score.
        tokens: whole numbers, 0 at the end of the shorter ones.
    """
    embedding, of_input, of_state, bias, of_score, shift = weights
    table = torch.baddbmm(bias, embedding, of_input)  # what each token adds to the gates: [members, vocabulary, 4 units]
    member = torch.arange(len(tokens))[:, None]
    state = cell = table.new_zeros(len(tokens), tokens.shape[1], of_state.shape[1])
    for column in tokens.unbind(dim=2):
        is_there = (column != PADDING)[:, :, None]
        if not is_there.any():
            break
        opened, forgotten, given, new = torch.baddbmm(table[member, column], state, of_state).chunk(4, dim=2)
        next_cell = torch.sigmoid(forgotten) * cell + torch.sigmoid(opened) * torch.tanh(new)
        next_state = torch.sigmoid(given) * torch.tanh(next_cell)
        cell, state = torch.where(is_there, next_cell, cell), torch.where(is_there, next_state, state)
    return torch.sigmoid(torch.baddbmm(shift, state, of_score))[:, :, 0]
