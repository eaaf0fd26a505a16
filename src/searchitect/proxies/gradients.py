"""What do the gradients of one minibatch say? Pruning criteria, summed over a whole network.

Abdelfattah, Mehrotra, Dudziak, Lane 2021, "Zero-Cost Proxies for Lightweight NAS", https://arxiv.org/abs/2101.08134, section 3, and
its code, from which the definitions are taken: SNIP (Lee, Ajanthan, Torr 2019, https://arxiv.org/abs/1810.02340), GraSP (Wang, Zhang,
Grosse 2020, https://arxiv.org/abs/2002.07376), Fisher (Turner et al. 2020, https://arxiv.org/abs/1906.04113).

Differs from the paper:
1. Sums run over the weights of convolutions and linear layers of any network; the loss is the task's, squared error for regression.
2. A network that no signal passes ranks below all others (`searchitect.proxies.WORST`); the code scores its last layer.
3. `fisher` adds up channels. The code spreads each channel's value over its weights before it adds, so that a channel counts as often as
   it has weights; the plain sum comes near the correlations that were published, the other does not.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from searchitect.proxies.given import LAYERS, Given, gradients, outputs_kept, weights_of


def grad_norm(network: nn.Module, given: Given) -> float:
    """The sum over layers of the Euclidean norm of dL/dw."""
    return float(sum(g.double().norm() for g in gradients(network, given)))


def plain(network: nn.Module, given: Given) -> float:
    """The sum of w dL/dw."""
    return _dot(weights_of(network), gradients(network, given))


def snip(network: nn.Module, given: Given) -> float:
    """The sum of |w dL/dw|: how much the loss reacts to leaving out each weight."""
    pairs = zip(weights_of(network), gradients(network, given), strict=True)
    return float(sum((w.detach() * g).double().abs().sum() for w, g in pairs))


def grasp(network: nn.Module, given: Given) -> float:
    """The sum of -w (H g), g = dL/dw and H the Hessian: how much the weights help the flow of the gradient. Temperature 1."""
    return -_dot(weights_of(network), hessian_gradient(network, given))


def hessian_gradient(network: nn.Module, given: Given) -> list[torch.Tensor]:
    """H g for each of `weights_of`: the gradient of g' stopped(g)."""
    weights = weights_of(network)
    with _TwiceDifferentiable():
        found = gradients(network, given, has_graph=True)
    product = sum((g.detach() * g).sum() for g in found)
    assert isinstance(product, torch.Tensor)
    second = torch.autograd.grad(product, weights, allow_unused=True)
    return [torch.zeros_like(w) if h is None else h for w, h in zip(weights, second, strict=True)]


class _TwiceDifferentiable(TorchFunctionMode):
    """Inside, Hardsigmoid and Hardswish are computed by clamping: torch has no second derivative of them."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (nn.functional.hardsigmoid, nn.functional.hardswish):
            gate = (args[0] / 6 + 0.5).clamp(0, 1)
            return gate if func is nn.functional.hardsigmoid else args[0] * gate
        return func(*args, **(kwargs or {}))


def fisher(network: nn.Module, given: Given) -> float:
    """The sum, over output channels of layers, of 1/2 mean over the batch of (sum over places of a dL/da)^2.

    a is what the layer gives: [batch, channels, ...] of a convolution, [batch, ..., channels] of a linear layer.
    """
    x, y = given.batches[0]
    layers: list[nn.Module] = [module for module in network.modules() if isinstance(module, LAYERS)]
    with outputs_kept(layers) as kept:
        loss = given.loss(network(x), y)
    slopes: Sequence[torch.Tensor | None] = torch.autograd.grad(loss, [a for _, a in kept], allow_unused=True)
    total = 0.0
    for (layer, a), slope in zip(kept, slopes, strict=True):
        if slope is None:
            continue
        effect = (a.detach() * slope).double()
        channel = effect.ndim - 1 if isinstance(layer, nn.Linear) else 1
        effect = effect.movedim(channel, 1).flatten(2).sum(2) if effect.ndim > 2 else effect  # [batch, channels]
        total += float(effect.square().mean(0).sum()) / 2
    return total


def _dot(first: list[torch.Tensor], second: list[torch.Tensor]) -> float:
    return float(sum((a.detach() * b).double().sum() for a, b in zip(first, second, strict=True)))
