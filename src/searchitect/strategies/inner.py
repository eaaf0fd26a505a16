"""A strategy inside another one: given as it is, or by its name and options."""

from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.strategies import make_strategy


def inner_strategy(
    inner: str | Strategy, space: Space, objectives: Sequence[Objective], seed: int, options: Mapping[str, Any] | None
) -> Strategy:
    """The strategy that ``inner`` stands for.

    Args:
        inner: a strategy, which is returned, or the name of one, which is made.
        space: of the outer strategy.
        objectives: of the outer strategy.
        seed: of the outer strategy.
        options: of the one that is made.

    Raises:
        SettingError: for one that chooses fidelities itself, for options beside a strategy that is there already, and as
            `make_strategy` does.
    """
    if isinstance(inner, Strategy):
        made = inner
        if options:
            raise SettingError(
                f"inner_options={dict(options)} need inner to be a name: give them to {type(inner).__name__} itself"
            )
    else:
        made = make_strategy(inner, space, objectives, seed, **(options or {}))
    if made.chooses_fidelity:
        raise SettingError(
            f"inner={inner if isinstance(inner, str) else type(inner).__name__} chooses fidelities itself: take a strategy that "
            "leaves them to others, such as 'random' or 'regularized-evolution'"
        )
    return made


def notes_of(inner: Strategy) -> list[str]:
    """What the inner strategy has to say for the report; nothing where it keeps no notes."""
    said: list[str] = getattr(inner, "notes", list)()
    return said
