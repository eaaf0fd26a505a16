"""Binary gates: two options are drawn, one of them counts, and both tell their gradient.

Cai, Zhu, Han 2019, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", https://arxiv.org/abs/1812.00332, section 3.2
and appendix "two paths", and its code (mit-han-lab/proxylessnas, modules/mix_op.py, mode "two").   Differs from the code: that updates no
logits of an edge whose chosen option is "none"; here they learn from the other option's gradient.
"""

from typing import final

import torch
from torch import Tensor

from searchitect.oneshot.draws import draw
from searchitect.oneshot.relaxation import Relaxation, Weights


@final
class BinaryGates(Relaxation):
    """Where the logits learn, two options are run, and the softmax over these two says which has the weight 1, the other 0.

    The gradient by the weights reaches the two logits through that softmax: dL/da_i = sum_j dL/dg_j p_j ([i = j] - p_i), equation 4. Where the
    weights of the network learn, one option is drawn by the softmax of all logits, and nothing else is run.

    The optimizer must leave logits alone whose gradient is 0: Adam without its first moment and without weight decay.
    """

    def weigh(self, logits: Tensor, generator: torch.Generator, progress: float, k: int = 1) -> Weights:
        weights: list[float | Tensor] = [0.0] * len(logits)
        if not logits.requires_grad:
            for place in draw(logits, k, generator):
                weights[place] = 1.0
            return weights
        pair = draw(logits, min(k + 1, len(logits)), generator)
        soft = logits[pair].softmax(0)
        chosen = draw(logits.detach()[pair], min(k, len(pair)), generator)
        for gate, place in enumerate(pair):
            weights[place] = soft[gate] - soft[gate].detach() + float(gate in chosen)  # exactly 1 or 0
        return weights

    def after_update(self, logits: Tensor, before: Tensor) -> None:
        """Shift the logits that were updated so that the probabilities of all others stay as they were."""
        updated = logits != before
        if updated.any():
            logits[updated] -= logits[updated].logsumexp(0) - before[updated].logsumexp(0)
