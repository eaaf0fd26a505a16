"""What to try next: ask/tell, one paper one file. This is the catalogue; nothing is imported before it is asked for.

What several methods share lies beside them: `seen` (draws without repetition) and `rungs` (successive halving's bookkeeping).
"""

import importlib
import inspect
from collections.abc import Sequence
from typing import Any, Final

from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy

_CATALOGUE: Final = {
    "auto": "searchitect.strategies.auto:Auto",
    "random": "searchitect.strategies.random_search:RandomSearch",
    "regularized-evolution": "searchitect.strategies.regularized_evolution:RegularizedEvolution",
    "asha": "searchitect.strategies.asha:Asha",
}
_GIVEN: Final = ("self", "space", "objectives", "seed")

__all__ = ["find_strategy", "make_strategy", "strategy_names", "strategy_options"]


def strategy_names() -> list[str]:
    """The names of all strategies, the default first."""
    return list(_CATALOGUE)


def find_strategy(name: str) -> type[Strategy]:
    """The class behind a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("strategy", name, _CATALOGUE)
    module, _, member = _CATALOGUE[name].partition(":")
    found: type[Strategy] = getattr(importlib.import_module(module), member)
    return found


def strategy_options(name: str) -> dict[str, Any]:
    """The options of a strategy and their defaults."""
    parameters = inspect.signature(find_strategy(name)).parameters
    return {option: parameter.default for option, parameter in parameters.items() if option not in _GIVEN}


def make_strategy(name: str, space: Space, objectives: Sequence[Objective], seed: int = 0, **options: Any) -> Strategy:
    """The strategy of that name.

    Args:
        name: one of `strategy_names`.
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of the strategy's own generator.
        options: those of `strategy_options`.

    Raises:
        SettingError: for an unknown name or option, or an option outside its range.
        SpaceError: where the space lacks what the strategy needs.
    """
    known = strategy_options(name)
    for option, value in options.items():
        if option not in known and not known:
            raise SettingError(f"the strategy {name!r} has no options, got {option}={value!r}")
        if option not in known:
            raise unknown_name(f"option of the strategy {name!r}", option, known)
    return find_strategy(name)(space, objectives, seed=seed, **options)
