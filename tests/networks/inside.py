"""What a decided network is inside a supernet."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from searchitect.networks.mixed import Mixed


def weights_inside(supernet: nn.Module, decisions: Mapping[str, Any]) -> dict[str, Tensor]:
    """The supernet's weights and buffers without those of options not taken, under the names that they have without mixed layers."""
    weights = dict(supernet.state_dict())
    layers = {name: module for name, module in supernet.named_modules() if isinstance(module, Mixed)}
    for name in sorted(layers, key=len, reverse=True):  # those inside others first
        taken = f"{name}.options.{layers[name].takes(decisions[layers[name].path]).index(True)}."
        weights = {
            f"{name}.{key.removeprefix(taken)}" if key.startswith(taken) else key: value
            for key, value in weights.items()
            if key.startswith(taken) or not key.startswith(f"{name}.options.")
        }
    return weights
