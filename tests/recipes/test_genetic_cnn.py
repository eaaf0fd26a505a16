"""Genetic CNN: what its search does with the bit strings of stages."""

from statistics import mean
from typing import Any

from searchitect import Fidelity
from searchitect.spaces.genetic_cnn import GeneticCnn, stage_codes
from searchitect.strategies.generational_genetic_algorithm import GenerationalGeneticAlgorithm
from searchitect.testing import simulate
from tests.recipes.composed import recipe_of, strategy_of

PAPER = GeneticCnn()
"""19 bits."""


def edges(spec: Any, _: Fidelity) -> float:
    """The share of bits that are set. Codes of one graph have equally many."""
    return sum(len(stage["edges"]) for stage in spec["stages"]) / 19


def searches(space: GeneticCnn, **given: Any) -> GenerationalGeneticAlgorithm:
    strategy = strategy_of("genetic-cnn", space, **given)
    assert isinstance(strategy, GenerationalGeneticAlgorithm)
    return strategy


def test_its_settings_are_those_of_the_strategy() -> None:
    strategy = searches(PAPER, population=7, mutation_rate=0.1, flip_rate=0.2, crossover_rate=0.3, swap_rate=0.4)
    assert (strategy.population_size, strategy.mutation_rate, strategy.flip_rate) == (7, 0.1, 0.2)
    assert (strategy.crossover_rate, strategy.swap_rate) == (0.3, 0.4)
    assert recipe_of("genetic-cnn").make({"population": 30}).cycle == 60


def test_a_crossover_exchanges_whole_stages() -> None:
    strategy = searches(PAPER, crossover_rate=1.0, swap_rate=0.5)
    trials = simulate(strategy, edges, 10)
    known = [{code[stage] for code in (stage_codes(trial.architecture.spec) for trial in trials)} for stage in range(3)]
    children = [stage_codes(proposal.architecture.spec) for _, proposal in strategy._generation]
    assert len(children) == 10
    assert all(child[stage] in known[stage] for child in children for stage in range(3))
    assert any(child not in [stage_codes(trial.architecture.spec) for trial in trials] for child in children)


def test_generations_get_better_and_codes_of_one_graph_are_judged_once() -> None:
    strategy = searches(PAPER, population=20)
    trials = simulate(strategy, edges, 20)
    first = mean(trial.metrics["accuracy"] for trial in trials)
    while strategy._generations <= 30:
        trials += simulate(strategy, edges, 1, told=trials)
    last = mean(one.values[0] for one in strategy._parents)
    assert len({trial.key for trial in trials}) == len(trials) < 20 * 31 / 2
    assert first < 0.6
    assert last > 0.75


def test_of_512_strings_it_judges_no_more_than_the_different_networks() -> None:
    space = GeneticCnn(nodes=(3, 4), filters=(6, 12))
    trials = simulate(searches(space), edges, 512)
    assert len(trials) == 6 * 31  # graphs of up to 3 and up to 4 nodes


def test_an_individual_keeps_its_own_string_where_an_equal_network_was_judged_before() -> None:
    """One edge among four nodes can be written in six ways, which mutate to different networks."""
    space = GeneticCnn(nodes=(4,), filters=(8,))
    strategy = searches(space, population=4, flip_rate=0.3)
    trials = simulate(strategy, edges, 4)
    judged = {trial.key: trial.architecture.decisions for trial in trials}
    others = 0
    while strategy._generations < 20:
        trials += simulate(strategy, edges, 1, told=trials)
        judged |= {trials[-1].key: trials[-1].architecture.decisions}
        others += sum(judged[space.key(one.architecture)] != one.architecture.decisions for one in strategy._parents)
    assert others > 0
