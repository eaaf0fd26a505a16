"""Random search with weight sharing: uniformly drawn networks train the supernet, and the best of a thousand others is kept.

Li, Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search", https://arxiv.org/abs/1902.07638, section 3.2, and its code
(liamcli/randomNAS_release).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from searchitect.core import Objective, Space, Strategy
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.sampled import Sampled, uniform
from searchitect.oneshot.two_stage import TwoStage
from searchitect.recipes.cells import cells_for
from searchitect.recipes.recipe import check_counts
from searchitect.recipes.shared_weights import SharedWeightsRecipe

STEPS_OF_A_ROUND: Final = 10_000
"""Of the weights: there is a round of candidates for so many of them, and at least one."""


def random_ws(schedule: Schedule, *, candidates: int = 200, kept: int = 10, batches: int = 10) -> Method:
    """Section 3.2.

    Args:
        schedule: of the shared weights.
        candidates: networks of a round that are judged on ``batches`` batches of validation data.
        kept: the best of them, which are judged on all of it.
        batches: of the size of a training batch.
    """

    check_counts("random-ws", batches=batches)

    def two_looks(space: Space, objectives: Sequence[Objective], seed: int, found: Mapping[str, Any]) -> Strategy:
        share = min(1.0, batches * schedule.batch_size / found["validation_rows"])
        rounds = max(1, found["steps"] // STEPS_OF_A_ROUND)
        return TwoStage(space, objectives, seed=seed, candidates=candidates, kept=kept, rounds=rounds, share=share)

    return Sampled(uniform, two_looks, schedule, cycle=candidates + kept)


RECIPE = SharedWeightsRecipe(
    name="random-ws",
    title="Random search with weight sharing",
    paper="Li, Talwalkar 2019, arXiv:1902.07638",
    summary="uniformly drawn networks train the supernet, and the best of many others is kept",
    space=cells_for,
    method=random_ws,
    schedule=Schedule(train_share=1.0),
    paper_settings={"epochs": 150, "candidates": 1000},
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 24, "layers": 8},
    normalisation="batch",
    rows=10_000,
)
