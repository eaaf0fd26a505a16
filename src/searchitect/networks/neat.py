"""Networks of the space ``neat``: one small sum per node, with the weights that the genome holds.

Stanley, Miikkulainen 2002, https://doi.org/10.1162/106365602320169811, section 4.1.
"""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, Final

import torch
from torch import Tensor, nn

from searchitect.core.errors import SpaceError
from searchitect.core.task import TaskInfo

NEAT_SLOPE: Final = 4.9
"""Of the steepened sigmoid."""


def build(spec: Any, info: TaskInfo) -> nn.Module:
    """The network of a genome, with its weights: (N, ...) -> (N, info.outputs). Nothing is drawn.

    Raises:
        SpaceError: for a genome with a cycle, or of other inputs and outputs than the task's.
    """
    inputs, outputs = prod(info.input_shape), 1 if info.outputs == 2 else info.outputs
    if (spec["inputs"], spec["outputs"]) != (inputs, outputs):
        raise SpaceError(
            f"a genome of the space 'neat' with {spec['inputs']} inputs and {spec['outputs']} outputs does not fit {info.name!r}, "
            f"which needs {inputs} and {outputs}"
        )
    return NeatNetwork(spec, info)


def neat_layers(spec: Mapping[str, Any]) -> list[tuple[int, list[tuple[int, float]]]]:
    """(node, [(source, weight) of its enabled links]) of the hidden nodes, every one after those it reads, then of the outputs.

    Raises:
        SpaceError: where the links, disabled ones included, form a cycle.
    """
    first = spec["inputs"] + 1
    ends = [*range(first, first + spec["outputs"])]
    reads: dict[int, list[tuple[int, float]]] = {node: [] for node in [*sorted(spec["hidden"]), *ends]}
    waits: dict[int, set[int]] = {node: set() for node in spec["hidden"]}
    for _, source, target, weight, enabled in spec["links"]:
        if enabled:
            reads[target].append((source, weight))
        if target in waits and source in waits:
            waits[target].add(source)
    order: list[int] = []
    while waits:
        ready = sorted(node for node, sources in waits.items() if sources <= set(order))
        if not ready:
            raise SpaceError(
                f"the links of a genome of the space 'neat' form a cycle through some of the nodes {sorted(waits)}"
            )
        order += ready
        for node in ready:
            del waits[node]
    return [(node, reads[node]) for node in [*order, *ends]]


class NeatNetwork(nn.Module):
    """Inputs flattened, the bias an input of 1, hidden nodes with steepened sigmoids.

    Outputs of a classification are the sigmoids' arguments, 4.9 z: with two classes there is one node, whose sigmoid is the probability of the
    second one; with more classes, or actions, the largest wins, and probabilities are their softmax. Of a regression it is z.
    """

    scale: Tensor

    def __init__(self, spec: Mapping[str, Any], info: TaskInfo) -> None:
        super().__init__()
        self.is_binary = info.is_classification and info.outputs == 2
        self.slope = NEAT_SLOPE if info.is_classification else 1.0
        # codes of categories are brought into [0, 1]
        codes = [1.0 / max(1, codes - 1) for codes in info.cardinalities]
        self.register_buffer("scale", torch.tensor([1.0] * (spec["inputs"] - len(codes)) + codes))
        self.hidden = nn.ModuleList()
        self.outputs = nn.ModuleList()
        place = {node: node for node in range(spec["inputs"] + 1)}  # of a node's value among all values
        for node, links in neat_layers(spec):
            layer = NeatNode([place[source] for source, _ in links], [weight for _, weight in links])
            if node in spec["hidden"]:
                place[node] = len(place)
                self.hidden.append(layer)
            else:
                self.outputs.append(layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, ...) -> (N, outputs)."""
        inputs = x.flatten(1) * self.scale
        values = torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)
        for node in self.hidden:
            values = torch.cat([values, torch.sigmoid(NEAT_SLOPE * node(values))], dim=1)
        answers = torch.cat([self.slope * node(values) for node in self.outputs], dim=1)
        return torch.cat([torch.zeros_like(answers), answers], dim=1) if self.is_binary else answers


class NeatNode(nn.Module):
    """The weighted sum of the values that a node reads; 0 where it reads none."""

    sources: Tensor

    def __init__(self, sources: Sequence[int], weights: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("sources", torch.tensor(sources, dtype=torch.int64), persistent=False)
        self.weight = nn.Parameter(torch.tensor([list(weights)], dtype=torch.float32))

    def forward(self, values: Tensor) -> Tensor:
        """(N, values) -> (N, 1)."""
        if self.weight.shape[1] == 0:
            return torch.zeros_like(values[:, :1])
        return nn.functional.linear(values.index_select(1, self.sources), self.weight)
