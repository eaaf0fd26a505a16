"""SNAS: stochastic neural architecture search.

Xie, Zheng, Liu, Lin 2019, "SNAS: Stochastic Neural Architecture Search", https://arxiv.org/abs/1812.09926, and its code (SNAS-Series).
"""

from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.gumbel_softmax import GumbelSoftmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import single_level
from searchitect.recipes.cells import cells_for, with_none
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def snas(
    schedule: Schedule,
    *,
    alpha_learning_rate: float = 3e-3,
    alpha_weight_decay: float = 1e-3,
    temperature: float = 1.0,
    last_temperature: float = 0.03,
    cost_weight: float = 0.1,
) -> Method:
    """Section 2: one draw of a relaxed architecture per step, from which weights and logits learn together.

    Args:
        schedule: of the weights theta; they learn from all of the training data, and so do the logits.
        alpha_learning_rate, alpha_weight_decay: of Adam on the logits, log alpha in the paper.
        temperature, last_temperature: lambda, at the beginning and at the end.
        cost_weight: of each cost that is an objective of the run: eta of section 2.4, in parts of the limit on the cost or of its mean over
            the supernet's networks. The larger it is, the smaller the networks: the paper's mild, moderate and aggressive levels.
    """
    return Relaxed(
        GumbelSoftmax(temperature, last_temperature),
        single_level,
        schedule,
        learning_rate=alpha_learning_rate,
        weight_decay=alpha_weight_decay,
        cost_weight=cost_weight,
    )


RECIPE = SharedWeightsRecipe(
    name="snas",
    title="SNAS",
    paper="Xie, Zheng, Liu, Lin 2019, arXiv:1812.09926",
    summary="a relaxed architecture is drawn in each step; weights and decisions learn from the same batch",
    space=cells_for,
    method=snas,
    schedule=Schedule(train_share=1.0),
    paper_settings={"alpha_learning_rate": 3e-4, "epochs": 150, "batch_size": 64},
    paper_silent=("cost_weight",),
    paper_space={"channels": 36, "layers": 20},
    paper_supernet={"channels": 16, "layers": 8},
    supernet=with_none,
)
