"""A search space: a program with choice points, and what follows from it."""

import random
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from functools import partial
from typing import Any, ClassVar, Self, final

from searchitect.core.architecture import Architecture, canonical_json, hash_text
from searchitect.core.choosing import (
    Chooser,
    Domain,
    OpenChooser,
    OrderedChooser,
    PolicyChooser,
    RandomChooser,
    ReplayChooser,
    count_decisions,
    is_varying_length,
    same_value,
)
from searchitect.core.errors import SettingError, SpaceError
from searchitect.core.task import TaskInfo

_DRAWS = 16
ENUMERATION_LIMIT = 1_000_000
"""Counting by enumeration gives up above this many architectures."""


class Space(ABC):
    """What can be built. Write ``describe``; sampling, mutation, enumeration, the open spec and more follow.

    A space is configured by its constructor, with JSON values only (write it as a frozen dataclass); ``config`` gives them back.
    A space of your own may define ``build(spec, task_info) -> torch.nn.Module`` beside ``describe``.

        class ToySpace(Space):
            name = "toy"

            def describe(self, choose):
                return {"op": choose("op", ["conv3x3", "skip"]), "width": choose("width", [16, 32, 64])}
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Of the format of its specs: raised where an older spec would be read wrongly."""
    summary: ClassVar[str] = ""
    """One line for ``searchitect list spaces``."""
    paper: ClassVar[str] = ""
    """Authors, year and arXiv number, where the space is published."""
    tasks: ClassVar[tuple[str, ...]] = ()
    """The kinds of task it builds networks for (`TaskInfo.kind`); empty: not restricted."""
    mutates_until_other: ClassVar[bool] = False
    """Whether a mutation must change the canonical form: for spaces in which most decisions have no effect."""

    is_fitted: ClassVar[bool] = False
    """Whether its architectures are for one size of input and output only, which `for_task` gives it."""
    mutates_by_part: ClassVar[bool] = False
    """Whether a mutation picks the first part of a decision's path, such as the level, then the next, each uniformly; else all decisions alike."""

    @abstractmethod
    def describe(self, choose: Chooser) -> Any:
        """The spec, as plain JSON data, of the architecture that ``choose`` decides for. Deterministic given its answers."""

    @classmethod
    def for_task(cls, task: TaskInfo) -> Self:
        """The space fitted to a task's input and output shape. Default: without arguments."""
        return cls()

    def canonical(self, spec: Any) -> Any:
        """A form in which specs that train identically, each alone, are equal. Must never merge others. Default: the spec itself.

        With weights that are shared in a supernet they need not be equal: there the weights depend on a node's number.
        """
        return spec

    def crossover_group(self, path: str) -> str:
        """The group of a decision, by its path: those of one group come from one parent. Default: each is a group of its own."""
        return path

    def known_size(self) -> int | None:
        """How many ways there are to decide, where the space has a formula for it. Default ``None``: they are counted.

        Only needed where the program computes with its choices, so that there is no open spec to count.
        """
        return None

    @final
    def config(self) -> dict[str, Any]:
        """The constructor's arguments, for the record of a run."""
        return asdict(self) if is_dataclass(self) else {}

    @classmethod
    @final
    def with_settings(cls, settings: Mapping[str, Any]) -> Self:
        """A space with these arguments of the constructor, the others as they are by default.

        Raises:
            SettingError: for one that the space does not have, or that is of another kind than its default.
        """
        known: dict[str, Any] = {f.name: f.default for f in fields(cls)} if is_dataclass(cls) else {}
        for name, value in settings.items():
            if name not in known:
                raise SettingError(
                    f"the space {cls.name!r} has no setting {name!r}; those it has are {', '.join(known) or 'none'}"
                )
            check_kind(f"the space {cls.name!r}", name, value, known[name])
        return cls(**settings)

    @final
    def asks_the_same(self, other: "Space") -> bool:
        """Whether two spaces, equal but for sizes, leave the same choices: the same draws make the same decisions, in a few draws."""
        seeds = range(_DRAWS)
        return all(self.sample(random.Random(s)).decisions == other.sample(random.Random(s)).decisions for s in seeds)

    @final
    def sample(self, rng: random.Random) -> Architecture:
        """Every decision drawn uniformly over its own options."""
        return self.read(RandomChooser(rng))

    @final
    def first(self, rng: random.Random) -> Architecture:
        """What an evolution that starts small begins with: ``start(choose)``, where the space defines it, else a uniform draw."""
        start = getattr(self, "start", None)
        return self.sample(rng) if start is None else Architecture(start(RandomChooser(rng)))

    @final
    def mutate(self, parent: Architecture, rng: random.Random) -> Architecture:
        """One edit (`edit`, where the space defines it), or one decision changed and the others kept where still valid."""
        edit = getattr(self, "edit", None)
        if edit is not None:
            return Architecture(edit(parent.spec, RandomChooser(rng)))
        paths = list(self._decisions(parent))
        while paths:
            path = paths.pop(_picked_by_part(paths, rng) if self.mutates_by_part else int(rng.random() * len(paths)))
            child = self.read(ReplayChooser(parent.decisions, rng, change=path))
            is_other = child.decisions.get(path) != parent.decisions[path]
            if is_other and not (self.mutates_until_other and (child == parent or self.key(child) == self.key(parent))):
                return child
        raise SpaceError(f"the space {self.name!r} has a single architecture: there is nothing to mutate")

    @final
    def crossover(self, a: Architecture, b: Architecture, rng: random.Random, share: float = 0.5) -> Architecture:
        """Each decision, or each `crossover_group`, from ``a`` with the probability ``share``, else from ``b``.

        A decision that only one of them has is its own; one that fits neither is drawn anew.
        """
        first, second = self._decisions(a), self._decisions(b)
        is_first: dict[str, bool] = {}
        mixed = {}
        for path in {**first, **second}:
            if path in first and path in second:
                group = self.crossover_group(path)
                if group not in is_first:
                    is_first[group] = rng.random() < share
                mixed[path] = (first if is_first[group] else second)[path]
            else:
                mixed[path] = first[path] if path in first else second[path]
        return self.read(ReplayChooser(mixed, rng))

    @final
    def neighbours(self, architecture: Architecture) -> Iterator[Architecture]:
        """Every architecture that differs in one decision, in order; dependent choices that appear take their first value."""
        reader = ReplayChooser(self._decisions(architecture), None)
        self.describe(reader)
        for path, domain in reader.domains.items():
            for value in domain.values():
                if same_value(value, architecture.decisions[path]):
                    continue
                yield self.read(PolicyChooser(partial(_follow, {**architecture.decisions, path: value})))

    @final
    def decide(self, decisions: Mapping[str, Any]) -> Architecture:
        """The architecture of recorded decisions. Raises `SpaceError` where one is missing, not allowed, or not asked for."""
        found = self.read(ReplayChooser(decisions, None))
        surplus = [path for path in decisions if path not in found.decisions]
        if surplus:
            raise SpaceError(f"there is no choice {surplus[0]!r} in such an architecture of the space {self.name!r}")
        return found

    @final
    def domains(self, architecture: Architecture) -> dict[str, Domain]:
        """What could have been chosen at each decision of ``architecture``, by path."""
        reader = ReplayChooser(self._decisions(architecture), None)
        self.describe(reader)
        return reader.domains

    @final
    def enumerate(self) -> Iterator[Architecture]:
        """Every architecture, lazily, in the order in which the options are written."""
        places: list[int] | None = []
        while places is not None:
            reader = OrderedChooser(places)
            yield self.read(reader)
            places = reader.next_places()

    @final
    def open_spec(self) -> Any:
        """The spec with every choice left in place as a node. Raises `SpaceError` where the program computes with a choice."""
        return self.describe(OpenChooser())

    @final
    def size(self) -> float | None:
        """How many ways there are to decide: exact, ``inf`` with a continuous choice, ``None`` where counting takes too long."""
        known = self.known_size()
        if known is not None:
            return known
        reader = OpenChooser()
        try:
            self.describe(reader)
        except SpaceError:
            count = 0
            try:
                for count, _ in enumerate(self.enumerate(), start=1):
                    if count > ENUMERATION_LIMIT:
                        return None
            except SpaceError:
                return float("inf")
            return count
        return count_decisions(reader.nodes)

    @final
    def key(self, architecture: Architecture) -> str:
        """16 hexadecimal digits, equal for architectures that the space knows to train identically."""
        if type(self).canonical is Space.canonical:
            return architecture.key
        spec = architecture.spec
        canonical = self.canonical(spec)
        return architecture.key if canonical is spec else hash_text(canonical_json(canonical))

    @final
    def abilities(self) -> frozenset[str]:
        """What the space offers: of sample, mutate, crossover, enumerate, open, grow (a list whose length is chosen), edit, mate, build."""
        offered = {"sample", "mutate"}
        if hasattr(self, "edit"):
            offered.add("edit")
        else:
            offered.add("crossover")
        offered |= {name for name in ("build", "mate") if hasattr(self, name)}
        reader, opened = OrderedChooser([]), OpenChooser()
        try:
            self.describe(reader)
            offered.add("enumerate")
        except SpaceError:
            pass
        try:
            self.describe(opened)
            offered.add("open")
        except SpaceError:
            pass
        if any(is_varying_length(domain) for domain in [*reader.domains.values(), *opened.domains.values()]):
            offered.add("grow")
        return frozenset(offered)

    @final
    def read(self, chooser: Chooser) -> Architecture:
        """The architecture that ``chooser`` decides for, with its decisions."""
        return Architecture(self.describe(chooser), chooser.decisions)

    def _decisions(self, architecture: Architecture) -> Mapping[str, Any]:
        if not architecture.decisions:
            raise SpaceError(
                f"the architecture {architecture.key} carries no decisions of the space {self.name!r}: "
                "make it with space.sample, space.decide or space.enumerate"
            )
        return architecture.decisions


def check_kind(owner: str, name: str, value: Any, default: Any) -> None:
    """Raises `SettingError` unless ``value`` is of the kind of ``default``; whole numbers do for fractions.

    ``None`` as default, or none at all, says nothing. ``owner`` is whose setting it is, for the message.
    """
    kinds: dict[type, tuple[Any, str]] = {
        bool: (bool, "true or false"),
        int: (int, "a whole number"),
        float: ((int, float), "a number"),
        str: (str, "a name"),
    }
    allowed, words = kinds.get(type(default), (object, ""))
    if isinstance(default, (tuple, list)):
        allowed, words = (tuple, list), "a list"
    if not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool and words):
        raise SettingError(f"{name} of {owner} must be {words}, got {value!r}")


def _picked_by_part(paths: Sequence[str], rng: random.Random) -> int:
    """The place of a path, part by part."""
    split = [path.split("/") for path in paths]
    places, depth = list(range(len(paths))), 0
    while len(places) > 1:
        parts = [split[place][depth] if depth < len(split[place]) else "" for place in places]
        known = list(dict.fromkeys(parts))
        picked = known[int(rng.random() * len(known))]
        places = [place for place, part in zip(places, parts, strict=True) if part == picked]
        depth += 1
    return places[0]


def _follow(decisions: Mapping[str, Any], path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
    """A policy: the decision that was made before, where it is still allowed, else the first value."""
    return decisions[path] if path in decisions and domain.allows(decisions[path]) else domain.values()[0]
