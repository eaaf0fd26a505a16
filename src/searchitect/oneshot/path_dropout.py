"""One-shot training: every option of every choice runs, but for paths that are dropped at random, more and more of them.

Bender, Kindermans, Zoph, Vasudevan, Le 2018, "Understanding and Simplifying One-Shot Architecture Search",
http://proceedings.mlr.press/v80/bender18a.html, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch

from searchitect.core import Objective, SettingError, Space, Strategy
from searchitect.networks.mixed import Mixed, OpenLayer, mixed_layers
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Method, Outcome, Schedule
from searchitect.oneshot.relaxation import Weights
from searchitect.oneshot.sampled import StrategyMaker
from searchitect.oneshot.training import SupernetTraining


@final
class PathDropout(Method):
    """A method that trains all options at once. What a choice adds up are its paths; those that are kept count fully.

    A choice whose options are no layers side by side, such as a width or a depth, takes one of them at random.

    Args:
        strategy: of the search that follows.
        schedule: of the weights; it learns from all of the training data unless its ``train_share`` says otherwise.
        rate: r, in (0, 1): how likely all paths of a choice are dropped at the end of the training.
        ghost: examples of a batch that share one draw, and one batch normalisation; at least 2.
        share: part of the search's time that training takes.
        cycle: candidates of one round of the search that follows.
    """

    def __init__(
        self,
        strategy: StrategyMaker,
        schedule: Schedule,
        *,
        rate: float = 0.05,
        ghost: int = 32,
        share: float = 0.7,
        cycle: int = 1,
    ) -> None:
        super().__init__(schedule)
        if not 0 < rate < 1:
            raise SettingError(f"dropout must lie in (0, 1), got {rate}; the paper uses 0.05")
        if ghost < 2:
            raise SettingError(f"ghost must be at least 2, got {ghost}: batch normalisation needs two examples")
        self.strategy, self.rate, self.ghost, self.share, self.cycle = strategy, rate, ghost, share, cycle

    def check(self, space: Space, objectives: Sequence[Objective]) -> None:
        self.strategy(space, objectives, 0, {})

    def begin(self, training: SupernetTraining) -> None:
        self._layers = {path: layers[0] for path, layers in mixed_layers(training.network).items()}

    def step(self, training: SupernetTraining, batch: Batch, held: Batch) -> float:
        total = 0.0
        for part in batch.split(max(1, len(batch.x) // self.ghost)):
            training.set_weights(self.draw(training))
            loss = training.loss(part) * (len(part.x) / len(batch.x))
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        for parameter in training.parameters:  # of a path that was only run to be multiplied by 0
            if parameter.grad is not None and not parameter.grad.any():
                parameter.grad = None
        training.update_weights()
        return total

    def draw(self, training: SupernetTraining) -> dict[str, Weights]:
        """The weights of all options, by path of the choice, 1 for those kept and 0 for those dropped."""
        return {
            path: dropped_paths(layer, self.rate, training.progress, training.generator) for path, layer in self._layers.items()
        }

    def finish(self, training: SupernetTraining) -> dict[str, Any]:
        """How many steps were made, and how many examples the validation part has."""
        return {"steps": training.step, "validation_rows": len(training.task.valid)}

    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int, outcome: Outcome) -> Strategy:
        return self.strategy(space, objectives, seed, outcome.found)


def dropped_paths(layer: OpenLayer, rate: float, progress: float, generator: torch.Generator) -> list[float | torch.Tensor]:
    """Weights of the options of one choice.

    Each of its n paths is dropped by itself with probability progress * rate^(1/n). So at the end all of them are with probability
    ``rate``: then the first one runs, and its outputs are multiplied by 0.

    Args:
        layer: of the choice.
        rate: in (0, 1).
        progress: part of the training that is over, in [0, 1].
        generator: of the draw.
    """
    count = len(layer.labels)
    if not isinstance(layer, Mixed):
        place = int(torch.randint(count, (), generator=generator))
        return [float(i == place) for i in range(count)]
    kept = (torch.rand(count, generator=generator) >= progress * rate ** (1 / count)).tolist()
    if not any(kept):
        return [torch.zeros(()), *[0.0] * (count - 1)]
    return [float(k) for k in kept]
