"""What shared weights say: one supernet is trained on uniformly drawn paths, and every architecture is scored with its weights."""

import math
from pathlib import Path
from typing import Final

from searchitect.core import Fidelity, Job
from searchitect.trust.known import Known
from searchitect.trust.on_data import OnDone

ONE_SHOT: Final = "one-shot"
EPOCHS: Final = 50
"""Of the supernet, at most, unless others are asked for."""
_LINES: Final = 20
"""Times that progress is told of."""


def shared_scores(known: Known, epochs: float, seed: int, folder: Path, on_done: OnDone) -> list[float]:
    """Scores with shared weights, higher is better; minus infinity where there is none.

    Single path one-shot (Guo et al. 2020, https://arxiv.org/abs/1904.00420): uniformly drawn paths, all of the training data, and statistics of
    batch normalisation computed anew for every architecture.

    Args:
        known: architectures of one space, with the data of a task.
        epochs: of the supernet.
        seed: of the supernet.
        folder: where the supernet is saved; a finished one is not trained again.
        on_done: called now and then with what is trained, the steps made and the steps in all.
    """
    from searchitect.costs.latency import torch_threads
    from searchitect.estimators.shared_weights import SharedWeights
    from searchitect.oneshot.method import Schedule
    from searchitect.oneshot.sampled import Sampled, uniform
    from searchitect.oneshot.training import Progress, SupernetTraining
    from searchitect.strategies import make_strategy

    def show(made: Progress) -> None:
        if made.step == made.steps or made.step % max(1, made.steps // _LINES) == 0:
            on_done("steps of the supernet", made.step, made.steps)

    method = Sampled(uniform, lambda *found: make_strategy("random", *found), Schedule(epochs=epochs, train_share=1.0))
    path = folder / f"supernet-{known.space.name}-{epochs:g}-seed{seed}.safetensors"
    with torch_threads(1):
        SupernetTraining(known.space, known.task, method, path, seed=seed, on_progress=show).run()
        judge = SharedWeights(path, known.space)
        whole = Fidelity(1.0)
        jobs = [Job(known.space, a, known.task, whole, horizon=1.0) for a in known.architectures]
        found = [judge.evaluate(job).metrics for job in jobs]
    name = known.task.info.quality
    scores = [known.sign * metrics.get(name, math.nan) for metrics in found]
    return [score if math.isfinite(score) else -math.inf for score in scores]
