"""Language models around a recurrent cell: embedding, dropout, the loop over time, decoder. Torch only: copied into exports.

The regularisation is that of Merity et al. 2018 (AWD-LSTM, https://arxiv.org/abs/1708.02182) and Gal, Ghahramani 2016
(https://arxiv.org/abs/1512.05287), as the recurrent networks of DARTS and ENAS use it; the shared matrix of embedding and decoder is
Inan et al. 2017 (https://arxiv.org/abs/1611.01462). The highway form of their cells is Zilly et al. 2017
(https://arxiv.org/abs/1607.03474).
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo

CellState: TypeAlias = tuple[Tensor, ...]
"""What a language model carries from segment to segment: of each of its cells (N, cell.state_width)."""


class RecurrentCell(nn.Module):
    """One step in time. Abstract: a cell defines ``forward``.

    Attributes:
        width: numbers per row in its input and in its output.
        state_width: numbers per row that it carries on; the first ``width`` of them are its output.
    """

    def __init__(self, width: int, state_width: int | None = None) -> None:
        super().__init__()
        self.width = width
        self.state_width = width if state_width is None else state_width

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        """(N, width), (N, state_width) -> the new state (N, state_width).

        Args:
            x: the input.
            state: of the step before.
            mask: (N, width), to be multiplied with what the hidden matrices are; ``None``: no dropout.
        """
        raise NotImplementedError


class LanguageModel(nn.Module):
    """Predicts each next token of a text: (N, T) token codes -> (N, T, vocabulary) raw outputs, which softmax makes probabilities.

    ``forward`` begins with a hidden state of zeros. A long text is learned from in segments, with the state carried on
    (truncated backpropagation through time):

        state = None
        for tokens, following in segments:
            logits, state = network.read(tokens, state)
            loss = cross_entropy(logits.flatten(0, 1), following.flatten())
            ...
            state = tuple(part.detach() for part in state)

    Args:
        vocabulary: how many tokens there are.
        cells: from the input upwards, all of one width, which is also the embedding's.
        dropout: rates, see `searchitect.spaces.recurrent`. Each forward pass draws its masks anew and holds them for all steps.
        is_tied: embedding and decoder share their matrix.
        has_bias: the decoder has a bias.
        init_range: matrices are drawn from [-init_range, init_range]; biases begin with 0. ``None``: 0.04, as the authors of DARTS, whose
            cells have 300 units and more; narrower ones, which would hardly begin to learn so, 1 / sqrt(width).
    """

    def __init__(
        self,
        vocabulary: int,
        cells: Sequence[RecurrentCell],
        dropout: Mapping[str, float],
        is_tied: bool = True,
        has_bias: bool = True,
        init_range: float | None = None,
    ) -> None:
        super().__init__()
        width = cells[0].width
        spread = init_range if init_range is not None else 0.04 if width >= 300 else width**-0.5
        self.embedding = nn.Embedding(vocabulary, width)
        self.cells = nn.ModuleList(cells)
        self.decoder = nn.Linear(cells[-1].width, vocabulary, bias=has_bias)
        self.dropout = dict(dropout)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.uniform_(module.weight, -spread, spread)
        if has_bias:
            nn.init.zeros_(self.decoder.bias)
        if is_tied:
            self.decoder.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T) whole numbers below the vocabulary's size, of any type -> (N, T, vocabulary)."""
        return self.read(tokens)[0]

    def read(self, tokens: Tensor, state: CellState | None = None) -> tuple[Tensor, CellState]:
        """Raw outputs (N, T, vocabulary) and the state after the last token.

        Args:
            tokens: (N, T).
            state: after the token before them; ``None``: zeros.
        """
        hidden, state = self.hidden_states(tokens, state)
        rate = self.dropout["output"] if self.training else 0.0
        logits: Tensor = self.decoder(hidden if rate == 0 else hidden * locked_mask(hidden[:, :1], rate))
        return logits, state

    def hidden_states(self, tokens: Tensor, state: CellState | None = None) -> tuple[Tensor, CellState]:
        """The last cell's outputs (N, T, width), before dropout, and the state after the last token."""
        rates = self.dropout if self.training else dict.fromkeys(self.dropout, 0.0)
        x = self._embed(tokens.long(), rates)
        after = []
        for place, cell in enumerate(self.cells):
            assert isinstance(cell, RecurrentCell)
            if rates["input"] > 0:
                x = x * locked_mask(x[:, :1], rates["input"])
            mask = locked_mask(x[:, 0], rates["hidden"]) if rates["hidden"] > 0 else None
            now = x.new_zeros(x.shape[0], cell.state_width) if state is None else state[place]
            outputs = []
            for step in range(x.shape[1]):
                now = cell(x[:, step], now, mask)
                outputs.append(now[:, : cell.width])
            after.append(now)
            x = torch.stack(outputs, 1)
        return x, tuple(after)

    def _embed(self, tokens: Tensor, rates: Mapping[str, float]) -> Tensor:
        """(N, T) -> (N, T, width)."""
        x: Tensor = self.embedding(tokens)
        if rates["words"] > 0:  # one draw per word of the vocabulary: a word is left out wherever it stands
            words = locked_mask(self.embedding.weight[:, :1], rates["words"])
            x = x * nn.functional.embedding(tokens, words)
        if rates["embedding"] > 0:
            x = x * locked_mask(x[:, :1], rates["embedding"])
        return x


def locked_mask(like: Tensor, rate: float) -> Tensor:
    """Of the shape of ``like``: 0 with the probability ``rate``, else 1 / (1 - rate)."""
    return (torch.rand_like(like) >= rate).to(like.dtype) / (1 - rate)


def check_text(info: TaskInfo, what: str) -> None:
    """Raise `SpaceError` where the task is not one of predicting tokens."""
    if info.kind != "language-modelling" or len(info.input_shape) != 1:
        raise SpaceError(
            f"{what} predicts the next token of texts (tokens,), but {info.name!r} is of the kind {info.kind} with inputs "
            f"{info.input_shape}"
        )


# --- highway cells ---------------------------------------------------------------------------------------------------

MaskedState: TypeAlias = tuple[Tensor, Tensor]
"""A state of a cell, and what matrices are multiplied with: the same after dropout."""


class HighwayEdge(nn.Module):
    """From one of the states so far to a node: gate and candidate by a matrix, then the update of the state.

    Args:
        source: the state read.
        product: (N, inputs) -> (N, 2 * width): first the gate, then the candidate, both before their activation.
        update: (state, gate, candidate) -> new state: `HighwayUpdate`, or a mixed layer of several.
    """

    def __init__(self, source: int, product: nn.Module, update: nn.Module) -> None:
        super().__init__()
        self.source = source
        self.product = product
        self.update = update

    def forward(self, states: Sequence[MaskedState]) -> Tensor:
        """The states so far -> (N, width)."""
        state, masked = states[self.source]
        gate, candidate = self.product(masked).chunk(2, -1)
        y: Tensor = self.update((state, torch.sigmoid(gate), candidate))
        return y


class HighwayUpdate(nn.Module):
    """``state + gate * (activation(candidate) - state)``; zeros where the activation is "none"."""

    def __init__(self, activation: str) -> None:
        super().__init__()
        self.activation = activation

    def forward(self, parts: tuple[Tensor, Tensor, Tensor]) -> Tensor:
        """State, gate in [0, 1], candidate before its activation, each (N, width) -> (N, width)."""
        state, gate, candidate = parts
        if self.activation == "none":
            return state.mul(0.0)
        return state + gate * (recurrent_activation(self.activation, candidate) - state)


def recurrent_activation(name: str, x: Tensor) -> Tensor:
    """tanh, relu, sigmoid or identity, of any shape."""
    match name:
        case "tanh":
            return torch.tanh(x)
        case "relu":
            return torch.relu(x)
        case "sigmoid":
            return torch.sigmoid(x)
        case "identity":
            return x
    raise ValueError(f"unknown activation {name!r} of a recurrent cell")


def masked_state(state: Tensor, mask: Tensor | None) -> MaskedState:
    """A state beside itself after dropout."""
    return state, state if mask is None else state * mask
