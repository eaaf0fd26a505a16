"""Large-scale evolution: networks grow from a linear classifier by small mutations, and children inherit their parents' weights.

Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin 2017, "Large-Scale Evolution of Image Classifiers",
https://arxiv.org/abs/1703.01041.
"""

from searchitect.core import SettingError
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.large_scale_evolution import LargeScaleEvolution


def large_scale_evolution(*, population: int = 20, inherit: bool = True) -> Candidates:
    """Section 3.1: of two individuals the better has a child by one mutation; of two others the worse dies.

    Args:
        population: P, how many are alive; at the beginning all of them are linear classifiers.
        inherit: a child begins with its parent's weights where names and shapes agree.
    """
    if population < 2:
        raise SettingError(
            f"population of the recipe 'large-scale-evolution' must be at least 2, who meet in a tournament, got {population}"
        )
    options = {
        "population_size": population,
        "sample_size": 2,
        "with_replacement": False,
        "dies": "loser",
        "from_start": True,
        "inherit": inherit,
    }
    return Candidates("regularized-evolution", options, cycle=5 * population)


RECIPE = ComposedRecipe(
    name="large-scale-evolution",
    title="Large-scale evolution",
    paper="Real, Moore, Selle, Saxena, Suematsu, Tan, Le, Kurakin 2017, arXiv:1703.01041",
    summary="networks grow from a linear classifier by small mutations and tournaments of two; children inherit weights",
    space=LargeScaleEvolution.for_task,
    candidates=large_scale_evolution,
    paper_settings={"epochs": 28.4, "population": 1000},  # 25,600 batches of 50 of 45,000 images
    paper_space={"least_channels": 1, "pool": True},
    paper_training={**PLAIN, "optimizer": "sgd", "nesterov": False, "batch_size": 50, "weight_decay": 1e-4},
)
