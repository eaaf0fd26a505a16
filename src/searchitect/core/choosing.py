"""The choice language: ``choose``, and everybody who may answer it.

A space's ``describe(choose)`` is a plain Python program; each chooser below reads it in its own way:

    RandomChooser     draws every decision                       -> a sample
    ReplayChooser     repeats recorded decisions, redraws what became invalid or is to change -> mutation, crossover
    PolicyChooser     asks a function at every step              -> a controller, a tree search
    OrderedChooser    walks through all decisions in order       -> enumeration
    OpenChooser       leaves every choice in place as a node     -> the open spec, exact sizes

Every chooser keeps ``decisions`` (path -> value taken) and ``domains`` (path -> what could have been taken).
Paths are built from the names the space gives ("normal/2/op"); choices inside an option or a repeated body are prefixed with the
path and the option's label or the body's index.
"""

import itertools
import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeAlias, TypeGuard

from searchitect.core.errors import SpaceError

Options: TypeAlias = Sequence[Any] | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OneDomain:
    """Exactly one of ``labels``."""

    labels: Sequence[Any]

    # draw: any value; redraw: another one than ``old``, which is given back where there is no other;
    # allows: whether a value is one of the domain's; values: all of them, in order
    def draw(self, rng: random.Random) -> Any:
        return self.labels[int(rng.random() * len(self.labels))]

    def redraw(self, old: Any, rng: random.Random) -> Any:
        others = [label for label in self.labels if not same_value(label, old)]
        return rng.choice(others) if others else old

    def allows(self, value: Any) -> bool:
        if type(value) is str or (type(value) is int and isinstance(self.labels, range)):  # only a text equals a text
            return value in self.labels
        return any(same_value(label, value) for label in self.labels)

    def values(self) -> Sequence[Any]:
        return self.labels


@dataclass(frozen=True, slots=True)
class SomeDomain:
    """``k`` distinct of ``labels``, in the order of the labels."""

    labels: Sequence[Any]
    k: int

    def _ordered(self, places: Sequence[int]) -> list[Any]:
        return [self.labels[place] for place in sorted(places)]

    def draw(self, rng: random.Random) -> Any:
        return self._ordered(rng.sample(range(len(self.labels)), self.k))

    def redraw(self, old: Any, rng: random.Random) -> Any:
        """``old`` with one member exchanged for one that it lacks."""
        taken = [i for i, label in enumerate(self.labels) if any(same_value(label, value) for value in old)]
        free = [i for i in range(len(self.labels)) if i not in taken]
        if not free or not taken:
            return old
        taken.remove(rng.choice(taken))
        return self._ordered([*taken, rng.choice(free)])

    def allows(self, value: Any) -> bool:
        if not isinstance(value, list) or len(value) != self.k:
            return False
        places = [next((i for i, label in enumerate(self.labels) if same_value(label, v)), -1) for v in value]
        return -1 not in places and places == sorted(set(places))

    def values(self) -> Sequence[Any]:
        return [list(combination) for combination in itertools.combinations(self.labels, self.k)]


@dataclass(frozen=True, slots=True)
class NumberDomain:
    """A number in [``low``, ``high``]; whole where both ends are ``int``; uniform in the logarithm where ``log``.

    ``is_length``: it is how many bodies `Chooser.repeat` calls.
    """

    low: float
    high: float
    log: bool = False
    is_length: bool = False

    @property
    def whole(self) -> bool:
        return isinstance(self.low, int) and isinstance(self.high, int)

    def draw(self, rng: random.Random) -> Any:
        if self.whole and not self.log:
            return rng.randint(int(self.low), int(self.high))
        if not self.log:
            return rng.uniform(self.low, self.high)
        if not self.whole:
            return min(max(math.exp(rng.uniform(math.log(self.low), math.log(self.high))), self.low), self.high)
        # each whole number n owns [n - 1/2, n + 1/2) of the logarithmic axis
        drawn = math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5)))
        return min(max(round(drawn), int(self.low)), int(self.high))

    def redraw(self, old: Any, rng: random.Random) -> Any:
        if self.low == self.high:
            return old
        while (value := self.draw(rng)) == old:
            pass
        return value

    def allows(self, value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        return self.low <= value <= self.high

    def values(self) -> Sequence[Any]:
        if not self.whole:
            raise SpaceError("a space with a continuous choice (choose.between with float ends) cannot be enumerated")
        return range(int(self.low), int(self.high) + 1)


Domain: TypeAlias = OneDomain | SomeDomain | NumberDomain


def is_varying_length(domain: Domain) -> TypeGuard[NumberDomain]:
    """Whether it is the length of a repeated body, of which there are several."""
    return isinstance(domain, NumberDomain) and domain.is_length and domain.low < domain.high


def same_value(a: Any, b: Any) -> bool:
    """Equal and of one type: True is not 1, and 1 is not 1.0."""
    return a == b and type(a) is type(b)


class Chooser(ABC):
    """Who is asked. A space calls it; a subclass answers in ``_decide``."""

    def __init__(self) -> None:
        self.decisions: dict[str, Any] = {}
        self.domains: dict[str, Domain] = {}
        self._prefix = ""

    @abstractmethod
    def _decide(self, path: str, domain: Domain) -> Any:
        """The value taken at ``path``: a label, a list of labels, or a number."""

    def __call__(self, name: str, options: Options) -> Any:
        """One of ``options``: a sequence of JSON values or named functions, or a mapping from labels to either.

        An option that is callable is called, without arguments, only when it is taken.
        """
        labels, bodies = _labelled(name, options)
        path = self._prefix + name
        label = self._take(path, OneDomain(labels))
        return label if bodies is None else self._enter(path, label, bodies)

    def some(self, name: str, options: Options, k: int) -> list[Any]:
        """``k`` distinct options, in the order in which they were offered."""
        labels, bodies = _labelled(name, options)
        if not 0 <= k <= len(labels):
            raise SpaceError(f"choose.some({name!r}, ..., k={k}): k must lie in [0, {len(labels)}]")
        path = self._prefix + name
        taken: list[Any] = self._take(path, SomeDomain(labels, k))
        return list(taken) if bodies is None else [self._enter(path, label, bodies) for label in taken]

    def between(self, name: str, low: float, high: float, log: bool = False) -> Any:
        """A number in [low, high], both ends included: an ``int`` where both ends are, else a ``float``."""
        _check_range(name, low, high, log)
        return self._take(self._prefix + name, NumberDomain(low, high, log))

    def repeat(self, name: str, low: int, high: int, body: Callable[[int], Any]) -> list[Any]:
        """``[body(0), body(1), ...]`` of a length between ``low`` and ``high``."""
        _check_range(name, low, high, False)
        path = self._prefix + name
        length = self._take(path, NumberDomain(int(low), int(high), is_length=True))
        return [self._inside(f"{path}/{index}/", partial(body, index)) for index in range(length)]

    def _take(self, path: str, domain: Domain) -> Any:
        if path in self.decisions:
            raise SpaceError(f"the choice {path!r} is made twice in one architecture: give each choice a name of its own")
        value = self._decide(path, domain)
        self.decisions[path] = value
        self.domains[path] = domain
        return value

    def _enter(self, path: str, label: Any, bodies: Mapping[Any, Any]) -> Any:
        body = bodies[label]
        return self._inside(f"{path}/{label}/", body) if callable(body) else body

    def _inside(self, prefix: str, body: Callable[[], Any]) -> Any:
        outer, self._prefix = self._prefix, prefix
        try:
            return body()
        finally:
            self._prefix = outer


def _check_range(name: str, low: float, high: float, log: bool) -> None:
    if not low <= high:
        raise SpaceError(f"the choice {name!r} has low={low} above high={high}")
    if log and low <= 0:
        raise SpaceError(f"the choice {name!r} is logarithmic and needs low > 0, got low={low}")


def _labelled(name: str, options: Options) -> tuple[Sequence[Any], Mapping[Any, Any] | None]:
    """The labels, and what each label stands for where that is not the label itself."""
    if isinstance(options, Mapping):
        labels: Sequence[Any] = list(options)
        if not all(isinstance(label, str) for label in labels):
            raise SpaceError(f"the options of {name!r} are a mapping, whose labels must be str, got {labels!r}")
        bodies: Mapping[Any, Any] | None = options
    elif not isinstance(options, range) and any(map(callable, options)):
        bodies = {getattr(o, "__name__", str(o)) if callable(o) else o: o for o in options}
        labels = list(bodies)
        if len(labels) != len(options) or "<lambda>" in labels:
            raise SpaceError(f"the options of {name!r} need distinct names: give them as a mapping, label to function")
    else:
        labels, bodies = options, None
    if not labels:
        raise SpaceError(f"the choice {name!r} has no options")
    return labels, bodies


class RandomChooser(Chooser):
    """Draws every decision, uniformly over its domain."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    def _decide(self, path: str, domain: Domain) -> Any:
        return domain.draw(self._rng)


class ReplayChooser(Chooser):
    """Repeats ``recorded`` decisions where they are still allowed, and draws the others.

    Args:
        recorded: path -> value.
        rng: draws what is missing or became invalid. ``None``: that is an error instead.
        change: the path whose decision is to become another one.
    """

    def __init__(self, recorded: Mapping[str, Any], rng: random.Random | None, change: str | None = None) -> None:
        super().__init__()
        self._recorded = recorded
        self._rng = rng
        self._change = change

    def _decide(self, path: str, domain: Domain) -> Any:
        known = path in self._recorded and domain.allows(self._recorded[path])
        if known and path != self._change:
            return self._recorded[path]
        if self._rng is None:
            raise SpaceError(f"the recorded decisions have no valid value for the choice {path!r}")
        return domain.redraw(self._recorded[path], self._rng) if known else domain.draw(self._rng)


class PolicyChooser(Chooser):
    """Asks ``policy(path, domain, decisions so far)`` at every step."""

    def __init__(self, policy: Callable[[str, Domain, Mapping[str, Any]], Any]) -> None:
        super().__init__()
        self._policy = policy

    def _decide(self, path: str, domain: Domain) -> Any:
        value = self._policy(path, domain, self.decisions)
        if not domain.allows(value):
            raise SpaceError(f"the policy answered {value!r} at {path!r}, which is not allowed there: {domain}")
        return value


class OrderedChooser(Chooser):
    """One step of an enumeration: follows ``places`` (an index per decision), then takes every first value."""

    def __init__(self, places: Sequence[int]) -> None:
        super().__init__()
        self._given = places
        self.places: list[int] = []
        self.counts: list[int] = []

    def _decide(self, path: str, domain: Domain) -> Any:
        values = domain.values()
        step = len(self.places)
        place = self._given[step] if step < len(self._given) else 0
        self.places.append(place)
        self.counts.append(len(values))
        return values[place]

    def next_places(self) -> list[int] | None:
        """The places of the following architecture, in the order of an odometer; ``None`` after the last."""
        places = self.places
        for step in reversed(range(len(places))):
            if places[step] + 1 < self.counts[step]:
                return [*places[:step], places[step] + 1]
        return None


# --- the open reader -------------------------------------------------------------------------------------------------


def _refuse(self: "OpenNode", *_: object, **__: object) -> Any:
    raise SpaceError(
        f"the space computes with the value of the choice {self.path!r}, so that it has no open spec and no supernet; "
        "put dependent choices inside callable options, or use a strategy that samples"
    )


@dataclass(frozen=True, slots=True, eq=False)
class OpenNode:
    """A choice left in place. Whoever computes with it, instead of building from it, is refused."""

    path: str

    __bool__ = __len__ = __iter__ = __getitem__ = __contains__ = __index__ = __int__ = __float__ = _refuse
    __lt__ = __le__ = __gt__ = __ge__ = __eq__ = __ne__ = __hash__ = __format__ = __str__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __neg__ = __mod__ = __rmod__ = _refuse
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __pow__ = __rpow__ = _refuse


@dataclass(frozen=True, slots=True, eq=False)
class OneOf(OpenNode):
    """Open ``choose``: label -> what stands there when the label is taken."""

    labels: Sequence[Any]
    options: Sequence[Any]
    inner: Sequence["list[OpenNode]"]


@dataclass(frozen=True, slots=True, eq=False)
class SomeOf(OpenNode):
    """Open ``choose.some``: ``k`` of the options."""

    labels: Sequence[Any]
    options: Sequence[Any]
    k: int
    inner: Sequence["list[OpenNode]"]


@dataclass(frozen=True, slots=True, eq=False)
class Between(OpenNode):
    """Open ``choose.between``."""

    low: float
    high: float
    log: bool


@dataclass(frozen=True, slots=True, eq=False)
class Repeat(OpenNode):
    """Open ``choose.repeat``: all ``high`` bodies; those from ``low`` on can be left out, the last ones first."""

    low: int
    high: int
    bodies: Sequence[Any]
    inner: Sequence["list[OpenNode]"] = field(default_factory=list)


class OpenChooser(Chooser):
    """Leaves every choice in place. ``nodes`` are the outermost ones; each holds those inside its options in ``inner``."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[OpenNode] = []

    def _decide(self, path: str, domain: Domain) -> Any:
        raise AssertionError("an open chooser does not decide")

    def __call__(self, name: str, options: Options) -> Any:
        labels, bodies = _labelled(name, options)
        path = self._open(name, OneDomain(labels))
        opened, inner = self._open_all(path, labels, bodies)
        return self._keep(OneOf(path, labels, opened, inner))

    def some(self, name: str, options: Options, k: int) -> Any:
        labels, bodies = _labelled(name, options)
        if not 0 <= k <= len(labels):
            raise SpaceError(f"choose.some({name!r}, ..., k={k}): k must lie in [0, {len(labels)}]")
        path = self._open(name, SomeDomain(labels, k))
        opened, inner = self._open_all(path, labels, bodies)
        return self._keep(SomeOf(path, labels, opened, k, inner))

    def between(self, name: str, low: float, high: float, log: bool = False) -> Any:
        _check_range(name, low, high, log)
        return self._keep(Between(self._open(name, NumberDomain(low, high, log)), low, high, log))

    def repeat(self, name: str, low: int, high: int, body: Callable[[int], Any]) -> Any:
        _check_range(name, low, high, False)
        path = self._open(name, NumberDomain(int(low), int(high), is_length=True))
        pairs = [self._collect(f"{path}/{i}/", partial(body, i)) for i in range(high)]
        return self._keep(Repeat(path, low, high, [p[0] for p in pairs], [p[1] for p in pairs]))

    def _open(self, name: str, domain: Domain) -> str:
        path = self._prefix + name
        if path in self.domains:
            raise SpaceError(f"the choice {path!r} is made twice in one architecture: give each choice a name of its own")
        self.domains[path] = domain
        return path

    def _open_all(
        self, path: str, labels: Sequence[Any], bodies: Mapping[Any, Any] | None
    ) -> tuple[list[Any], list[list[OpenNode]]]:
        opened, inner = [], []
        for label in labels:
            body = label if bodies is None else bodies[label]
            value, nodes = self._collect(f"{path}/{label}/", body) if callable(body) else (body, [])
            opened.append(value)
            inner.append(nodes)
        return opened, inner

    def _collect(self, prefix: str, body: Callable[[], Any]) -> tuple[Any, list[OpenNode]]:
        outer, self.nodes = self.nodes, []
        try:
            return self._inside(prefix, body), self.nodes
        finally:
            self.nodes = outer

    def _keep(self, node: OpenNode) -> OpenNode:
        self.nodes.append(node)
        return node


INFINITE: Final = math.inf


def count_decisions(nodes: Sequence[OpenNode]) -> float:
    """How many ways there are to decide ``nodes``: an exact ``int``, or infinity with a continuous choice."""
    total: float = 1
    for node in nodes:
        total = total * _count_one(node)
    return total


def _count_one(node: OpenNode) -> float:
    match node:
        case OneOf():
            return sum(count_decisions(inner) for inner in node.inner)
        case SomeOf():
            # elementary symmetric polynomial: the sum over all k-subsets of the product of their counts
            ways: list[float] = [1, *[0] * node.k]
            for inner in node.inner:
                count = count_decisions(inner)
                for size in range(node.k, 0, -1):
                    ways[size] += ways[size - 1] * count
            return ways[node.k]
        case Between(low=low, high=high):
            if isinstance(low, int) and isinstance(high, int):
                return high - low + 1
            return 1 if low == high else INFINITE
        case Repeat(low=low, high=high):
            lengths: list[float] = [1]
            for inner in node.inner:
                lengths.append(lengths[-1] * count_decisions(inner))
            return sum(lengths[low : high + 1])
    raise AssertionError(f"unknown node {type(node)}")
