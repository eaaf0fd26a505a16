"""Sigmoid: every option runs with a weight of its own, so that options of one edge do not compete.

Chu, Zhou, Zhang, Li 2020, "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search", https://arxiv.org/abs/1911.12126,
equations 4 to 6, and its code (xiaomi-automl/FairDARTS).
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class Sigmoid(Relaxation):
    """The weights are the sigmoids of the logits.

    Args:
        pull: the factor before the zero-one loss L01 = -mean((sigmoid - 0.5)^2), which draws each weight to 0 or 1; at least 0.
    """

    def __init__(self, pull: float = 10.0) -> None:
        if pull < 0:
            raise SettingError(f"pull must be at least 0, got {pull:g}")
        self.pull = pull

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        return logits.sigmoid()

    def probabilities(self, logits: Tensor) -> Tensor:
        """The weights themselves: they need not sum to 1."""
        return logits.sigmoid()

    def penalty(self, logits: Sequence[Tensor]) -> Tensor | None:
        if self.pull == 0:
            return None
        return -self.pull * (torch.cat([values.sigmoid() for values in logits]) - 0.5).square().mean()
