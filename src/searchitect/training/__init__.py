"""The training loop of every task, and what it is made of."""

from searchitect.training.loop import Outcome, Span, predict, train
from searchitect.training.recipe import RECIPES, Recipe, default_recipe, paper_recipe

__all__ = ["RECIPES", "Outcome", "Recipe", "Span", "default_recipe", "paper_recipe", "predict", "train"]
