import itertools
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from searchitect.core import Chooser, Fidelity, Objective, SettingError, Space, Trial, TrialState
from searchitect.strategies.genetic_algorithm import GeneticAlgorithm
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]


@dataclass(frozen=True)
class Letters(Space):
    """Eight genes with twenty alleles each: a gene shows from whom it comes."""

    name: ClassVar[str] = "letters"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"gene/{place}", list(range(20))) for place in range(8)]


SPACE = Letters()


def trial(number: int, score: float, **others: float) -> Trial:
    cell = SPACE.decide({f"gene/{place}": number % 20 for place in range(8)})
    metrics = {"score": score, **others}
    return Trial(number, cell, SPACE.key(cell), Fidelity(1), 0, state=TrialState.COMPLETE, metrics=metrics)


def told(scores: list[float], **options: Any) -> GeneticAlgorithm:
    strategy = GeneticAlgorithm(SPACE, SCORE, **options)
    for number, score in enumerate(scores):
        strategy.tell(trial(number, score))
    return strategy


def genes(strategy: GeneticAlgorithm, asks: int) -> list[set[int]]:
    """Those of children without mutation: the numbers of their parents."""
    proposals = [strategy.ask() for _ in range(asks)]
    return [set(p.architecture.spec) for p in proposals if p]


def test_children_only_hold_genes_of_two_parents() -> None:
    strategy = told([float(n) for n in range(10)], population_size=10, tournament_size=2, crossover_rate=1.0, mutation_rate=0.0)
    proposals = [strategy.ask() for _ in range(200)]
    for proposal in proposals:
        assert proposal is not None
        assert len(set(proposal.architecture.spec)) == 2
        assert proposal.parent in set(proposal.architecture.spec) <= set(range(10))


def test_the_best_becomes_a_parent_as_often_as_it_is_drawn() -> None:
    strategy = told([float(n) for n in range(10)], population_size=10, tournament_size=3, crossover_rate=1.0, mutation_rate=0.0)
    first = Counter(p.parent for _ in range(1500) if (p := strategy.ask()))
    # place k from the best wins where it is drawn and none of the better ones is; and both parents differ, as copies were tried
    odds = {9 - k: math.comb(9 - k, 2) / math.comb(10, 3) for k in range(8)}
    total = 1 - sum(p * p for p in odds.values())
    for number, p in odds.items():
        assert first[number] / 1500 == pytest.approx(p * (1 - p) / total, abs=0.05)
    assert first[0] == first[1] == 0


def test_without_crossover_and_mutation_a_new_child_is_a_near_mutation() -> None:
    strategy = told([0.1, 0.2, 0.3], population_size=3, tournament_size=1, crossover_rate=0.0, mutation_rate=0.0)
    for _ in range(20):
        proposal = strategy.ask()
        assert proposal is not None
        assert Counter(proposal.architecture.spec)[proposal.parent] == 7


@pytest.mark.parametrize("elites", [1, 3])
def test_the_elite_never_dies_and_others_do(elites: int) -> None:
    strategy = GeneticAlgorithm(CountOnes(12), SCORE, population_size=6, tournament_size=1, elites=elites)
    best: list[list[float]] = []

    def judge(spec: Any, _: Fidelity) -> float:
        return float(sum(spec))

    trials = simulate(strategy, judge, 6)
    survivors = 0
    for _ in range(60):
        trials += simulate(strategy, judge, 1, told=trials)
        alive = sorted((i.values[0] for i in strategy._alive), reverse=True)
        best.append(alive[:elites])
        assert len(alive) == 6
        survivors += trials[-1].id in {i.trial for i in strategy._alive}
    assert all(a >= b for before, after in itertools.pairwise(best) for a, b in zip(after, before, strict=True))
    assert 0 < survivors < 60  # a newcomer may die at once


def test_who_dies_is_the_worst_of_those_drawn() -> None:
    scores = [float(n) for n in range(8)]
    # all meet: of those that are not elite the worst dies
    assert sorted(i.trial for i in told([*scores, 3.5], population_size=8, tournament_size=8)._alive) == list(range(1, 9))
    # one is drawn, at random, of the eight that are not elite
    died: Counter[int] = Counter()
    for seed in range(800):
        alive = {i.trial for i in told([*scores, 3.5], population_size=8, tournament_size=1, seed=seed)._alive}
        died.update(set(range(9)) - alive)
    assert died[7] == 0
    assert set(died) == set(range(9)) - {7}
    assert all(count == pytest.approx(100, abs=40) for count in died.values())


def test_with_all_elite_the_worst_dies() -> None:
    strategy = told([5.0, 1.0, 3.0, 0.5, 4.0, 2.0], population_size=3, tournament_size=1, elites=3)
    assert [i.trial for i in strategy._alive] == [0, 4, 2]


def test_several_objectives_are_ordered_by_domination() -> None:
    strategy = GeneticAlgorithm(
        SPACE, [Objective("score", "max"), Objective("cost", "min")], population_size=4, tournament_size=4, elites=4
    )
    for number, (score, cost) in enumerate([(0.9, 9), (0.5, 1), (0.8, 9.5), (0.4, 2), (0.1, 10)]):
        strategy.tell(trial(number, score, cost=float(cost)))
    assert {i.trial for i in strategy._alive[:2]} == {0, 1}
    assert 4 not in {i.trial for i in strategy._alive}


def test_count_ones_is_solved_faster_than_without_crossover() -> None:
    def queries(crossover_rate: float, seed: int) -> int:
        strategy = GeneticAlgorithm(CountOnes(20), SCORE, seed=seed, population_size=20, crossover_rate=crossover_rate)
        trials = simulate(strategy, lambda spec, _: sum(spec), 300)
        return next((t.id for t in trials if sum(t.architecture.spec) == 20), 300)

    assert sum(queries(0.9, seed) for seed in range(5)) < sum(queries(0.0, seed) for seed in range(5))


def test_its_notes_say_what_happened() -> None:
    strategy = GeneticAlgorithm(SPACE, SCORE, population_size=10)
    simulate(strategy, lambda spec, _: sum(spec), 25)
    assert strategy.notes() == [
        "Genetic algorithm (population 10, tournaments of 3): 10 architectures drawn uniformly, 15 children."
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"population_size": 1},
        {"tournament_size": 0},
        {"population_size": 4, "tournament_size": 5},
        {"elites": -1},
        {"population_size": 4, "elites": 5},
        {"crossover_rate": 2},
        {"mutation_rate": -1},
    ],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"must (be at least|lie in)"):
        GeneticAlgorithm(SPACE, SCORE, **options)
