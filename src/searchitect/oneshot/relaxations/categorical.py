"""Categorical: one network is drawn and run; what is learned from it is up to the rule, such as a score function or importance weights.

Casale, Gordon, Fusi 2019, "Probabilistic Neural Architecture Search" (PARSEC), https://arxiv.org/abs/1902.05116, section 3: a prior in which
every choice is independent.
"""

from typing import final

import torch
from torch import Tensor

from searchitect.oneshot.draws import draw
from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class Categorical(Relaxation):
    """The weights of the options drawn by the softmax of the logits are the number 1, those of the others 0: no gradient reaches the logits."""

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        taken = draw(logits, k, generator)
        return [float(place in taken) for place in range(len(logits))]
