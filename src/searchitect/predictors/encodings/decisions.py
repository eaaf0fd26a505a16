"""Encodings of decisions: one-hot with a mask, and the sequence of tokens. They fit every space whose architectures have decisions."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.core.architecture import Architecture, canonical_json
from searchitect.core.choosing import Domain, NumberDomain, OneDomain, OpenChooser, OpenNode, Repeat, SomeDomain
from searchitect.core.errors import SpaceError
from searchitect.core.space import Space
from searchitect.predictors.encodings.encoding import Encoding, draws

_PLAIN: Final = (int, bool, float, type(None))
_INDEX: Final = re.compile(r"(?<![^/])\d+(?![^/])")
_MOST_VALUES: Final = 16
_BINS: Final = 8
PADDING: Final = 0
UNKNOWN: Final = 1
"""The tokens that stand for the end of a sequence, and for what the space was not seen to decide."""


def _key(label: Any) -> Any:
    """A label as a key of a dict, so that 1, 1.0, True and "1" are four."""
    kind = type(label)
    return label if kind is str else (kind, label) if kind in _PLAIN else (kind, canonical_json(label))


def _merged(a: Domain, b: Domain) -> Domain:
    """All that may be decided in either; of two different kinds, the first."""
    match a, b:
        case (OneDomain() | SomeDomain(), OneDomain() | SomeDomain()):
            labels = list({_key(label): label for label in (*a.labels, *b.labels)}.values())
            return OneDomain(labels) if isinstance(a, OneDomain) else SomeDomain(labels, a.k)
        case NumberDomain(), NumberDomain():
            return NumberDomain(min(a.low, b.low), max(a.high, b.high), a.log)
    return a


def _scaled(domain: NumberDomain, value: Any) -> float:
    """A number's place between the ends of its domain, in [0, 1]; logarithmic where the domain is."""
    if domain.low == domain.high or not isinstance(value, (int, float)):
        return 0.0
    low, high, number = domain.low, domain.high, min(max(value, domain.low), domain.high)
    if domain.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    return (number - low) / (high - low)


def domains_of(space: Space) -> tuple[dict[str, Domain], set[str]]:
    """What a space decides: path -> all that was seen to be possible there, and the paths that every architecture decides.

    Complete where the space has an open spec; otherwise out of 500 seeded draws.
    """
    reader = OpenChooser()
    try:
        space.describe(reader)
    except SpaceError:
        return _met_domains(space)
    return dict(reader.domains), set(_always(reader.nodes))


def _always(nodes: Iterable[OpenNode]) -> Iterable[str]:
    for node in nodes:
        yield node.path
        if isinstance(node, Repeat):
            for inner in node.inner[: node.low]:
                yield from _always(inner)


def _met_domains(space: Space) -> tuple[dict[str, Domain], set[str]]:
    domains: dict[str, Domain] = {}
    always: set[str] | None = None
    for _, chooser in draws(space):
        for path, domain in chooser.domains.items():
            domains[path] = _merged(domains[path], domain) if path in domains else domain
        always = set(chooser.domains) if always is None else always & chooser.domains.keys()
    return domains, always or set()


def _decided(architecture: Architecture, is_needed: bool) -> Mapping[str, Any]:
    if is_needed and not architecture.decisions:
        raise SpaceError(
            f"the architecture {architecture.key} carries no decisions, which the encodings one-hot and tokens read: make it with "
            "space.sample, space.decide or space.enumerate, or take the encoding path, adjacency or graph"
        )
    return architecture.decisions


class OneHotEncoding(Encoding):
    """A column for each option of each decision; what is not decided is zero throughout.

    A number is one column, in [0, 1]; several of a set are several ones. A decision that some architectures do not make has one
    more column, the mask: 1 where it is made.

    Attributes:
        columns: "path=label", "path has label", "path" of a number, "path is decided".
        is_number: [d], the columns of numbers.
        decision: [d], which decision a column belongs to, counted in the order of paths.
    """

    def __init__(self, space: Space) -> None:
        self._domains, always = domains_of(space)
        columns: list[str] = []
        is_number: list[bool] = []
        decision: list[int] = []
        self._places: dict[str, dict[Any, int]] = {}  # path -> key of a label -> column
        self._numbers: dict[str, int] = {}
        self._masks: dict[str, int] = {}
        for number, (path, domain) in enumerate(self._domains.items()):
            first = len(columns)
            if isinstance(domain, NumberDomain):
                self._numbers[path] = first
                columns.append(path)
            else:
                self._places[path] = {_key(label): first + place for place, label in enumerate(domain.labels)}
                joint = "=" if isinstance(domain, OneDomain) else " has "
                columns += [f"{path}{joint}{label}" for label in domain.labels]
            if path not in always:
                self._masks[path] = len(columns)
                columns.append(f"{path} is decided")
            decision += [number] * (len(columns) - first)
            is_number += [isinstance(domain, NumberDomain), *[False] * (len(columns) - first - 1)]
        self.columns = tuple(columns)
        self.is_number: NDArray[np.bool_] = np.array(is_number, dtype=bool)
        self.decision: NDArray[np.int64] = np.array(decision, dtype=np.int64)

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        rows: list[int] = []
        columns: list[int] = []
        encoded = np.zeros((len(architectures), len(self.columns)))
        for row, architecture in enumerate(architectures):
            for path, value in _decided(architecture, bool(self.columns)).items():
                places = self._places.get(path)
                if places is not None:
                    labels = value if isinstance(self._domains[path], SomeDomain) else (value,)
                    found = [places[_key(label)] for label in labels if _key(label) in places]
                    rows += [row] * len(found)
                    columns += found
                elif path in self._numbers:
                    encoded[row, self._numbers[path]] = _scaled(self._domains[path], value)  # type: ignore[arg-type]
                if path in self._masks:
                    rows.append(row)
                    columns.append(self._masks[path])
        encoded[rows, columns] = 1
        return encoded


class TokenEncoding(Encoding):
    """The decisions in their order, each as the number of its token; padded with zeros at the end.

    Decisions whose paths differ in indices alone ("normal/0/op", "normal/3/op") share their tokens, so that what was learned at
    one place, and of shorter sequences, is of use at others. Several of a set are several tokens. Whole numbers have a token each
    up to 16 values; other numbers fall into 8 bins. The length of a repeated part that itself decides something is no token: the
    sequence has that length.

    Attributes:
        vocabulary: the tokens in words; 0 is the padding, 1 stands for all that was not known.
        patterns: [tokens], the number of the pattern of paths that a token belongs to; 0 for the first two.
    """

    def __init__(self, space: Space) -> None:
        domains, _ = domains_of(space)
        self._lengths = {path for path in domains if any(other.startswith(f"{path}/0/") for other in domains)}
        by_pattern: dict[str, list[Domain]] = {}
        for path, domain in domains.items():
            if path not in self._lengths:
                by_pattern.setdefault(_INDEX.sub("*", path), []).append(domain)
        self._domains = {pattern: reduce(_merged, found) for pattern, found in by_pattern.items()}
        self._ids: dict[str, dict[Any, int]] = {}
        vocabulary, patterns = ["(end)", "(unknown)"], [0, 0]
        for number, (pattern, domain) in enumerate(self._domains.items(), start=1):
            labels = _token_labels(domain)
            self._ids[pattern] = {_key(label): len(vocabulary) + place for place, label in enumerate(labels)}
            vocabulary += [f"{pattern}={label}" for label in labels]
            patterns += [number] * len(labels)
        self.vocabulary = tuple(vocabulary)
        self.patterns: NDArray[np.int64] = np.array(patterns, dtype=np.int64)
        self._pattern_of: dict[str, str] = {}
        self._longest = max((len(self._tokens(chooser.decisions)) for _, chooser in draws(space)), default=0)
        self.columns = tuple(f"token {place}" for place in range(self._longest))

    def __call__(self, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
        """[n, d] of whole numbers. d is that of the longest of 500 draws, and more where an architecture here has more."""
        sequences = [self._tokens(_decided(architecture, len(self.vocabulary) > 2)) for architecture in architectures]
        encoded = np.full((len(sequences), max([self._longest, *map(len, sequences)])), float(PADDING))
        for row, sequence in zip(encoded, sequences, strict=True):
            row[: len(sequence)] = sequence
        return encoded

    def _tokens(self, decisions: Mapping[str, Any]) -> list[int]:
        found = []
        for path, value in decisions.items():
            if path in self._lengths:
                continue
            pattern = self._pattern_of.get(path)
            if pattern is None:
                pattern = self._pattern_of[path] = _INDEX.sub("*", path)
            domain = self._domains.get(pattern)
            ids = self._ids.get(pattern, {})
            values = value if isinstance(domain, SomeDomain) else (value,)
            if isinstance(domain, NumberDomain) and not _has_tokens(domain):
                values = (min(int(_scaled(domain, value) * _BINS), _BINS - 1),)
            found += [ids.get(_key(one), UNKNOWN) for one in values]
        return found


def _has_tokens(domain: NumberDomain) -> bool:
    return domain.whole and domain.high - domain.low < _MOST_VALUES


def _token_labels(domain: Domain) -> Sequence[Any]:
    if not isinstance(domain, NumberDomain):
        return domain.labels
    return list(domain.values()) if _has_tokens(domain) else range(_BINS)
