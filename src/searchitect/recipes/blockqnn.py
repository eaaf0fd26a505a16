"""BlockQNN: an agent with a table of values picks the layers of one block, which is stacked; cheap, sparse blocks are preferred.

Zhong, Yan, Wu, Shao, Liu 2018, "Practical Block-wise Neural Network Architecture Generation", https://arxiv.org/abs/1708.05552.
"""

import math

from searchitect.core import Objective, SettingError, Trial
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.blockqnn import BlockQnn, density


def blockqnn(*, alpha: float = 0.01, replays: int = 64, mu: float = 1.0, rho: float = 8.0, restarts: int = 3) -> Candidates:
    """Q-learning with a reward for every step, of an accuracy that is corrected for having been stopped early.

    Args:
        alpha: the learning rate of the values, in (0, 1].
        replays: remembered blocks that are learned from after each one.
        mu: points of accuracy, in percent, that a network loses for e times the multiply-adds, at least 0.
        rho: points that it loses for e times the density of its block, links per layer, at least 0; none where there are no blocks.
        restarts: times that a network which is no better than chance after an epoch begins anew, each time with 0.4 times the learning rate.
    """

    if not 0 < alpha <= 1:
        raise SettingError(f"alpha of the recipe 'blockqnn' must lie in (0, 1], got {alpha}; the paper has 0.01")
    if not 0 <= mu < math.inf or not 0 <= rho < math.inf:
        raise SettingError(f"mu and rho of the recipe 'blockqnn' must be at least 0, got {mu} and {rho}; the paper has 1 and 8")

    def reward(trial: Trial, objective: Objective) -> float:
        spec = trial.architecture.spec
        links = density(spec) if isinstance(spec, dict) and "block" in spec else 1.0
        return 100 * objective.value(trial.metrics) - mu * math.log(trial.metrics["macs"]) - rho * math.log(links)

    options = {
        "learning_rate": alpha,
        "replays": replays,
        "schedule": "blockqnn",
        "shaped": True,
        "joint": True,  # an action is a whole code: a layer with its kernel and its predecessors
        "avoid_duplicates": False,
    }
    return Candidates("q-learning", options, reward, training={"restarts": restarts}, cycle=30, costs=("macs",))


RECIPE = ComposedRecipe(
    name="blockqnn",
    title="BlockQNN",
    paper="Zhong, Yan, Wu, Shao, Liu 2018, arXiv:1708.05552",
    summary="an agent with a table of values picks the layers of one block, which is stacked; cheap and sparse blocks are preferred",
    space=BlockQnn.for_task,
    candidates=blockqnn,
    paper_settings={"epochs": 12.0},
    paper_space={"layers": 23, "blocks": 4, "channels": 32, "ordered": True},
    paper_training={**PLAIN, "learning_rate": 1e-3, "batch_size": 256, "weight_decay": 0.0},
    paper_trials=11_392,
)
