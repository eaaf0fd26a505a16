"""The default: asynchronous successive halving over a Gaussian process, or over evolution where that suits better.

No paper: a combination of `asha` with `gp` or `regularized_evolution`. They are used as they are; this file only chooses, and says why in
docs/methods/auto.md.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Final, Unpack

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies import make_strategy
from searchitect.strategies.inner import notes_of
from searchitect.strategies.rungs import HalvingOptions

MOST_MODELLED: Final = 600
"""Expected trials above which evolution takes the place of the process, whose proposals take longer with every trial."""


class Auto(Strategy):
    """Asynchronous successive halving whose new architectures come from the strategy that needs the fewest of them.

    One objective and up to `MOST_MODELLED` expected trials: a Gaussian process on the structure of architectures, after three random ones.
    Otherwise: regularized evolution without duplicates, with a population of a sixth of the expected trials, between 8 and 50, and
    tournaments of half of it.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator.
        expected_trials: how many trials the budget will roughly allow, at all rungs together.
        halving: base_epochs, max_epochs, eta, data, resolution; see `searchitect.strategies.rungs.Halving`.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "the default: successive halving over a Gaussian process, or over evolution in long searches"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        expected_trials: int = 100,
        **halving: Unpack[HalvingOptions],
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if expected_trials < 1:
            raise SettingError(f"expected_trials must be at least 1, got {expected_trials}")
        if len(self.objectives) == 1 and expected_trials <= MOST_MODELLED and "edit" not in space.abilities():
            inner = make_strategy("gp", space, objectives, seed)
        else:
            population_size = min(max(expected_trials // 6, 8), 50)
            inner = make_strategy(
                "regularized-evolution",
                space,
                objectives,
                seed,
                population_size=population_size,
                sample_size=population_size // 2,
                avoid_duplicates=True,
            )
        self._halving = make_strategy("asha", space, objectives, seed, inner=inner, **halving)

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
        return notes_of(self._halving)
