"""Train from scratch, with weights of another architecture, or on from the architecture's own, and measure on validation data."""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

import torch

from searchitect.core import Estimator, Job, Measurement
from searchitect.core.errors import unknown_name
from searchitect.networks import build
from searchitect.tasks import Task
from searchitect.training import RECIPES, Recipe, Span, train
from searchitect.training.checkpoint import evaluated_state
from searchitect.training.inheritance import copy_fitting

RESTART: Final = 0.4
"""The learning rate of a training that begins anew, as a part of that before (Baker et al. 2017, https://arxiv.org/abs/1611.02167, section 5)."""
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


class FromScratch(Estimator):
    """Trains each candidate with one recipe at the fidelity that is asked for.

    With `Job.inherit` it begins with the weights of another architecture, those that were evaluated, where names and shapes agree; optimizer,
    average and schedule begin anew. The metric "inherited" is the share of the parameters that they fill.

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
        recipe = recipe_for(task, spec, self.settings, self.base)
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
        inherited = evaluated_state(job.inherit) if job.inherit is not None and job.start is None else None
        began, filled = time.monotonic(), {}
        for left in reversed(range(recipe.restarts + 1)):
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(job.seed)
                network = build(job.space, spec, task.info, auxiliary=recipe.auxiliary > 0)
            if inherited is not None:
                filled = {"inherited": copy_fitting(network, inherited)}
            outcome = train(network, task, replace(recipe, restarts=left), span)
            if not outcome.wants_restart:
                break
            recipe = replace(recipe, learning_rate=RESTART * recipe.learning_rate)
            if job.time_limit is not None:
                span = replace(span, time_limit=max(0.0, job.time_limit - (time.monotonic() - began)))
        return Measurement({**outcome.metrics, **filled}, outcome.curve, outcome.state, outcome.reason)
