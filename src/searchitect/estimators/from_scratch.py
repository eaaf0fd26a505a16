"""Train from scratch, or go on from the architecture's own weights, and measure on validation data."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from searchitect.core import Estimator, Job, Measurement
from searchitect.networks import build
from searchitect.tasks import Task
from searchitect.training import Recipe, Span, default_recipe, train

LEAST_VALIDATION = 2000
VALIDATION_SHARE = 0.5
"""A short training looks at so many validation rows per training row, but not at fewer than the least: looking costs a third of training."""


def recipe_for(task: Task, spec: Any, settings: Mapping[str, Any]) -> Recipe:
    """The task's default recipe, then the user's settings, then what the architecture itself decides under its key "training"."""
    recipe = default_recipe(task.info, flips=task.flips, imbalanced=task.class_weights is not None)
    decided = spec.get("training", {}) if isinstance(spec, dict) else {}
    return recipe.with_settings(settings).with_settings(decided)


class FromScratch(Estimator):
    """Trains each candidate with one recipe at the fidelity that is asked for.

    Args:
        settings: changes to the task's default recipe (`searchitect.training.Recipe`), such as ``learning_rate=0.01``.
    """

    resumes: ClassVar[bool] = True
    builds: ClassVar[bool] = True

    def __init__(self, **settings: Any) -> None:
        Recipe().with_settings(settings)  # refuses unknown names now, not in a worker
        self.settings = settings

    def evaluate(self, job: Job) -> Measurement:
        task: Task = job.task
        spec = job.architecture.spec
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(job.seed)
            network = build(job.space, spec, task.info)
        rows = task.info.train_rows * job.fidelity.passes
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
            valid_rows=None if is_long else max(LEAST_VALIDATION, round(rows * VALIDATION_SHARE)),
            looks=20 if is_long else 8 if job.fidelity.epochs >= 1 else 1,
        )
        outcome = train(network, task, recipe_for(task, spec, self.settings), span)
        return Measurement(outcome.metrics, outcome.curve, outcome.state, outcome.reason)
