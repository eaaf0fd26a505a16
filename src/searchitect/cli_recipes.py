"""What ``searchitect show RECIPE`` prints."""

import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from searchitect.core import Space, TaskInfo

if TYPE_CHECKING:
    from searchitect.recipes.composed import ComposedRecipe
    from searchitect.recipes.recipe import Recipe

_SHOWN = {
    "image-classification": TaskInfo("small images", "image-classification", (3, 16, 16), 10, 8000),
    "language-modelling": TaskInfo("a small text", "language-modelling", (35,), 100, 4000),
}
"""What sizes for small data are shown for."""


def describe_recipe(name: str) -> Iterator[str]:
    """Line by line: where it is from, its space and method, and every setting with the paper's value beside the one for small data."""
    from searchitect.recipes import find_recipe
    from searchitect.recipes.composed import ComposedRecipe
    from searchitect.recipes.shared_weights import SharedWeightsRecipe

    recipe = find_recipe(name)
    yield f"{name}: the recipe of {recipe.title}: {recipe.summary} ({recipe.paper})"
    space = recipe.space(_SHOWN[recipe.tasks[0]])
    yield f"space:      {space.name}, for {' and '.join(recipe.tasks)}; another one with --space"
    yield f"method:     {_method(recipe)}"
    if isinstance(recipe, ComposedRecipe):
        yield from _how_it_searches(recipe)
    yield f"cost:       {recipe.cost}"
    rows = [(n, small, recipe.papers_value(n)) for n, small in recipe.settings().items()]
    yield from _table(f"settings, by --set KEY=VALUE ({name})", rows)
    supernet = recipe.paper_supernet if isinstance(recipe, SharedWeightsRecipe) else {}
    for title, sizes in (("the networks that are found", recipe.paper_space), ("the supernet", supernet)):
        if sizes:
            yield from _table(f"sizes of {title}", _sizes(space, sizes))
    if isinstance(recipe, ComposedRecipe) and recipe.paper_training:
        own = _own_training(space)
        yield from _table("training of candidates", _training(recipe, own))
        if own:
            shown = "the first" if hasattr(space, "start") else "a random"
            yield f"  {' and '.join(own)} are each architecture's own, whatever the preset: here those of {shown} one"
    yield f"search:     searchitect search DATA --recipe {name}"
    yield f"the paper's numbers, which take long on a CPU: searchitect search DATA --recipe {name} --preset paper"


def _how_it_searches(recipe: "ComposedRecipe") -> Iterator[str]:
    """Strategy and estimator."""
    made = recipe.make({})
    name = made.strategy if isinstance(made.strategy, str) else made.strategy.__name__
    options = ", ".join(f"{key}={value}" for key, value in made.options.items() if not isinstance(value, (Mapping, tuple)))
    yield f"strategy:   {name}{f' with {options}' if options else ''}{', told a reward of its own' if made.reward else ''}"
    yield f"estimator:  {recipe.estimator}"


def _training(recipe: "ComposedRecipe", own: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What the paper changes, beside the usual training of small images and the recipe's own changes; over both what an architecture has of its ``own``."""
    from searchitect.training.recipe import default_recipe

    usual = default_recipe(_SHOWN[recipe.tasks[0]]).with_settings(recipe.make({}).training).to_json()
    return [(name, own.get(name, usual[name]), value) for name, value in {**recipe.paper_training, **own}.items()]


def _own_training(space: Space) -> Mapping[str, Any]:
    """What architectures of the space decide of their training, with the values of one of them."""
    spec = space.first(random.Random(0)).spec
    found: Mapping[str, Any] = spec.get("training", {}) if isinstance(spec, dict) else {}
    return found


def _method(recipe: "Recipe") -> str:
    """The first line of its documentation."""
    text = (recipe.about.__doc__ or recipe.summary).strip().splitlines()[0].rstrip(".")
    return f"{text} ({recipe.about.__module__.replace('.', '/')}.py)"


def _sizes(space: Space, sizes: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    config = space.config()
    return [(name, config.get(name), value) for name, value in sizes.items()]


def _table(title: str, rows: list[tuple[str, Any, Any]]) -> Iterator[str]:
    from searchitect.recipes.recipe import setting_text

    width = max([len(title), *(len(name) + 2 for name, _, _ in rows)])
    yield f"{title:{width}}  {'small':>10}  {'paper':>10}"
    for name, small, paper in rows:
        mark = "" if small == paper or paper is None else "  *"
        yield f"  {name:{width - 2}}  {setting_text(small):>10}  {setting_text('not given' if paper is None else paper):>10}{mark}"
