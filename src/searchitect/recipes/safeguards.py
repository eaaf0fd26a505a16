"""Safeguards against the collapse of gradient search, by the names that recipes give them."""

from collections.abc import Callable
from typing import Final

from searchitect.core import unknown_name
from searchitect.oneshot.guards import eigenvalue, skips
from searchitect.oneshot.perturbation import perturbation
from searchitect.oneshot.relaxed import Guard, Selection

_GUARDS: Final[dict[str, Callable[[], Guard | None]]] = {"none": lambda: None, "skips": skips, "eigenvalue": eigenvalue}
_SELECTIONS: Final[dict[str, Callable[[], Selection | None]]] = {"argmax": lambda: None, "perturbation": perturbation}


def guard(name: str) -> Guard | None:
    """What may stop the search: "none"; "skips", as in DARTS+; "eigenvalue", as in R-DARTS. Raises `SettingError` for another name."""
    if name not in _GUARDS:
        raise unknown_name("early_stop", name, _GUARDS)
    return _GUARDS[name]()


def selection(name: str) -> Selection | None:
    """How the architecture is derived: "argmax"; "perturbation", as in DARTS-PT. Raises `SettingError` for another name."""
    if name not in _SELECTIONS:
        raise unknown_name("select", name, _SELECTIONS)
    return _SELECTIONS[name]()
