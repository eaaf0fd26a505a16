"""Weights from one network to another: whatever agrees in name and shape."""

from collections.abc import Mapping

from torch import Tensor, nn


def copy_fitting(network: nn.Module, weights: Mapping[str, Tensor]) -> float:
    """Copy the weights whose names and shapes the network has, and give the share of its parameters that they fill, in [0, 1].

    An auxiliary classifier, which no file of weights has, does not count.

    Args:
        network: changed in place; what fits nothing stays as it is.
        weights: name -> tensor, as in a ``state_dict``.
    """
    state = network.state_dict()
    fitting = {name: tensor for name, tensor in weights.items() if name in state and state[name].shape == tensor.shape}
    network.load_state_dict({**state, **fitting})
    trained: dict[str, int] = {name: parameter.numel() for name, parameter in network.named_parameters()}
    trained = {name: size for name, size in trained.items() if not name.startswith("auxiliary.")}
    return sum(size for name, size in trained.items() if name in fitting) / max(1, sum(trained.values()))
