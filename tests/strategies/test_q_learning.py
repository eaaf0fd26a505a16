import statistics
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pytest

from searchitect.core import SettingError, Space, TrialState
from searchitect.core.choosing import Chooser
from searchitect.spaces.blockqnn import BlockQnn
from searchitect.spaces.metaqnn import MetaQnn
from searchitect.strategies.q_learning import SCHEDULES, QLearning, Step, sweep
from searchitect.testing import CountOnes, ToySpace, simulate, toy_score
from tests.strategies.policies import SCORE, Hits, hits_of, tell_all, trial_of

SPACE = CountOnes(12)
CELLS = list(SPACE.enumerate())


SCHEDULE = SCHEDULES["metaqnn"]


def test_blockqnns_schedule_is_the_papers() -> None:
    schedule = SCHEDULES["blockqnn"]
    assert sum(count for _, count in schedule) == 178 * 64 == 11_392
    strategy = QLearning(SPACE, SCORE, schedule="blockqnn", expected_trials=178, replays=1)
    met: Counter[float] = Counter()
    for number in range(178):
        met[strategy.epsilon] += 1
        strategy.tell(trial_of(SPACE, CELLS[number]))
    assert met == {epsilon: count // 64 for epsilon, count in schedule}


def test_shaped_rewards_add_up_to_the_reward() -> None:
    rows = [[0.0, 0.0] for _ in range(4)]
    sweep([Step(row, 0, 2, 1) for row in rows], 0.8, learning_rate=1.0, shaped=True)
    # value to go: the shares of the steps that are left, so the first step is worth the whole reward
    assert [row[1] for row in rows] == pytest.approx([0.8, 0.6, 0.4, 0.2])


def test_the_schedule_is_the_papers() -> None:
    assert sum(count for _, count in SCHEDULE) == 2700
    strategy = QLearning(SPACE, SCORE, replays=1)
    met: Counter[float] = Counter()
    for number in range(2800):
        met[strategy.epsilon] += 1
        strategy.tell(trial_of(SPACE, CELLS[number]))
    assert met == {**dict(SCHEDULE), 0.1: 250}  # and 0.1 for good


def test_a_shorter_schedule_keeps_the_proportions() -> None:
    strategy = QLearning(SPACE, SCORE, expected_trials=270, replays=1)
    met: Counter[float] = Counter()
    for number in range(270):
        met[strategy.epsilon] += 1
        strategy.tell(trial_of(SPACE, CELLS[number]))
    assert met == {epsilon: count // 10 for epsilon, count in SCHEDULE}


def test_repeated_and_infeasible_architectures_do_not_count() -> None:
    strategy = QLearning(SPACE, SCORE, expected_trials=18, replays=1)  # 10 at epsilon 1
    tell_all(strategy, [(CELLS[0], 0.5)], times=30)
    for number in range(1, 20):
        strategy.tell(trial_of(SPACE, CELLS[number], state=TrialState.INFEASIBLE))
    assert strategy.epsilon == 1
    for number in range(20, 29):
        strategy.tell(trial_of(SPACE, CELLS[number], state=TrialState.FAILED))
    assert strategy.epsilon == 0.9


def test_one_backward_sweep_carries_the_reward_to_the_first_step() -> None:
    rows = [[0.5, 0.5, 0.5] for _ in range(4)]
    sweep([Step(row, 0, 3, 1) for row in rows], 0.9, learning_rate=1.0)
    assert rows == [[0.5, 0.9, 0.5]] * 4


def test_a_sweep_is_the_bellman_update() -> None:
    first, last = [0.5, 0.2], [0.1, 0.6, 0.9]
    sweep([Step(first, 0, 2, 0), Step(last, 0, 2, 0)], 1.0, learning_rate=0.5)
    assert last == pytest.approx([0.55, 0.6, 0.9])
    assert first == pytest.approx([0.55, 0.2])  # (0.5 + 0.6) / 2: the best in reach, which is not the option 2


def test_it_is_greedy_but_for_epsilon_and_breaks_ties_at_random() -> None:
    space = Hits(3, 4)
    strategy = QLearning(space, SCORE, expected_trials=1, learning_rate=1.0, memory=2, avoid_duplicates=False)
    best = space.decide({"choice/0": 2, "choice/1": 1, "choice/2": 3})
    strategy.tell(trial_of(space, best, 0.9))
    assert strategy.epsilon == 0.1
    drawn = [strategy.ask().architecture for _ in range(2000)]  # type: ignore[union-attr]
    assert sum(a == best for a in drawn) / 2000 == pytest.approx((0.9 + 0.1 / 4) ** 3, abs=0.04)
    strategy = QLearning(space, SCORE, expected_trials=1, learning_rate=1.0, memory=2, avoid_duplicates=False)
    strategy.tell(trial_of(space, best, 0.1))  # bad: the three other options of each choice are tied
    met = Counter(strategy.ask().architecture.spec[0] for _ in range(2000))  # type: ignore[union-attr]
    assert all(met[option] / 2000 == pytest.approx((1 - met[2] / 2000) / 3, abs=0.05) for option in (0, 1, 3))


def mean_by_epsilon(space: Hits, seed: int, **options: Any) -> dict[float, float]:
    """Mean reward at each epsilon, over a schedule of 270 different architectures; repeated ones are judged again."""
    strategy = QLearning(space, SCORE, seed=seed, avoid_duplicates=False, **options)
    score, met = hits_of(space), {}
    while len(strategy._judged) < 270:
        epsilon = strategy.epsilon
        (trial,) = simulate(strategy, lambda spec, _: score(spec), 1)
        met.setdefault(epsilon, []).append(trial.metrics["score"])
    return {epsilon: statistics.mean(found) for epsilon, found in met.items()}


def test_the_toy_of_six_steps_is_learned_by_replay() -> None:
    """6 steps of 6 actions, reward the share of hits, a tenth of the schedule. An independent implementation: 0.16 at epsilon 1, 0.41
    at 0.1; 0.26 with one replay in place of 100."""
    space = Hits(6, 6)
    many = [mean_by_epsilon(space, seed, expected_trials=270, memory=0) for seed in range(4)]
    one = [mean_by_epsilon(space, seed, expected_trials=270, memory=0, replays=1) for seed in range(4)]
    assert statistics.mean(run[1.0] for run in many) == pytest.approx(1 / 6, abs=0.02)
    assert statistics.mean(run[0.1] for run in many) == pytest.approx(0.44, abs=0.07)
    assert statistics.mean(run[0.1] for run in one) == pytest.approx(0.26, abs=0.06)


def test_the_memory_is_the_part_of_the_past_that_a_state_holds() -> None:
    space = Hits(3, 2)
    counts = []
    for memory in range(4):
        strategy = QLearning(space, SCORE, memory=memory)
        tell_all(strategy, [(cell, 0.5) for cell in space.enumerate()])
        counts.append(len(strategy._values))
    assert counts == [3, 1 + 2 + 2, 1 + 2 + 4, 1 + 2 + 4]


def test_only_a_memory_can_learn_that_two_choices_are_to_be_equal() -> None:
    space = CountOnes(2)
    found = []
    for memory in (0, 1):
        strategy = QLearning(space, SCORE, memory=memory, expected_trials=1, avoid_duplicates=False)
        tell_all(strategy, [(cell, float(cell.spec[0] == cell.spec[1])) for cell in space.enumerate()], times=20)
        drawn = [strategy.ask().architecture.spec for _ in range(400)]  # type: ignore[union-attr]
        found.append(sum(a == b for a, b in drawn) / 400)
    assert found[1] == pytest.approx(0.95, abs=0.04)
    assert found[0] < found[1]


# --- actions of several choices -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Layers(Space):
    """Layers, as many as are drawn, each of a kind that asks for more."""

    name: ClassVar[str] = "layers"

    def describe(self, choose: Chooser) -> Any:
        def numbers(kind: str) -> Any:
            return {"op": kind, "kernel": choose("kernel", range(4)), "from": choose.some("from", range(3), 2)}

        return choose.repeat("layers", 1, 2, lambda _: choose("kind", {kind: partial(numbers, kind) for kind in ("a", "b")}))


def block(kernel: int) -> Any:
    """Two layers that differ in the kernel of the second, and the end."""
    return BlockQnn(layers=6).from_codes([(1, 1, 1, 0, 0), (2, 1, kernel, 1, 0), (3, 1, 1, 2, 0), (4, 7, 0, 0, 0)])


def steps_of(space: Space, architecture: Any, **options: Any) -> list[tuple[tuple[str, ...], Step]]:
    """Each step with its state."""
    strategy = QLearning(space, SCORE, **options)
    steps = strategy._steps(strategy._picks.read(space, architecture))
    return [(next(state for state, row in strategy._values.items() if row is step.row), step) for step in steps]


def test_a_state_of_blockqnn_is_the_whole_code_before() -> None:
    states = {}
    for kernel in (1, 3, 5):
        for joint in (False, True):
            steps = steps_of(BlockQnn(layers=6), block(kernel), joint=joint)
            states[kernel, joint] = [state for state, _ in steps if state[0].startswith('["block/3')]
    assert states[1, False] == states[3, False] == states[5, False]  # the pick before is the predecessor, whatever the kernel
    firsts = {states[kernel, True][0] for kernel in (1, 3, 5)}
    assert len(firsts) == 3
    for state in firsts:  # type, kernel and predecessor of layer 2, none of layer 1
        assert [pick.split('"')[1] for pick in state[1:]] == ["block/2", "block/2/conv/kernel", "block/2/conv/from"]
    last = states[3, True][-1]  # the predecessor of layer 3: the code before, and what was picked of this one
    assert [pick.split('"')[1] for pick in last] == [
        *("block/3/conv/from", "block/2", "block/2/conv/kernel", "block/2/conv/from"),
        *("block/3", "block/3/conv/kernel"),
    ]


def test_each_code_of_blockqnn_has_one_share_of_the_reward() -> None:
    steps = [step for _, step in steps_of(BlockQnn(layers=6), block(3), joint=True)]
    # layer 1 has one predecessor to take, which is no pick
    assert [step.ends for step in steps] == [False, True, False, False, True, False, False, True, True]
    rows = [[0.0] * len(step.row) for step in steps]
    sweep([step._replace(row=row) for step, row in zip(steps, rows, strict=True)], 0.8, learning_rate=1.0, shaped=True)
    # T = 4, the terminal included: before each code the shares that are left
    values = [row[step.place] for row, step in zip(rows, steps, strict=True)]
    assert values == pytest.approx([0.8, 0.8, 0.6, 0.6, 0.6, 0.4, 0.4, 0.4, 0.2])
    alone = [step for _, step in steps_of(BlockQnn(layers=6), block(3))]
    assert all(step.ends for step in alone)


def test_an_action_of_several_choices_is_random_as_a_whole() -> None:
    space = Layers()
    layer = {"layers/0/kind": "b", "layers/0/kind/b/kernel": 2, "layers/0/kind/b/from": [0, 2]}
    best = space.decide({"layers": 1, **layer})
    found = []
    for joint in (True, False):
        strategy = QLearning(
            space, SCORE, expected_trials=1, learning_rate=1.0, memory=1, joint=joint, avoid_duplicates=False, replays=1
        )
        strategy.tell(trial_of(space, best, 0.9))
        drawn = [strategy.ask().architecture for _ in range(1500)]  # type: ignore[union-attr]
        found.append(sum(architecture == best for architecture in drawn) / 1500)
    number = 0.9 + 0.1 / 2  # the length is an action of its own
    assert found[0] == pytest.approx(number * (0.9 + 0.1 / (2 * 4 * 3)), abs=0.03)
    assert found[1] == pytest.approx(
        number * (0.9 + 0.1 / 2) * (0.9 + 0.1 / 4) * (0.9 + 0.1 * 2 / 3) * (0.9 + 0.1 / 2), abs=0.04
    )


def test_the_layers_of_a_list_are_no_part_of_its_length() -> None:
    architecture = Layers().decide(
        {
            "layers": 2,
            **{f"layers/{i}/kind": "a" for i in range(2)},
            **{f"layers/{i}/kind/a/kernel": i for i in range(2)},
            **{f"layers/{i}/kind/a/from": [0, 1] for i in range(2)},
        }
    )
    steps = steps_of(Layers(), architecture, joint=True, memory=1)
    assert [step.ends for _, step in steps] == [True, *(False, False, False, True) * 2]
    assert len(steps[5][0]) == 1 + 4  # the second layer's state holds the first one, and not the length
    assert len(steps[1][0]) == 1 + 1


def test_accuracies_are_taken_as_they_are_and_other_units_are_rescaled() -> None:
    space = CountOnes(1)
    worse, better = space.enumerate()
    for told, expected in (((0.2, 0.8), (0.2, 0.8)), ((-300.0, -100.0), (0.0, 1.0)), ((7.0, 7.0), (0.5, 0.5))):
        strategy = QLearning(space, SCORE, learning_rate=1.0)
        tell_all(strategy, [(worse, told[0]), (better, told[1])], times=3)
        (row,) = strategy._values.values()
        assert row == pytest.approx(expected)


def test_what_goes_wrong_is_worth_the_worst() -> None:
    space = CountOnes(1)
    worse, better = space.enumerate()
    strategy = QLearning(space, SCORE, learning_rate=1.0)
    strategy.tell(trial_of(space, worse, state=TrialState.FAILED))
    assert strategy._experience == []  # there is no worst yet
    tell_all(strategy, [(better, 0.8), (better, 0.6)])
    strategy.tell(trial_of(space, worse, state=TrialState.INFEASIBLE))
    assert next(iter(strategy._values.values()))[0] == 0.6


def test_the_wholly_random_part_is_marked_as_such() -> None:
    strategy = QLearning(SPACE, SCORE, expected_trials=18)
    trials = simulate(strategy, lambda spec, _: sum(spec) / 12, 20)
    assert [t.origin for t in trials[:10]] == ["random"] * 10
    assert {t.origin for t in trials[11:]} == {"strategy"}


def test_on_the_space_of_the_paper_it_learns_which_layers_pay() -> None:
    space = MetaQnn(side=16, depth=6, filters=(8, 16, 32), units=(64, 32))
    strategy = QLearning(space, SCORE, expected_trials=270, avoid_duplicates=False)
    trials = simulate(strategy, lambda spec, _: sum(layer["kind"] == "conv" for layer in spec["layers"]) / 6, 320)
    found = [trial.metrics["score"] for trial in trials]
    assert statistics.mean(found[-60:]) > 1.4 * statistics.mean(found[:100])  # the first 150 are random


def test_resumed_values_are_equal_bit_for_bit() -> None:
    space = ToySpace()
    whole = QLearning(space, SCORE, seed=3, expected_trials=20)
    trials = simulate(whole, lambda spec, _: toy_score(spec), 43, workers=4)
    resumed = QLearning(space, SCORE, seed=3, expected_trials=20)
    for trial in trials:
        resumed.tell(trial)
    assert whole._values == resumed._values
    assert [whole.ask() for _ in range(5)] == [resumed.ask() for _ in range(5)]


def test_duplicates_are_avoided_where_asked_for() -> None:
    space = CountOnes(4)
    for avoid, expected in ((True, 16), (False, 40)):
        strategy = QLearning(space, SCORE, expected_trials=10, avoid_duplicates=avoid)
        assert len(simulate(strategy, lambda spec, _: sum(spec), 40)) == expected


def test_its_notes_say_what_happened() -> None:
    strategy = QLearning(CountOnes(2), SCORE, expected_trials=4, memory=0)
    tell_all(strategy, [(cell, 0.5) for cell in CountOnes(2).enumerate()], times=2)
    assert strategy.notes() == ["Q-learning: 8 episodes of 4 different architectures, 2 states; epsilon was 0.1 at the end."]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expected_trials": 0}, "expected_trials must be at least 1"),
        ({"replays": 0}, "replays must be at least 1"),
        ({"memory": -1}, "memory must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must lie in"),
        ({"learning_rate": 1.5}, "the paper uses 0.01"),
    ],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        QLearning(SPACE, SCORE, **options)
