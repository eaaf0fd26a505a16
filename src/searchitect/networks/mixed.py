"""Layers that hold every option of an open choice, so that one ``build`` gives the stand-alone network and the supernet.

A choice may be of a layer (`choice_layer`), or of what a node of a cell reads (`inputs_layer`, `edge_layer`): there the input is the
list of the states so far. Torch only: this file is copied into stand-alone exports. So an open choice is known by its labels, not
by its class.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from torch import Tensor, nn

from searchitect.core.errors import SpaceError


class OpenLayer(nn.Module):
    """What holds one open choice. Abstract: a subclass says what the options are, and how their weights enter ``forward``.

    Args:
        path: of the choice. Layers of one path share the weights that `set_weights` gives them.
        labels: of the options, in their order.
        k: how many options are taken at once, of `choose.some`; ``None``: one of them, of ``choose``.

    Attributes:
        weights: one per option, numbers or scalar tensors; ``None``: the uniform mean, or with ``k`` the plain sum. An option
            whose weight is the number 0 is not run. Weights are handed in from outside and are no parameters of the network.
    """

    def __init__(self, path: str, labels: Sequence[Any], k: int | None = None) -> None:
        super().__init__()
        self.path = path
        self.labels = tuple(labels)
        self.k = k
        self.weights: Sequence[float | Tensor] | Tensor | None = None

    def live(self) -> list[tuple[int, float | Tensor]]:
        """The options to run: their places, with their weights."""
        weights = self.weights
        if weights is None:
            weights = [1 / len(self.labels) if self.k is None else 1.0] * len(self.labels)
        return [(i, weights[i]) for i in range(len(self.labels)) if isinstance(weights[i], Tensor) or weights[i] != 0]

    def takes(self, decision: Any) -> list[bool]:
        """Which options ``decision`` names: one label, or with ``k`` a list of them."""
        taken = [decision] if self.k is None else decision
        return [any(type(label) is type(value) and label == value for value in taken) for label in self.labels]

    def leaves_out(self, decision: Any) -> list[str]:
        """How the paths of those choices begin that are not made, since they lie inside what ``decision`` does not take."""
        return [f"{self.path}/{label}/" for label, taken in zip(self.labels, self.takes(decision), strict=True) if not taken]


class Mixed(OpenLayer):
    """A weighted sum over all options of one choice.

    Args:
        path: see `OpenLayer`, as for ``labels`` and ``k``.
        options: one module per label; all map one input to outputs of one shape, where more than one of them is run.
        way_out: the setting of the space that leaves one option, for the message where shapes disagree.
    """

    def __init__(
        self, path: str, labels: Sequence[Any], options: Sequence[nn.Module], k: int | None = None, way_out: str = ""
    ) -> None:
        super().__init__(path, labels, k)
        self.options = nn.ModuleList(options)
        self.way_out = way_out

    def forward(self, x: Any) -> Tensor:
        """Whatever the options map: a tensor, or the list of the states so far.

        Raises:
            SpaceError: where the outputs of options differ in shape, so that there is no sum of them.
        """
        return mix(self.path, [(weight, self.options[i](x)) for i, weight in self.live()], self.way_out)


class Edge(nn.Module):
    """``layer`` on one of the states so far."""

    def __init__(self, source: int, layer: nn.Module) -> None:
        super().__init__()
        self.source = source
        self.layer = layer

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """The list of states -> what the layer makes of the one it reads."""
        y: Tensor = self.layer(states[self.source])
        return y


class EdgeSum(nn.Module):
    """The sum of edges."""

    def __init__(self, edges: Iterable[nn.Module]) -> None:
        super().__init__()
        self.edges = nn.ModuleList(edges)

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """The list of states -> one of their shape."""
        return _sum_terms([edge(states) for edge in self.edges])


class EdgeRow(nn.ModuleList):
    """The sum of layers, of which each reads one state: the first the first."""

    def forward(self, states: Sequence[Tensor]) -> Tensor:
        """The list of as many states -> one of their shape."""
        return _sum_terms([layer(state) for layer, state in zip(self, states, strict=True)])


def choice_layer(choice: Any, make: Callable[[Any], nn.Module]) -> nn.Module:
    """``make(choice)`` for a decided choice; a `Mixed` layer over all options for an open one (`searchitect.core.OneOf`)."""
    if not hasattr(choice, "labels"):
        return make(choice)
    return Mixed(choice.path, choice.labels, [make(option) for option in choice.options])


def edge_layer(edge: Any, make: Callable[[int, Any], nn.Module]) -> nn.Module:
    """A module from the list of states to the output of one edge ``{"from": state, "op": operation}``.

    Args:
        edge: each of the two may be open, independently of the other. Where the state is, there are layers for every state, and
            those of one operation share its path.
        make: the layer of a decided operation on a state.
    """
    source, operation = edge["from"], edge["op"]
    if not hasattr(source, "labels"):
        return Edge(source, choice_layer(operation, partial(make, source)))
    options = [Edge(state, choice_layer(operation, partial(make, state))) for state in source.options]
    return Mixed(source.path, source.labels, options)


def inputs_layer(edges: Any, make: Callable[[int, Any], nn.Module]) -> nn.Module:
    """A module from the list of states to the sum of a node's edges.

    Args:
        edges: a list, or open: ``k`` of several (`searchitect.core.SomeOf`). Each as in `edge_layer`.
        make: the layer of a decided operation on a state.
    """
    if not hasattr(edges, "labels"):
        return EdgeSum(edge_layer(edge, make) for edge in edges)
    return Mixed(edges.path, edges.labels, [edge_layer(edge, make) for edge in edges.options], edges.k)


def mixed_layers(network: nn.Module) -> dict[str, list[OpenLayer]]:
    """The layers of a supernet that hold an open choice, by its path, in the order in which they were built."""
    found: dict[str, list[OpenLayer]] = {}
    for module in network.modules():
        if isinstance(module, OpenLayer):
            found.setdefault(module.path, []).append(module)
    return found


def set_weights(
    network: nn.Module,
    weights: Mapping[str, Sequence[float | Tensor] | Tensor | None],
    layers: Mapping[str, Sequence[OpenLayer]] | None = None,
) -> None:
    """Hand each open layer of ``network`` the weights of its path; paths without an entry keep theirs. ``layers``: as in `choose_options`.

    Raises:
        ValueError: for a path that the network lacks, and for a wrong number of weights, or only zeros.
    """
    layers = mixed_layers(network) if layers is None else layers
    for path, values in weights.items():
        if path not in layers:
            raise ValueError(f"the network has no open choice {path!r}; it has {', '.join(layers) or 'none'}")
        for layer in layers[path]:
            if values is not None and len(values) != len(layer.labels):
                raise ValueError(f"the choice {path!r} has {len(layer.labels)} options, got {len(values)} weights")
            if values is not None and not any(isinstance(value, Tensor) or value != 0 for value in values):
                raise ValueError(f"the weights of the choice {path!r} are all 0: at least one option must be taken")
            layer.weights = values


def choose_options(
    network: nn.Module, decisions: Mapping[str, Any], layers: Mapping[str, Sequence[OpenLayer]] | None = None
) -> None:
    """Set every open layer to the options taken: those that ``decisions`` (as of an `Architecture`) names at its path.

    A choice inside an option that is not taken keeps its weights: it is not run. Looking for the layers takes longer than setting
    them: who sets a large network often hands in its ``layers``, from `mixed_layers`.

    Raises:
        ValueError: for another choice without a decision, and a decision that names no option.
    """
    layers = mixed_layers(network) if layers is None else layers
    firsts = {path: found[0] for path, found in layers.items()}
    outside = tuple(start for path, layer in firsts.items() if path in decisions for start in layer.leaves_out(decisions[path]))
    missing = [path for path in firsts if path not in decisions and not path.startswith(outside)]
    if missing:
        raise ValueError(f"the decisions name no option of the choice {missing[0]!r}")
    set_weights(
        network,
        {
            path: [float(is_taken) for is_taken in layer.takes(decisions[path])]
            for path, layer in firsts.items()
            if path in decisions
        },
        layers,
    )


def mix(path: str, terms: Sequence[tuple[float | Tensor, Tensor]], way_out: str = "") -> Tensor:
    """The sum of weights times outputs, of the options of the choice ``path``. ``way_out`` as in `Mixed`.

    Raises:
        SpaceError: where the outputs differ in shape, so that there is no such sum.
    """
    shapes = [tuple(value.shape) for _, value in terms]
    if any(shape != shapes[0] for shape in shapes):
        raise SpaceError(
            f"the options of the choice {path!r} give outputs of the shapes {', '.join(map(str, shapes))}, which cannot be mixed: use a "
            "method that takes one option at a time" + (f", or leave the space one option ({way_out})" if way_out else "")
        )
    return _sum_terms([scaled(weight, value) for weight, value in terms])


def scaled(weight: float | Tensor, value: Tensor) -> Tensor:
    """``weight * value``, without the multiplication where the weight is the number 1."""
    return value if not isinstance(weight, Tensor) and weight == 1 else weight * value


def _sum_terms(terms: Sequence[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
