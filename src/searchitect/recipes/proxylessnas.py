"""ProxylessNAS: binary gates, of which one path is run for the weights and two for the decisions.

Cai, Zhu, Han 2019, "ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", https://arxiv.org/abs/1812.00332, and its code
(mit-han-lab/proxylessnas).
"""

from searchitect.core import SettingError
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.relaxations.binary_gates import BinaryGates
from searchitect.oneshot.relaxations.categorical import Categorical
from searchitect.oneshot.relaxed import Relaxed, check_cost_weight
from searchitect.oneshot.rules import bilevel
from searchitect.oneshot.score_rules import score_function
from searchitect.recipes.cells import cells_for, with_none
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def proxylessnas(
    schedule: Schedule,
    *,
    gradient: str = "gates",
    alpha_learning_rate: float = 6e-3,
    every: int = 5,
    samples: int = 10,
    warm_up: float = 0.25,
    cost_weight: float = 0.1,
) -> Method:
    """Section 3: weights of one drawn path, then, on held-out data, the logits.

    Args:
        schedule: of the weights.
        gradient: of the logits: "gates", section 3.2; "reinforce", section 3.3.2.
        alpha_learning_rate: of Adam on the logits alpha, without first moment and weight decay.
        every: steps of the weights per step of the logits.
        samples: networks per step of the logits with "reinforce".
        warm_up: part of the search in which only the weights learn, on paths drawn almost uniformly.
        cost_weight: of each cost that is an objective of the run: with "gates", section 3.3.1's lambda, ``lambda * (E - ref) / ref`` is added to
            the loss of the logits; with "reinforce" the reward is multiplied by ``(ref / cost) ** cost_weight``.
    """
    if gradient not in ("gates", "reinforce"):
        raise SettingError(f"gradient of the recipe 'proxylessnas' must be gates or reinforce, got {gradient!r}")
    for name, value in (("every", every), ("samples", samples)):
        if value < 1:
            raise SettingError(f"{name} of the recipe 'proxylessnas' must be at least 1, got {value}")
    check_cost_weight(cost_weight)
    by_gates = gradient == "gates"
    relaxation, rule = (
        (BinaryGates(), bilevel(1, every)) if by_gates else (Categorical(), score_function(samples, every, cost_weight))
    )
    return Relaxed(
        relaxation,
        rule,
        schedule,
        learning_rate=alpha_learning_rate,
        betas=(0.0, 0.999),
        weight_decay=0.0,
        warm_up=warm_up,
        cost_weight=cost_weight if by_gates else 0.0,  # there the reward knows the costs
    )


RECIPE = SharedWeightsRecipe(
    name="proxylessnas",
    title="ProxylessNAS",
    paper="Cai, Zhu, Han 2019, arXiv:1812.00332",
    summary="binary gates: one path is run for the weights, two for the decisions",
    space=cells_for,
    method=proxylessnas,
    schedule=Schedule(nesterov=True, weight_decay=4e-5, learning_rate_min=0.0, gradient_clip=0.0, train_share=0.8),
    paper_settings={"epochs": 160, "batch_size": 256, "train_share": 0.96, "alpha_learning_rate": 1e-3},
    supernet=with_none,
)
