"""Do the gradients agree from batch to batch?

Li, Yang, Bhardwaj, Marculescu 2023, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients",
https://arxiv.org/abs/2301.11300, equation 15.

Differs from the paper:
1. Any network and loss: convolutions and linear layers, the task's loss.
"""

import torch
from torch import Tensor, nn

from searchitect.proxies.given import Given, gradients


def zico(network: nn.Module, given: Given) -> float:
    """The sum over layers of log(sum over weights of mean |g| / std g), over the minibatches. Weights without spread are left out."""
    found = [gradients(network, given, batch) for batch in range(len(given.batches))]
    return sum(layer_score(torch.stack(layer)) for layer in zip(*found, strict=True))


def layer_score(slopes: Tensor) -> float:
    """The term of one layer from its gradients [batches, ...]; 0 where none of its weights has a spread."""
    slopes = slopes.double()
    spread = slopes.std(0, correction=0)
    kept = spread > 0
    ratio = (slopes.abs().mean(0)[kept] / spread[kept]).sum()
    return float(ratio.log()) if ratio > 0 else 0.0
