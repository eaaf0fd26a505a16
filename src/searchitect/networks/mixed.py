"""Layers that hold every option of an open choice, so that one ``build`` gives the stand-alone network and the supernet.

Torch only: this file is copied into stand-alone exports. So an open choice is known by its labels, not by its class.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn


class Mixed(nn.Module):
    """A weighted sum over all options of one choice.

    Args:
        path: of the choice. Layers of one path share the weights that `set_weights` gives them.
        labels: of the options, in their order.
        options: one module per label; all map one input to outputs of one shape.

    Attributes:
        weights: one per option, numbers or scalar tensors; ``None``: the uniform mean. An option whose weight is the number 0
            is not run. Weights are handed in from outside and are no parameters of the network.
    """

    def __init__(self, path: str, labels: Sequence[Any], options: Sequence[nn.Module]) -> None:
        super().__init__()
        self.path = path
        self.labels = tuple(labels)
        self.options = nn.ModuleList(options)
        self.weights: Sequence[float | Tensor] | Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Whatever shapes the options map."""
        weights = self.weights if self.weights is not None else [1 / len(self.options)] * len(self.options)
        live = [i for i in range(len(self.options)) if isinstance(weights[i], Tensor) or weights[i] != 0]
        terms = [weights[i] * self.options[i](x) for i in live]
        total: Tensor = terms[0]
        for term in terms[1:]:
            total = total + term
        return total


def choice_layer(choice: Any, make: Callable[[Any], nn.Module]) -> nn.Module:
    """``make(choice)`` for a decided choice; a `Mixed` layer over all options for an open one (`searchitect.core.OneOf`)."""
    if not hasattr(choice, "labels"):
        return make(choice)
    return Mixed(choice.path, choice.labels, [make(option) for option in choice.options])


def mixed_layers(network: nn.Module) -> dict[str, list[Mixed]]:
    """The mixed layers of a supernet by the path of their choice, in the order in which they were built."""
    found: dict[str, list[Mixed]] = {}
    for module in network.modules():
        if isinstance(module, Mixed):
            found.setdefault(module.path, []).append(module)
    return found


def set_weights(network: nn.Module, weights: Mapping[str, Sequence[float | Tensor] | Tensor | None]) -> None:
    """Hand each mixed layer of ``network`` the weights of its path; paths without an entry keep theirs.

    Raises:
        ValueError: for a path that the network lacks, and for a wrong number of weights, or only zeros.
    """
    layers = mixed_layers(network)
    for path, values in weights.items():
        if path not in layers:
            raise ValueError(f"the network has no open choice {path!r}; it has {', '.join(layers) or 'none'}")
        for layer in layers[path]:
            if values is not None and len(values) != len(layer.options):
                raise ValueError(f"the choice {path!r} has {len(layer.options)} options, got {len(values)} weights")
            if values is not None and not any(isinstance(value, Tensor) or value != 0 for value in values):
                raise ValueError(f"the weights of the choice {path!r} are all 0: at least one option must be taken")
            layer.weights = values


def choose_options(network: nn.Module, decisions: Mapping[str, Any]) -> None:
    """Set every mixed layer to one option: the label that ``decisions`` (as of an `Architecture`) names at its path."""
    set_weights(
        network,
        {
            path: [float(type(label) is type(taken) and label == taken) for label in layers[0].labels]
            for path, layers in mixed_layers(network).items()
            for taken in [decisions[path]]
        },
    )
