"""Architectures out of learned probabilities, as an ordinary strategy: the derived one first, then draws."""

import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar, final

from searchitect.core import Architecture, Objective, Proposal, Space, Strategy, Trial, TrialState
from searchitect.oneshot.choices import Choice, open_choices
from searchitect.oneshot.derive import Probabilities, drawn, log_probability, most_likely

DRAWS = 20
"""Draws besides the derived architecture: enough to see how scores with shared weights spread, and to choose from where a limit forbids the
derived one."""
LIKELY = 500
"""Draws among which the likeliest one within the limits is sought, where the derived architecture is over one."""
TRIES = 2000
"""Draws after which no further architecture within the limits is hoped for."""


@final
class Derived(Strategy):
    """Proposes the derived architecture, then draws from the probabilities, until enough of them were judged.

    Args:
        probabilities: by path of the choice.
        never: labels that the derived architecture does not take where there is another one.
        first: the decisions of the derived architecture, where the method derives it in a way of its own.
        said: what the method has to say of it, for the report.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "open"})
    summary: ClassVar[str] = "the architecture that a relaxed search has derived, and draws from its probabilities"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        probabilities: Probabilities,
        choices: Sequence[Choice] | None = None,
        never: Collection[str] = (),
        first: Mapping[str, Any] | None = None,
        said: Sequence[str] = (),
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        self.probabilities, self.never, self.said = probabilities, tuple(never), list(said)
        self.choices = list(choices) if choices is not None else open_choices(space)
        self.derived = space.decide(first) if first is not None else most_likely(space, self.choices, probabilities, self.never)
        self._judged: set[str] = set()
        self._replaced = False
        self._is_sought = False  # an architecture within the limits, since the derived one is not
        self._likely: list[Architecture] | None = None
        self._over: set[str] = set()

    def leader(self) -> Architecture | None:
        return self.derived

    def propose(self, rng: random.Random) -> Proposal | None:
        if self._proposed == 0:
            return Proposal(self.derived)
        if self._is_sought:
            if self._likely is None:
                self._likely = self._likely_first()
            while self._likely:
                likely = self._likely.pop(0)
                if likely.text not in self._over:
                    return Proposal(likely)
        if len(self._judged) > DRAWS or self._proposed > TRIES:
            return None
        return Proposal(drawn(self.space, self.choices, self.probabilities, rng))

    def learn(self, trial: Trial) -> None:
        if trial.architecture == self.derived and trial.state == TrialState.INFEASIBLE:
            self._is_sought = True
        if trial.state == TrialState.INFEASIBLE:
            self._over.add(trial.architecture.text)
        if trial.is_trained:
            self._judged.add(trial.key)
            if (
                self._is_sought and trial.state == TrialState.COMPLETE
            ):  # the likeliest that keeps the limits takes the place of the derived one
                self.derived, self._is_sought, self._replaced = trial.architecture, False, True

    def notes(self) -> list[str]:
        """What the method said, and whether the derived architecture had to give way to the limits, for the report."""
        if self._is_sought:
            return [*self.said, "the derived architecture is over a limit, and so is every likely one that was looked at"]
        if self._replaced:
            replaced = "the likeliest of many draws that keeps the limits is taken in its place"
            return [*self.said, f"the derived architecture is over a limit: {replaced}"]
        return list(self.said)

    def _likely_first(self) -> list[Architecture]:
        """Different draws, the likeliest first."""
        rng = random.Random(f"{self.seed}/likely")
        found = {a.text: a for a in (drawn(self.space, self.choices, self.probabilities, rng) for _ in range(LIKELY))}
        found.pop(self.derived.text, None)
        return sorted(found.values(), key=lambda a: -log_probability(self.choices, self.probabilities, a.decisions))
