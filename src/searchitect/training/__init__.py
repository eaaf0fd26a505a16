"""The training loop of every task, and what it is made of."""

from searchitect.training.evaluation import evaluate, predict
from searchitect.training.loop import Outcome, Span, train
from searchitect.training.recipe import RECIPES, Recipe, default_recipe, paper_recipe

__all__ = ["RECIPES", "Outcome", "Recipe", "Span", "default_recipe", "evaluate", "paper_recipe", "predict", "train"]
