"""How much flows through all paths together? Synaptic flow, which needs no data.

Tanaka, Kunin, Yamins, Ganguli 2020, "Pruning neural networks without any data by iteratively conserving synaptic flow",
https://arxiv.org/abs/2006.05467, equation 2, summed over a network as in Abdelfattah et al. 2021, https://arxiv.org/abs/2101.08134.

Differs from the paper:
1. Every kind of normalisation is passed by, as the code of Abdelfattah et al. passes by batch normalisation. In double precision, since
   the flow grows with each layer.
2. `log_synflow` sums log(1 + .) over the weights, which no depth can overflow.
"""

import torch
from torch import Tensor, nn

from searchitect.proxies.given import Given, WithoutNormalisation, weights_of


def synflow(network: nn.Module, given: Given) -> float:
    """The sum of |w dR/dw|, R the sum of the outputs for an input of ones, with all weights replaced by their absolute values."""
    return float(sum(flow.sum() for flow in flows(network, given)))


def log_synflow(network: nn.Module, given: Given) -> float:
    """The sum over weights of log(1 + |w dR/dw|)."""
    return float(sum(flow.log1p().sum() for flow in flows(network, given)))


def flows(network: nn.Module, given: Given) -> list[Tensor]:
    """|w dR/dw| for each weight of `weights_of`. The network is changed: its numbers become absolute values in double precision."""
    network.double()
    with torch.no_grad():
        for tensor in [*network.parameters(), *network.buffers()]:
            tensor.abs_()
    weights = weights_of(network)
    ones = torch.ones(1, *given.info.input_shape, dtype=torch.float64)
    with WithoutNormalisation():
        total = network(ones).sum()
    slopes = torch.autograd.grad(total, weights, allow_unused=True)
    return [
        torch.zeros_like(w) if slope is None else (w.detach() * slope).abs() for w, slope in zip(weights, slopes, strict=True)
    ]
