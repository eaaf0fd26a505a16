"""Networks of the space ``darts-rnn``: a language model around one recurrent cell, or its supernet.

Liu, Simonyan, Yang 2019, https://arxiv.org/abs/1806.09055, and the authors' code (quark0/darts, rnn/model.py and
rnn/model_search.py).   Differs from the code: nothing that trains differently.
"""

from collections.abc import Sequence
from functools import partial
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
from searchitect.networks.mixed import choice_layer
from searchitect.spaces.darts_rnn import DARTS_RNN_ACTIVATIONS
from searchitect.spaces.recurrent import check_recurrent_node, check_recurrent_spec


def build(spec: Any, info: TaskInfo, searching: bool = False) -> nn.Module:
    """The language model of a cell, or, of an open spec, the supernet: (N, T) token codes -> (N, T, info.outputs).

    Args:
        spec: of the space, decided or open.
        info: of a text; ``outputs`` is the size of its vocabulary.
        searching: whether a decided spec gives the network that it is inside the supernet: there batch normalisation, without
            scale and shift, follows the start state and each node.

    Raises:
        SpaceError: for another task than a text, and a spec that is no cell of the space.
    """
    check_text(info, "a network of the space 'darts-rnn'")
    what = "the cell of the space 'darts-rnn'"
    check_recurrent_spec(spec, what)
    nodes = spec.get("nodes")
    if not isinstance(nodes, Sequence) or not nodes:
        raise SpaceError(f"{what} must have a list of at least one node in 'nodes', got {nodes!r:.200}")
    for i, node in enumerate(nodes):
        check_recurrent_node(node, i + 1, DARTS_RNN_ACTIVATIONS, f"node {i} of {what}")
    is_open = any(hasattr(node, "labels") for node in nodes)
    return LanguageModel(info.outputs, [DartsRnnCell(nodes, spec["hidden"], searching or is_open)], spec["dropout"])


class DartsRnnCell(RecurrentCell):
    """The mean of all nodes.

    Each node has one matrix, whichever state it reads. In the supernet a state read by a node, and each of its activations, has a
    weight of its own; the authors sum over the states with weights of 1, and over the activations by softmax.
    """

    def __init__(self, nodes: Sequence[Any], width: int, has_norm: bool) -> None:
        super().__init__(width)
        self.start = HighwayEdge(0, nn.Linear(2 * width, 2 * width, bias=False), HighwayUpdate("tanh"))
        self.nodes = nn.ModuleList(
            choice_layer(node, partial(darts_rnn_edge, nn.Linear(width, 2 * width, bias=False))) for node in nodes
        )
        # one layer for all states and steps, so that its running statistics are those of all of them, as in the code
        self.norm = nn.BatchNorm1d(width, affine=False) if has_norm else nn.Identity()

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        """(N, width), (N, width) -> (N, width)."""
        hidden, masked = masked_state(state, mask)
        states: list[MaskedState] = []
        states.append(masked_state(self.norm(self.start([(hidden, torch.cat([x, masked], -1))])), mask))
        for node in self.nodes:
            states.append(masked_state(self.norm(node(states)), mask))
        return torch.stack([node for node, _ in states[1:]]).mean(0)


def darts_rnn_edge(product: nn.Module, node: Any) -> nn.Module:
    """The layer of a node that reads a decided state through an activation, decided or open."""
    return HighwayEdge(node["from"], product, choice_layer(node["activation"], HighwayUpdate))
