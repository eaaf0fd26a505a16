import math
import random

import pytest

from searchitect.core import Architecture, Fidelity, SettingError, Trial, TrialState
from searchitect.strategies.rewards import Baseline, Batches, Rewards, propose_new
from searchitect.strategies.seen import Seen
from searchitect.testing import CountOnes

SPACE = CountOnes(3)
CELLS = list(SPACE.enumerate())
UNLUCKY = [TrialState.FAILED, TrialState.PRUNED, TrialState.INFEASIBLE]


def trial(state: TrialState = TrialState.COMPLETE) -> Trial:
    return Trial(0, CELLS[0], SPACE.key(CELLS[0]), Fidelity(1), 0, state=state)


def test_one_objective_is_the_reward_and_the_unlucky_get_the_worst_so_far() -> None:
    rewards = Rewards()
    for state in UNLUCKY:
        assert rewards.take(trial(state), [0.7]) is None  # nothing was seen
    assert rewards.take(trial(), [math.nan]) is None
    assert [rewards.take(trial(), [value]) for value in (0.5, 0.2, 0.9)] == [0.5, 0.2, 0.9]
    for state in UNLUCKY:
        assert rewards.take(trial(state), [5.0]) == 0.2
    assert [rewards.take(trial(), [value]) for value in (-math.inf, math.inf, math.nan)] == [0.2] * 3
    assert (rewards.lowest, rewards.highest) == (0.2, 0.9)


def test_several_objectives_are_rewarded_by_front() -> None:
    rewards = Rewards()
    assert [rewards.take(trial(), values) for values in [(1, 3), (3, 1), (2, 2), (2, 2)]] == [0.5] * 4  # one front
    assert rewards.take(trial(), (0, 4)) == 0.5
    assert rewards.take(trial(), (0, 0)) == pytest.approx(0.5 / 6)
    rewards = Rewards()
    told = [(1, 1), (2, 2), (0, 0), (3, 3)]  # the only one; the better; the worst of three; the best of four
    assert [rewards.take(trial(), values) for values in told] == [0.5, 0.75, pytest.approx(1 / 6), 0.875]
    assert rewards.take(trial(TrialState.FAILED), [9, 9]) == pytest.approx(1 / 6)
    for number in range(210):
        found = rewards.take(trial(), [10 + number, 10 + number])
    assert found == 1 - 0.5 / 200  # among the last 200


def test_the_baseline_is_the_moving_average_of_the_rewards_before() -> None:
    baseline = Baseline(0.9)
    assert baseline.advantage(2.0) == 0
    # average 2, deviation of (2, 4) is 1; then average 2.2, deviation of (2, 4, 3)
    assert baseline.advantage(4.0) == pytest.approx(2.0)
    assert baseline.advantage(3.0) == pytest.approx((3 - 2.2) / math.sqrt(2 / 3))


def test_units_do_not_matter() -> None:
    rewards = [random.Random(seed).random() for seed in range(50)]
    one, other = Baseline(0.95), Baseline(0.95)
    assert [one.advantage(r) for r in rewards] == pytest.approx([other.advantage(1e6 * r - 300) for r in rewards])


def test_equal_rewards_say_nothing() -> None:
    baseline = Baseline(0.95)
    assert [baseline.advantage(0.25) for _ in range(10)] == [0.0] * 10


@pytest.mark.parametrize("decay", [-0.1, 1.0, math.nan])
def test_a_decay_outside_its_range_is_refused(decay: float) -> None:
    with pytest.raises(SettingError, match="baseline_decay must lie in"):
        Baseline(decay)


def test_a_batch_is_full_after_so_many_episodes_that_say_something() -> None:
    batches, baseline, rewards = Batches(2, 0.9), Baseline(0.9), [0.1, 0.5, 0.3, 0.3]

    def add(value: float, state: TrialState = TrialState.COMPLETE) -> list[tuple[object, float]]:
        return [(picks, gain) for picks, gain in batches.add(trial(state), (value,), lambda architecture: [architecture])]  # type: ignore[list-item]

    expected = [(CELLS[0], baseline.advantage(reward)) for reward in rewards]
    assert add(9.0, TrialState.FAILED) == []  # nothing was seen: no reward
    found = [add(reward) for reward in rewards[:3]]
    assert found == [[], [([CELLS[0]], gain) for _, gain in expected[:2]], []]
    nothing = Trial(0, Architecture(0), "0", Fidelity(1), 0, state=TrialState.COMPLETE)  # without a decision
    assert batches.add(nothing, (0.9,), lambda architecture: []) == []
    assert [gain for _, gain in add(rewards[3])] == [gain for _, gain in expected[2:]]
    assert (batches.learned, batches.full) == (4, 2)


def test_a_policy_that_repeats_itself_is_helped_out_by_a_uniform_draw() -> None:
    seen, rng = Seen(SPACE), random.Random(0)
    first = propose_new(lambda: CELLS[5], seen, rng)
    assert first is not None
    assert first.architecture == CELLS[5]
    assert not first.is_random
    assert CELLS[5] in seen
    found = set()
    for _ in range(7):
        proposal = propose_new(lambda: CELLS[5], seen, rng)
        assert proposal is not None
        assert proposal.is_random
        found.add(proposal.architecture)
    assert found == set(CELLS) - {CELLS[5]}
    assert propose_new(lambda: CELLS[5], seen, rng) is None
