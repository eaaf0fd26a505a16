"""NEAT: topology and weights evolve together, from minimal networks on, in species; nothing is trained.

Stanley, Miikkulainen 2002, "Evolving Neural Networks through Augmenting Topologies", https://doi.org/10.1162/106365602320169811.
"""

from searchitect.core import Objective, Trial
from searchitect.recipes.composed import Candidates, ComposedRecipe
from searchitect.spaces.neat import Neat


def neat(
    *,
    population: int = 150,
    c1: float = 1.0,
    c2: float = 1.0,
    c3: float = 0.4,
    delta_t: float = 3.0,
    add_node: float = 0.03,
    add_link: float = 0.05,
    survivors: float = 0.4,
) -> Candidates:
    """Generations of species over genomes whose genes are aligned by innovation numbers.

    Args:
        population: genomes of a generation.
        c1: weight of excess genes in the distance of two genomes.
        c2: weight of disjoint genes.
        c3: weight of the mean difference of matching weights.
        delta_t: distance from which on two genomes are of different species.
        add_node: probability of a new node in an offspring.
        add_link: probability of a new link.
        survivors: share of a species that may be parents.
    """

    def fitness(trial: Trial, objective: Objective) -> float:
        """On training data: with two classes the paper's (4 - sum of errors) ** 2 of four examples, else the objective."""
        if objective.metric == "accuracy" and trial.architecture.spec["outputs"] == 1:
            return float(16 * (1 - trial.metrics["train_error"]) ** 2)
        return objective.value(
            {**trial.metrics, objective.metric: trial.metrics.get(f"train_{objective.metric}", trial.metrics[objective.metric])}
        )

    options = {
        "population_size": population,
        **{"excess": c1, "disjoint": c2, "difference": c3, "threshold": delta_t},
        **{"add_node": add_node, "add_link": add_link, "survivors": survivors},
    }
    return Candidates("neat", options, fitness, cycle=2 * population)


RECIPE = ComposedRecipe(
    name="neat",
    title="NEAT",
    paper="Stanley, Miikkulainen 2002, Evolutionary Computation 10(2):99-127",
    summary="topology and weights evolve together from minimal networks on, in species; nothing is trained",
    space=Neat.for_task,
    candidates=neat,
    paper_silent=("survivors",),
    paper_trials=4755,  # the mean for XOR
    tasks=("image-classification", "table-classification", "table-regression", "control"),
    estimator="as-built",
)
