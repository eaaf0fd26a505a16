"""An architecture: a spec with no choice left in it, frozen."""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from searchitect.core.errors import SpaceError

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False
)  # made once: that takes longer than using it


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, no NaN. Tuples become lists.

    Raises:
        SpaceError: for a value that JSON cannot hold.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise SpaceError(
            f"a spec must be plain JSON data (dict, list, str, int, float, bool, None), got {value!r}: {error}"
        ) from None


def hash_text(text: str) -> str:
    """The first 16 hexadecimal digits of the text's SHA-256."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Architecture:
    """What can be built: plain data, frozen, hashable; it knows neither its model nor its score.

    Args:
        spec: plain JSON data without an open choice.
        decisions: the choices that led to it, by path. Not part of its identity; mutation and crossover replay them.
            Empty where a spec was written by hand or came from an edit.
    """

    __slots__ = ("__dict__", "decisions", "text")

    text: str
    """The canonical JSON of the spec: the identity."""
    decisions: Mapping[str, Any]

    def __init__(self, spec: Any, decisions: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "text", canonical_json(spec))
        object.__setattr__(self, "decisions", MappingProxyType(dict(decisions or {})))

    @property
    def spec(self) -> Any:
        """A fresh copy of the plain data."""
        return json.loads(self.text)

    @cached_property
    def key(self) -> str:
        """16 hexadecimal digits that name this architecture."""
        return hash_text(self.text)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"an Architecture is frozen: cannot set {name!r}; make a new one")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Architecture) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Architecture({self.text})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Architecture, (self.spec, dict(self.decisions))
