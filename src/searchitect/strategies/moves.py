"""Small steps from architectures that are known to others that are not: mutations, and children of two parents."""

import math
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, PolicyChooser
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.space import Space
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.crossings import crossed
from searchitect.strategies.seen import Seen

_TRIES: Final = 4
_FARTHER: Final = 5


@dataclass(frozen=True, slots=True)
class Individual:
    """An architecture that others can descend from.

    Attributes:
        trial: the id of its trial.
        architecture: what was judged.
        values: one per objective, higher is better, finite.
    """

    trial: int
    architecture: Architecture
    values: tuple[float, ...]

    def dominates(self, other: "Individual") -> bool:
        """Nowhere worse and somewhere better; with one objective: better."""
        return self.values != other.values and all(a >= b for a, b in zip(self.values, other.values, strict=True))


def individual_of(space: Space, trial: Trial, values: Sequence[float]) -> Individual | None:
    """The trial as a parent to be, with its objective values (`Strategy.values`).

    ``None`` for one that failed, was pruned or is infeasible, that has no finite number for an objective, or that cannot be
    mutated, such as a spec that was written by hand.
    """
    can_mutate = bool(trial.architecture.decisions) or hasattr(space, "edit")
    if trial.state is not TrialState.COMPLETE or not can_mutate or not all(map(math.isfinite, values)):
        return None
    return Individual(trial.id, trial.architecture, tuple(values))


def mutated(space: Space, seen: Seen, parent: Architecture, rng: random.Random, steps: int = 1) -> Architecture | None:
    """A mutation that was not tried before, near the parent.

    Args:
        space: tells how to mutate.
        seen: what was tried.
        parent: where to start.
        rng: draws the mutation.
        steps: mutations in sequence. After every four results that were tried before it takes one more.

    Returns:
        ``None`` after twenty results that were tried before, or in a space of a single architecture.
    """
    for farther in range(_FARTHER):
        for _ in range(_TRIES):
            child = parent
            try:
                for _ in range(steps + farther):
                    child = space.mutate(child, rng)
            except SpaceError:  # a single architecture: nothing to mutate
                return None
            if child not in seen:
                return child
    return None


def mutant(space: Space, seen: Seen, parent: Individual, rng: random.Random, steps: int = 1) -> Proposal | None:
    """`mutated` as a proposal that names its parent."""
    child = mutated(space, seen, parent.architecture, rng, steps)
    return None if child is None else Proposal(child, parent=parent.trial)


def redrawn(space: Space, parent: Architecture, paths: Collection[str], rng: random.Random) -> Architecture:
    """The parent with another value at each of ``paths``, where there is another one; the other decisions are kept where still valid."""

    def decide(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        if path not in parent.decisions or not domain.allows(parent.decisions[path]):
            return domain.draw(rng)
        old = parent.decisions[path]
        return domain.redraw(old, rng) if path in paths else old

    return space.read(PolicyChooser(decide))


def bred(
    space: Space,
    first: Architecture,
    second: Architecture,
    rng: random.Random,
    crossover_rate: float,
    mutation_rate: float | None,
    homogeneous: bool = False,
) -> Architecture:
    """A child of two parents: `crossed`, then mutation.

    Args:
        space: tells how to cross and to mutate.
        first: the parent that is copied where there is no crossover.
        second: the other parent.
        rng: draws all of it.
        crossover_rate: the probability of a crossover.
        mutation_rate: of each decision; ``None``: one in the number of decisions. So many mutations as decisions are hit, in sequence:
            where decisions depend on each other, one that is hit may take others with it.
        homogeneous: see `crossed`.
    """
    child = crossed(space, first, second, rng, homogeneous) if rng.random() < crossover_rate else first
    rate = 1 / max(len(child.decisions), 1) if mutation_rate is None else mutation_rate
    for _ in range(sum(rng.random() < rate for _ in range(len(child.decisions)))):
        child = space.mutate(child, rng)
    return child


def new_child(
    space: Space,
    seen: Seen,
    parents: Callable[[], tuple[Individual, Individual]],
    rng: random.Random,
    crossover_rate: float,
    mutation_rate: float | None,
    homogeneous: bool = False,
) -> Proposal | None:
    """A child (`bred`) that was not tried before; the first parent is that of the proposal.

    Args:
        space: tells how to cross and to mutate.
        seen: what was tried.
        parents: draws a pair. Drawn anew for each of up to four children; the last pair's first parent is mutated where all were tried.
        rng: draws the rest.
        crossover_rate: see `bred`.
        mutation_rate: see `bred`.
        homogeneous: see `crossed`.
    """
    for _ in range(_TRIES):
        first, second = parents()
        try:
            child = bred(space, first.architecture, second.architecture, rng, crossover_rate, mutation_rate, homogeneous)
        except SpaceError:  # a single architecture: nothing to mutate
            return None
        if child not in seen:
            return Proposal(child, parent=first.trial)
    return mutant(space, seen, first, rng)


def child_or_draw(
    space: Space,
    seen: Seen,
    parents: Callable[[], tuple[Individual, Individual]] | None,
    rng: random.Random,
    crossover_rate: float,
    mutation_rate: float | None,
    homogeneous: bool = False,
) -> Proposal | None:
    """A child (`new_child`), or a uniform draw where there is none or no population yet; ``None`` when nothing is left. It counts as seen.

    Args:
        space: tells how to cross and to mutate.
        seen: what was tried.
        parents: draws a pair; ``None``: there is no population yet.
        rng: draws the rest.
        crossover_rate: see `bred`.
        mutation_rate: see `bred`.
        homogeneous: see `crossed`.
    """
    child = None if parents is None else new_child(space, seen, parents, rng, crossover_rate, mutation_rate, homogeneous)
    return seen.propose(child, rng)


def check_rates(crossover_rate: float, mutation_rate: float | None) -> None:
    """Raises `SettingError` unless both are probabilities."""
    if not 0 <= crossover_rate <= 1:
        raise SettingError(f"crossover_rate must lie in [0, 1], got {crossover_rate}; usual is 0.9")
    if mutation_rate is not None and not 0 <= mutation_rate <= 1:
        raise SettingError(
            f"mutation_rate must lie in [0, 1], got {mutation_rate}; leave it out for one in the number of decisions"
        )
