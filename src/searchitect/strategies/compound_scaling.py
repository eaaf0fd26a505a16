"""Compound scaling: a base network is searched, then how its depth, width and image grow, and it is scaled up by the best growth.

Tan, Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", https://arxiv.org/abs/1905.11946, sections 3.3 and 4.

Differs from the paper:
1. Any space can be scaled that has the setting ``largest_phi`` and decides "phi" and "compound" where that is above 0.
2. The steps are one search: the base is the best of the first trials; a scaled network is trained once at the search's fidelity.
3. When the largest network was tried, the search for base networks goes on with what is left of the budget.
"""

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.growth import drawn
from searchitect.strategies.inner import inner_strategy, notes_of

PHI: Final = "phi"
COMPOUND: Final = "compound"
_LARGEST: Final = "largest_phi"
_IN_VAIN: Final = 1000
"""Base networks in a row that gave no new result, such as all over a limit, after which the best of those before is scaled."""


class CompoundScaling(Strategy):
    """A base network by ``inner``; at phi = 1 every way for it to grow; by the best of these, phi = 2, 3, ...

    Args:
        space: what can be built, scaled networks included.
        objectives: what is to become large or small, the first one leading.
        seed: of ``inner``, where that is a name.
        inner: what searches the base: a strategy's name, or a strategy for the space with ``largest_phi`` 0.
        inner_options: of ``inner``, where that is a name.
        expected_trials: trials that the whole search will roughly have.
        share: part of them that the base is searched with, in (0, 1); at least one. Base networks that failed, are over a limit or equal
            an earlier one do not count.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample"})
    summary: ClassVar[str] = "a base network, then how it grows in depth, width and resolution (Tan, Le 2019)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        inner: str | Strategy = "ppo",
        inner_options: Mapping[str, Any] | None = None,
        expected_trials: int = 200,
        share: float = 0.5,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        config = space.config()
        if not config.get(_LARGEST):
            raise SpaceError(
                f"compound-scaling needs a space that scales its networks: one with the setting {_LARGEST} above 0, such as "
                f"'mnasnet' with --set space.{_LARGEST}=2; {space.name!r} has {_LARGEST}={config.get(_LARGEST)}"
            )
        if not 0 < share < 1:
            raise SettingError(f"share must lie in (0, 1), got {share}: a part of the trials that the base is searched with")
        if expected_trials < 1:
            raise SettingError(f"expected_trials must be at least 1, got {expected_trials}")
        self.base_space = space.with_settings({**config, _LARGEST: 0})
        self.inner = inner_strategy(inner, self.base_space, objectives, seed, inner_options)
        self.base_trials = max(1, round(share * expected_trials))
        self.phis = range(2, config[_LARGEST] + 1)
        self.grid = list(space.domains(drawn(space, {PHI: 1}, random.Random(0)))[COMPOUND].values())
        self._running: Counter[str] = Counter()  # keys of what runs: of base networks under "", since only their number matters
        self._base_ended = 0
        self._base_judged = 0  # different ones with a result
        self._in_vain = 0  # the last ones without
        self._is_settled = False
        self._base: tuple[float, Architecture] | None = None  # the best until it was settled
        self._grown: dict[str, Architecture] = {}  # the base at phi = 1, by how it grows; empty until the base is settled
        self._scaled: dict[str, float] = {}  # what scaled networks ended with, by key; failures: minus infinity

    def propose(self, rng: random.Random) -> Proposal | None:
        """A base network; ``None`` while the base, or the grid, waits for its last results; a scaled network."""
        if not self._is_settled:
            if self._base_judged + self._running[""] < self.base_trials and (proposal := self._next_base()) is not None:
                return proposal
            if self._running[""]:
                return None
        if self._base is None:  # all failed, and there are no more
            return None
        base = self._base[1]
        if not self._grown:
            self._grown = {compound: self.scaled(base, compound, 1) for compound in self.grid}
        proposal = self._untried(self._grown.values())
        if proposal is not None:
            return proposal
        values = {compound: self._scaled.get(self.space.key(a)) for compound, a in self._grown.items()}
        if None in values.values():
            return None
        found = {compound: value for compound, value in values.items() if value is not None and value > -math.inf}
        if not found:  # no growth is within the limits
            return self._next_base()
        best = max(found, key=found.__getitem__)
        return self._untried(self.scaled(base, best, phi) for phi in self.phis) or self._next_base()

    def scaled(self, base: Architecture, compound: str, phi: int) -> Architecture:
        """An architecture of ``base_space``, grown."""
        return self.space.decide({**base.decisions, PHI: phi, COMPOUND: compound})

    def learn(self, trial: Trial) -> None:
        """Pass base networks on; keep what scaled ones ended with."""
        value = self.values(trial)[0] if trial.state is TrialState.COMPLETE else -math.inf
        phi, decisions = _split(trial.architecture)
        tag = trial.key if phi else ""
        self._running[tag] = max(0, self._running[tag] - 1)  # it was not running here where another search had it
        if phi:
            self._scaled[trial.key] = value
            return
        base = self.base_space.decide(decisions)
        self.inner.tell(replace(trial, architecture=base, key=self.base_space.key(base)))
        if not self._is_settled and value > (-math.inf if self._base is None else self._base[0]):
            self._base = value, base
        is_new = math.isfinite(value) and trial.twin is None  # an equal one was judged before, at no cost
        self._base_ended += 1
        self._base_judged += is_new
        self._in_vain = 0 if is_new else self._in_vain + 1
        self._is_settled |= self._base_judged >= self.base_trials or (self._base is not None and self._in_vain >= _IN_VAIN)

    def adopt(self, trial: Trial) -> None:
        """Remember what runs, and pass base networks on."""
        phi, decisions = _split(trial.architecture)
        self._running[trial.key if phi else ""] += 1
        if not phi:
            base = self.base_space.decide(decisions)
            self.inner.tell(replace(trial, architecture=base, key=self.base_space.key(base)))

    def notes(self) -> list[str]:
        """What it did, for the report."""
        said = f"Compound scaling: {self._base_ended} base networks, {self._base_judged} of them judged, {len(self._scaled)} scaled ones of {len(self.grid)} at phi 1 and {len(self.phis)} above."
        return [*notes_of(self.inner), said]

    def _next_base(self) -> Proposal | None:
        proposal = self.inner.ask()
        if proposal is None:
            return None
        self._running[""] += 1
        return replace(proposal, architecture=self.space.decide({**proposal.architecture.decisions, PHI: 0}))

    def _untried(self, architectures: Iterable[Architecture]) -> Proposal | None:
        for architecture in architectures:
            key = self.space.key(architecture)
            if key not in self._scaled and not self._running[key]:
                self._running[key] += 1
                return Proposal(architecture)
        return None


def _split(architecture: Architecture) -> tuple[int, dict[str, Any]]:
    """How far it is scaled, and the decisions of its base."""
    decisions = {path: value for path, value in architecture.decisions.items() if path not in (PHI, COMPOUND)}
    return architecture.decisions[PHI], decisions
