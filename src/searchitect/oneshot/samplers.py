"""Which networks of a supernet learn in one step, where it is more than one drawn at random (`searchitect.oneshot.sampled.uniform`)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from searchitect.core import Architecture, SettingError, Space, SpaceError
from searchitect.core.choosing import Domain, NumberDomain, PolicyChooser, SomeDomain


def fair(space: Space, rng: random.Random) -> Sequence[Architecture]:
    """As many networks as the largest choice has options, so that in a step every option of every choice learns once.

    Chu, Zhang, Xu 2019, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture Search",
    https://arxiv.org/abs/1907.01845, section 3.2 and algorithm 1: each choice's options in an order of its own, drawn anew at every step. Where
    choices differ in the number of options, those of the smaller ones come equally often up to one; of k of several options, the
    next k of the order are taken. Choices inside others count the networks that they are in.
    """
    decks: dict[str, list[int]] = {}
    largest = 1

    def policy(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        nonlocal largest
        labels = list(domain.labels) if isinstance(domain, SomeDomain) else list(domain.values())
        largest = max(largest, len(labels))
        deck = decks.setdefault(path, [])
        if not isinstance(domain, SomeDomain):
            return labels[_deal(deck, len(labels), 1, rng)[0]]
        return [labels[place] for place in sorted(_deal(deck, len(labels), domain.k, rng))]

    found: list[Architecture] = []
    while len(found) < largest:
        found.append(space.read(PolicyChooser(policy)))
    return found


def sandwich(space: Space, rng: random.Random) -> Sequence[Architecture]:
    """The largest network, the smallest one, and two drawn uniformly.

    Yu, Huang 2019, "Universally Slimmable Networks and Improved Training Techniques", https://arxiv.org/abs/1903.05134, section 3.2, with n = 4.
    Large and small are choices among numbers, such as widths, kernel sizes and depths; the others are drawn.

    Raises:
        SpaceError: for a space without such a choice.
    """
    return [_extreme(space, rng, max), _extreme(space, rng, min), space.sample(rng), space.sample(rng)]


SAMPLERS = ("uniform", "fair", "sandwich")


def find_sampler(name: str) -> Callable[[Space, random.Random], Sequence[Architecture]]:
    """The sampler of a name, one of `SAMPLERS`. Raises `SettingError` for another one."""
    from searchitect.oneshot.sampled import uniform

    known = {"uniform": uniform, "fair": fair, "sandwich": sandwich}
    if name not in known:
        raise SettingError(f"sampler must be one of {', '.join(SAMPLERS)}, got {name!r}")
    return known[name]


def _deal(deck: list[int], options: int, count: int, rng: random.Random) -> list[int]:
    """The next ``count`` different places of a deck, to which all places are added, shuffled, when it has no other one left."""
    taken: list[int] = []
    while len(taken) < count:
        place = next((place for place in deck if place not in taken), None)
        if place is None:
            deck += rng.sample(range(options), options)
        else:
            deck.remove(place)
            taken.append(place)
    return taken


def _extreme(space: Space, rng: random.Random, extreme: Callable[[Sequence[Any]], Any]) -> Architecture:
    is_ordered = False

    def policy(_: str, domain: Domain, __: Mapping[str, Any]) -> Any:
        nonlocal is_ordered
        if isinstance(domain, SomeDomain):
            return domain.draw(rng)
        values = [domain.low, domain.high] if isinstance(domain, NumberDomain) else list(domain.labels)
        if len(values) < 2 or not all(type(value) in (int, float) for value in values):
            return domain.draw(rng)
        is_ordered = True
        return extreme(values)

    found = space.read(PolicyChooser(policy))
    if not is_ordered:
        raise SpaceError(
            f"the space {space.name!r} has no choice among numbers, such as widths or kernel sizes, so that none of its networks is the "
            "largest: use another sampler than 'sandwich'"
        )
    return found
