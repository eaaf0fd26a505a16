"""A relaxation: how the logits of an open choice become the weights of its options in one step."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

Weights: TypeAlias = "Tensor | Sequence[float | Tensor]"
"""One per option: a tensor [n], or numbers and scalar tensors. An option whose weight is the number 0 is not run."""


class Relaxation(ABC):
    """One file each in `searchitect.oneshot.relaxations`. A subclass is final."""

    def initial(self, options: int, generator: torch.Generator) -> Tensor:
        """The first logits [options]: 0.001 times a standard normal draw, as in DARTS's code."""
        return 1e-3 * torch.randn(options, generator=generator)

    @abstractmethod
    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        """The weights of the options in one step.

        Args:
            logits: [n]. Where they ask for a gradient, it flows from the weights to them.
            generator: of everything random.
            progress: part of the search that is over, in [0, 1).
            k: how many options an architecture takes.
        """

    def probabilities(self, logits: Tensor) -> Tensor:
        """How likely each option is to be right [n], what an architecture is derived from: non-negative. Default: the softmax."""
        return logits.softmax(0)

    def penalty(self, logits: Sequence[Tensor]) -> Tensor | None:
        """What is added to the loss by which the logits of all choices are learned; ``None``: nothing."""
        return None

    def after_update(self, logits: Tensor, before: Tensor) -> None:  # noqa: B027 - most relaxations need nothing
        """Called without gradients after every update of a choice's logits, which it may change; ``before`` are those of before the update."""
