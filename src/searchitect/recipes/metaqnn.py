"""MetaQNN: an agent with a table of values picks one layer after the other.

Baker, Gupta, Naik, Raskar 2017, "Designing Neural Network Architectures using Reinforcement Learning", https://arxiv.org/abs/1611.02167.
"""

from searchitect.core import SettingError
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.metaqnn import MetaQnn


def metaqnn(*, alpha: float = 0.01, replays: int = 100, restarts: int = 4) -> Candidates:
    """Algorithms 1 to 3: Q-learning with an epsilon-greedy schedule and experience replay.

    Args:
        alpha: the learning rate of the values, in (0, 1].
        replays: K, remembered networks that are learned from after each one.
        restarts: times that a network which is no better than chance after an epoch begins anew, each time with 0.4 times the learning rate.
    """
    if not 0 < alpha <= 1:
        raise SettingError(f"alpha of the recipe 'metaqnn' must lie in (0, 1], got {alpha}; the paper has 0.01")
    options = {"learning_rate": alpha, "replays": replays, "avoid_duplicates": False}
    return Candidates("q-learning", options, training={"restarts": restarts}, cycle=27)


RECIPE = ComposedRecipe(
    name="metaqnn",
    title="MetaQNN",
    paper="Baker, Gupta, Naik, Raskar 2017, arXiv:1611.02167",
    summary="an agent with a table of values picks one layer after the other, at first at random, later by what was best",
    space=MetaQnn.for_task,
    candidates=metaqnn,
    paper_settings={"epochs": 20.0},
    paper_space={"depth": 18, "filters": (64, 128, 256, 512), "units": (512, 256, 128)},
    paper_training={**PLAIN, "learning_rate": 1e-3, "batch_size": 128, "weight_decay": 5e-4},
    paper_trials=2700,
)
