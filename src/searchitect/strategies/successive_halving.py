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
from typing import Any, ClassVar

from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies import make_strategy
from searchitect.strategies.inner import notes_of


class SuccessiveHalving(Strategy):
    """Successive halving on top of another strategy. A rung begins when the one below is complete; `asha` does not wait.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: where new architectures come from: a strategy's name, or a strategy.
        base_epochs: r, the epochs of a first look.
        max_epochs: R, the epochs of the longest training.
        eta: 1/eta of a rung goes on.
        data: fraction of the training rows in use, at all fidelities.
        resolution: fraction of the image side in use, at all fidelities.
        inner_options: of ``inner``, where that is a name.
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
        base_epochs: float = 1,
        max_epochs: float = 27,
        eta: float = 3,
        data: float = 1.0,
        resolution: float = 1.0,
        inner_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self._halving = make_strategy(
            "hyperband",
            space,
            objectives,
            seed,
            inner=inner,
            base_epochs=base_epochs,
            max_epochs=max_epochs,
            eta=eta,
            brackets=1,
            data=data,
            resolution=resolution,
            inner_options=inner_options,
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
