"""Performance estimation: one file per way to judge an architecture. The catalogue loads one when it is asked for."""

import importlib
from collections.abc import Mapping
from typing import Any, Final

from searchitect.core import Estimator, SettingError, unknown_name

_CATALOGUE: Final = {
    "as-built": (
        "searchitect.estimators.as_built:AsBuilt",
        "measures each network as it is built, for spaces that decide on the weights too; nothing is trained",
    ),
    "from-scratch": (
        "searchitect.estimators.from_scratch:FromScratch",
        "trains each network from scratch, and on from its own weights when it is promoted",
    ),
    "zero-cost": (
        "searchitect.estimators.zero_cost:ZeroCost",
        "scores each network untrained, by a zero-cost proxy (estimator.proxy=synflow); the final step trains the best",
    ),
}
"""Name -> "module:class" and one line about it, which can be listed without loading torch."""


def estimator_summaries() -> dict[str, str]:
    """Name -> one line, of all estimators."""
    return {name: summary for name, (_, summary) in sorted(_CATALOGUE.items())}


def find_estimator(name: str) -> type[Estimator]:
    """The class behind a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("estimator", name, _CATALOGUE)
    module, _, attribute = _CATALOGUE[name][0].partition(":")
    kind: type[Estimator] = getattr(importlib.import_module(module), attribute)
    return kind


def make_estimator(name: str, options: Mapping[str, Any]) -> Estimator:
    """An estimator with its options.

    Raises:
        SettingError: for an unknown name or option.
    """
    kind = find_estimator(name)
    try:
        return kind(**options)
    except TypeError as error:
        raise SettingError(f"estimator {name!r}: {error}") from None
