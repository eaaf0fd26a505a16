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

from typing import ClassVar, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.predictors.encodings import PADDING, TokenEncoding
from searchitect.predictors.ensembles import (
    between_tenths,
    check_settings,
    constant,
    make_generators,
    parts,
    pieces,
    train,
    uniform,
)
from searchitect.predictors.predictor import Predictor

_SHARE: Final = 0.8
_AT_ONCE: Final = 1024


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
        check_settings(rate, members=members, units=units, epochs=epochs, batch=batch)
        self.members, self.units, self.epochs, self.batch, self.rate = members, units, epochs, batch, rate
        self.encoding = TokenEncoding(space)
        self._weights: list[Tensor] = []
        self._back = (0.0, 1.0)

    def _train(self, architectures: list[Architecture], targets: NDArray[np.float64]) -> None:
        tokens = self._tokens(architectures)
        wanted, *back = between_tenths(torch.from_numpy(targets).float())
        self._back = back[0], back[1]
        generators = make_generators(self.seed, self.members)
        bound = self.units**-0.5
        gates = constant(self.members, 1, 4 * self.units)
        gates.data[:, :, self.units : 2 * self.units] = 1  # forget nothing at first: Jozefowicz et al. 2015
        self._weights = [
            uniform(generators, len(self.encoding.vocabulary), self.units, bound=0.1),
            uniform(generators, self.units, 4 * self.units, bound=bound),
            uniform(generators, self.units, 4 * self.units, bound=bound),
            gates,
            uniform(generators, self.units, 1, bound=bound),
            constant(self.members, 1, 1, value=float(torch.logit(wanted.mean()))),
        ]
        train(
            self._weights,
            lambda places: (recur(self._weights, tokens[places]) - wanted[places]).abs().mean(dim=1).sum(),
            parts(generators, len(targets), _SHARE),
            generators,
            self.epochs,
            self.batch,
            self.rate,
        )

    @torch.no_grad()
    def _guess(self, architectures: list[Architecture]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        tokens = self._tokens(architectures)
        found = [recur(self._weights, some.expand(self.members, -1, -1)) for some in pieces(tokens, _AT_ONCE)]
        guesses = torch.cat(found, dim=1).double().numpy() * self._back[1] + self._back[0]
        return guesses.mean(axis=0), guesses.std(axis=0)

    def _tokens(self, architectures: list[Architecture]) -> Tensor:
        return torch.from_numpy(self.encoding(architectures)).long()


def recur(weights: list[Tensor], tokens: Tensor) -> Tensor:
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
