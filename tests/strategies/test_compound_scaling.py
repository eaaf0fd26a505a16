import random
from collections.abc import Callable
from typing import Any

import pytest

from searchitect.core import Objective, Proposal, SettingError, Strategy, Trial, TrialState
from searchitect.strategies import compound_scaling
from searchitect.strategies.compound_scaling import CompoundScaling
from searchitect.testing import simulate
from tests.strategies.policies import trial_of
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


def searched(strategy: CompoundScaling, trials: int, state: Callable[[int, Any], TrialState]) -> list[Trial]:
    """So many trials, one after the other, that end in the state that is given for their number and spec."""
    found: list[Trial] = []
    for number in range(trials):
        proposal = strategy.ask()
        assert proposal is not None
        spec = proposal.architecture.spec
        trial = trial_of(strategy.space, proposal.architecture, score(spec), state(number, spec))
        trial.id = number
        found.append(trial)
        strategy.tell(trial)
    return found


UNLUCKY = [TrialState.FAILED, TrialState.PRUNED, TrialState.INFEASIBLE]


@pytest.mark.parametrize("state", UNLUCKY)
def test_while_every_base_fails_there_is_nothing_to_scale(state: TrialState) -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=8)
    assert phases(searched(strategy, 60, lambda *_: state)) == [(0, "")] * 60


@pytest.mark.parametrize("state", UNLUCKY)
def test_base_networks_that_failed_or_are_over_a_limit_do_not_count(state: TrialState) -> None:
    """Ten are wanted: the first ten, and then every second one, give no result."""
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=20)
    is_lost = lambda number: number < 10 or (number % 2 and number < 29)  # noqa: E731
    trials = searched(strategy, 36, lambda number, _: state if is_lost(number) else TrialState.COMPLETE)
    assert phases(trials) == [(0, "")] * 29 + [(1, compound) for compound in GRID] + [
        (2, "wide"),
        (3, "wide"),
        (0, ""),
        (0, ""),
    ]
    judged = [trial for trial in trials[:29] if trial.state is TrialState.COMPLETE]
    assert len(judged) == 10
    best = max(score(trial.architecture.spec) for trial in judged)
    assert score({**trials[29].architecture.spec, "phi": 0}) == best
    said = "Compound scaling: 31 base networks, 12 of them judged, 5 scaled ones of 3 at phi 1 and 2 above."
    assert strategy.notes()[-1] == said


def test_equal_base_networks_count_once() -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=4)
    first, again = strategy.ask(), strategy.ask()
    assert first is not None
    assert again is not None
    told = [trial_of(strategy.space, p.architecture, 1.0) for p in (first, again)]
    told[1].id, told[1].twin = 1, 0
    for trial in told:
        strategy.tell(trial)
    third = strategy.ask()
    assert third is not None
    assert third.architecture.spec["phi"] == 0


def test_a_base_is_scaled_in_the_end_where_hardly_any_is_within_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compound_scaling, "_IN_VAIN", 30)
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=20)
    only = lambda number, spec: TrialState.COMPLETE if number == 7 or spec["phi"] else TrialState.INFEASIBLE  # noqa: E731
    trials = searched(strategy, 45, only)
    assert phases(trials[38:43]) == [(1, compound) for compound in GRID] + [(2, "wide"), (3, "wide")]
    assert {phi for phi, _ in phases([*trials[:38], *trials[43:]])} == {0}
    assert trials[38].architecture.spec["numbers"] == trials[7].architecture.spec["numbers"]


@pytest.mark.parametrize("end", [8, 30, 37, 38, 40, 43, 45])
def test_an_interrupted_search_scales_the_same_base(end: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a better base was found after it had been settled."""
    monkeypatch.setattr(compound_scaling, "_IN_VAIN", 30)
    whole, again = (CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=20) for _ in range(2))
    lucky = lambda number, spec: TrialState.COMPLETE if number in (7, 43) or spec["phi"] else TrialState.INFEASIBLE  # noqa: E731
    for trial in searched(whole, end, lucky):
        again.tell(trial)
    assert again.ask() == whole.ask()


def test_where_no_growth_is_within_the_limits_the_search_for_base_networks_goes_on() -> None:
    strategy = CompoundScaling(Scaled(), SCORE, inner="random", expected_trials=8)
    small = lambda _, spec: TrialState.INFEASIBLE if spec["phi"] else TrialState.COMPLETE  # noqa: E731
    assert phases(searched(strategy, 10, small)) == [(0, "")] * 4 + [(1, compound) for compound in GRID] + [(0, "")] * 3


class Few(Strategy):
    """Three random draws, then no more."""

    told = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        return Proposal(self.space.sample(rng)) if self.told < 3 else None

    def learn(self, trial: Trial) -> None:
        self.told += 1


def test_a_space_of_fewer_base_networks_than_wanted_is_scaled_all_the_same() -> None:
    inner = Few(Scaled(largest_phi=0), SCORE)
    strategy = CompoundScaling(Scaled(), SCORE, inner=inner, expected_trials=20)
    trials = searched(strategy, 8, lambda *_: TrialState.COMPLETE)
    assert phases(trials) == [(0, "")] * 3 + [(1, compound) for compound in GRID] + [(2, "wide"), (3, "wide")]
    assert strategy.ask() is None


def test_a_wrong_share_is_refused() -> None:
    with pytest.raises(SettingError, match=r"share must lie in \(0, 1\), got 1"):
        CompoundScaling(Scaled(), SCORE, share=1.0)
