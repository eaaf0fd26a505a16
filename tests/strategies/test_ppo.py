import statistics
from typing import Any

import pytest
import torch

from searchitect.core import SettingError, TrialState
from searchitect.strategies.ppo import Ppo, clipped_objective
from searchitect.testing import CountOnes, ToySpace, simulate, toy_score
from tests.strategies.policies import SCORE, Hits, hits_of, scores, tell_all, trial_of

ARMS = CountOnes(1)
WORSE, BETTER = ARMS.enumerate()


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 2.0, 2.0, 2.0),
        (1.19, 2.0, 2.38, 2.0),
        (1.3, 2.0, 2.4, 0.0),  # likelier by enough already
        (0.5, 2.0, 1.0, 2.0),  # moved the wrong way: not clipped
        (0.7, -2.0, -1.6, 0.0),  # unlikelier by enough already
        (0.81, -2.0, -1.62, -2.0),
        (1.5, -2.0, -3.0, -2.0),
    ],
)
def test_the_clipped_objective_and_its_gradient(ratio: float, advantage: float, value: float, slope: float) -> None:
    ratios = torch.tensor([ratio], requires_grad=True)
    found = clipped_objective(ratios, torch.tensor([advantage]), 0.2)
    found.sum().backward()  # type: ignore[no-untyped-call]
    assert ratios.grad is not None
    assert float(found.detach()) == pytest.approx(value)
    assert float(ratios.grad) == pytest.approx(slope)


def test_the_toy_of_ten_decisions_is_solved() -> None:
    """10 decisions of 4 options, reward the share of hits, the NASNet controller's settings. An independent implementation, 5 seeds:
    mean of 200 trials 0.27 after 200, 0.99 after 1,000."""
    space = Hits(10, 4)
    strategy = Ppo(
        space, SCORE, learning_rate=0.00035, entropy=1e-5, batch=20, passes=5, clip=0.2, hidden=100, avoid_duplicates=False
    )
    found = scores(strategy, hits_of(space), 1200)
    assert statistics.mean(found[:200]) == pytest.approx(0.27, abs=0.04)
    assert statistics.mean(found[-200:]) > 0.98


def test_one_batch_moves_a_probability_hardly_further_than_the_clip() -> None:
    found = []
    for clip in (0.1, 1e9):
        strategy = Ppo(ARMS, SCORE, hidden=8, learning_rate=0.001, entropy=0.0, batch=4, passes=150, clip=clip)
        before = strategy.controller.probability(BETTER)
        tell_all(strategy, [(WORSE, 0.1), (BETTER, 0.9)], times=2)
        found.append(strategy.controller.probability(BETTER) / before)
    assert 1.08 < found[0] < 1.25  # Adam's momentum carries it a little further
    assert found[1] > 1.6


def test_the_first_pass_is_the_plain_policy_gradient() -> None:
    """At a ratio of one the objective's gradient is advantage * d log p, clipped or not."""
    space = Hits(2, 3)
    controller = Ppo(space, SCORE, hidden=6).controller
    cells = list(space.enumerate())
    log_p, _ = controller.log_probabilities([controller.read(cell) for cell in cells])
    gains = torch.linspace(-1, 1, len(cells))
    weight = controller._lstm.weight_hh_l0
    (plain,) = torch.autograd.grad((gains * log_p).mean(), weight, retain_graph=True)
    (clipped,) = torch.autograd.grad(clipped_objective((log_p - log_p.detach()).exp(), gains, 0.2).mean(), weight)
    torch.testing.assert_close(plain, clipped)


def test_what_goes_wrong_becomes_unlikely() -> None:
    strategy = Ppo(CountOnes(2), SCORE, hidden=8, learning_rate=0.01, batch=4)
    cells = list(strategy.space.enumerate())
    for _ in range(40):
        tell_all(strategy, [(cell, score) for cell, score in zip(cells[1:], (0.5, 0.6, 0.7), strict=True)])
        strategy.tell(trial_of(strategy.space, cells[0], state=TrialState.FAILED))
    assert strategy.controller.probability(cells[0]) < 0.1


def test_a_resumed_policy_is_equal_bit_for_bit() -> None:
    space = ToySpace()
    whole = Ppo(space, SCORE, seed=3, hidden=20, batch=5)
    trials = simulate(whole, lambda spec, _: toy_score(spec), 43, workers=4)
    resumed = Ppo(space, SCORE, seed=3, hidden=20, batch=5)
    for trial in trials:
        resumed.tell(trial)
    ours, theirs = whole.controller.state(), resumed.controller.state()
    assert all(torch.equal(weight, ours[name]) for name, weight in theirs.items())
    for _ in range(5):
        assert whole.ask() == resumed.ask()
    assert whole.notes() == ["PPO: 43 trials in 8 batches of 5, 5 steps on each."]


def test_duplicates_are_avoided_where_asked_for() -> None:
    space = CountOnes(4)
    for avoid, expected in ((True, 16), (False, 40)):
        trials = simulate(Ppo(space, SCORE, hidden=8, avoid_duplicates=avoid), lambda spec, _: sum(spec), 40)
        assert len(trials) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 0}, "batch must be at least 1"),
        ({"passes": 0}, "passes must be at least 1"),
        ({"clip": 0.0}, "clip must be above 0"),
        ({"entropy": -1.0}, "entropy must be at least 0"),
        ({"baseline_decay": -0.5}, "baseline_decay must lie in"),
        ({"hidden": 0}, "hidden must be at least 1"),
    ],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        Ppo(ARMS, SCORE, **options)
