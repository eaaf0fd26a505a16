"""How much do the features change when the input changes a little? Needs no data.

Lin, Wang, Sun, Chen, Sun, Qian, Li, Jin 2021, "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition",
https://arxiv.org/abs/2102.01063, algorithm 1.

Differs from the paper:
1. The features are what the global pool reads, or the last linear layer of a table. The paper's networks name them.
2. Shortcuts stay. The paper removes them, which needs to know the blocks.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from searchitect.proxies.given import LAYERS, Given, noise, outputs_kept

_STEP = 0.01
_POOLS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.AvgPool2d, nn.MaxPool2d, nn.Dropout, nn.Dropout2d, nn.Identity)


@torch.no_grad()
def zen(network: nn.Module, given: Given) -> float:
    """log E |f(x) - f(x + 0.01 e)| + sum over batch normalisations of log of the root of the mean variance that they take out.

    Weights, x and e are standard normal; || sums over the features of an example.
    """
    generator = given.generator()
    for module in network.modules():
        if isinstance(module, LAYERS):
            module.weight.normal_(generator=generator)
    x = noise(given.info, given.size, generator)
    moved = x + _STEP * _still(torch.randn(x.shape, generator=generator), given)
    scales: list[float] = []

    def note(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].transpose(0, 1).flatten(1).double()  # [channels, batch and places]
        variance = float(values.var(1, correction=0).mean())
        if variance > 0:  # nothing arrives at a layer behind cut edges: it says nothing
            scales.append(math.log(variance) / 2)

    handles = [module.register_forward_pre_hook(note) for module in network.modules() if isinstance(module, _BatchNorm)]
    first = features(network, x)
    for handle in handles:
        handle.remove()
    change = (first - features(network, moved)).double().abs().flatten(1).sum(1).mean()
    return float(change.log()) + sum(scales)


def features(network: nn.Module, x: Tensor) -> Tensor:
    """What the last global pool reads; else what the last layer with an extent in space gives, or the last linear layer reads."""
    leaves = [m for m in network.modules() if not list(m.children()) and not isinstance(m, _POOLS)]
    read: dict[bool, Tensor] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(module, nn.Linear) or _is_spatial(inputs[0]):
            read[isinstance(module, nn.Linear)] = inputs[0].clone()

    readers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d))]
    handles = [module.register_forward_pre_hook(note) for module in readers]
    with outputs_kept(leaves) as kept:
        outputs: Tensor = network(x)
    for handle in handles:
        handle.remove()
    spatial = [a for _, a in kept if _is_spatial(a)]
    return read[False] if False in read else spatial[-1] if spatial else read.get(True, outputs)


def _is_spatial(values: Tensor) -> bool:
    return values.ndim == 4 and values.shape[2] * values.shape[3] > 1


def _still(change: Tensor, given: Given) -> Tensor:
    """Codes of categories do not change a little."""
    if given.info.cardinalities:
        change[:, given.info.numeric :] = 0
    return change
