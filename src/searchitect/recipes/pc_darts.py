"""PC-DARTS: only a part of the channels goes through the operations, and the edges have weights of their own.

Xu et al. 2020, "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", https://arxiv.org/abs/1907.05737, and its code
(yuhuixu1993/PC-DARTS).
"""

from searchitect.core import Space
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.recipes.cells import cells_for, partial_cells
from searchitect.recipes.safeguards import guard, selection
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def pc_darts(
    schedule: Schedule,
    *,
    alpha_learning_rate: float = 3e-3,
    alpha_weight_decay: float = 1e-3,
    warm_up: float = 0.3,
    early_stop: str = "none",
    select: str = "argmax",
) -> Method:
    """Section 3: first-order DARTS with edge normalisation.

    Args:
        schedule: of the weights.
        alpha_learning_rate, alpha_weight_decay: of Adam on the logits, alpha of operations and beta of edges.
        warm_up: part of the search in which only the weights learn.
        early_stop, select: as in the recipe "darts".
    """
    return Relaxed(
        Softmax(),
        bilevel(1),
        schedule,
        learning_rate=alpha_learning_rate,
        weight_decay=alpha_weight_decay,
        warm_up=warm_up,
        weighs_edges=True,
        guard=guard(early_stop),
        selection=selection(select),
    )


def supernet(space: Space, *, partial: int = 4) -> Space:
    """One of ``partial`` channels, K in the paper, goes through the operations."""
    return partial_cells(space, partial=partial)


RECIPE = SharedWeightsRecipe(
    name="pc-darts",
    title="PC-DARTS",
    paper="Xu et al. 2020, arXiv:1907.05737",
    summary="one of four channels goes through the operations of an edge; the edges of a node are weighted too",
    space=cells_for,
    method=pc_darts,
    schedule=Schedule(learning_rate_min=0.0),
    paper_settings={"epochs": 50, "batch_size": 256, "learning_rate": 0.1, "alpha_learning_rate": 6e-4},
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
    supernet=supernet,
)
