"""Neural architecture search that ends with a trained, exported network and honest evidence.

    from searchitect import search
    result = search("digits", budget="2m", where="params<=100k")
    result.best.model, result.front, result.report(), result.export("onnx")

Names are loaded when they are used: importing searchitect does not import torch.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from searchitect.api import Result, load_result, search
    from searchitect.core import (
        Architecture,
        Budget,
        Constraint,
        Estimator,
        Fidelity,
        Job,
        Measurement,
        Objective,
        Proposal,
        SearchitectError,
        Space,
        Strategy,
        Trial,
        TrialState,
    )

__all__ = [
    "Architecture",
    "Budget",
    "Constraint",
    "Estimator",
    "Fidelity",
    "Job",
    "Measurement",
    "Objective",
    "Proposal",
    "Result",
    "SearchitectError",
    "Space",
    "Strategy",
    "Trial",
    "TrialState",
    "load_result",
    "search",
]

_API = frozenset({"Result", "load_result"})


class _Package(ModuleType):
    """Keeps ``searchitect.search`` the function: importing the room ``searchitect.search.*`` would bind the module to that name."""

    @property
    def search(self) -> Any:
        return import_module("searchitect.api").search

    @search.setter
    def search(self, value: Any) -> None:
        pass  # the import system, which has put the module into sys.modules already


sys.modules[__name__].__class__ = _Package


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module("searchitect.api" if name in _API else "searchitect.core"), name)
    raise AttributeError(f"module 'searchitect' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
