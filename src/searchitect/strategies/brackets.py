"""The bookkeeping of Hyperband: which brackets there are, and one bracket's successive halving."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from searchitect.strategies.rungs import LOST, Entry, best_entries

_ROUNDING: Final = 1e-9


def bracket_sizes(s: int, s_max: int, eta: float) -> list[int]:
    """How many configurations bracket ``s`` has in each of its s + 1 rungs: n = ceil((s_max + 1) eta^s / (s + 1)), floor(n / eta), ...

    Args:
        s: how many times the bracket halves, in [0, s_max].
        s_max: that of the most aggressive bracket.
        eta: 1/eta of a rung goes on.
    """
    n = math.ceil((s_max + 1) * eta**s / (s + 1) - _ROUNDING)
    return [math.floor(n / eta**i + _ROUNDING) for i in range(s + 1)]


class Bracket:
    """One bracket: a rung begins when the rung below is complete. Its state follows from the order in which results are entered.

    Args:
        base: the level of its lowest rung, among the fidelities of all brackets.
        sizes: how many configurations each rung has.
        eta: 1/eta of a rung that was cut short goes on.
    """

    def __init__(self, base: int, sizes: Sequence[int], eta: float) -> None:
        self.base = base
        self._sizes = sizes
        self._eta = eta
        self._rungs: list[list[Entry]] = [[]]
        self._awaited: dict[str, Entry] = {}  # those that shall go on to the newest rung and were not started
        self._running: set[str] = set()  # those that were started there
        self.is_full = False

    @property
    def rungs(self) -> list[list[Entry]]:
        """The results of each rung that has begun, in the order of ending."""
        return self._rungs

    @property
    def level(self) -> int:
        """The level of the newest rung."""
        return self.base + len(self._rungs) - 1

    def enter(self, entry: Entry) -> None:
        """Take in a result of the lowest rung. The same configuration may come twice: it fills two places, but goes on once."""
        self._rungs[0].append(entry)
        if len(self._rungs[0]) >= self._sizes[0]:
            self.is_full = True
            self._raise(self._sizes[1:2])

    def next(self) -> Entry | None:
        """The best of those that shall go on and were not started; ``None`` while there is none."""
        return next(iter(self._awaited.values()), None)

    def start(self, key: str, level: int) -> bool:
        """Note that ``key`` goes on to ``level``. False: it is not awaited there."""
        if level != self.level or self._awaited.pop(key, None) is None:
            return False
        self._running.add(key)
        return True

    def end(self, entry: Entry, level: int) -> bool:
        """Take in a result above the lowest rung. False: it is not awaited there."""
        if level != self.level or not (entry.key in self._running or self.start(entry.key, level)):
            return False
        self._running.remove(entry.key)
        self._rungs[-1].append(entry)
        if not (self._awaited or self._running):
            self._raise(self._sizes[len(self._rungs) : len(self._rungs) + 1])
        return True

    def holds(self, key: str, level: int) -> bool:
        """Whether ``level`` is a lowest rung that is still filling, and ``key`` is in it."""
        return level == self.base and not self.is_full and any(entry.key == key for entry in self._rungs[0])

    def cut_short(self) -> None:
        """Let the lowest rung be complete with what it has: there is nothing more to try."""
        self.is_full = True
        had = len(self._rungs[0])
        self._sizes = [max(1, math.floor(had / self._eta**i + _ROUNDING)) for i in range(len(self._sizes))]
        self._raise(self._sizes[1:2])

    @property
    def is_running(self) -> bool:
        """Whether something that went on was started and has not ended."""
        return bool(self._running)

    @property
    def is_done(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.is_full and not self._awaited and not self._running

    def _raise(self, size: Sequence[int]) -> None:
        """Choose who goes on from the newest rung, which is complete; nobody from the highest one."""
        best: dict[str, Entry] = {}
        for entry in best_entries(self._rungs[-1]):
            if entry.group != LOST:
                best.setdefault(entry.key, entry)
        if size and best:
            self._awaited = dict(list(best.items())[: size[0]])
            self._rungs.append([])


class Brackets:
    """The endless sequence of brackets s_max, s_max - 1, ..., 0, s_max, ..., begun as they are needed.

    Args:
        levels: how many fidelities there are, s_max + 1.
        eta: 1/eta of a rung goes on.
        kept: how many brackets a sweep has, the most aggressive first.
    """

    def __init__(self, levels: int, eta: float, kept: int) -> None:
        self._eta = eta
        self._sizes = [bracket_sizes(levels - 1 - base, levels - 1, eta) for base in range(kept)]
        self._made: list[list[Bracket]] = [[] for _ in self._sizes]  # per level of the lowest rung, in the order of sweeps
        self._done = [0] * kept  # of those, how many have nothing more to do
        self._open = [0] * kept

    def __iter__(self) -> Iterator[Bracket]:
        """Those that are not done, in order."""
        for base, made in enumerate(self._made):
            while self._done[base] < len(made) and made[self._done[base]].is_done:
                self._done[base] += 1
        for sweep in range(min(self._done), max(map(len, self._made))):
            for base, made in enumerate(self._made):
                if self._done[base] <= sweep < len(made):
                    yield made[sweep]

    def every(self) -> Iterator[Bracket]:
        """All of them."""
        for made in self._made:
            yield from made

    def opened(self, base: int) -> None:
        """Note that a configuration was started in the lowest rung at level ``base``."""
        self._open[base] += 1

    def shut(self, base: int) -> None:
        """Note that a configuration that was started there has ended."""
        self._open[base] -= 1

    def enter(self, base: int, entry: Entry) -> None:
        """Take in a result at the lowest rung of the first bracket that has a place left."""
        made = self._made[base]
        if not made or made[-1].is_full:
            made.append(Bracket(base, self._sizes[base], self._eta))
        made[-1].enter(entry)

    def next_base(self) -> int:
        """At which level the next new configuration starts: that of the first bracket with places left."""
        filled = [self._places_taken(base) // sizes[0] for base, sizes in enumerate(self._sizes)]
        return filled.index(min(filled))

    def _places_taken(self, base: int) -> int:
        made, size = self._made[base], self._sizes[base][0]
        if made and not made[-1].is_full:
            return (len(made) - 1) * size + len(made[-1].rungs[0]) + self._open[base]
        return len(made) * size + self._open[base]
