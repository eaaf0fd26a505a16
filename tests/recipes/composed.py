"""Recipes that train each candidate by itself, and their strategies without a search."""

from pathlib import Path
from typing import Any

import pytest

from searchitect import api, search
from searchitect.core import Objective, Strategy
from searchitect.recipes import find_recipe, recipe_summaries
from searchitect.recipes.composed import ComposedRecipe
from searchitect.search.setup import Setup
from searchitect.strategies import make_strategy
from searchitect.strategies.suggested import with_suggestions
from tests.training.examples import images

NAMES = [name for name in recipe_summaries() if isinstance(find_recipe(name), ComposedRecipe)]


def recipe_of(name: str) -> ComposedRecipe:
    found = find_recipe(name)
    assert isinstance(found, ComposedRecipe)
    return found


def strategy_of(name: str, space: Any, objective: str = "accuracy", trials: int = 100, **given: Any) -> Strategy:
    """As a search makes it, without the reward."""
    made = recipe_of(name).make(given)
    assert isinstance(made.strategy, str)
    options = with_suggestions(made.strategy, made.options, expected_trials=trials, base_epochs=1.0, max_epochs=16.0)
    return make_strategy(made.strategy, space, [Objective(objective, "max")], 0, **options)


def prepared(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, **arguments: Any) -> Setup:
    """What a search by a recipe would be made of, on a machine that counts energy."""
    caught: list[Setup] = []

    def caught_run(setup: Setup, *_: Any) -> None:
        caught.append(setup)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_search", caught_run)
    monkeypatch.setattr("searchitect.costs.find_meter", lambda: None)
    task = images()
    data = task.train.x.numpy(), task.train.y.numpy()
    with pytest.raises(KeyboardInterrupt):
        search(data, recipe=name, out=folder / "run", **{"budget": "40trials", **arguments})
    return caught[0]
