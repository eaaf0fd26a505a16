"""What a budget says about the options of a strategy: one rule, for searches and for comparisons."""

from collections.abc import Mapping
from typing import Any

from searchitect.strategies import strategy_options


def with_suggestions(strategy: str, given: Mapping[str, Any], *, expected_trials: int, **others: Any) -> dict[str, Any]:
    """The options of a named strategy: those given, and what is suggested for the others.

    A strategy with a population gets one of a quarter of the expected trials, but at least 8 and at most its default, and tournaments
    (``sample_size``) of a quarter of the population: the defaults leave nothing to evolve in a small budget. A strategy inside
    it, where that is a name, gets its own suggestions.

    Args:
        strategy: its name.
        given: options that stay as they are.
        expected_trials: how many trials the budget will roughly allow.
        others: suggestions by the names of options, such as base_epochs; a strategy without that option does not get it.
    """
    known = strategy_options(strategy)
    most = known.get("population_size", 0)
    population_size = given.get("population_size", min(max(expected_trials // 4, 8), most))
    suggested = {"expected_trials": expected_trials, "population_size": population_size, **others}
    if isinstance(population_size, int):  # otherwise the strategy refuses it
        suggested["sample_size"] = min(max(population_size // 4, 2), max(population_size, 1))
    found = {**{option: value for option, value in suggested.items() if option in known}, **given}
    inner = found.get("inner", known.get("inner"))
    if isinstance(inner, str) and "inner_options" in known:
        inside = with_suggestions(inner, found.get("inner_options") or {}, expected_trials=expected_trials, **others)
        if inside:
            found["inner_options"] = inside
    return found
