"""How large is it? The simplest proxies, against which every other one must be compared."""

from torch import nn

from searchitect.costs import count_macs, count_params
from searchitect.proxies.given import Given, weights_of


def params(network: nn.Module, given: Given) -> float:  # noqa: ARG001 - as every proxy
    """The number of trained parameters."""
    return float(count_params(network))


def macs(network: nn.Module, given: Given) -> float:
    """The multiply-adds of one example (FLOPs, halved)."""
    return float(count_macs(network, given.info.input_shape))


def l2_norm(network: nn.Module, given: Given) -> float:  # noqa: ARG001 - as every proxy
    """The sum over layers of the Euclidean norm of the initial weights.

    Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS", https://arxiv.org/abs/2101.08134, and its code.
    """
    return float(sum(weight.detach().double().norm() for weight in weights_of(network)))
