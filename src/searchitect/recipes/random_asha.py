"""Random search with early stopping: random cells, of which the best quarter goes on to four times the epochs, again and again.

Li, Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search", https://arxiv.org/abs/1902.07638, section 4.
"""

from searchitect.core import SettingError
from searchitect.recipes.cells import cells_for
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe


def random_asha(*, eta: int = 4, max_epochs: float = 0.0) -> Candidates:
    """Asynchronous successive halving over uniform draws.

    Args:
        eta: one in so many goes on, to so many times the epochs.
        max_epochs: R, of the longest training, where ``epochs`` gives those of the first; 0: nine times the first.
    """
    if not max_epochs >= 0:
        raise SettingError(f"max_epochs of the recipe 'random-asha' must be at least 0, got {max_epochs}")
    cycle = eta**2 + eta + 1  # trainings until one has reached the third rung
    return Candidates("asha", {"inner": "random", "eta": eta}, cycle=cycle, max_epochs=max_epochs)


RECIPE = ComposedRecipe(
    name="random-asha",
    title="Random search with ASHA",
    paper="Li, Talwalkar 2019, arXiv:1902.07638",
    summary="random cells, of which the best quarter goes on to four times the epochs, again and again: a baseline to beat",
    space=cells_for,
    candidates=random_asha,
    paper_settings={"epochs": 1.0, "max_epochs": 300.0},
    paper_space={"channels": 36, "layers": 20},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.025,
        "nesterov": False,
        "batch_size": 96,
        "weight_decay": 3e-4,
        "gradient_clip": 5.0,
        "drop_path": 0.2,
    },
)
