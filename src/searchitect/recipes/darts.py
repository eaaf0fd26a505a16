"""DARTS: differentiable architecture search.

Liu, Simonyan, Yang 2019, "DARTS: Differentiable Architecture Search", https://arxiv.org/abs/1806.09055, and its code (quark0/darts).
"""

from typing import Any

from searchitect.core import SettingError
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.recipes.cells import cells_for, with_none
from searchitect.recipes.safeguards import guard, selection
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def darts(
    schedule: Schedule,
    *,
    order: int = 1,
    alpha_learning_rate: float = 3e-3,
    alpha_weight_decay: float = 1e-3,
    early_stop: str = "none",
    select: str = "argmax",
) -> Method:
    """Algorithm 1.

    Args:
        schedule: of the weights w.
        order: 1, or 2: through a virtual step of the weights.
        alpha_learning_rate, alpha_weight_decay: of Adam on the logits alpha.
        early_stop: "none"; "skips" (DARTS+); "eigenvalue" (R-DARTS).
        select: "argmax": the likeliest operations; "perturbation" (DARTS-PT): those without which the loss is the highest.
    """
    if order not in (1, 2):
        raise SettingError(f"order of the recipe 'darts' must be 1 or 2, got {order}")
    return Relaxed(
        Softmax(),
        bilevel(order),
        schedule,
        learning_rate=alpha_learning_rate,
        weight_decay=alpha_weight_decay,
        guard=guard(early_stop),
        selection=selection(select),
    )


PAPER: dict[str, Any] = {"order": 2, "alpha_learning_rate": 3e-4, "epochs": 50, "batch_size": 64}

RECIPE = SharedWeightsRecipe(
    name="darts",
    title="DARTS",
    paper="Liu, Simonyan, Yang 2019, arXiv:1806.09055",
    summary="every operation of every edge at once, weighted by a softmax that gradient descent learns",
    space=cells_for,
    method=darts,
    schedule=Schedule(),
    paper_settings=PAPER,
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
    supernet=with_none,
)
