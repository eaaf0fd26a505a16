"""Weights trained one network of the supernet at a time; what is searched afterwards is a matter of an ordinary strategy."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from searchitect.core import Architecture, Objective, Space, Strategy
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Method, Outcome, Schedule
from searchitect.oneshot.training import SupernetTraining

Sampler = Callable[[Space, random.Random], Sequence[Architecture]]
"""(space, generator) -> the networks of the supernet that learn in a step; their gradients are added up."""

StrategyMaker = Callable[[Space, Sequence[Objective], int, Mapping[str, Any]], Strategy]
"""(space, objectives, seed, what `Sampled.finish` gave) -> what proposes the architectures that are judged with the trained weights."""


def uniform(space: Space, rng: random.Random) -> Sequence[Architecture]:
    """One network, every decision drawn uniformly (Guo et al. 2020, https://arxiv.org/abs/1904.00420, section 3.2)."""
    return [space.sample(rng)]


@final
class Sampled(Method):
    """A method that trains sampled networks of the supernet.

    Args:
        sampler: of the networks of a step.
        strategy: of the search that follows.
        schedule: of the weights; it learns from all of the training data unless its ``train_share`` says otherwise.
        share: part of the search's time that training takes.
        cycle: candidates of one round of the search that follows.
    """

    def __init__(
        self, sampler: Sampler, strategy: StrategyMaker, schedule: Schedule, *, share: float = 0.7, cycle: int = 1
    ) -> None:
        super().__init__(schedule)
        self.sampler, self.strategy, self.share, self.cycle = sampler, strategy, share, cycle

    def check(self, space: Space, objectives: Sequence[Objective]) -> None:
        self.strategy(space, objectives, 0, {"steps": 1, "validation_rows": 1})

    def begin(self, training: SupernetTraining) -> None:
        self._rng = random.Random()

    def arrange(self, training: SupernetTraining) -> None:
        training.take(training.space.sample(random.Random(0)).decisions)

    def step(self, training: SupernetTraining, batch: Batch, held: Batch) -> float:
        self._rng.seed(f"{training.seed}/{training.step}")
        networks = self.sampler(training.space, self._rng)
        total = 0.0
        for architecture in networks:
            training.take(architecture.decisions)
            loss = training.loss(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach()) / len(networks)
        training.update_weights()
        return total

    def finish(self, training: SupernetTraining) -> dict[str, Any]:
        """How many steps were made, and how many examples the validation part has."""
        return {"steps": training.step, "validation_rows": len(training.task.valid)}

    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int, outcome: Outcome) -> Strategy:
        return self.strategy(space, objectives, seed, outcome.found)
