"""MONAS: its three rewards, and what a controller makes of them. Hsu et al. 2018, https://arxiv.org/abs/1806.10332."""

import random
import statistics
from collections.abc import Sequence
from typing import Any

import pytest
import torch

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.replay import replay
from searchitect.core import Architecture, Objective, SettingError, Trial
from searchitect.recipes.rewards import cheap_and_good, mixed, within_cost
from searchitect.strategies.reinforce import Reinforce
from searchitect.strategies.shaped import REWARD, Reward, Shaped
from searchitect.testing import CountOnes, simulate
from tests.real_data import real_data
from tests.recipes.composed import recipe_of
from tests.strategies.policies import trial_of

ACCURACY = Objective("accuracy", "max")
SPACE = CountOnes(8)


def measured(accuracy: float, macs: float, bits: int = 0, **costs: float) -> Trial:
    spec = [int(place < bits) for place in range(8)]
    return trial_of(SPACE, Architecture(spec, {f"{p}": b for p, b in enumerate(spec)}), accuracy=accuracy, macs=macs, **costs)


def reward_of(**given: Any) -> Reward:
    reward = recipe_of("monas").make(given).reward
    assert reward is not None
    return reward


def paid(trials: Sequence[Trial], **given: Any) -> list[float]:
    """In the order of ending, by which they are numbered."""
    reward = reward_of(**given)
    for number, trial in enumerate(trials):
        trial.id = number
    return [reward(trial, ACCURACY) for trial in trials]


# --- the rewards ----------------------------------------------------------------------------------------------------------


def test_the_three_rewards() -> None:
    assert mixed(0.8, 0.3, 0.75) == pytest.approx(0.75 * 0.8 - 0.25 * 0.3)
    assert [within_cost(0.8, cost, 5.0) for cost in (4.9, 5.0, 5.1)] == [0.8, 0.8, 0.0]
    assert [cheap_and_good(value, 0.25, 0.8) for value in (0.79, 0.8, 0.9)] == [0.0, 0.75, 0.75]


def test_with_alpha_1_the_cost_is_no_matter_and_with_alpha_0_the_accuracy_is_none() -> None:
    rng = random.Random(0)
    trials = [measured(rng.random(), rng.randint(1, 1000)) for _ in range(40)]
    others = [measured(trial.metrics["accuracy"], rng.randint(1, 1000)) for trial in trials]
    assert paid(trials, alpha=1.0) == paid(others, alpha=1.0) == [trial.metrics["accuracy"] for trial in trials]
    found = paid(trials, alpha=0.0)[10:]
    costs = [trial.metrics["macs"] for trial in trials[10:]]
    assert found.index(max(found)) == costs.index(min(costs))  # the cheapest, not the most accurate


def test_the_cost_is_a_share_of_the_largest_of_the_first_ten() -> None:
    costs = [40.0, 100.0, 80.0, *[20.0] * 7, 50.0, 1000.0]
    found = paid([measured(0.5, cost) for cost in costs], alpha=0.0)
    assert found[0] == -1.0  # its own is the largest
    assert found[2] == pytest.approx(-0.8)
    assert found[-2:] == pytest.approx([-0.5, -1.0])  # never above 1


def test_limits_are_the_median_of_the_first_ten_unless_they_are_given() -> None:
    trials = [measured(0.1 * place, 10.0 * place) for place in range(1, 11)]
    late = [measured(0.7, 54.0), measured(0.7, 56.0), measured(0.54, 60.0), measured(0.56, 60.0)]
    assert paid([*trials, *late[:2]], reward="cost-limit")[-2:] == [0.7, 0.0]  # 55 operations
    assert paid([*trials, *late[2:]], reward="accuracy-limit")[-2:] == [0.0, pytest.approx(0.4)]  # 0.55; 60 of 100
    assert paid([*trials, *late[:2]], reward="cost-limit", limit=50.0)[-2:] == [0.0, 0.0]
    assert paid([*trials, *late[2:]], reward="accuracy-limit", least=0.5)[-2:] == pytest.approx([0.4, 0.4])


def test_another_cost_is_an_objective_of_the_search_and_what_is_rewarded() -> None:
    made = recipe_of("monas").make({"cost": "energy", "alpha": 0.0})
    assert made.minimize == ("energy",)
    assert recipe_of("monas").make({}).minimize == ("macs",)
    trials = [measured(0.5, 100.0, energy=energy) for energy in (8.0, 2.0)]
    assert paid(trials, cost="energy", alpha=0.0) == [-1.0, -0.25]
    assert made.costs == ("energy",)  # measured also where it is no objective
    with pytest.raises(SettingError, match="needs the energy of each network, which was not measured of trial 0"):
        paid([measured(0.5, 1.0)], cost="energy")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"reward": "both"}, "reward of the recipe 'monas' must be one of mixed, cost-limit, accuracy-limit, got 'both'"),
        ({"cost": "watts"}, "cost of the recipe 'monas' must be one of params, .*, energy, power, got 'watts'"),
        ({"alpha": 1.5}, r"alpha of the recipe 'monas' must lie in \[0, 1\], got 1.5"),
        ({"reward": "cost-limit", "limit": -1.0}, "limit of the recipe 'monas' must be at least 0, got -1"),
        ({"reward": "accuracy-limit", "least": 97.0}, r"least of the recipe 'monas' must lie in \[0, 1\], got 97"),
        ({"reward": "accuracy-limit", "least": -3.0}, r"least .* must lie in \[0, 1\], got -3"),
        ({"limit": 5.0}, "limit of the recipe 'monas' is of reward=cost-limit, which is mixed here: leave limit out"),
        ({"reward": "cost-limit", "least": 0.9}, "least .* is of reward=accuracy-limit, which is cost-limit here"),
        ({"reward": "accuracy-limit", "alpha": 0.5}, "alpha .* is of reward=mixed, which is accuracy-limit here"),
        ({"children": 0}, "children of the recipe 'monas' must be at least 1, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        recipe_of("monas").make(given)


def test_the_network_of_the_highest_reward_is_found_by_the_settled_limit() -> None:
    """The first one met its own median, and is ten times over the limit in the end."""
    made = recipe_of("monas").make({"reward": "cost-limit"})
    assert made.reward is not None
    strategy = Shaped(SPACE, [ACCURACY], inner="random", reward=made.reward)
    trials = [measured(0.9, 1000.0, 8), *(measured(0.8, 100.0, place % 8) for place in range(59))]
    for number, trial in enumerate(trials):
        trial.id = number
        strategy.tell(trial)
    assert strategy.leader() == trials[1].architecture
    assert strategy.notes()[-1] == "The highest reward was 0.8."


# --- what the controller makes of them ------------------------------------------------------------------------------------


def controlled(space: Any, given: dict[str, Any], seed: int = 0, **options: Any) -> tuple[Shaped, Reinforce]:
    made = recipe_of("monas").make(given)
    assert made.strategy == "reinforce"
    assert made.reward is not None
    inner = Reinforce(space, [REWARD], seed=seed, **{**made.options, **options})
    return Shaped(space, [ACCURACY, Objective("macs", "min")], seed=seed, inner=inner, reward=made.reward), inner


@pytest.mark.parametrize("given", [{"reward": "cost-limit", "limit": 5.0}, {"reward": "accuracy-limit", "least": 0.95}])
def test_a_batch_of_violators_moves_nothing(given: dict[str, Any]) -> None:
    """Rewards of exactly 0 against a baseline of 0: the policy gradient is exactly 0."""
    strategy, inner = controlled(SPACE, given, entropy=0.0)
    before = inner.controller.state()
    rng = random.Random(0)
    for _ in range(3 * 8):
        drawn = SPACE.sample(rng)
        strategy.tell(trial_of(SPACE, drawn, accuracy=0.5 + 0.05 * sum(drawn.spec), macs=10.0 + sum(drawn.spec)))
    assert inner.notes() == ["REINFORCE: 24 trials in 6 steps of 4."]
    after = inner.controller.state()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())
    within = trial_of(SPACE, SPACE.sample(rng), accuracy=0.97, macs=4.0)
    for _ in range(8):
        strategy.tell(within)
    assert not all(torch.equal(weight, before[name]) for name, weight in inner.controller.state().items())


def ones(spec: Any, _: Any = None) -> dict[str, float]:
    """Each one raises the accuracy, less and less, and costs as much as the others."""
    return {"accuracy": 1 - 0.5 ** sum(spec), "macs": 1.0 + sum(spec)}


def test_alpha_moves_the_policy_from_the_cheap_to_the_accurate() -> None:
    late = []
    for alpha in (0.0, 0.5, 1.0):
        strategy, _ = controlled(SPACE, {"alpha": alpha}, learning_rate=0.02, avoid_duplicates=False, hidden=8, layers=1)
        trials = simulate(strategy, ones, 320)
        late.append(statistics.mean(sum(trial.architecture.spec) for trial in trials[-64:]))
    assert late[0] < 1.5
    assert late[0] + 1 < late[1] < late[2] - 1
    assert late[2] > 5


def test_the_optimum_of_each_alpha_lies_on_one_frontier() -> None:
    """On the whole table digits-cells, so that no luck of a search is in it."""
    table = find_benchmark("digits-cells")
    rows = [
        measured(float(table.valid[place, -1].mean()), float(table.costs["macs"][place])) for place in range(len(table.rows))
    ]
    rows.sort(key=lambda trial: -trial.metrics["macs"])  # the largest is among the first ten
    best = []
    for alpha in (0.0, 0.25, 0.5, 0.75, 1.0):
        rewards = paid(rows, alpha=alpha)
        best.append(rows[max(range(len(rows)), key=lambda place: (rewards[place], rows[place].metrics["accuracy"]))].metrics)
    assert [b["macs"] for b in best] == sorted(b["macs"] for b in best)
    assert [b["accuracy"] for b in best] == sorted(b["accuracy"] for b in best)
    assert best[0]["macs"] == min(row.metrics["macs"] for row in rows)
    assert best[-1]["accuracy"] == max(row.metrics["accuracy"] for row in rows)
    assert best[2]["macs"] < 0.55 * best[-1]["macs"]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100", "imagenet16-120"])
def test_the_sweep_of_alpha_gives_a_frontier_on_nasbench201(dataset: str) -> None:
    """300 queries each of the test accuracy, multiply-adds in the place of energy; means of 5 seeds."""
    table = find_benchmark(f"nasbench201:{dataset}", folder=real_data("nasbench201.parquet").parent, score="test")

    def found(alpha: float, seed: int) -> dict[str, float]:
        strategy, _ = controlled(table.space, {"alpha": alpha}, seed)
        trials = replay(strategy, table, evaluations=300)
        leader = strategy.leader()
        return next(trial.metrics for trial in trials if trial.architecture == leader)

    sweep = [[found(alpha, seed) for seed in range(5)] for alpha in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for name in ("macs", "accuracy"):
        means = [statistics.mean(one[name] for one in row) for row in sweep]
        assert means == sorted(means), name
    half, plain = (
        {name: statistics.mean(one[name] for one in row) for name in ("macs", "accuracy")} for row in (sweep[2], sweep[4])
    )
    assert half["macs"] < plain["macs"] / 2
