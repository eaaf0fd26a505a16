"""The bookkeeping of successive halving: at which fidelities, who is best there, who may rise."""

import math
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, TypedDict

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.trial import Fidelity, Trial, TrialState
from searchitect.metrics.pareto import best_first

_Place: TypeAlias = tuple[int, float, int, str]  # group, badness, trial id, key: smaller is better; ties go to the older trial

MEASURED, INFEASIBLE, LOST = 0, 1, 2
"""Groups of entries, best first: complete; measured but over a limit; failed, pruned or without a number."""

_STALE: Final = 1.01


def rungs(base_epochs: float, max_epochs: float, eta: float = 3) -> list[float]:
    """The epochs of each rung: r, r eta, r eta^2, ... and always R at the top.

    Where R / r is not a power of eta, the number of steps is the nearest one (at least one), and the last step is
    the uneven one: ``rungs(1, 20)`` is 1, 3, 9, 20.

    Args:
        base_epochs: r in the paper.
        max_epochs: R in the paper; equal to r for a single rung.
        eta: 1/eta of a rung is promoted.

    Raises:
        SettingError: unless 0 < r <= R and eta > 1.
    """
    if not 0 < base_epochs <= max_epochs < math.inf:
        raise SettingError(f"base_epochs must lie in (0, max_epochs], got {base_epochs} with max_epochs={max_epochs}")
    if not 1 < eta < math.inf:
        raise SettingError(f"eta must be above 1, got {eta}; usual are 3 and 4")
    if base_epochs == max_epochs:
        return [max_epochs]
    steps = max(1, round(math.log(max_epochs / base_epochs, eta)))
    return [base_epochs * eta**k for k in range(steps)] + [max_epochs]


class HalvingOptions(TypedDict, total=False):
    """The options of `Halving` as a strategy takes them: ``**halving: Unpack[HalvingOptions]``."""

    base_epochs: float
    max_epochs: float
    eta: float
    data: float
    resolution: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Halving:
    """The settings of all kinds of successive halving. `searchitect.strategies.strategy_options` names them for each.

    Attributes:
        base_epochs: r in the papers, the epochs of a first look.
        max_epochs: R in the papers, the epochs of the longest training; equal to ``base_epochs`` there is no halving.
        eta: 1/eta of a rung goes on, above 1.
        data: fraction of the training rows in use, at all rungs, in (0, 1].
        resolution: fraction of the image side in use, at all rungs, in (0, 1].
    """

    base_epochs: float = 1
    max_epochs: float = 27
    eta: float = 3
    data: float = 1.0
    resolution: float = 1.0

    def fidelities(self) -> list[Fidelity]:
        """Of each rung, the lowest first. Raises `SettingError` where a setting lies outside its range."""
        return [Fidelity(epochs, self.data, self.resolution) for epochs in rungs(self.base_epochs, self.max_epochs, self.eta)]


@dataclass(frozen=True, slots=True)
class Entry:
    """One architecture's result in a rung.

    Attributes:
        key: of the architecture in its space.
        trial: the id of its trial.
        architecture: what was judged.
        group: MEASURED, INFEASIBLE or LOST.
        values: one per objective, higher is better.
    """

    key: str
    trial: int
    architecture: Architecture
    group: int
    values: tuple[float, ...]


def entry_of(trial: Trial, values: Sequence[float]) -> Entry | None:
    """The entry of a trial that ended, with its objective values (`Strategy.values`); ``None`` for one that was never trained."""
    measured = all(map(math.isfinite, values))
    if trial.state is TrialState.INFEASIBLE and not measured:
        return None
    group = {TrialState.COMPLETE: MEASURED, TrialState.INFEASIBLE: INFEASIBLE}.get(trial.state, LOST)
    return Entry(trial.key, trial.id, trial.architecture, group if measured else LOST, tuple(values))


def best_entries(entries: Iterable[Entry]) -> list[Entry]:
    """The best first: by group, then by value or by non-dominated front and crowding distance, then the older trial."""
    given = sorted(entries, key=lambda entry: entry.trial)
    found: list[Entry] = []
    for group in (MEASURED, INFEASIBLE, LOST):
        members = [entry for entry in given if entry.group == group]
        found += [members[place] for place in best_first([entry.values for entry in members])]
    return found


class Rung:
    """The results at one fidelity, best first.

    With one objective an entry costs a binary search. With several, the order (non-dominated fronts, then crowding distance) is
    computed anew whenever the rung has grown by 1 %: at every entry up to 100, and seldom enough above that it does not matter.
    """

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[_Place] = []
        self._waiting: list[_Place] = []  # those of the order that may still rise
        self._place: dict[str, _Place] = {}
        self._risen: set[str] = set()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def risen(self) -> int:
        """How many were promoted, or were judged at the next fidelity without that."""
        return len(self._risen)

    def enter(self, entry: Entry) -> None:
        """Take in a result. The same architecture counts once: its first result stays."""
        if entry.key in self._entries:
            return
        self._entries[entry.key] = entry
        if len(entry.values) == 1:
            self._put((entry.group, -entry.values[0], entry.trial, entry.key))
        elif len(self._entries) > _STALE * len(self._order):
            self._order_anew()

    def promotable(self, eta: float) -> Entry | None:
        """The best of the top floor(n / eta) that has not risen yet."""
        if not self._waiting:
            return None
        best = self._waiting[0]  # if it is not within the top, no other is
        return self._entries[best[-1]] if bisect_left(self._order, best) < len(self._order) // eta else None

    def rise(self, key: str) -> None:
        """Note that ``key`` is at the next fidelity, whether or not it has entered here."""
        self._risen.add(key)
        place = self._place.get(key)
        if place is not None and place[0] != LOST:
            at = bisect_left(self._waiting, place)
            if at < len(self._waiting) and self._waiting[at] == place:
                del self._waiting[at]

    def _put(self, place: _Place) -> None:
        insort(self._order, place)
        self._place[place[-1]] = place
        if place[0] != LOST and place[-1] not in self._risen:
            insort(self._waiting, place)

    def _order_anew(self) -> None:
        self._order, self._waiting, self._place = [], [], {}
        for position, entry in enumerate(best_entries(self._entries.values())):
            self._put((entry.group, float(position), entry.trial, entry.key))  # in order: each insertion is at the end
