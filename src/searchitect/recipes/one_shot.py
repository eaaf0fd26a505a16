"""One-shot: a supernet that runs all options at once, with paths dropped at random, ranks architectures by leaving the others out.

Bender, Kindermans, Zoph, Vasudevan, Le 2018, "Understanding and Simplifying One-Shot Architecture Search",
http://proceedings.mlr.press/v80/bender18a.html.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.core import Objective, Space, Strategy
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.path_dropout import PathDropout
from searchitect.oneshot.two_stage import TwoStage
from searchitect.recipes.cells import cells_for
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def one_shot(schedule: Schedule, *, dropout: float = 0.05, ghost: int = 32, candidates: int = 500) -> Method:
    """Section 3.

    Args:
        schedule: of the shared weights.
        dropout: r in the paper: how likely all paths into one place are dropped at the end of the training.
        ghost: examples that share one draw of paths and one batch normalisation.
        candidates: networks that are judged.
    """

    def draws(space: Space, objectives: Sequence[Objective], seed: int, _: Mapping[str, Any]) -> Strategy:
        return TwoStage(space, objectives, seed=seed, candidates=candidates)

    return PathDropout(draws, schedule, rate=dropout, ghost=ghost, cycle=candidates)


RECIPE = SharedWeightsRecipe(
    name="one-shot",
    title="One-shot with path dropout",
    paper="Bender, Kindermans, Zoph, Vasudevan, Le 2018, ICML",
    summary="all options at once, paths dropped at random more and more often; then every network is scored with the others left out",
    space=cells_for,
    method=one_shot,
    schedule=Schedule(train_share=1.0),
    paper_settings={"epochs": 114, "batch_size": 1024, "candidates": 20_000},
    normalisation="batch",
)
