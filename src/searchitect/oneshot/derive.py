"""From how likely each option is to an architecture: the most likely one, or a draw."""

import math
import random
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

from searchitect.core import Architecture, Space
from searchitect.core.choosing import Domain, NumberDomain, PolicyChooser, SomeDomain
from searchitect.oneshot.choices import Choice

Probabilities: TypeAlias = Mapping[str, Sequence[float]]
"""Path of a choice -> how likely each of its options is; they need not sum to 1 (independent gates do not)."""


def most_likely(
    space: Space, choices: Sequence[Choice], probabilities: Probabilities, never: Collection[str] = ()
) -> Architecture:
    """The architecture of the likeliest options, choices inside others included.

    Of a choice of k, the k options with the largest strength are taken: the option's own probability, where it has one, times those of the
    likeliest options of the choices inside it (Liu et al. 2019, https://arxiv.org/abs/1806.09055, section 2.4: the strength of an edge).

    Args:
        space: whose architecture is derived; it may have fewer options than the supernet's space, and other sizes.
        choices: of the supernet.
        probabilities: by path; of a choice without an entry, the first option, or with k the strongest inside.
        never: labels that are taken only where there is no other.
    """
    known = {choice.path: choice for choice in choices}

    def best_of(path: str, labels: Sequence[Any]) -> tuple[Any, float]:
        weights = _weights_of(known, probabilities, path, labels)
        allowed = [place for place, label in enumerate(labels) if label not in never] or list(range(len(labels)))
        place = max(allowed, key=lambda i: weights[i])
        return labels[place], weights[place]

    def strength(path: str, label: Any, own: float) -> float:
        inside = [c for c in choices if c.outer is not None and c.outer[0] == path and label in c.outer[1] and c.k is None]
        return own * math.prod(best_of(c.path, c.labels)[1] for c in inside if c.path in probabilities)

    def policy(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        if _is_continuous(domain):
            return domain.draw(random.Random(path))  # nothing is known of it; the same in every derivation
        if not isinstance(domain, SomeDomain):
            return best_of(path, list(domain.values()))[0]
        labels = list(domain.labels)
        weights = _weights_of(known, probabilities, path, labels)
        ranked = sorted(range(len(labels)), key=lambda i: -strength(path, labels[i], weights[i]))
        return [labels[i] for i in sorted(ranked[: domain.k])]

    return space.read(PolicyChooser(policy))


def drawn(space: Space, choices: Sequence[Choice], probabilities: Probabilities, rng: random.Random) -> Architecture:
    """Every decision drawn as likely as its options are; where nothing is known of a choice, uniformly."""
    known = {choice.path: choice for choice in choices}

    def policy(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        if _is_continuous(domain):
            return domain.draw(rng)
        if not isinstance(domain, SomeDomain):
            labels = list(domain.values())
            return rng.choices(labels, _weights_of(known, probabilities, path, labels))[0]
        labels = list(domain.labels)
        weights = _weights_of(known, probabilities, path, labels)
        taken: list[int] = []
        for _step in range(domain.k):  # one after the other, without putting back
            left = [i for i in range(len(labels)) if i not in taken]
            taken.append(rng.choices(left, [max(weights[i], 1e-12) for i in left])[0])
        return [labels[i] for i in sorted(taken)]

    return space.read(PolicyChooser(policy))


def log_probability(choices: Sequence[Choice], probabilities: Probabilities, decisions: Mapping[str, Any]) -> float:
    """The logarithm of how likely ``decisions`` are; choices of which nothing is known are left out, and of several that are taken the order."""
    total = 0.0
    for choice in choices:
        if choice.path in decisions and choice.path in probabilities:
            taken = [decisions[choice.path]] if choice.k is None else decisions[choice.path]
            weights = dict(zip(choice.labels, probabilities[choice.path], strict=True))
            mass = sum(weights.values())
            total += sum(math.log(max(weights[label], 1e-12) / mass) for label in taken)
    return total


def concentration(probabilities: Probabilities) -> dict[str, float]:
    """The entropy of each choice, as a share of the uniform distribution's: 1 undecided, 0 decided. By path."""
    found = {}
    for path, values in probabilities.items():
        total = sum(values)
        shares = [v / total for v in values if v > 0] if total > 0 else []
        found[path] = round(-sum(s * math.log(s) for s in shares) / math.log(len(values)), 5) if len(values) > 1 else 0.0
    return found


def _weights_of(known: Mapping[str, Choice], probabilities: Probabilities, path: str, labels: Sequence[Any]) -> list[float]:
    """The probability of each label: equal ones where the choice is not known; the decided space may lack some of the labels."""
    if path not in probabilities or path not in known:
        return [1.0] * len(labels)
    by_label = dict(zip(known[path].labels, probabilities[path], strict=True))
    return [max(float(by_label.get(label, 0.0)), 0.0) for label in labels]


def _is_continuous(domain: Domain) -> bool:
    return isinstance(domain, NumberDomain) and not domain.whole
