"""The training loop of every task, and what it is made of."""

from searchitect.training.loop import Outcome, Span, predict, train
from searchitect.training.recipe import Recipe, default_recipe

__all__ = ["Outcome", "Recipe", "Span", "default_recipe", "predict", "train"]
