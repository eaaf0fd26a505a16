"""Networks of the space ``nas-rl-rnn``: a language model around a recurrent cell that is a binary tree.

Zoph, Le 2017, https://arxiv.org/abs/1611.01578, section 3.4 and appendix A.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError, unknown_name
from searchitect.core.task import TaskInfo
from searchitect.networks.language_model import LanguageModel, RecurrentCell, check_text, masked_state, recurrent_activation
from searchitect.spaces.nas_rl_rnn import NAS_RL_RNN_ACTIVATIONS, NAS_RL_RNN_COMBINES
from searchitect.spaces.recurrent import check_recurrent_spec


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The language model of a cell: (N, T) token codes -> (N, T, info.outputs).

    Args:
        spec: of the space, decided: it has no supernet.
        info: of a text; ``outputs`` is the size of its vocabulary.

    Raises:
        SpaceError: for another task than a text, an open spec, and a spec that is no cell of the space.
    """
    check_text(info, "a network of the space 'nas-rl-rnn'")
    check_nas_rl_rnn(spec)
    cells = [NasRlRnnCell(spec) for _ in range(spec["layers"])]
    return LanguageModel(info.outputs, cells, spec["dropout"], is_tied=spec["is_tied"])


class NasRlRnnCell(RecurrentCell):
    """A tree whose leaves combine input and hidden state; its state is the hidden state, then the memory.

    (2b) n^2 weights for b leaves of n numbers, and no bias: 8 n (n + n) for the paper's b = 8.
    """

    def __init__(self, spec: Any) -> None:
        width = spec["hidden"]
        super().__init__(width, 2 * width)
        self.tree = [(node["combine"], node["activation"]) for node in spec["tree"]]
        self.inject = (spec["inject"]["combine"], spec["inject"]["activation"])
        self.inject_at = spec["inject"]["at"]
        self.cell_from = spec["cell_from"]
        self.base = (len(self.tree) + 1) // 2
        self.inputs = nn.Linear(width, self.base * width, bias=False)
        self.hidden = nn.Linear(width, self.base * width, bias=False)

    def forward(self, x: Tensor, state: Tensor, mask: Tensor | None) -> Tensor:
        """(N, width), (N, 2 * width) -> (N, 2 * width)."""
        hidden, memory = state.chunk(2, -1)
        _, masked = masked_state(hidden, mask)
        pairs = list(zip(self.inputs(x).chunk(self.base, -1), self.hidden(masked).chunk(self.base, -1), strict=True))
        values: list[Tensor] = []
        new_memory = memory
        for place, (combine, activation) in enumerate(self.tree):
            if place >= self.base:
                first = 2 * (place - self.base)
                pairs.append((values[first], values[first + 1]))
            before = nas_rl_rnn_combine(combine, *pairs[place])
            value = recurrent_activation(activation, before)
            if place == self.cell_from:
                new_memory = before  # before the activation
            if place == self.inject_at:
                value = recurrent_activation(self.inject[1], nas_rl_rnn_combine(self.inject[0], value, memory))
            values.append(value)
        return torch.cat([values[-1], new_memory], -1)


def nas_rl_rnn_combine(name: str, a: Tensor, b: Tensor) -> Tensor:
    """Sum or product, number by number."""
    return a + b if name == "add" else a * b


def check_nas_rl_rnn(spec: Any) -> None:
    """Raise `SpaceError`, with one sentence, where a spec cannot be built."""
    what = "the cell of the space 'nas-rl-rnn'"
    check_recurrent_spec(spec, what)
    tree, inject = spec.get("tree"), spec.get("inject")
    places = len(tree) if isinstance(tree, Sequence) else 0
    if places not in (3, 7, 15, 31, 63):
        raise SpaceError(f"{what} must have a tree of 3, 7, 15, 31 or 63 nodes, got {tree!r:.200}")
    for where, node in [*((f"node {i}", node) for i, node in enumerate(tree)), ("'inject'", inject)]:
        if not isinstance(node, Mapping) or not {"combine", "activation"} <= node.keys():
            raise SpaceError(f"{where} of {what} must give 'combine' and 'activation', got {node!r:.200}")
        for kind, known in (("combine", NAS_RL_RNN_COMBINES), ("activation", NAS_RL_RNN_ACTIVATIONS)):
            if hasattr(node[kind], "labels"):
                raise SpaceError("the space 'nas-rl-rnn' has no supernet: use a strategy that samples")
            if node[kind] not in known:
                raise SpaceError(f"{where} of {what} has an {unknown_name(kind, str(node[kind]), known)}")
    for name, place in (("'at' of 'inject'", inject.get("at")), ("'cell_from'", spec.get("cell_from"))):
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < places:
            raise SpaceError(f"{name} of {what} must be a node in [0, {places - 1}], got {place!r}")
    if not isinstance(spec.get("layers"), int) or spec["layers"] < 1 or not isinstance(spec.get("is_tied"), bool):
        raise SpaceError(f"{what} must give 'layers' of at least 1, and 'is_tied', got {spec!r:.200}")
