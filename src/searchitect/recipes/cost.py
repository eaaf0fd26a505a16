"""What training a supernet will cost, told before it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from searchitect.core import Space

if TYPE_CHECKING:
    from searchitect.recipes.shared_weights import SharedWeightsRecipe

_EXAMPLES: Final = 4
"""Of the batches that are timed."""
_STEPS: Final = 2


@dataclass(frozen=True)
class Cost:
    """Of training a supernet.

    Attributes:
        steps: in all.
        seconds: in all, on one thread of this machine; from small batches, so rather too many.
        memory: bytes of one step.
    """

    steps: int
    seconds: float
    memory: int

    def __str__(self) -> str:
        hours = self.seconds / 3600
        time_text = f"{hours:.3g} hours" if hours >= 1 else f"{max(1, round(self.seconds / 60))} minutes"
        return f"about {time_text} for {self.steps:,} steps, and {self.memory / 1e9:.2g} GB of memory"


def supernet_cost(recipe: "SharedWeightsRecipe", given: Mapping[str, Any], space: Space, task: Any, seed: int = 0) -> Cost:
    """What the supernet of a recipe costs: a few steps on small batches are made, and their time is scaled up.

    Args:
        recipe: whose method trains.
        given: settings of the recipe that differ from its own.
        space: whose open spec the supernet is built from.
        task: its training part is looked at.
        seed: of the weights.
    """
    from searchitect.costs.latency import torch_threads
    from searchitect.oneshot.memory import step_memory
    from searchitect.oneshot.training import SupernetTraining
    from searchitect.training.batches import Batches

    schedule = recipe.make(given).schedule
    method = recipe.make({**given, "batch_size": _EXAMPLES})
    with TemporaryDirectory() as folder, torch_threads(1):
        training = SupernetTraining(space, task, method, Path(folder) / "supernet.safetensors", seed=seed)
        rows = len(training.feed.y)
        batches = Batches(rows, max(2, min(schedule.batch_size, rows // 4)))
        memory = step_memory(training.network, training.feed.ready(training.feed.x[:1]), batches.batch_size)
        seconds = training.time_steps(_STEPS)
    steps = max(1, round(schedule.epochs * batches.per_epoch))
    return Cost(steps, seconds * steps * batches.batch_size / training.feed.batches.batch_size, memory.total)
