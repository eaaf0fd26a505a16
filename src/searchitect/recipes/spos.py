"""Single path one-shot: uniformly drawn paths train the supernet, evolution searches it.

Guo et al. 2020, "Single Path One-Shot Neural Architecture Search with Uniform Sampling", https://arxiv.org/abs/1904.00420, and its code
(megvii-model/SinglePathOneShot).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from searchitect.core import Objective, Space, Strategy
from searchitect.oneshot.elite_evolution import EliteEvolution
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.sampled import Sampled
from searchitect.oneshot.samplers import find_sampler
from searchitect.recipes.cells import cells_for
from searchitect.recipes.shared_weights import SharedWeightsRecipe


def spos(
    schedule: Schedule,
    *,
    sampler: str = "uniform",
    population_size: int = 25,
    generations: int = 10,
    parents: int = 10,
    mutation_rate: float = 0.1,
) -> Method:
    """Sections 3.2 (supernet) and 3.4 (evolution).

    Args:
        schedule: of the shared weights.
        sampler: of the networks that learn in a step: "uniform", one path; "fair", as in FairNAS, every option once; "sandwich", the
            largest, the smallest and two others.
        population_size: of a generation: half mutants, half crossovers.
        generations: T in the paper.
        parents: the best of all time that have children.
        mutation_rate: of each decision.
    """

    def evolution(space: Space, objectives: Sequence[Objective], seed: int, _: Mapping[str, Any]) -> Strategy:
        return EliteEvolution(
            space,
            objectives,
            seed=seed,
            population=population_size,
            generations=generations,
            parents=parents,
            mutation_rate=mutation_rate,
        )

    return Sampled(find_sampler(sampler), evolution, schedule, cycle=population_size * generations)


RECIPE = SharedWeightsRecipe(
    name="spos",
    title="Single path one-shot",
    paper="Guo et al. 2020, arXiv:1904.00420",
    summary="uniformly drawn paths train the supernet, evolution searches it",
    space=cells_for,
    method=spos,
    schedule=Schedule(train_share=1.0),
    paper_settings={
        "epochs": 120,
        "batch_size": 1024,
        "learning_rate": 0.5,
        "learning_rate_min": 0.0,
        "weight_decay": 4e-5,
        "population_size": 50,
        "generations": 20,
    },
)
