"""Successive halving: train all a little, keep the best third, train those three times as long, and so on.

Jamieson, Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", https://arxiv.org/abs/1502.07943,
Figure 3, with the resources of Li et al. 2018, https://arxiv.org/abs/1603.06560: the first bracket of Hyperband, again and again.

Differs from the paper:
1. n and the resources of a rung follow from r, R and eta: n = eta^s configurations at r epochs, the best 1/eta of them at eta r, and
   so on, one at R. The paper divides a given budget equally over the rungs.
2. When a run of halving is over the next one begins, and it begins earlier where a worker would idle.
3. Whatever `hyperband` does otherwise: resumed weights, other sources of configurations, several objectives.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Unpack

from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies import make_strategy
from searchitect.strategies.inner import notes_of
from searchitect.strategies.rungs import HalvingOptions


class SuccessiveHalving(Strategy):
    """Successive halving on top of another strategy. A rung begins when the one below is complete; `asha` does not wait.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: where new architectures come from: a strategy's name, or a strategy.
        inner_options: of ``inner``, where that is a name.
        halving: base_epochs, max_epochs, eta, data, resolution; see `searchitect.strategies.rungs.Halving`.
    """

    summary: ClassVar[str] = "short trainings, the best 1/eta go on when all are done (Jamieson, Talwalkar 2016)"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "random",
        inner_options: Mapping[str, Any] | None = None,
        **halving: Unpack[HalvingOptions],
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self._halving = make_strategy(
            "hyperband", space, objectives, seed, inner=inner, inner_options=inner_options, brackets=1, **halving
        )

    def propose(self, rng: random.Random) -> Proposal | None:
        """What the bracket proposes."""
        return self._halving.ask()

    def learn(self, trial: Trial) -> None:
        """Pass it on."""
        self._halving.tell(trial)

    def adopt(self, trial: Trial) -> None:
        """Pass it on."""
        self._halving.tell(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [note.replace("Hyperband", "Successive halving", 1) for note in notes_of(self._halving)]
