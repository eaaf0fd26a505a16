from typing import Any

import pytest

from searchitect.core import Objective, SettingError, Trial, TrialState
from searchitect.strategies.compound_scaling import CompoundScaling
from searchitect.testing import simulate
from tests.strategies.scaled import GRID, Scaled

SCORE = [Objective("score", "max")]


def score(spec: Any, _: Any = None) -> float:
    """The wide ones are best; the larger, the better."""
    return sum(spec["numbers"]) + spec["phi"] * (1 + 0.1 * (spec["compound"] == "wide"))


def phases(trials: list[Trial]) -> list[tuple[int, str]]:
    return [(t.architecture.spec["phi"], t.architecture.spec["compound"]) for t in trials]


@pytest.mark.parametrize("workers", [1, 4])
def test_a_base_is_searched_then_the_grid_at_phi_1_then_the_best_compound_grows(workers: int) -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=20)
    trials = simulate(strategy, score, 18, workers=workers)
    by_start = sorted(trials, key=lambda t: t.id)
    expected = [(0, "")] * 10 + [(1, compound) for compound in GRID] + [(2, "wide"), (3, "wide")] + [(0, "")] * 3
    assert phases(by_start) == expected
    best = max(by_start[:10], key=lambda t: score(t.architecture.spec)).architecture.spec["numbers"]
    assert all(t.architecture.spec["numbers"] == best for t in by_start[10:15])


def test_the_search_for_the_base_knows_nothing_of_scaling() -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="regularized-evolution", expected_trials=40)
    assert strategy.inner.space == Scaled(largest_phi=0)
    assert all(phi == 0 for phi, _ in phases(simulate(strategy, score, 20)))


def test_where_every_base_failed_there_is_nothing_to_scale() -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=8)
    for number in range(12):
        proposal = strategy.ask()
        assert proposal is not None
        assert proposal.architecture.spec["phi"] == 0
        trial = simulate(CompoundScaling(Scaled(), SCORE, inner="random"), score, 1)[0]
        trial.id, trial.architecture, trial.key = number, proposal.architecture, Scaled().key(proposal.architecture)
        trial.state = TrialState.FAILED
        strategy.tell(trial)


def test_a_wrong_share_is_refused() -> None:
    with pytest.raises(SettingError, match=r"share must lie in \(0, 1\), got 1"):
        CompoundScaling(Scaled(), SCORE, share=1.0)
