"""A reward of one's own around any strategy: the strategy is told one number per trial, which a paper makes of what was measured.

Zoph, Le 2017, https://arxiv.org/abs/1611.01578, cube the accuracy; Zhong et al. 2018, https://arxiv.org/abs/1708.05552, subtract logarithms of cost
and density from it; Tan et al. 2019, https://arxiv.org/abs/1807.11626, multiply it by a power of the latency.
"""

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.inner import inner_strategy, notes_of

REWARD: Final = Objective("reward", "max")

Reward: TypeAlias = Callable[[Trial, Objective], float]
"""Made of a complete trial and the leading objective of the run. Not finite: the trial counts as failed.

It may depend on the trials that it was called with before, such as by a target made of the first ones: in the end it is called with all of
them again."""


class Shaped(Strategy):
    """Tells ``inner`` a reward in the place of the objectives, and ends with the architecture of the highest reward.

    What ``inner`` was told stays; the highest reward is found by what the reward makes of all trials in the end.

    Args:
        space: what can be built.
        objectives: of the run; the first one is what the reward is made of.
        seed: of ``inner``, where that is a name.
        inner: where architectures come from: a strategy's name, or a strategy for the one objective `REWARD`.
        inner_options: of ``inner``, where that is a name.
        reward: see `Reward`.
    """

    summary: ClassVar[str] = "layer: a reward of one's own, made of what was measured"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy,
        inner_options: Mapping[str, Any] | None = None,
        reward: Reward,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self.inner = inner_strategy(inner, space, [REWARD], seed, inner_options)
        self.reward = reward
        self._judged: list[Trial] = []

    def propose(self, rng: random.Random) -> Proposal | None:
        """Whatever ``inner`` proposes."""
        return self.inner.ask()

    def learn(self, trial: Trial) -> None:
        """Pass the trial on with its reward; one without a finite reward as failed."""
        reward = -math.inf
        if trial.state is TrialState.COMPLETE and math.isfinite(self.values(trial)[0]):
            reward = self.reward(trial, self.objectives[0])
            self._judged.append(trial)
        if math.isfinite(reward):
            self.inner.tell(replace(trial, metrics={**trial.metrics, REWARD.metric: reward}))
        else:
            state = TrialState.FAILED if trial.state is TrialState.COMPLETE else trial.state
            self.inner.tell(replace(trial, state=state))

    def adopt(self, trial: Trial) -> None:
        """Pass on what is being tried."""
        self.inner.tell(trial)

    def leader(self) -> Architecture | None:
        """The architecture of the highest reward, the first of equals."""
        best = self._highest()
        return None if best is None else best[1]

    def inheritable(self) -> Collection[int] | None:
        """Whatever ``inner`` says."""
        return self.inner.inheritable()

    def notes(self) -> list[str]:
        """What ``inner`` did, and the highest reward."""
        best = self._highest()
        return [*notes_of(self.inner), *([] if best is None else [f"The highest reward was {best[0]:.4g}."])]

    def _highest(self) -> tuple[float, Architecture] | None:
        """The highest reward, all of them made anew: the first ones may have been of a target that was not settled yet."""
        best: tuple[float, Architecture] | None = None
        for trial in self._judged:
            reward = self.reward(trial, self.objectives[0])
            if math.isfinite(reward) and (best is None or reward > best[0]):
                best = reward, trial.architecture
        return best
