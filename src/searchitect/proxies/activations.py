"""Can it tell examples apart before it has learned anything?

Mellor, Turner, Storkey, Crowley 2021, "Neural Architecture Search without Training", https://arxiv.org/abs/2006.04647: `naswot` is the
score of its second version (section 3), `jacob_cov` that of its first one (2020).

Differs from the paper:
1. Whatever a network activates with, in modules or functions, is looked at: a unit of SiLU, GELU, Hardswish, ... is on where its input
   is above 0, as one of ReLU is.
2. A minibatch of any task, whatever its size; the paper takes 128 images.
"""

from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from searchitect.proxies.given import Given

_SMALL: Final = 1e-5
_NAMES: Final = ("relu", "relu_", "silu", "silu_", "gelu", "gelu_", "hardswish", "hardswish_", "elu", "elu_", "leaky_relu")
_NAMES_MORE: Final = (
    "leaky_relu_",
    "mish",
    "mish_",
    "hardtanh",
    "hardtanh_",
    "_prelu_kernel",
    "softplus",
    "clamp_min",
    "clamp_min_",
)
_ACTIVATIONS: Final = frozenset(
    getattr(torch.ops.aten, name) for name in (*_NAMES, *_NAMES_MORE) if hasattr(torch.ops.aten, name)
)


class _Codes(TorchDispatchMode):
    """Adds up, over all activations, how many units are equally on or off in each pair of examples."""

    def __init__(self, size: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kernel: NDArray[np.float64] = np.zeros((size, size))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func.overloadpacket in _ACTIVATIONS and isinstance(args[0], Tensor) and len(args[0]) == len(self.kernel):
            signs = torch.where(args[0].flatten(1) > 0, 1.0, -1.0)
            # on and on, or off and off: (units + sum of products) / 2
            self.kernel += ((signs @ signs.T).double().numpy() + signs.shape[1]) / 2
        return func(*args, **(kwargs or {}))


@torch.no_grad()
def activation_kernel(network: nn.Module, x: Tensor) -> NDArray[np.float64]:
    """K [batch, batch]: in how many units two examples are both on or both off. On its diagonal: the number of units."""
    with _Codes(len(x)) as codes:
        network(x)
    found: NDArray[np.float64] = codes.kernel
    return found


def naswot(network: nn.Module, given: Given) -> float:
    """log |det K| of `activation_kernel`: minus infinity where two examples are never told apart, or nothing is activated."""
    return float(np.linalg.slogdet(activation_kernel(network, given.x))[1])


def jacob_cov(network: nn.Module, given: Given) -> float:
    """How little the examples' input gradients correlate: -sum(log(v + k) + 1 / (v + k)), v the eigenvalues of their correlations, k = 1e-5.

    At most -n (log(1 + k) + 1 / (1 + k)) of n examples, where nothing correlates; NaN where an example has no gradient.
    """
    x = given.x.detach().clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(network(x).sum(), x)
    rows = jacobian.flatten(1)[:, : given.info.numeric or None]  # codes of categories have no gradient
    return eigenvalue_score(rows.double().numpy())


def eigenvalue_score(rows: NDArray[np.float64]) -> float:
    """The score of `jacob_cov` for the gradients [examples, inputs]."""
    if not (rows.std(axis=1) > 0).all():
        return float("nan")
    values = np.linalg.eigvalsh(np.corrcoef(rows)).clip(min=0) + _SMALL
    return -float(np.sum(np.log(values) + 1 / values))
