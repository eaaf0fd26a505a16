"""ENAS on whole networks: a controller draws the operation of every layer and which earlier layers it adds.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, sections
2.2 and 2.3, and the released code (melodyguan/enas), its macro search.
"""

from dataclasses import replace

from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Method, Schedule
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.spaces.enas_macro import EnasMacro


def enas_macro(
    schedule: Schedule,
    *,
    controller_learning_rate: float = 0.001,
    controller_steps: int = 10,
    controller_draws: int = 20,
    squash: float = 1.5,
    skip_share: float = 0.4,
    skip_weight: float = 0.8,
    baseline_decay: float = 0.95,
    candidates: int = 20,
) -> Method:
    """Sections 2.2 and 2.3: as for cells, and skip connections are pulled to a share.

    Args:
        schedule: of the shared weights omega.
        controller_learning_rate: of Adam on the controller's weights theta.
        controller_steps: of the controller after each epoch.
        controller_draws: networks of such a step.
        squash: the controller's logits lie in [-squash, squash].
        skip_share: rho, the share of skip connections that is likely a priori.
        skip_weight: of the divergence from it.
        baseline_decay: of the moving average of the rewards.
        candidates: networks drawn at the end.
    """
    policy = Policy(controller_learning_rate, squash=squash, baseline_decay=baseline_decay, steps=controller_steps)
    policy = replace(policy, draws=controller_draws, skip_share=skip_share, skip_weight=skip_weight)
    return Enas(schedule, policy, candidates=candidates)


RECIPE = SharedWeightsRecipe(
    name="enas-macro",
    title="ENAS, whole networks",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the operation of every layer and its skips, and learns from the accuracy with shared weights",
    space=EnasMacro.for_task,
    method=enas_macro,
    schedule=Schedule(learning_rate=0.05, learning_rate_min=0.0005, weight_decay=2.5e-4, nesterov=True, train_share=0.9),
    paper_settings={"epochs": 310, "batch_size": 128, "controller_steps": 50, "baseline_decay": 0.99, "candidates": 10},
    paper_space={"layers": 24, "channels": 96},
    paper_supernet={"layers": 12, "channels": 36},
    normalisation="batch",
)
