"""REINFORCE: a recurrent controller draws architectures, and what turned out better than expected becomes more likely.

Zoph, Le 2017, "Neural Architecture Search with Reinforcement Learning", https://arxiv.org/abs/1611.01578, section 3.2.

Differs from the paper:
1. The baseline's decay is not in the paper: 0.95, as in the authors' later work.
2. The gain of a reward over the baseline is divided by the standard deviation of all rewards so far, so that units do not matter, and
   rewards are not cubed.
3. One controller instead of replicas with a parameter server; asynchronous all the same: trials are learned from as they end, by the
   probability that the policy gives them then, whoever drew them.
4. An entropy bonus, after Williams, Peng 1991, which the paper does not have.
5. By default a larger learning rate, for hundreds of trials in place of 12,800; and an architecture is not proposed twice.
6. Failed, pruned and infeasible trials count as the worst reward so far; several objectives by front (`rewards`).
"""

import random
from collections.abc import Sequence
from typing import ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.controller import Controller
from searchitect.strategies.rewards import Batches, propose_new
from searchitect.strategies.seen import Seen


class Reinforce(Strategy):
    """Policy gradient with a moving-average baseline.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of the controller's weights and of this strategy's own generator; global generators are never touched.
        hidden: units of each layer of the controller.
        layers: of the controller.
        learning_rate: of its Adam; the paper's is 0.0006, for 12,800 trials.
        baseline_decay: of the moving average of rewards, in [0, 1).
        entropy: weight of the entropy of the policy, which is added to the gain; at least 0. The paper has none.
        batch: m in the paper, how many trials make one step.
        avoid_duplicates: redraw an architecture that was proposed before (up to 20 times, then draw at random). The paper trains it
            again.
    """

    summary: ClassVar[str] = "policy gradient: an LSTM draws architectures, a baseline judges them (Zoph, Le 2017)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        hidden: int = 35,
        layers: int = 2,
        learning_rate: float = 0.01,
        baseline_decay: float = 0.95,
        entropy: float = 0.1,
        batch: int = 8,
        avoid_duplicates: bool = True,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if batch < 1:
            raise SettingError(f"batch must be at least 1, got {batch}; the paper uses 8")
        if not entropy >= 0:
            raise SettingError(
                f"entropy must be at least 0, got {entropy}; it is added to gains of about one standard deviation"
            )
        self.controller = Controller(space, hidden=hidden, layers=layers, learning_rate=learning_rate, seed=seed)
        self.entropy = entropy
        self.batch = batch
        self._batches = Batches(batch, baseline_decay)
        self._seen = Seen(space, remembers=avoid_duplicates)

    def propose(self, rng: random.Random) -> Proposal | None:
        """A draw from the policy as it is now."""
        return propose_new(lambda: self.controller.draw(rng), self._seen, rng)

    def learn(self, trial: Trial) -> None:
        """Wait until a batch is full; then one step."""
        self.adopt(trial)
        batch = self._batches.add(trial, self.values(trial), self.controller.read)
        if batch:
            episodes, advantages = zip(*batch, strict=True)
            log_p, entropies = self.controller.log_probabilities(episodes)
            gains = log_p.new_tensor(advantages) * log_p  # its gradient is the policy gradient: section 3.2
            self.controller.step(-(gains + self.entropy * entropies).mean())

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"REINFORCE: {self._batches.learned} trials in {self._batches.full} steps of {self.batch}."]
