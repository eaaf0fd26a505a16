"""Growing architectures: by one body of a list whose length is chosen, in every way that the space allows."""

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, NumberDomain, OneDomain, PolicyChooser, is_varying_length
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space


def level_of(space: Space, architecture: Architecture) -> int:
    """1 for the smallest architectures, and one more for each body beyond the fewest."""
    domains = space.domains(architecture).items()
    lengths = [architecture.decisions[path] - domain.low for path, domain in domains if is_varying_length(domain)]
    return 1 + int(sum(lengths))


def one_body_more(space: Space, architecture: Architecture) -> Iterator[dict[str, Any]]:
    """For each list that is not full: the decisions of ``architecture``, with that list longer by one."""
    for path, domain in space.domains(architecture).items():
        length = architecture.decisions[path]
        if is_varying_length(domain) and domain.allows(length + 1):
            yield {**architecture.decisions, path: length + 1}


def extended(space: Space, start: Mapping[str, Any]) -> Iterator[Architecture]:
    """Every architecture that decides as ``start`` does, in order; lists of which it says nothing are as short as can be.

    Raises:
        SpaceError: where a continuous choice is left.
    """
    places: list[int] | None = []
    while places is not None:
        reader = _Places(start, places)
        chooser = PolicyChooser(reader.decide)
        yield space.read(chooser)
        places = reader.next_places()


class _Places:
    """One step of an enumeration of what ``start`` leaves open: takes the values at ``places``, then every first one."""

    def __init__(self, start: Mapping[str, Any], places: Sequence[int]) -> None:
        self._start = start
        self._given = places
        self._taken: list[tuple[int, int]] = []  # each place, and how many there are

    def decide(self, path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        values = _left_open(self._start, path, domain).values()
        place = self._given[len(self._taken)] if len(self._taken) < len(self._given) else 0
        self._taken.append((place, len(values)))
        return values[place]

    def next_places(self) -> list[int] | None:
        for step in reversed(range(len(self._taken))):
            place, count = self._taken[step]
            if place + 1 < count:
                return [*(before for before, _ in self._taken[:step]), place + 1]
        return None


def _left_open(start: Mapping[str, Any], path: str, domain: Domain) -> Domain:
    """What can still be chosen at ``path``."""
    if path in start and domain.allows(start[path]):
        return OneDomain([start[path]])
    return replace(domain, high=domain.low) if isinstance(domain, NumberDomain) and domain.is_length else domain


def drawn(space: Space, start: Mapping[str, Any], rng: random.Random) -> Architecture:
    """An architecture that decides as ``start`` does, the rest drawn uniformly, lists being as short as can be."""
    chooser = PolicyChooser(lambda path, domain, _: _left_open(start, path, domain).draw(rng))
    return space.read(chooser)


def at_most(architectures: Iterator[Architecture], count: int) -> list[Architecture]:
    """All of them; none where there are more than ``count``, or a continuous choice among them."""
    try:
        found = list(itertools.islice(architectures, count + 1))
    except SpaceError:
        return []
    return found if len(found) <= count else []
