"""CGP-CNN: Cartesian genetic programming on a grid of blocks, pools, sums and concatenations, of which most are inactive.

Suganuma, Shirakawa, Nagao 2017, "A Genetic Programming Approach to Designing Convolutional Neural Network Architectures",
https://arxiv.org/abs/1704.00764.
"""

from searchitect.core import Objective, SettingError, Trial
from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.recipes.rewards import best_of_the_end
from searchitect.spaces.cgp_cnn import CgpCnn


def cgp_cnn(*, children: int = 2, mutation_rate: float = 0.05, end: float = 0.2) -> Candidates:
    """Section 3.2: (1 + lambda) evolution, forced mutation of children and neutral mutation of the parent.

    Args:
        children: lambda, of one parent in a generation; a better one takes its place.
        mutation_rate: r, the probability of each gene to change in a child, and of each inactive one in the parent.
        end: the accuracy is the best one in this last part of a training, in [0, 1]: 10 of the paper's 50 epochs.
    """
    if not 0 <= end <= 1:
        raise SettingError(f"end of the recipe 'cgp-cnn' must lie in [0, 1], got {end}; 10 of the paper's 50 epochs are 0.2")

    def reward(trial: Trial, objective: Objective) -> float:
        return best_of_the_end(trial, objective, end)

    options = {"children": children, "mutation_rate": mutation_rate}
    return Candidates("one-plus-lambda", options, reward, {"close_looks": end}, cycle=1 + 10 * children)


RECIPE = ComposedRecipe(
    name="cgp-cnn",
    title="CGP-CNN",
    paper="Suganuma, Shirakawa, Nagao 2017, arXiv:1704.00764",
    summary="Cartesian genetic programming: a grid of nodes, most of them inactive; one parent, two children, and neutral drift",
    space=CgpCnn.for_task,
    candidates=cgp_cnn,
    paper_settings={"epochs": 50.0},
    paper_space={"rows": 5, "columns": 30, "levels_back": 10, "filters": (32, 64, 128), "active": (10, 50)},
    paper_training={**PLAIN, "learning_rate": 0.01, "batch_size": 128, "weight_decay": 1e-4, "decay_all": True},
    paper_trials=1001,  # the first parent and 500 times two children
)
