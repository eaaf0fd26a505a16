"""NEMO: NSGA-II on accuracy and the latency on this machine, over the widths of a network made by hand.

Kim, Reddy, Yun, Seo 2017, "NEMO: Neuro-Evolution with Multiobjective Optimization of Deep Neural Network for Speed and Accuracy", ICML
AutoML workshop.
"""

from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.recipes.recipe import check_population
from searchitect.spaces.nemo import Nemo


def nemo(*, population: int = 12, crossover: float = 0.9, mutation: float = 0.25) -> Candidates:
    """Non-dominated sorting of widths by accuracy and latency, with crossover and mutation.

    Args:
        population: how many survive, and how many children a generation has, at least 2.
        crossover: probability that a child has two parents, each of whose widths it takes with equal odds.
        mutation: probability of each width to be drawn anew afterwards.
    """
    check_population("nemo", population, crossover=crossover, mutation=mutation)
    options = {"population_size": population, "crossover_rate": crossover, "mutation_rate": mutation}
    return Candidates("nsga2", options, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="nemo",
    title="NEMO",
    paper="Kim, Reddy, Yun, Seo 2017, ICML AutoML workshop",
    summary="NSGA-II on accuracy and the latency on this machine, over the widths of a network made by hand",
    space=Nemo.for_task,
    candidates=nemo,
    paper_settings={"epochs": 10.0, "population": 40},
    paper_silent=("epochs", "crossover", "mutation"),
    paper_space={"net": "all-cnn"},
    paper_trials=800,
    minimize=("latency",),
)
