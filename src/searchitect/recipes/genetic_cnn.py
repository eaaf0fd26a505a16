"""Genetic CNN: generations of bit strings that say which convolution of a stage feeds which.

Xie, Yuille 2017, "Genetic CNN", https://arxiv.org/abs/1703.01513.
"""

from searchitect.recipes.composed import PLAIN, Candidates, ComposedRecipe
from searchitect.spaces.genetic_cnn import GeneticCnn


def genetic_cnn(
    *,
    population: int = 10,
    mutation_rate: float = 0.8,
    flip_rate: float = 0.05,
    crossover_rate: float = 0.2,
    swap_rate: float = 0.2,
) -> Candidates:
    """Algorithm 1: selection in which the worst never survives, crossover of stages, mutation of bits.

    Args:
        population: N, individuals of a generation.
        mutation_rate: p_M, the probability that an individual which was not crossed mutates.
        flip_rate: q_M, the probability of each of its bits to flip then.
        crossover_rate: p_C, the probability that a pair is crossed.
        swap_rate: q_C, the probability of each stage to be swapped then.
    """
    options = {
        "population_size": population,
        "mutation_rate": mutation_rate,
        "flip_rate": flip_rate,
        "crossover_rate": crossover_rate,
        "swap_rate": swap_rate,
    }
    return Candidates("generational-genetic-algorithm", options, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="genetic-cnn",
    title="Genetic CNN",
    paper="Xie, Yuille 2017, arXiv:1703.01513",
    summary="generations of bit strings that say which convolution of a stage feeds which; whole stages are crossed, bits mutate",
    space=GeneticCnn.for_task,
    candidates=genetic_cnn,
    paper_settings={"epochs": 120.0, "population": 20},
    paper_space={"nodes": (3, 4, 5), "filters": (8, 16, 32), "hidden": 128, "dropout": 0.5},
    paper_training={
        **PLAIN,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "momentum": 0.9,
        "nesterov": False,
        "weight_decay": 5e-4,
    },
    paper_trials=1020,  # at most: 20 individuals of 51 generations, of which many are equal
)
