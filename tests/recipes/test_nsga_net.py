"""NSGA-Net: what its search finds in its own space, on a stand-in for accuracy and multiply-adds."""

import statistics
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Strategy, TaskInfo
from searchitect.metrics.pareto import hypervolume
from searchitect.spaces.nsga_net import NsgaNet
from searchitect.strategies import make_strategy
from searchitect.strategies.nsga2 import Nsga2
from searchitect.testing import simulate
from tests.recipes.composed import recipe_of

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)
BOTH = [Objective("accuracy", "max"), Objective("macs", "min")]
SPACE = NsgaNet.for_task(IMAGES)


def of_recipe(seed: int = 0, **given: Any) -> Nsga2:
    made = recipe_of("nsga-net").make(given)
    assert isinstance(made.strategy, str)
    strategy = make_strategy(made.strategy, SPACE, BOTH, seed, **made.options)
    assert isinstance(strategy, Nsga2)
    return strategy


def judged(spec: Any, _: Fidelity) -> dict[str, float]:
    """Deep phases are accurate, nodes and projected connections cost: in conflict, and neither is the number of bits."""
    depth, cost = 0, 0
    for phase in spec["phases"]:
        longest = dict.fromkeys(range(phase["nodes"]), 1)
        for source, target in sorted(phase["edges"], key=lambda edge: edge[1]):
            longest[target] = max(longest[target], longest[source] + 1)
        used = {node for edge in phase["edges"] for node in edge}
        depth += max(longest.values()) if used else 0
        cost += 9 * len(used) + len(phase["edges"]) + phase["residual"]
    return {"accuracy": depth / 12, "macs": cost / 130}


def test_the_objectives_are_accuracy_and_multiply_adds() -> None:
    assert recipe_of("nsga-net").minimize == ("macs",)
    assert recipe_of("nsga-net").make({}).reward is None


def test_its_search_has_the_papers_operators() -> None:
    strategy = of_recipe(**{k: v for k, v in recipe_of("nsga-net").paper_settings.items() if k != "epochs"})
    assert (strategy.population_size, strategy.offspring, strategy.exploration) == (40, 40, 20)
    assert (strategy.crossover_rate, strategy.mutation_rate, strategy.homogeneous) == (0.9, 0.02, True)


def test_no_network_is_trained_twice_though_phases_repeat() -> None:
    trials = simulate(of_recipe(population=8, exploration=2), judged, 120, workers=2)
    assert len({trial.key for trial in trials}) == 120


def test_its_front_has_more_hypervolume_than_that_of_random_search() -> None:
    def volume(strategy: Strategy) -> float:
        return hypervolume([strategy.values(trial) for trial in simulate(strategy, judged, 108)], (-0.01, -1.01))

    bred = [volume(of_recipe(seed)) for seed in range(3)]
    drawn = [volume(make_strategy("random", SPACE, BOTH, seed)) for seed in range(3)]
    assert statistics.median(bred) > 1.05 * max(drawn)


def test_generations_never_lose_hypervolume() -> None:
    strategy = of_recipe()
    trials: list[Any] = []
    volumes = []
    for _ in range(8):  # the random population, four generations of children, three of draws from the network
        trials += simulate(strategy, judged, 12, told=trials)
        volumes.append(hypervolume([member.individual.values for member in strategy._population], (-0.01, -1.01)))
    assert volumes == sorted(volumes)
    assert volumes[-1] > volumes[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"population": 1}, "population of the recipe '{}' must be at least 2, a pair of parents, got 1"),
        ({"crossover": 1.5}, r"crossover of the recipe '{}' must lie in \[0, 1\], got 1.5"),
        ({"mutation": -0.1}, r"mutation of the recipe '{}' must lie in \[0, 1\], got -0.1"),
        ({"exploration": 0}, "exploration of the recipe '{}' must be at least 1, got 0"),
    ],
)
@pytest.mark.parametrize("name", ["nsga-net", "nemo"])
def test_a_setting_outside_its_range_is_refused_by_its_own_name(name: str, given: dict[str, Any], message: str) -> None:
    if set(given) <= set(recipe_of(name).settings()):
        with pytest.raises(SettingError, match=message.format(name)):
            recipe_of(name).make(given)


@pytest.mark.parametrize("preset", ["small", "paper"])
def test_its_space_is_the_papers_with_fewer_nodes_and_filters(preset: str) -> None:
    space = recipe_of("nsga-net").own_space(IMAGES, preset)
    assert isinstance(space, NsgaNet)
    assert (space.nodes, space.filters) == ((6, (32, 64, 128)) if preset == "paper" else (4, (8, 16, 32)))
    assert space.size() == (2**48 if preset == "paper" else 2**21)
