"""MnasNet: what networks are paid, by accuracy and latency, and the paper's numbers. Tan et al. 2019, https://arxiv.org/abs/1807.11626."""

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from searchitect import search
from searchitect.core import Objective, SettingError, TaskInfo, Trial
from searchitect.recipes.rewards import times_cost
from searchitect.search.loop import Loop
from searchitect.spaces.mnasnet import MnasNet
from searchitect.strategies.shaped import Reward, Shaped
from searchitect.testing import CountOnes
from tests.recipes.composed import prepared, recipe_of
from tests.strategies.policies import trial_of
from tests.training.examples import images

ACCURACY = Objective("accuracy", "max")
IMAGENET = TaskInfo("imagenet", "image-classification", (3, 224, 224), 1000, 1_200_000)
SPACE = CountOnes(8)


def measured(number: int, latency: float, accuracy: float = 1.0) -> Trial:
    """The trial of this id."""
    trial = trial_of(SPACE, SPACE.sample(random.Random(number)), accuracy=accuracy, latency=latency)
    trial.id = number
    return trial


def reward_of(**given: Any) -> Reward:
    reward = recipe_of("mnasnet").make(given).reward
    assert reward is not None
    return reward


# --- the reward -----------------------------------------------------------------------------------------------------------


def test_twice_the_latency_costs_five_percent() -> None:
    """Section 4.1: where a network twice as fast is worth 5 % of the accuracy, w is -0.07."""
    soft = reward_of(target=1.0)
    assert soft(measured(0, 1.0, 0.8), ACCURACY) == pytest.approx(0.8)
    assert soft(measured(1, 2.0, 0.8), ACCURACY) == pytest.approx(0.8 * 2**-0.07)
    assert round(2**-0.07, 3) == 0.953
    hard = reward_of(target=1.0, alpha=0.0, beta=-1.0)
    assert hard(measured(0, 0.5, 0.8), ACCURACY) == pytest.approx(0.8)
    assert hard(measured(1, 2.0, 0.8), ACCURACY) == pytest.approx(0.4)


def drawn(seed: int) -> tuple[float, float, float]:
    """A value and two latencies, the lower one first."""
    rng = random.Random(seed)
    low, high = sorted(rng.uniform(0.01, 10) for _ in range(2))
    return rng.uniform(0.01, 1), low, high


def test_with_equal_exponents_the_ranking_does_not_depend_on_the_target() -> None:
    networks = [drawn(seed)[:2] for seed in range(60)]
    orders = []
    for target in (0.02, 1.0, 75.0):
        paid = [times_cost(value, cost, target, -0.07, -0.07) for value, cost in networks]
        orders.append(sorted(range(60), key=paid.__getitem__))
    assert orders[0] == orders[1] == orders[2]
    other = [times_cost(value, cost, 1.0, 0.0, -1.0) for value, cost in networks]
    assert sorted(range(60), key=other.__getitem__) != orders[0]


@pytest.mark.parametrize(("below", "above"), [(-0.07, -0.07), (0.0, -1.0), (-0.2, -0.01)])
def test_the_reward_is_continuous_at_the_target_where_it_is_the_accuracy(below: float, above: float) -> None:
    for seed in range(20):
        value, target, _ = drawn(seed)
        assert times_cost(value, target, target, below, above) == value
        for side in (1 - 1e-9, 1 + 1e-9):
            assert times_cost(value, side * target, target, below, above) == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(("below", "above"), [(-0.07, -0.07), (-0.01, -1.0)])
def test_the_reward_falls_with_the_latency(below: float, above: float) -> None:
    for seed in range(40):
        value, low, high = drawn(seed)
        for sign in (1, -1):  # also of what is below 0, such as a loss turned round
            fast, slow = (times_cost(sign * value, cost, 1.0, below, above) for cost in (low, high))
            assert fast > slow
        assert times_cost(value, low, 1.0, 0.0, -1.0) >= times_cost(value, high, 1.0, 0.0, -1.0)


def test_the_target_is_the_median_of_the_first_ten_unless_it_is_given() -> None:
    reward = reward_of()
    latencies = [3.0] * 5 + [1.0] * 5 + [100.0] * 20
    trials = [measured(number, latency) for number, latency in enumerate(latencies)]
    found = [reward(trial, ACCURACY) for trial in trials]
    assert found[0] == 1.0  # its own is the median
    assert found[-1] == pytest.approx((100 / 2) ** -0.07)  # of 3 and 1
    assert reward(trials[0], ACCURACY) == pytest.approx((3 / 2) ** -0.07)  # what it is worth in the end


def test_the_first_network_does_not_lead_by_having_been_its_own_target() -> None:
    """It is ten times as slow as all others, and a little more accurate."""
    made = recipe_of("mnasnet").make({"alpha": 0.0, "beta": -1.0})
    assert made.reward is not None
    strategy = Shaped(SPACE, [ACCURACY], inner="random", reward=made.reward)
    trials = [measured(0, 10.0, 0.9), *(measured(number, 1.0, 0.8) for number in range(1, 30))]
    strategy.tell(trials[0])
    assert strategy.leader() == trials[0].architecture  # nothing else is known
    for trial in trials[1:]:
        strategy.tell(trial)
    assert strategy.leader() == trials[1].architecture
    assert strategy.notes()[-1] == "The highest reward was 0.8."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minibatch": 0}, "minibatch of the recipe 'mnasnet' must be at least 1, got 0"),
        ({"target": -1.0}, "target of the recipe 'mnasnet' must be above 0 milliseconds, or 0, .* got -1"),
        ({"target": float("inf")}, "target .* got inf"),
        ({"alpha": 0.07}, "alpha of the recipe 'mnasnet' must be at most 0, got 0.07"),
        ({"beta": 1.0}, "beta of the recipe 'mnasnet' must be at most 0, got 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        recipe_of("mnasnet").make(given)


# --- what is measured -----------------------------------------------------------------------------------------------------


def test_the_latency_is_measured_though_the_user_names_other_objectives() -> None:
    """Before the training, with what is counted anyway and in one go; in a search without such a reward it is not."""
    asked: list[list[str]] = []

    def costs_of(_: Any, names: list[str]) -> dict[str, float]:
        asked.append(list(names))
        return dict.fromkeys(names, 1.0)

    objectives = [ACCURACY, Objective("macs", "min")]
    for measures in (recipe_of("mnasnet").make({}).costs, ()):
        loop = SimpleNamespace(costs_of=costs_of, constraints=[], objectives=objectives, measured=measures, _costs={})
        Loop.costs(loop, SPACE.sample(random.Random(0)), "key")  # type: ignore[arg-type]
    assert asked == [["params", "macs", "latency"], ["params", "macs"]]


def test_without_the_latency_of_a_trial_the_way_out_is_named() -> None:
    trial = measured(7, 1.0)
    trial.metrics.pop("latency")
    with pytest.raises(
        SettingError, match=r"needs the latency of each network, .* not measured of trial 7: begin anew, .* --out"
    ):
        reward_of()(trial, ACCURACY)


@pytest.mark.parametrize(
    ("name", "minimize", "measures", "said"),
    [
        ("mnasnet", (), ("latency",), None),
        ("mnasnet", "latency", ("latency",), None),
        ("mnasnet", "macs", ("latency",), "made of accuracy and latency: macs only counts among the results"),
        ("monas", "latency", ("macs",), "made of accuracy and macs: latency only counts"),
        ("efficientnet", ("params", "latency"), ("macs",), "made of accuracy and macs: params and latency only count"),
        ("blockqnn", "macs", ("macs",), None),
        ("cgp-cnn", "params", (), "recipe 'cgp-cnn' searches by its reward, which is made of accuracy: params only counts"),
        ("nas-rl", "params", (), "made of accuracy: params"),
        ("nsga-net", "params", (), None),  # compares objectives
    ],
)
def test_an_objective_that_the_reward_is_not_made_of_is_said(
    name: str, minimize: Any, measures: tuple[str, ...], said: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setup = prepared(monkeypatch, tmp_path, name, minimize=minimize)
    assert tuple(setup.measured) == measures
    assert (setup.notice is None) == (said is None)
    assert said is None or (setup.notice is not None and said in setup.notice())


def test_a_limit_of_the_cost_needs_an_objective_that_is_never_below_zero(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limit = {"recipe_options": {"reward": "cost-limit"}}
    prepared(monkeypatch, tmp_path, "monas", maximize="f1", **limit)
    prepared(monkeypatch, tmp_path, "monas", minimize="loss")  # a sum of both stays right
    task = images()
    with pytest.raises(
        SettingError, match=r"reward of the recipe 'monas' is 0 .* 'minimize loss' can be below that: maximize accuracy"
    ):
        search((task.train.x.numpy(), task.train.y.numpy()), recipe="monas", minimize="loss", out=tmp_path / "no", **limit)


# --- the paper's numbers --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mnasnet", "efficientnet"])
def test_the_papers_networks_are_around_mobilenet_v2(name: str) -> None:
    space = recipe_of(name).own_space(IMAGENET, "paper")
    assert isinstance(space, MnasNet)
    papers = replace(MnasNet(), **({"activation": "silu", "largest_phi": 6} if name == "efficientnet" else {}))
    assert space == papers
    assert (space.filters, space.repeats) == ((16, 24, 32, 64, 96, 160, 320), (1, 2, 3, 4, 3, 3, 1))
    assert (space.strides, space.stem_stride, space.stem_filters, space.head, space.divisor) == (
        (1, 2, 2, 2, 1, 2, 1),
        2,
        32,
        1280,
        8,
    )
    small = recipe_of(name).own_space(IMAGENET)
    told = recipe_of(name).deviation({}, small, IMAGENET)
    assert "filters (16, 24, 32, 48) ((16, 24, 32, 64, 96, 160, 320))" in told
    assert "sizes of the networks" not in recipe_of(name).deviation({}, space, IMAGENET)
