"""The default: asynchronous successive halving over regularized evolution, sized to the number of trials to come.

No paper: a combination of `asha` and `regularized_evolution`. Both are used as they are; this file only chooses their settings.
"""

import random
from collections.abc import Sequence
from typing import ClassVar

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies import make_strategy


class Auto(Strategy):
    """Asynchronous successive halving whose new architectures come from regularized evolution without duplicates.

    The population is a sixth of the expected trials (about a quarter of the new architectures), between 8 and 50, all drawn at
    random first; tournaments take half of it. On random landscapes of 12 choices with noise, and 40 to 400 evaluations, a quarter
    or an eighth with tournaments of half was best or near it, and smaller tournaments were clearly worse for short runs.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator.
        expected_trials: how many trials the budget will roughly allow, at all rungs together.
        base_epochs: of a first look.
        max_epochs: of the top rung; equal to ``base_epochs`` there is no halving.
        eta: 1/eta of a rung is promoted.
        data: fraction of the training rows in use.
        resolution: fraction of the image side in use.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "the default: successive halving over evolution, sized to the budget"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        expected_trials: int = 100,
        base_epochs: float = 1,
        max_epochs: float = 27,
        eta: float = 3,
        data: float = 1.0,
        resolution: float = 1.0,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if expected_trials < 1:
            raise SettingError(f"expected_trials must be at least 1, got {expected_trials}")
        population_size = min(max(expected_trials // 6, 8), 50)
        evolution = make_strategy(
            "regularized-evolution",
            space,
            objectives,
            seed,
            population_size=population_size,
            sample_size=population_size // 2,
            avoid_duplicates=True,
        )
        self._halving = make_strategy(
            "asha",
            space,
            objectives,
            seed,
            inner=evolution,
            base_epochs=base_epochs,
            max_epochs=max_epochs,
            eta=eta,
            data=data,
            resolution=resolution,
        )

    def propose(self, rng: random.Random) -> Proposal | None:
        """What successive halving proposes."""
        return self._halving.ask()

    def learn(self, trial: Trial) -> None:
        """Pass it on."""
        self._halving.tell(trial)

    def adopt(self, trial: Trial) -> None:
        """Pass it on."""
        self._halving.tell(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        said: list[str] = getattr(self._halving, "notes", list)()
        return said
