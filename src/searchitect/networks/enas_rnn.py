"""Networks of the space ``enas-rnn``: a language model around one recurrent cell, or its supernet.

Pham, Guan, Zoph, Le, Dean 2018, https://arxiv.org/abs/1802.03268, and the authors' code (melodyguan/enas,
src/ptb/ptb_enas_child.py).   Differs from the code: dropout of words is drawn once per word of the vocabulary, not per text.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo
from searchitect.networks.language_model import (
    HighwayEdge,
    HighwayUpdate,
    LanguageModel,
    MaskedState,
    RecurrentCell,
    check_text,
    masked_state,
)
from searchitect.networks.mixed import Mixed, choice_layer
from searchitect.spaces.enas_rnn import ENAS_RNN_ACTIVATIONS
from searchitect.spaces.recurrent import check_recurrent_node, check_recurrent_spec


def build(spec: Any, info: TaskInfo, searching: bool = False) -> nn.Module:
    """The language model of a cell, or, of an open spec, the supernet: (N, T) token codes -> (N, T, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: of a text; ``outputs`` is the size of its vocabulary.
        searching: whether a decided spec gives the network that it is inside the supernet: there batch normalisation follows the
            matrix of each node, and the mean.

    Raises:
        SpaceError: for another task than a text, and a spec that is no cell of the space.
    """
    check_text(info, "a network of the space 'enas-rnn'")
    what = "the cell of the space 'enas-rnn'"
    check_recurrent_spec(spec, what)
    nodes, width = spec.get("nodes"), spec["hidden"]
    if not isinstance(nodes, Sequence) or not nodes:
        raise SpaceError(f"{what} must have a list of at least one node in 'nodes', got {nodes!r:.200}")
    for i, node in enumerate(nodes):
        check_recurrent_node(node, i, ENAS_RNN_ACTIVATIONS, f"node {i} of {what}")
    choices = [node[name] for i, node in enumerate(nodes) for name in ("from", "activation") if name == "activation" or i > 0]
    is_open = hasattr(choices[0], "labels")
    if any(hasattr(choice, "labels") != is_open for choice in choices):
        raise SpaceError(f"in {what} the states and activations must be all decided or all open")
    return LanguageModel(
        info.outputs,
        [EnasRnnCell(nodes, width, searching or is_open)],
        spec["dropout"],
        has_bias=False,
        init_range=0.1 if width <= 300 else 0.05 if width <= 400 else 0.04,
    )


class EnasRnnCell(RecurrentCell):
    """The mean of the nodes that no other node reads.

    In the supernet a node has a matrix of its own for each pair of a node that it reads and an activation. With weights between 0
    and 1 a node counts in the mean by the product over its readers of 1 minus their weight for it: all or nothing when every choice
    is made, and then equal to the network of that cell.
    """

    def __init__(self, nodes: Sequence[Any], width: int, has_norm: bool) -> None:
        super().__init__(width)
        self.nodes = nn.ModuleList(
            enas_rnn_node(node, (2 if i == 0 else 1) * width, 2 * width, has_norm) for i, node in enumerate(nodes)
        )
        self.norm = enas_rnn_norm(width) if has_norm else nn.Identity()

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        """(N, width), (N, width) -> (N, width)."""
        hidden, masked = masked_state(state, mask)
        states: list[MaskedState] = []
        for i, node in enumerate(self.nodes):
            value = node(states if i else [(hidden, torch.cat([x, masked], -1))])
            states.append(masked_state(value, mask))
        shares = self.loose_shares()
        loose = [(share, value) for share, (value, _) in zip(shares, states, strict=True) if not _is_zero_share(share)]
        terms = [share * value for share, value in loose]
        y: Tensor = self.norm(sum(terms[1:], terms[0]) / sum(share for share, _ in loose))
        return y

    def loose_shares(self) -> list[float | Tensor]:
        """How far each node is a loose end, in [0, 1]: 1 where no later node reads it."""
        shares: list[float | Tensor] = [1.0] * len(self.nodes)
        for node in self.nodes[1:]:
            if isinstance(node, Mixed):
                read = node.weights if node.weights is not None else [1 / len(node.options)] * len(node.options)
                for source in range(len(node.options)):
                    shares[source] = shares[source] * (1 - read[source])
            else:
                assert isinstance(node, HighwayEdge)
                shares[node.source] = 0.0
        return shares


def enas_rnn_node(node: Any, inputs: int, outputs: int, has_norm: bool) -> nn.Module:
    """The layer of a node: the states so far -> (N, outputs / 2). Its normalisation is one for all of its matrices."""
    norm = enas_rnn_norm(outputs) if has_norm else nn.Identity()

    def read(source: int) -> nn.Module:
        return choice_layer(node["activation"], lambda activation: edge(source, activation))

    def edge(source: int, activation: str) -> nn.Module:
        product = nn.Sequential(nn.Linear(inputs, outputs, bias=False), norm)
        return HighwayEdge(source, product, HighwayUpdate(activation))

    return choice_layer(node.get("from", 0), read)


def enas_rnn_norm(width: int) -> nn.Module:
    """The authors' batch normalisation: 1 is added to the variance, and 0.999 of the running statistics stay at each step."""
    return nn.BatchNorm1d(width, eps=1.0, momentum=0.001)


def _is_zero_share(share: float | Tensor) -> bool:
    return not isinstance(share, Tensor) and share == 0
