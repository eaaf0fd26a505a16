"""DrNAS: the weights of the operations are drawn from a learned Dirichlet distribution.

Chen, Wang, Cheng, Tang, Hsieh 2021, "DrNAS: Dirichlet Neural Architecture Search", https://arxiv.org/abs/2006.10355, and its code
(xiangning-chen/DrNAS).
"""

from searchitect.core import Space
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.dirichlet import Dirichlet
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.recipes.cells import cells_for, partial_cells
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def drnas(schedule: Schedule, *, alpha_learning_rate: float = 3e-3, anchor: float = 1e-3) -> Method:
    """Section 3: logits from held-out data, then weights from training data.

    Args:
        schedule: of the weights.
        alpha_learning_rate: of Adam on the logits, whose elu + 1 are the concentrations beta.
        anchor: lambda, factor of the divergence from the symmetric distribution.
    """
    return Relaxed(Dirichlet(anchor), bilevel(1), schedule, learning_rate=alpha_learning_rate, weight_decay=0.0)


def supernet(space: Space, *, partial: int = 1) -> Space:
    """One of ``partial`` channels goes through the operations, as in PC-DARTS."""
    return partial_cells(space, partial=partial)


RECIPE = SharedWeightsRecipe(
    name="drnas",
    title="DrNAS",
    paper="Chen, Wang, Cheng, Tang, Hsieh 2021, arXiv:2006.10355",
    summary="the weights of the operations are drawn from a learned Dirichlet distribution",
    space=cells_for,
    method=drnas,
    schedule=Schedule(),
    paper_settings={"alpha_learning_rate": 6e-4},
    paper_space={"channels": 36, "layers": 20},
    supernet=supernet,
)
