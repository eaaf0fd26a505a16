"""Gumbel-softmax: every option runs, weighted by a random point near a corner of the simplex.

Xie, Zheng, Liu, Lin 2019, "SNAS: Stochastic Neural Architecture Search", https://arxiv.org/abs/1812.09926, section 2.2, equation 5, and its code
(SNAS-Series): the temperature falls from 1 to 0.03 over the whole search.
"""

from typing import final

import torch
from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot.draws import gumbel
from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class GumbelSoftmax(Relaxation):
    """The weights are the softmax of (logits + Gumbel noise) / temperature.

    As the temperature falls, they come near one-hot vectors drawn by the softmax of the logits, and the gradient that reaches most
    logits vanishes: so it has a floor.

    Args:
        hot, cold: the temperature at the beginning and at the end, above 0; it falls by the same factor in every step.
    """

    def __init__(self, hot: float = 1.0, cold: float = 0.03) -> None:
        if not 0 < cold <= hot:
            raise SettingError(f"the temperature must fall from hot to cold, both above 0, got hot={hot:g}, cold={cold:g}")
        self.hot, self.cold = hot, cold

    def temperature(self, progress: float) -> float:
        """lambda in the paper, at a part of the search in [0, 1]."""
        return float(self.hot * (self.cold / self.hot) ** progress)

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        return ((logits + gumbel(len(logits), generator, logits)) / self.temperature(progress)).softmax(0)
