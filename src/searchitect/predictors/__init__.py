"""Scores from encodings: models that learn from scored architectures and predict others. This is the catalogue.

Nothing is imported before it is asked for. Encodings are in `searchitect.predictors.encodings`, what to make of a prediction in
`searchitect.predictors.acquisition`.
"""

import importlib
import inspect
import random
from typing import Any, Final

from searchitect.core.errors import unknown_name
from searchitect.core.space import Space
from searchitect.predictors.predictor import Predictor

_CATALOGUE: Final = {
    "trees": "searchitect.predictors.trees:Trees",
    "mlp-ensemble": "searchitect.predictors.mlp:MlpEnsemble",
    "gp": "searchitect.predictors.gp:GaussianProcess",
    "graph-network": "searchitect.predictors.graph:GraphNetwork",
    "lstm": "searchitect.predictors.lstm:Lstm",
    "mlp-mean": "searchitect.predictors.mlp_mean:MlpMean",
}
_GIVEN: Final = ("self", "space", "seed")

__all__ = ["Predictor", "find_predictor", "make_predictor", "predictor_names", "predictor_options"]


def predictor_names() -> list[str]:
    """The names of all predictors."""
    return list(_CATALOGUE)


def find_predictor(name: str) -> type[Predictor]:
    """The class behind a name. Raises `SettingError` with the nearest match for an unknown one."""
    if name not in _CATALOGUE:
        raise unknown_name("predictor", name, _CATALOGUE)
    module, _, member = _CATALOGUE[name].partition(":")
    state = random.getstate()
    found: type[Predictor] = getattr(importlib.import_module(module), member)
    random.setstate(state)  # importing scikit-learn's trees draws from the global generator
    return found


def predictor_options(name: str) -> dict[str, Any]:
    """The options of a predictor and their defaults."""
    parameters = inspect.signature(find_predictor(name)).parameters
    return {option: parameter.default for option, parameter in parameters.items() if option not in _GIVEN}


def make_predictor(name: str, space: Space, seed: int = 0, **options: Any) -> Predictor:
    """The predictor of that name.

    Args:
        name: one of `predictor_names`.
        space: that the architectures are of.
        seed: of all that the predictor draws.
        options: those of `predictor_options`.

    Raises:
        SettingError: for an unknown name or option, or an option outside its range.
        SpaceError: where the predictor reads graphs and the specs of the space hold none.
    """
    known = predictor_options(name)
    for option in options:
        if option not in known:
            raise unknown_name(f"option of the predictor {name!r}", option, known)
    return find_predictor(name)(space, seed=seed, **options)
