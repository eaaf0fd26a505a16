"""Hard Gumbel-softmax with a straight-through gradient: only the option that was drawn is run.

Dong, Yang 2019, "Searching for a Robust Neural Architecture in Four GPU Hours" (GDAS), https://arxiv.org/abs/1910.04465, section 3.2,
equations 3 to 7; the temperature falls linearly from 10 to 0.1 as in the code of NAS-Bench-201 (D-X-Y/AutoDL-Projects).   Differs from the code:
there the weights of the options that are not run are added to the output as bare numbers; here they are left out, as in the paper's equation 6.
"""

from typing import final

import torch
from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot.draws import gumbel
from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class HardGumbel(Relaxation):
    """The weight of the option that was drawn is 1, with the gradient of its Gumbel-softmax weight; that of the others is the number 0.

    Args:
        hot, cold: the temperature of the Gumbel-softmax at the beginning and at the end, above 0; it falls linearly.
    """

    def __init__(self, hot: float = 10.0, cold: float = 0.1) -> None:
        if not 0 < cold <= hot:
            raise SettingError(f"the temperature must fall from hot to cold, both above 0, got hot={hot:g}, cold={cold:g}")
        self.hot, self.cold = hot, cold

    def temperature(self, progress: float) -> float:
        """tau in the paper, at a part of the search in [0, 1]."""
        return self.hot + (self.cold - self.hot) * progress

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        noisy = logits + gumbel(len(logits), generator, logits)
        soft = (noisy / self.temperature(progress)).softmax(0)
        taken = noisy.detach().topk(k).indices.tolist()
        weights: list[float | Tensor] = [0.0] * len(logits)
        for place in taken:
            weights[place] = soft[place] - soft[place].detach() + 1.0  # exactly 1
        return weights
