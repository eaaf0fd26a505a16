"""Local search: from a random architecture, step to a better neighbour until there is none; then start anew.

White, Nolen, Savani 2021, "Exploring the Loss Landscape in Neural Architecture Search", https://arxiv.org/abs/2005.02960,
section 3 and algorithm 1; Den Ottelander, Dushatskiy, Virgolin, Bosman 2021, "Local Search is a Remarkably Strong Baseline for Neural
Architecture Search", https://arxiv.org/abs/2004.08996.

Differs from the papers:
1. Neighbours come in random order. Where one decision depends on another, what newly appears is drawn.
2. Of a choice among more than 17 numbers, and of a continuous one, 16 drawn values stand for all. Of a choice of several options
   the neighbours are those with one option exchanged. A space with edits of its own has 16 drawn edits as neighbours.
3. What was judged before is not judged again: its known value counts, also on the way to an optimum that was found before.
4. Asynchronous: while the last neighbours of a centre run, new starts are drawn; they are climbed from later, the best first. A late
   neighbour of an earlier centre counts where it is better than the present one (first improvement).
5. With several objectives "better" means that it dominates. The papers have one.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, NumberDomain, ReplayChooser, SomeDomain, same_value
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of
from searchitect.strategies.seen import Seen

IMPROVEMENTS: Final = ("first", "best")
_DRAWN: Final = 16


class LocalSearch(Strategy):
    """Hill climbing over whole neighbourhoods, with restarts.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        improvement: "first": step to the first better neighbour. "best": judge all neighbours, then step to the best.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate"})
    summary: ClassVar[str] = "step to a better neighbour until there is none, then restart (White et al. 2021)"

    def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, improvement: str = "first") -> None:
        super().__init__(space, objectives, seed=seed)
        if improvement not in IMPROVEMENTS:
            raise SettingError(f"improvement must be 'first' or 'best', got {improvement!r}")
        self.improvement = improvement
        self._around: _Neighbourhood | None = None  # None: a start is needed
        self._starts: list[Individual] = []  # judged, not climbed from yet
        self._centres: set[int] = set()
        self._ended: dict[str, Individual | None] = {}  # None: of no use
        self._seen = Seen(space)
        self._climbs = self._optima = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A neighbour of the centre; a new start where all of them were tried."""
        near = None if self._around is None else self._around.first_new(self._seen)
        return self._seen.propose(near, rng)

    def learn(self, trial: Trial) -> None:
        """Step, or restart, as far as what has ended allows."""
        self._seen.add(trial.key)
        found = self._ended[trial.key] = individual_of(self.space, trial, self.values(trial))
        if found is not None and trial.parent not in self._centres:
            self._starts.append(found)
        elif found is not None and self._around is not None and self.improvement == "first":
            self._around.better += [found] * found.dominates(self._around.centre)
        self._settle()

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Local search ({self.improvement} improvement): {self._climbs} climbs, {self._optima} of them to a local optimum."
        ]

    def _settle(self) -> None:
        """All that follows from the trials that have ended, without a new one."""
        while self._around is not None or self._starts:
            if self._around is None:
                self._climbs += 1
                self._step_to(self._starts.pop(best_first([start.values for start in self._starts])[0]))
                continue
            is_first = self.improvement == "first"
            if not (is_first and self._around.better):
                self._around.look(self._ended, stop_at_first=is_first)
            if self._around.better and (is_first or self._around.is_known):
                better = self._around.better
                self._step_to(better[best_first([neighbour.values for neighbour in better])[0]])
            elif self._around.is_known:
                self._optima += 1
                self._around = None
            else:
                return

    def _step_to(self, centre: Individual) -> None:
        self._centres.add(centre.trial)
        order = random.Random(f"{self.seed}/{centre.trial}/neighbours")
        self._around = _Neighbourhood(self.space, centre, order)


class _Neighbourhood:
    """The neighbours of a centre in random order, each made when it is needed.

    Attributes:
        centre: whose they are.
        better: those that dominate the centre, as far as is known.
        is_known: whether `look` has seen all of them ended.
    """

    def __init__(self, space: Space, centre: Individual, rng: random.Random) -> None:
        self.centre = centre
        self.better: list[Individual] = []
        self.is_known = False
        self._space = space
        self._making = neighbours(space, centre.architecture, rng)
        self._made: list[tuple[str, Architecture]] = []
        self._asked = self._looked = 0  # places in the order: before them, all were tried, or have ended

    def first_new(self, seen: Seen) -> Proposal | None:
        """The first one that was not tried; ``None`` where all were."""
        while (neighbour := self._at(self._asked)) is not None:
            if not seen.knows(neighbour[0]):
                return Proposal(neighbour[1], parent=self.centre.trial)
            self._asked += 1
        return None

    def look(self, ended: dict[str, Individual | None], stop_at_first: bool) -> None:
        """Go on in the order as long as trials have ended, and keep those that are better than the centre."""
        while (neighbour := self._at(self._looked)) is not None:
            if neighbour[0] not in ended:
                return
            self._looked += 1
            found = ended[neighbour[0]]
            if found is not None and found.dominates(self.centre):
                self.better.append(found)
                if stop_at_first:
                    return
        self.is_known = True

    def _at(self, place: int) -> tuple[str, Architecture] | None:
        while len(self._made) <= place:
            neighbour = next(self._making, None)
            if neighbour is None:
                return None
            self._made.append((self._space.key(neighbour), neighbour))
        return self._made[place]


def neighbours(space: Space, architecture: Architecture, rng: random.Random) -> Iterator[Architecture]:
    """Architectures that differ in one decision, in random order; what newly appears with it is drawn.

    Args:
        space: where they come from.
        architecture: with decisions, unless the space has edits of its own.
        rng: draws the order, and values in place of more than 16 others.
    """
    if hasattr(space, "edit"):
        for _ in range(_DRAWN):
            yield space.mutate(architecture, rng)
        return
    decisions = architecture.decisions
    moves = [
        (path, value) for path, domain in space.domains(architecture).items() for value in _others(domain, decisions[path], rng)
    ]
    rng.shuffle(moves)
    for path, value in moves:
        reader = ReplayChooser({**decisions, path: value}, rng)
        yield space.read(reader)


def _others(domain: Domain, old: Any, rng: random.Random) -> list[Any]:
    """The values to step to from ``old``."""
    match domain:
        case SomeDomain(labels=labels):
            kept = [[label for label in old if not same_value(label, out)] for out in old]
            free = [label for label in labels if not any(same_value(label, value) for value in old)]
            return [[label for label in labels if _is_in(label, [*rest, new])] for rest in kept for new in free]
        case NumberDomain(low=low, high=high) if not domain.whole or high - low > _DRAWN:
            drawn = [domain.redraw(old, rng) for _ in range(_DRAWN)]
            return [value for value in dict.fromkeys(drawn) if value != old]
    return [value for value in domain.values() if not same_value(value, old)]


def _is_in(label: Any, values: Sequence[Any]) -> bool:
    return any(same_value(label, value) for value in values)
