"""Train from scratch, or go on from the architecture's own weights, and measure on validation data."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import nn

from searchitect.core import METRICS, Estimator, Job, Measurement
from searchitect.core.errors import unknown_name
from searchitect.networks import build
from searchitect.tasks import Task
from searchitect.training import RECIPES, Recipe, Span, train

LEAST_VALIDATION = 2000
LEAST_SEGMENTS = 128
VALIDATION_SHARE = 0.5
"""A short training looks at so many validation rows per training row, but not at fewer than the least: looking costs a third of training.
A segment of a text has tens of tokens to predict, so that fewer of them tell as much."""


def recipe_for(task: Task, spec: Any, settings: Mapping[str, Any], base: str = "usual") -> Recipe:
    """The task's recipe ``base``, then the user's settings, then what the architecture itself decides under its key "training"."""
    recipe = RECIPES[base](task.info, flips=task.flips, imbalanced=task.class_weights is not None)
    decided = spec.get("training", {}) if isinstance(spec, dict) else {}
    return recipe.with_settings(settings).with_settings(decided)


def without_failure(recipe: Recipe, job: Job) -> Recipe:
    """The recipe with a learning rate at which the first epoch is better than guessing, as far as its ``restarts`` allow.

    Guessing is the trivial predictor; of classes one and a half times its accuracy, 0.15 for ten equal ones, as in MetaQNN's code.
    """
    task: Task = job.task
    metric = task.info.quality
    guessed = task.baseline_score[metric] * (1.5 if metric == "accuracy" else 1.0)
    span = Span(epochs=min(1.0, job.fidelity.epochs), horizon=job.horizon, data=job.fidelity.data, seed=job.seed, looks=1)
    for _ in range(recipe.restarts):
        reached = train(_new_network(job, recipe), task, recipe, span).metrics.get(metric, math.nan)
        if reached > guessed if METRICS[metric] == "max" else reached < guessed:
            break
        recipe = replace(recipe, learning_rate=0.4 * recipe.learning_rate)
    return recipe


def _new_network(job: Job, recipe: Recipe) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(job.seed)
        return build(job.space, job.architecture.spec, job.task.info, auxiliary=recipe.auxiliary > 0)


class FromScratch(Estimator):
    """Trains each candidate with one recipe at the fidelity that is asked for.

    Args:
        base: what the settings change: ``usual``, or ``paper``, the final evaluation of the cell papers.
        settings: changes to it (`searchitect.training.Recipe`), such as ``learning_rate=0.01``.
    """

    resumes: ClassVar[bool] = True
    builds: ClassVar[bool] = True

    def __init__(self, base: str = "usual", **settings: Any) -> None:
        if base not in RECIPES:
            raise unknown_name("training recipe", base, RECIPES)
        self.base = base
        Recipe().with_settings(settings)  # refuses unknown names now, not in a worker
        self.settings = settings

    def evaluate(self, job: Job) -> Measurement:
        task: Task = job.task
        spec = job.architecture.spec
        recipe = without_failure(recipe_for(task, spec, self.settings, self.base), job)
        network = _new_network(job, recipe)
        rows = task.info.train_rows * job.fidelity.passes
        least = LEAST_SEGMENTS if task.info.is_text else LEAST_VALIDATION
        is_long = job.fidelity.epochs >= job.horizon
        span = Span(
            epochs=job.fidelity.epochs,
            horizon=job.horizon,
            data=job.fidelity.data,
            resolution=job.fidelity.resolution,
            seed=job.seed,
            start=job.start,
            save=job.save,
            time_limit=job.time_limit,
            deadline=job.deadline,
            refit=job.refit,
            resumable=job.fidelity.epochs < job.horizon,
            valid_rows=None if is_long else max(least, round(rows * VALIDATION_SHARE)),
            looks=20 if is_long else 8 if job.fidelity.epochs >= 1 else 1,
        )
        outcome = train(network, task, recipe, span)
        return Measurement(outcome.metrics, outcome.curve, outcome.state, outcome.reason)
