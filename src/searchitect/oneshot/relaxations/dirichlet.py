"""Dirichlet: every option runs, weighted by a point that is drawn from a learned distribution on the simplex.

Chen, Wang, Cheng, Tang, Hsieh 2021, "DrNAS: Dirichlet Neural Architecture Search", https://arxiv.org/abs/2006.10355, section 3.1 and 3.2, and its
code (xiangning-chen/DrNAS): the concentrations are elu(b) + 1.
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from torch.distributions import Dirichlet as Distribution
from torch.distributions import kl_divergence
from torch.nn.functional import elu

from searchitect.core import SettingError
from searchitect.oneshot.relaxation import Relaxation, Weights

_LEAST = 1e-4
"""Of a concentration: below it, draws in single precision underflow."""


@final
class Dirichlet(Relaxation):
    """The weights are a draw from Dirichlet(elu(logits) + 1), with its pathwise gradient.

    Args:
        anchor: how strongly the distribution is drawn towards the uniform one on the simplex, where all logits are 0: the factor before the
            sum of the Kullback-Leibler divergences, at least 0; the code's is 0.001.
    """

    def __init__(self, anchor: float = 1e-3) -> None:
        if anchor < 0:
            raise SettingError(f"anchor must be at least 0, got {anchor:g}")
        self.anchor = anchor

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):  # torch's distributions draw from the global generator only
            torch.default_generator.manual_seed(seed)
            return Distribution(_concentrations(logits), validate_args=False).rsample()

    def probabilities(self, logits: Tensor) -> Tensor:
        """The mean of the distribution."""
        concentrations = _concentrations(logits)
        return concentrations / concentrations.sum()

    def penalty(self, logits: Sequence[Tensor]) -> Tensor | None:
        if self.anchor == 0:
            return None
        pairs = [(_concentrations(values), torch.ones_like(values)) for values in logits]
        apart = [
            kl_divergence(Distribution(own, validate_args=False), Distribution(flat, validate_args=False))
            for own, flat in pairs
        ]
        return self.anchor * torch.stack(apart).sum()


def _concentrations(logits: Tensor) -> Tensor:
    return (elu(logits) + 1).clamp_min(_LEAST)
