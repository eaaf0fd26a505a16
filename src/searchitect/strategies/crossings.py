"""Children of two parents, and of many: what becomes of the decisions of others."""

import random
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import ReplayChooser
from searchitect.core.space import Space

_CROSSINGS: Final = 64
_Part: TypeAlias = list[tuple[str, Any]]


def crossed(space: Space, first: Architecture, second: Architecture, rng: random.Random, homogeneous: bool) -> Architecture:
    """`Space.crossover`: each decision from either parent by a fair coin.

    Args:
        space: tells how to cross.
        first, second: the parents.
        rng: draws the child.
        homogeneous: repeat it until the child's `total` lies between those of its parents, both included, as in NSGA-Net (Lu et al. 2019,
            https://arxiv.org/abs/1810.03522, section 3.2); after 64 results that do not, the first parent itself.
    """
    if not homogeneous:
        return space.crossover(first, second, rng)
    low, high = sorted((total(first), total(second)))
    for _ in range(_CROSSINGS):
        child = space.crossover(first, second, rng)
        if low <= total(child) <= high:
            return child
    return first


def total(architecture: Architecture) -> float:
    """The sum of the decisions that are numbers: of bits, how many are set; of widths, all channels."""
    return sum(value for value in architecture.decisions.values() if isinstance(value, (int, float)))


def chained(space: Space, known: Sequence[Architecture], rng: random.Random) -> Architecture:
    """A draw from a Bayesian network over the parts of architectures, a chain: each part is drawn given the one before it.

    The probabilities are the frequencies among ``known``, as in the exploitation of NSGA-Net (Lu et al. 2019,
    https://arxiv.org/abs/1810.03522, section 3.2), whose parts are its phases. Decisions are of one part where the first two words of
    their paths agree, such as ``phases/0``.

    Args:
        space: of the architectures. What does not fit together in it is drawn anew.
        known: at least one, with decisions.
        rng: draws the child.
    """
    split = [_parts(architecture) for architecture in known]
    decisions: dict[str, Any] = {}
    candidates, place = split, 0
    while candidates:
        taken = rng.choice(candidates)[place]
        decisions |= dict(taken)
        candidates = [parts for parts in split if len(parts) > place + 1 and parts[place] == taken]
        place += 1
    return space.read(ReplayChooser(decisions, rng))


def _parts(architecture: Architecture) -> list[_Part]:
    found: dict[str, _Part] = {}
    for path, value in architecture.decisions.items():
        found.setdefault("/".join(path.split("/")[:2]), []).append((path, value))
    return list(found.values())
