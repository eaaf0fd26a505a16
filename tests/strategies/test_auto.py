import itertools
import random
import statistics
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Strategy
from searchitect.strategies import make_strategy
from searchitect.strategies.auto import MOST_MODELLED, Auto
from searchitect.testing import CountOnes, simulate

SCORE = (Objective("score", "max"),)


def noisy_ones(seed: int) -> Any:
    rng = random.Random(seed)
    return lambda spec, fidelity: sum(spec) / len(spec) + rng.gauss(0, 0.05) / fidelity.epochs


def drawn_at_first(trials: list[Any]) -> int:
    base = [trial for trial in trials if trial.fidelity.epochs == 1]
    return len(list(itertools.takewhile(lambda trial: trial.origin == "random", base)))


def test_a_short_search_for_one_objective_has_a_process_after_three_draws() -> None:
    strategy = Auto(CountOnes(40), SCORE, expected_trials=60, max_epochs=9)
    trials = simulate(strategy, noisy_ones(0), 40, workers=1)
    assert {trial.fidelity.epochs for trial in trials} == {1, 3, 9}
    base = [trial for trial in trials if trial.fidelity.epochs == 1]
    assert len({trial.key for trial in base}) == len(base)
    assert drawn_at_first(trials) == 3
    halving, process = strategy.notes()
    assert halving.startswith("Asynchronous successive halving at 1, 3, 9 epochs")
    assert process.startswith("Gaussian process (kernel structure, acquisition ei): 3 architectures drawn uniformly")


@pytest.mark.parametrize(
    ("objectives", "expected", "population"),
    [((*SCORE, Objective("cost", "min")), 4, 8), ((*SCORE, Objective("cost", "min")), 100, 16), (SCORE, MOST_MODELLED + 1, 50)],
)
def test_several_objectives_and_long_searches_evolve(objectives: Any, expected: int, population: int) -> None:
    strategy = Auto(CountOnes(40), objectives, expected_trials=expected)
    trials = simulate(strategy, lambda spec, fidelity: {"score": sum(spec), "cost": spec[0]}, 200)
    assert drawn_at_first(trials) == population
    assert f"(population {population}, tournaments of {population // 2})" in strategy.notes()[1]


def test_settings_arrive() -> None:
    trials = simulate(
        Auto(CountOnes(10), SCORE, base_epochs=2, max_epochs=8, eta=2, data=0.5, resolution=0.5), noisy_ones(0), 60
    )
    assert {trial.fidelity for trial in trials} == {Fidelity(epochs, 0.5, 0.5) for epochs in (2, 4, 8)}
    with pytest.raises(SettingError, match="expected_trials"):
        Auto(CountOnes(10), SCORE, expected_trials=0)


def test_it_beats_random_search_for_the_same_epochs() -> None:
    def best_in(strategy: Strategy, epochs: float, seed: int) -> float:
        spent, trials = 0.0, []
        for trial in simulate(strategy, noisy_ones(seed), 130):
            spent += trial.fidelity.epochs
            if spent > epochs:
                break
            trials.append(trial)
        return sum(max(trials, key=lambda t: (t.fidelity.epochs, t.metrics["score"])).architecture.spec) / 20

    space, epochs = CountOnes(20), 180.0
    ours = [best_in(Auto(space, SCORE, seed=s, expected_trials=90, max_epochs=9), epochs, s) for s in range(5)]
    plain = [make_strategy("asha", space, SCORE, s, base_epochs=9, max_epochs=9) for s in range(5)]
    random_search = [best_in(strategy, epochs, s) for s, strategy in enumerate(plain)]
    assert statistics.median(ours) > statistics.median(random_search) + 0.05
