"""NSGA-Net: NSGA-II on accuracy and multiply-adds, over the bits of phases; then draws from a Bayesian network over the phases.

Lu, Whalen, Boddeti, Dhebar, Deb, Goodman, Banzhaf 2019, "NSGA-Net: Neural Architecture Search using Multi-Objective Genetic Algorithm",
https://arxiv.org/abs/1810.03522.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_counts, check_population
from searchitect.spaces.nsga_net import NsgaNet


def nsga_net(
    *, population: int = 12, crossover: float = 0.9, mutation: float = 0.05, homogeneous: bool = True, exploration: int = 4
) -> Candidates:
    """Section 3: binary tournaments, crossover and bit flips; parents and children compete to survive.

    Args:
        population: how many survive, and how many children a generation has, at least 2.
        crossover: probability that a child has two parents.
        mutation: probability of each bit to flip afterwards.
        homogeneous: whether a child has no fewer bits set than one of its parents, and no more than the other.
        exploration: generations of such children; later ones are drawn from a Bayesian network over the phases of the population.
    """
    check_population("nsga-net", population, crossover=crossover, mutation=mutation)
    check_counts("nsga-net", exploration=exploration)
    options = {
        "population_size": population,
        "crossover_rate": crossover,
        "mutation_rate": mutation,
        "homogeneous": homogeneous,
        "exploration": exploration,
    }
    return Candidates("nsga2", options, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="nsga-net",
    title="NSGA-Net",
    paper="Lu, Whalen, Boddeti, Dhebar, Deb, Goodman, Banzhaf 2019, arXiv:1810.03522",
    summary="NSGA-II on accuracy and multiply-adds: crossover and mutation of the connections of phases",
    space=NsgaNet.for_task,
    candidates=nsga_net,
    paper_settings={"epochs": 25.0, "population": 40, "mutation": 0.02, "exploration": 20},
    paper_space={"nodes": 6, "filters": (32, 64, 128)},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.025,
        "nesterov": False,
        "batch_size": 128,
        "weight_decay": 3e-4,
        "decay_all": True,
        "gradient_clip": 5.0,
    },
    paper_trials=1200,
    minimize=("macs",),
)
