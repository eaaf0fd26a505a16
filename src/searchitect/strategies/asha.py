"""Asynchronous successive halving: many short trainings, of which the best third goes on, and the best third of those, ...

Li, Jamieson, Rostamizadeh, Gonina, Hardt, Recht, Talwalkar 2020, "A System for Massively Parallel Hyperparameter Tuning",
https://arxiv.org/abs/1810.05934, Algorithm 2 (the promotion variant, early-stopping rate s = 0).

Differs from the paper:
1. New configurations come from any strategy (``inner``), which is told of the base rung only, whose scores are comparable. The
   paper draws at random.
2. The top rung is always R, also where R / r is not a power of eta (`rungs`).
3. The same architecture counts once in a rung. One that failed or was pruned counts as the worst of its rung; one that was
   measured but is over a limit counts behind all that are not; one that was never trained does not count.
4. Several objectives: non-dominated fronts, then crowding distance. The paper has one.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Unpack

from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.strategies.inner import inner_strategy, notes_of
from searchitect.strategies.rungs import Halving, HalvingOptions, Rung, entry_of


class Asha(Strategy):
    """Asynchronous successive halving on top of another strategy. It never waits for a rung to fill.

    A promotion goes on from the trial's own weights: ``resume`` with ``parent``, the trial at the rung below.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: where new architectures come from: a strategy's name, or a strategy.
        inner_options: of ``inner``, where that is a name.
        halving: base_epochs, max_epochs, eta, data, resolution; see `searchitect.strategies.rungs.Halving`.
    """

    summary: ClassVar[str] = "asynchronous successive halving: short trainings, the best 1/eta go on (Li et al. 2020)"
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
        settings = Halving(**halving)
        self.eta, self.fidelities = settings.eta, settings.fidelities()
        self.inner = inner_strategy(inner, space, objectives, seed, inner_options)
        self._rungs = [Rung() for _ in self.fidelities]
        self._height = {fidelity: k for k, fidelity in enumerate(self.fidelities)}

    def propose(self, rng: random.Random) -> Proposal | None:
        """``get_job`` of the paper: from the highest rung down, promote; else a new architecture at the base."""
        for k in reversed(range(len(self._rungs) - 1)):
            entry = self._rungs[k].promotable(self.eta)
            if entry is not None:
                self._rungs[k].rise(entry.key)
                return Proposal(entry.architecture, self.fidelities[k + 1], parent=entry.trial, resume=True)
        new = self.inner.ask()
        return None if new is None else replace(new, fidelity=self.fidelities[0])

    def learn(self, trial: Trial) -> None:
        """Enter the trial in its rung. A trial at a fidelity of no rung is not comparable with any: it is ignored."""
        k = self._height.get(trial.fidelity)
        if k is None:
            return
        self._pass_on(trial, k)
        entry = entry_of(trial, self.values(trial))
        if entry is not None:
            self._rungs[k].enter(entry)

    def adopt(self, trial: Trial) -> None:
        """Remember what is being promoted, and tell ``inner`` of what is being tried at the base."""
        k = self._height.get(trial.fidelity)
        if k is not None:
            self._pass_on(trial, k)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        steps = [
            f"{rung.risen} of {len(rung)} went on to {above.epochs:g}"
            for rung, above in zip(self._rungs, self.fidelities[1:], strict=False)
        ]
        levels = ", ".join(f"{fidelity.epochs:g}" for fidelity in self.fidelities)
        said = f"Asynchronous successive halving at {levels} epochs (eta {self.eta:g})"
        return [f"{said}: {', '.join(steps)}." if steps else f"{said}.", *notes_of(self.inner)]

    def _pass_on(self, trial: Trial, k: int) -> None:
        """What follows from a trial at rung ``k``, whether it has ended or still runs."""
        if k == 0:
            self.inner.tell(trial)
        else:
            self._rungs[k - 1].rise(trial.key)
