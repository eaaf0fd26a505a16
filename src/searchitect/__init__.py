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
    from searchitect.comparison import Comparison, compare
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
    from searchitect.single import Trained, rebuild, train

__all__ = [
    "Architecture",
    "Budget",
    "Comparison",
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
    "Trained",
    "Trial",
    "TrialState",
    "compare",
    "load_result",
    "rebuild",
    "search",
    "train",
]

_MODULES = {
    "Result": "searchitect.api",
    "load_result": "searchitect.api",
    "Comparison": "searchitect.comparison",
    "compare": "searchitect.comparison",
    "Trained": "searchitect.single",
    "rebuild": "searchitect.single",
    "train": "searchitect.single",
}
"""Where the names are that do not come from ``searchitect.core``."""


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
        return getattr(import_module(_MODULES.get(name, "searchitect.core")), name)
    raise AttributeError(f"module 'searchitect' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
