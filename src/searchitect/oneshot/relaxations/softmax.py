"""Softmax: every option runs, weighted by its probability.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, equation 2.
"""

from typing import final

import torch
from torch import Tensor

from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class Softmax(Relaxation):
    """The weights are the softmax of the logits; nothing is random."""

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        return logits.softmax(0)
