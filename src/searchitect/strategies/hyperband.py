"""Hyperband: successive halving in several brackets, from many short trainings to a few full ones, since nobody knows how early to judge.

Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar 2018, "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization",
https://arxiv.org/abs/1603.06560, Algorithm 1. Its halving is that of Jamieson, Talwalkar 2016, https://arxiv.org/abs/1502.07943.

Differs from the paper:
1. Bracket s begins with n = ceil((s_max + 1) eta^s / (s + 1)) configurations, as the algorithm says; the paper's own table for
   R = 81 rounds otherwise for s < 4 (34 here, 27 there).
2. Training goes on from a configuration's own weights. The paper counts every rung from scratch.
3. No worker idles: while a rung is not complete the next brackets begin; after s = 0 the sweep begins anew.
4. New configurations come from any strategy (``inner``), which learns from the scores of the lowest fidelity only, those that start
   higher being told as pruned. The paper draws at random.
5. The highest fidelity is always R, also where R / r is not a power of eta (`rungs`).
6. A configuration that fails or is pruned keeps its place, as the worst; one that was never trained, since it is over a limit,
   does not. Where the space is exhausted a bracket is cut short.
7. Several objectives: non-dominated fronts, then crowding distance. The paper has one.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Unpack

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.brackets import Brackets
from searchitect.strategies.inner import inner_strategy, notes_of
from searchitect.strategies.rungs import LOST, Entry, Halving, HalvingOptions, entry_of


class Hyperband(Strategy):
    """Hyperband on top of another strategy.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator, and of ``inner`` where that is a name.
        inner: where new architectures come from: a strategy's name, or a strategy.
        brackets: how many brackets a sweep has, the most aggressive first; 1 is successive halving, ``None`` is all of them.
        inner_options: of ``inner``, where that is a name.
        halving: base_epochs (of the most aggressive bracket), max_epochs, eta, data, resolution; see
            `searchitect.strategies.rungs.Halving`.
    """

    summary: ClassVar[str] = "successive halving in brackets, from many short trainings to a few full ones (Li et al. 2018)"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "random",
        brackets: int | None = None,
        inner_options: Mapping[str, Any] | None = None,
        **halving: Unpack[HalvingOptions],
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        settings = Halving(**halving)
        self.eta, self.fidelities = settings.eta, settings.fidelities()
        levels = len(self.fidelities)
        if brackets is not None and not 1 <= brackets <= levels:
            raise SettingError(
                f"brackets must lie in [1, {levels}], as many as there are fidelities between base_epochs={settings.base_epochs:g} and "
                f"max_epochs={settings.max_epochs:g}, or None for all of them, got {brackets}"
            )
        self.inner = inner_strategy(inner, space, objectives, seed, inner_options)
        self._bases = brackets or levels  # new architectures start at the levels below
        self._brackets = Brackets(levels, self.eta, self._bases)
        self._level = {fidelity: level for level, fidelity in enumerate(self.fidelities)}
        self._started: Counter[tuple[str, int]] = Counter()  # new architectures that were asked for and still run

    def propose(self, rng: random.Random) -> Proposal | None:
        """Whoever may go on, in the order of brackets; else a new architecture for the first bracket with places left."""
        going_on = self._go_on()
        if going_on is not None:
            return going_on
        new = self.inner.ask()
        if new is not None:
            base = self._brackets.next_base()
            self._open_new(new.architecture.text, base)
            return replace(new, fidelity=self.fidelities[base])
        if self._started or any(bracket.is_running for bracket in self._brackets):
            return None
        for bracket in self._brackets:  # nothing runs, and there is nothing new
            if not bracket.is_full:
                bracket.cut_short()
        return self._go_on()

    def learn(self, trial: Trial) -> None:
        """Enter the trial in its rung. A trial at none of the fidelities is not comparable with any: it is ignored."""
        level = self._level.get(trial.fidelity)
        if level is None:
            return
        entry = entry_of(trial, self.values(trial))
        if trial.resume:
            ended = entry or Entry(trial.key, trial.id, trial.architecture, LOST, self.values(trial))
            if not self._end(ended, level):
                self._cut_short_below(trial.key, level)
                self._end(ended, level)
        elif level < self._bases:
            if self._started[trial.architecture.text, level] > 0:
                self._shut(trial.architecture.text, level)
            if entry is not None:
                self._brackets.enter(level, entry)
            is_comparable = level == 0 or trial.state is not TrialState.COMPLETE
            self.inner.tell(trial if is_comparable else replace(trial, state=TrialState.PRUNED))

    def adopt(self, trial: Trial) -> None:
        """Take in that something goes on, or is new."""
        level = self._level.get(trial.fidelity)
        if level is None:
            return
        if trial.resume:
            if not self._start(trial.key, level):
                self._cut_short_below(trial.key, level)
                self._start(trial.key, level)
        elif level < self._bases:
            self._open_new(trial.architecture.text, level)
            self.inner.tell(trial)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        begun = list(self._brackets.every())
        new = sum(len(bracket.rungs[0]) for bracket in begun)
        top = sum(len(bracket.rungs[-1]) for bracket in begun if bracket.level == len(self.fidelities) - 1)
        levels = ", ".join(f"{fidelity.epochs:g}" for fidelity in self.fidelities)
        return [
            f"Hyperband at {levels} epochs (eta {self.eta:g}): {new} architectures in {len(begun)} brackets, "
            f"{top} of them reached {self.fidelities[-1].epochs:g}.",
            *notes_of(self.inner),
        ]

    def _go_on(self) -> Proposal | None:
        for bracket in self._brackets:
            entry = bracket.next()
            if entry is not None:
                bracket.start(entry.key, bracket.level)
                return Proposal(entry.architecture, self.fidelities[bracket.level], parent=entry.trial, resume=True)
        return None

    def _start(self, key: str, level: int) -> bool:
        return any(bracket.start(key, level) for bracket in self._brackets)

    def _end(self, entry: Entry, level: int) -> bool:
        return any(bracket.end(entry, level) for bracket in self._brackets)

    def _cut_short_below(self, key: str, level: int) -> None:
        """What went on from a rung that was not full: there was nothing more to try at that time."""
        for bracket in self._brackets:
            if bracket.holds(key, level - 1):
                bracket.cut_short()

    def _open_new(self, text: str, base: int) -> None:
        self._started[text, base] += 1
        self._brackets.opened(base)

    def _shut(self, text: str, base: int) -> None:
        self._started -= Counter({(text, base): 1})
        self._brackets.shut(base)
