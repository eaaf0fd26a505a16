"""Proximal policy optimisation: several steps on the same trials, none of which moves the policy far.

Zoph, Vasudevan, Shlens, Le 2018, "Learning Transferable Architectures for Scalable Image Recognition", https://arxiv.org/abs/1707.07012,
appendix A.2 (the controller and its settings); Schulman, Wolski, Dhariwal, Radford, Klimov 2017, "Proximal Policy Optimization Algorithms",
https://arxiv.org/abs/1707.06347, equation 7.

Differs from the paper:
1. The clip (0.2) and the passes over a batch (5) are not in the NASNet paper.
2. The old policy of the ratio is that at the beginning of a batch's passes, not that which drew: so trials that others proposed
   teach as well, and an interrupted search goes on the same.
3. The gain of a reward over the baseline is divided by the standard deviation of all rewards so far, so that units do not matter.
4. A larger learning rate, a larger entropy bonus and smaller batches by default, for hundreds of trials in place of 20,000; and
   an architecture is not proposed twice.
5. Failed, pruned and infeasible trials count as the worst reward so far; several objectives by front (`rewards`).
"""

import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.controller import Controller
from searchitect.strategies.rewards import Batches, Episode, propose_new
from searchitect.strategies.seen import Seen

if TYPE_CHECKING:
    from torch import Tensor


def clipped_objective(ratios: "Tensor", advantages: "Tensor", clip: float) -> "Tensor":
    """L^CLIP of Schulman et al., equation 7, before the mean [n]: no reward for moving a ratio further than ``clip`` away from 1.

    Args:
        ratios: [n], probability under the policy over that under the old one.
        advantages: [n].
        clip: epsilon in the paper.
    """
    return (ratios * advantages).minimum(ratios.clamp(1 - clip, 1 + clip) * advantages)


class Ppo(Strategy):
    """Clipped policy gradient with a moving-average baseline.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of the controller's weights and of this strategy's own generator; global generators are never touched.
        hidden: units of the controller, which has one layer.
        learning_rate: of its Adam; the paper's is 0.00035, for 20,000 trials.
        baseline_decay: of the moving average of rewards, in [0, 1).
        entropy: weight of the entropy of the policy, which is added to the objective; at least 0. The paper's is 0.00001.
        batch: how many trials are learned from at a time; the paper's are 20.
        passes: steps on each batch.
        clip: epsilon of PPO, above 0.
        avoid_duplicates: redraw an architecture that was proposed before (up to 20 times, then draw at random). The paper trains it
            again.
    """

    summary: ClassVar[str] = "proximal policy optimisation: clipped policy gradient with an LSTM (Zoph et al. 2018)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        hidden: int = 100,
        learning_rate: float = 0.003,
        baseline_decay: float = 0.95,
        entropy: float = 0.03,
        batch: int = 10,
        passes: int = 5,
        clip: float = 0.2,
        avoid_duplicates: bool = True,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value in (("batch", batch), ("passes", passes)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}; 20 and 5 are usual for batch and passes")
        if not entropy >= 0:
            raise SettingError(f"entropy must be at least 0, got {entropy}; the paper uses 0.00001")
        if not 0 < clip < math.inf:
            raise SettingError(f"clip must be above 0, got {clip}; 0.2 is usual")
        self.controller = Controller(space, hidden=hidden, layers=1, learning_rate=learning_rate, spread=0.1, seed=seed)
        self.entropy = entropy
        self.batch, self.passes, self.clip = batch, passes, clip
        self._batches = Batches(batch, baseline_decay)
        self._seen = Seen(space, remembers=avoid_duplicates)

    def propose(self, rng: random.Random) -> Proposal | None:
        """A draw from the policy as it is now."""
        return propose_new(lambda: self.controller.draw(rng), self._seen, rng)

    def learn(self, trial: Trial) -> None:
        """Wait until a batch is full; then some steps on it."""
        self.adopt(trial)
        batch = self._batches.add(trial, self.values(trial), self.controller.read)
        if batch:
            self._update(batch)

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"PPO: {self._batches.learned} trials in {self._batches.full} batches of {self.batch}, {self.passes} steps on each."
        ]

    def _update(self, batch: Sequence[Episode]) -> None:
        episodes, gains = zip(*batch, strict=True)
        old = None
        for _ in range(self.passes):
            log_p, entropies = self.controller.log_probabilities(episodes)
            old = log_p.detach() if old is None else old
            objective = clipped_objective((log_p - old).exp(), log_p.new_tensor(gains), self.clip)
            self.controller.step(-(objective + self.entropy * entropies).mean())
