"""Searches on small spaces for the tests of strategies that learn a policy."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from searchitect.core import Architecture, Chooser, Fidelity, Objective, Space, Strategy, Trial, TrialState
from searchitect.testing import simulate

SCORE = (Objective("score", "max"),)


@dataclass(frozen=True)
class Hits(Space):
    """So many choices among so many options; the score is how many equal a hidden target."""

    name = "hits"

    choices: int = 10
    options: int = 4

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"choice/{number}", range(self.options)) for number in range(self.choices)]


def hits_of(space: Hits, seed: int = 0) -> Callable[[Any], float]:
    """The share of a spec's decisions that hit a target drawn with ``seed``."""
    rng = random.Random(seed)
    target = [rng.randrange(space.options) for _ in range(space.choices)]
    return lambda spec: sum(a == b for a, b in zip(spec, target, strict=True)) / len(target)


def scores(strategy: Strategy, score: Callable[[Any], float], trials: int) -> list[float]:
    """The scores of a simulated search, in order."""
    return [trial.metrics["score"] for trial in simulate(strategy, lambda spec, _: score(spec), trials)]


def trial_of(
    space: Space, architecture: Architecture, score: float = 0.0, state: TrialState = TrialState.COMPLETE, **metrics: float
) -> Trial:
    """A finished trial that the strategy never asked for."""
    key = space.key(architecture)
    return Trial(0, architecture, key, Fidelity(1), 0, state=state, metrics={"score": score, **metrics})


def tell_all(strategy: Strategy, told: Sequence[tuple[Architecture, float]], times: int = 1) -> None:
    """Tell of foreign trials, over and over."""
    for _ in range(times):
        for architecture, score in told:
            strategy.tell(trial_of(strategy.space, architecture, score))
