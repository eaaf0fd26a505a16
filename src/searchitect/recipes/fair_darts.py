"""FairDARTS: operations of an edge do not compete; each has a sigmoid of its own.

Chu, Zhou, Zhang, Li 2020, "Fair DARTS: Eliminating Unfair Advantages in Differentiable Architecture Search", https://arxiv.org/abs/1911.12126, and
its code (xiaomi-automl/FairDARTS).
"""

from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.sigmoid import Sigmoid
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.recipes.cells import cells_for
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def fair_darts(
    schedule: Schedule, *, alpha_learning_rate: float = 3e-3, alpha_weight_decay: float = 1e-3, pull: float = 10.0
) -> Method:
    """Section 4: first-order DARTS with sigmoids and the zero-one loss.

    Args:
        schedule: of the weights.
        alpha_learning_rate, alpha_weight_decay: of Adam on the logits alpha.
        pull: w01, factor of the zero-one loss.
    """
    return Relaxed(Sigmoid(pull), bilevel(1), schedule, learning_rate=alpha_learning_rate, weight_decay=alpha_weight_decay)


RECIPE = SharedWeightsRecipe(
    name="fair-darts",
    title="FairDARTS",
    paper="Chu, Zhou, Zhang, Li 2020, arXiv:1911.12126",
    summary="every operation has a sigmoid of its own, drawn to 0 or 1, so that skip connections take nothing from the others",
    space=cells_for,
    method=fair_darts,
    schedule=Schedule(),
    paper_settings={"epochs": 50, "alpha_learning_rate": 3e-4},
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
)
