"""Four views of a network, ranked and put together: expressivity, progressivity, trainability, complexity. Needs no data.

Lee, Ham 2024, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", https://arxiv.org/abs/2403.19232, equations 1
to 8, and the authors' code (cvlab-yonsei/AZ-NAS).

Differs from the paper:
1. The blocks are found by the structure of the modules (`blocks_of`); the authors' networks name them.
2. Of a table, the features of a block have no extent in space, and an encoding or a run of layers up to the next linear one is a block.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from searchitect.costs import count_macs
from searchitect.proxies.given import LAYERS, Given, noise, outputs_kept

_LEAST = 1e-6
_ENDS = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten)
"""Behind them there is no extent in space."""


def az_nas(network: nn.Module, given: Given) -> tuple[float, ...]:
    """Expressivity, progressivity, trainability and complexity, each the higher the better; `rank_together` makes one score of them."""
    generator = given.generator()
    for module in network.modules():
        if isinstance(module, LAYERS):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    kept = block_features(network, noise(given.info, given.size, generator))
    entropies = [expressivity(f.detach()) for f in kept]
    slopes = [trainability(f, g, generator) for f, g in pairwise(kept)]
    progress = min((b - a for a, b in pairwise(entropies)), default=0.0)
    complexity = float(count_macs(network, given.info.input_shape))
    return sum(entropies), progress, float(np.mean(slopes)) if slopes else 0.0, complexity


def rank_together(parts: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """The score of each of m networks from their parts [m, 4]: the sum over parts of log(rank / m), m the best rank."""
    values = np.asarray(parts, dtype=np.float64)
    return sum((among(column, column) for column in values.T), np.zeros(len(values)))


def among(values: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """log of each value's rank among ``others``, 1 for the lowest, over their number; equal ones share their mean rank.

    A value that is not among them ranks half way between those below and those above it.
    """
    ordered = np.sort(others)
    below, up_to = (np.searchsorted(ordered, values, side=side) for side in ("left", "right"))
    logs: NDArray[np.float64] = np.log((below + up_to + 1) / 2 / len(ordered))
    return logs


def expressivity(features: Tensor) -> float:
    """The entropy of the normalised eigenvalues of the features' covariance over examples and places. [batch, channels, ...]."""
    rows = features.transpose(0, 1).flatten(1)  # [channels, batch and places]
    rows = rows - rows.mean(1, keepdim=True)
    values = torch.linalg.eigvalsh(rows @ rows.T / rows.shape[1]).clamp(min=0)
    total = values.sum()
    if not total > 0:
        return -math.inf  # nothing varies
    shares = values / total
    return float(-(shares * (shares + 1e-8).log()).sum())


def trainability(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    """-s - 1/s + 2, s the largest singular value of a block's Jacobian as a random vector of signs estimates it; 0 at best, where s = 1."""
    signs = torch.randint(0, 2, after.shape, generator=generator).to(after.dtype) * 2 - 1
    (slope,) = torch.autograd.grad(after, before, signs, retain_graph=True, allow_unused=True)
    if slope is None or (slope.shape == signs.shape and torch.equal(slope, signs)):
        return -math.inf  # the block is not read, or it does nothing
    if slope.ndim == 4 and slope.shape[2:] != signs.shape[2:]:  # each place of the output with its patch of the input
        stride = math.ceil(slope.shape[2] / signs.shape[2])
        lacking = [signs.shape[axis] * stride - slope.shape[axis] for axis in (3, 2)]
        slope = nn.functional.pixel_unshuffle(nn.functional.pad(slope, (0, lacking[0], 0, lacking[1])), stride)
    first, second = (t.transpose(0, 1).flatten(1) for t in (slope, signs))  # [channels, batch and places]
    largest = float(torch.linalg.matrix_norm(first @ second.T / second.shape[1], ord=2))
    return -largest - 1 / (largest + _LEAST) + 2


def block_features(network: nn.Module, x: Tensor) -> list[Tensor]:
    """What the blocks give, in the order of computing, without the network's output: [batch, channels, ...] each, with their graph."""
    with outputs_kept(blocks_of(network)) as kept:
        outputs: Tensor = network(x)
    found = [f for _, f in kept if f.ndim == x.ndim and f.requires_grad]
    return found[:-1] if found and torch.equal(found[-1], outputs) else found


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The modules whose outputs are the features between blocks.

    A network's children are taken apart as long as they are lists or sequences that hold composite modules. A composite module or a
    sequence of simple layers is a block; so is a run of simple layers from one with weights up to the next one, or to a global pool.
    """
    blocks: list[nn.Module] = []
    run: nn.Module | None = None
    for module in _parts(network, is_root=True):
        if list(module.children()):
            blocks += [run, module] if run is not None else [module]
            run = None
        elif isinstance(module, _ENDS):
            blocks += [run] if run is not None else []
            run = None
        else:
            if run is not None and isinstance(module, LAYERS):
                blocks.append(run)
            run = module
    return blocks + ([run] if run is not None else [])


def _parts(module: nn.Module, *, is_root: bool = False) -> list[nn.Module]:
    children = list(module.children())
    is_list = isinstance(module, (nn.ModuleList, nn.ModuleDict))
    is_chain = isinstance(module, nn.Sequential) and any(list(child.children()) for child in children)
    if children and (is_root or is_list or is_chain):
        return [part for child in children for part in _parts(child)]
    return [module]
