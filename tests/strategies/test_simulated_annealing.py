import itertools
import math
import random
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Trial, TrialState
from searchitect.strategies.hill_climbing import HillClimbing
from searchitect.strategies.simulated_annealing import SimulatedAnnealing, acceptance, spread
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]
SPACE = CountOnes(10)
CELLS = list(SPACE.enumerate())


def trial(number: int, score: float, parent: int | None = None, **others: float) -> Trial:
    cell, metrics = CELLS[number], {"score": score, **others}
    return Trial(number, cell, SPACE.key(cell), Fidelity(1), 0, parent=parent, state=TrialState.COMPLETE, metrics=metrics)


def rugged(spec: Any, _: Fidelity) -> float:
    return random.Random(str(spec)).random()


def test_the_acceptance_is_the_one_of_metropolis() -> None:
    assert acceptance(0.3, 0.1) == acceptance(0.0, 0.0) == 1
    assert acceptance(-1.0, 1.0) == pytest.approx(0.36788, abs=1e-5)
    assert acceptance(-2.0, 0.5) == pytest.approx(math.exp(-4))
    assert acceptance(-0.001, 0.0) == 0
    assert acceptance(-1.0, 1e-300) == pytest.approx(0.0)


def test_losses_are_accepted_as_often_as_the_closed_form_says() -> None:
    accepted, runs = 0, 1500
    for seed in range(runs):
        strategy = SimulatedAnnealing(SPACE, SCORE, seed=seed, temperature=2.0, cooling=0.9)
        for number, score in enumerate((1.0, 2.0, 3.0, 5.0)):  # each a gain
            strategy.tell(trial(number, score))
        strategy.tell(trial(4, 3.5))  # a loss of 1.5; the quartiles of 1, 2, 3, 3.5, 5 are 2 and 3.5
        proposal = strategy.ask()
        assert proposal is not None
        accepted += proposal.parent == 4
    expected = math.exp(-1 / (2 * 0.9**5))
    assert accepted / runs == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / runs))


def test_the_spread_is_the_middle_half() -> None:
    assert spread([1.0, 2.0, 3.0, 4.0, 5.0]) == 2
    assert spread([-1000.0, 2.0, 3.0, 4.0, 5.0]) == 2  # one very bad score does not matter
    assert spread([0.0, 1.0]) == 1
    assert spread([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == 1  # the ends, as the quartiles are equal
    assert spread([7.0]) == spread([7.0, 7.0, 7.0]) == 1


@pytest.mark.parametrize("workers", [1, 3])
def test_at_temperature_zero_it_is_hill_climbing(workers: int) -> None:
    still = SimulatedAnnealing(SPACE, SCORE, temperature=0)
    climber = HillClimbing(SPACE, SCORE, neighbours=1, patience=10_000)
    cold, climbed = (simulate(strategy, rugged, 100, workers=workers) for strategy in (still, climber))
    assert [t.architecture for t in cold] == [t.architecture for t in climbed]


def test_units_do_not_matter() -> None:
    def walk(scale: float, offset: float) -> list[str]:
        strategy = SimulatedAnnealing(SPACE, SCORE, temperature=1.0, cooling=0.98)
        return [t.key for t in simulate(strategy, lambda spec, _: offset + scale * round(rugged(spec, Fidelity(1)), 2), 80)]

    assert walk(1.0, 0.0) == walk(1024.0, 0.0) == walk(0.125, 0.0)
    assert walk(1.0, 0.0) != walk(-1.0, 0.0)


def test_the_hotter_the_more_losses_are_accepted_and_they_end() -> None:
    def losses(temperature: float, first: int, last: int) -> int:
        found = 0
        for seed in range(3):
            trials = simulate(SimulatedAnnealing(SPACE, SCORE, seed=seed, temperature=temperature, cooling=0.95), rugged, 150)
            states = [trials[t.parent].metrics["score"] for t in trials[1:] if t.parent is not None]
            found += sum(b < a for a, b in list(itertools.pairwise(states))[first:last])
        return found

    assert losses(0, 0, 150) == 0 < losses(0.3, 0, 50) < losses(3, 0, 50)
    assert losses(0.3, 100, 150) == 0


def test_several_objectives_are_weighed_by_their_spreads() -> None:
    strategy = SimulatedAnnealing(SPACE, [Objective("score", "max"), Objective("cost", "min")], temperature=0)
    # gains over the one before: half a spread of the score for a small cost, then the reverse
    for number, score, cost, state in ((0, 0.0, 100, 0), (1, 1.0, 110, 1), (2, 1.1, 200, 1), (3, 0.9, 0, 3)):
        strategy.tell(trial(number, score, cost=float(cost)))
        proposal = strategy.ask()
        assert proposal is not None
        assert proposal.parent == state


def test_its_notes_say_what_happened() -> None:
    strategy = SimulatedAnnealing(SPACE, SCORE, temperature=0, cooling=0.5)
    for number, score in enumerate((1.0, 2.0, 0.0, 2.0)):
        strategy.tell(trial(number, score))
    assert strategy.notes() == ["Simulated annealing: 2 steps up or level, 0 down; the temperature fell from 0 to 0 spreads."]


@pytest.mark.parametrize(
    "options", [{"temperature": -1.0}, {"temperature": math.inf}, {"cooling": 0.0}, {"cooling": 1.1}, {"cooling": math.nan}]
)
def test_settings_outside_their_range_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(options))} must"):
        SimulatedAnnealing(SPACE, SCORE, **options)
