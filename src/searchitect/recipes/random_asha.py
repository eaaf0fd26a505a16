"""Random search with early stopping: random cells, of which the best quarter goes on to four times the epochs, again and again.

Li, Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search", https://arxiv.org/abs/1902.07638, section 4.
"""

from searchitect.recipes.cells import cells_for
from searchitect.recipes.composed import Candidates, ComposedRecipe


def random_asha(*, eta: int = 4) -> Candidates:
    """Asynchronous successive halving over uniform draws.

    Args:
        eta: one in so many goes on, to so many times the epochs.
    """
    return Candidates("asha", {"inner": "random", "eta": eta}, cycle=eta**2)


RECIPE = ComposedRecipe(
    name="random-asha",
    title="Random search with ASHA",
    paper="Li, Talwalkar 2019, arXiv:1902.07638",
    summary="random cells, of which the best quarter goes on to four times the epochs, again and again: a baseline to beat",
    space=cells_for,
    candidates=random_asha,
    paper_settings={"epochs": 1.0},
    paper_space={"channels": 36, "layers": 20},
)
