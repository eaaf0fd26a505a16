"""ENAS: a recurrent controller draws the networks that train the shared weights, and learns from their accuracy on held-out data.

Pham, Guan, Zoph, Le, Dean 2018, "Efficient Neural Architecture Search via Parameter Sharing", https://arxiv.org/abs/1802.03268, and the
released code (melodyguan/enas), its search for cells.
"""

from searchitect.core import Space, TaskInfo
from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.method import Method, Schedule
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.spaces.enas_micro import EnasMicro


def enas(
    schedule: Schedule,
    *,
    controller_learning_rate: float = 0.0035,
    controller_steps: int = 10,
    controller_draws: int = 10,
    squash: float = 1.1,
    entropy: float = 1e-4,
    baseline_decay: float = 0.95,
    candidates: int = 20,
) -> Method:
    """Sections 2.2 to 2.4.

    Args:
        schedule: of the shared weights omega.
        controller_learning_rate: of Adam on the controller's weights theta.
        controller_steps: of the controller after each epoch.
        controller_draws: networks of such a step.
        squash: the controller's logits lie in [-squash, squash].
        entropy: weight of the policy's entropy in the reward.
        baseline_decay: of the moving average of the rewards.
        candidates: networks drawn at the end.
    """
    policy = Policy(
        learning_rate=controller_learning_rate,
        steps=controller_steps,
        draws=controller_draws,
        squash=squash,
        entropy=entropy,
        baseline_decay=baseline_decay,
    )
    return Enas(schedule, policy, candidates=candidates)


def space_for(info: TaskInfo) -> Space:
    """ENAS's cells, in networks of a size that a CPU can search."""
    return EnasMicro.for_task(info)


RECIPE = SharedWeightsRecipe(
    name="enas",
    title="ENAS",
    paper="Pham, Guan, Zoph, Le, Dean 2018, arXiv:1802.03268",
    summary="a controller draws the networks that train the shared weights, and learns from their accuracy",
    space=space_for,
    method=enas,
    schedule=Schedule(learning_rate=0.05, learning_rate_min=0.0005, weight_decay=1e-4, nesterov=True, train_share=0.9),
    paper_settings={"epochs": 150, "batch_size": 160, "controller_steps": 30, "baseline_decay": 0.99, "candidates": 10},
    paper_space={"nodes": 5, "layers": 15, "channels": 36},
    paper_supernet={"nodes": 5, "layers": 6, "channels": 20},
    normalisation="batch",
)
