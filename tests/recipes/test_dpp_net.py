"""DPP-Net: which cells are trained, and what its search knows of them before. Dong et al. 2018, https://arxiv.org/abs/1806.08198."""

import math
import random
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import Objective, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.metrics.pareto import hypervolume
from searchitect.networks import build
from searchitect.search.plan import Plan
from searchitect.search.setup import Setup
from searchitect.strategies import make_strategy
from searchitect.strategies.growth import level_of
from searchitect.strategies.progressive import Progressive
from searchitect.testing import simulate
from tests.recipes.composed import prepared, recipe_of

OBJECTIVES = [Objective("accuracy", "max"), Objective("params", "min")]
SPACE = recipe_of("dpp-net").own_space(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
_WORTH = {"conv_1x1": 0.1, "conv_3x3": 0.4, "group_conv_1x1": 0.05, "group_conv_3x3": 0.3, "depthwise_3x3": 0.35}
_SIZE = {"conv_1x1": 8, "conv_3x3": 72, "group_conv_1x1": 2, "group_conv_3x3": 18, "depthwise_3x3": 17}


def judged(spec: Any, _: Any = None) -> dict[str, float]:
    """A simulated training: larger convolutions and normalisations pay, each further one less."""
    worth = sum(_WORTH[layer["op"]] + 0.1 * (layer["norm"] == "bn_relu") for layer in spec["cell"])
    size = sum(_SIZE[layer["op"]] * (16 + 8 * place) for place, layer in enumerate(spec["cell"]))
    return {"accuracy": 1 - math.exp(-worth), "params": float(size)}


def strategy_of(seed: int = 0, **given: Any) -> Progressive:
    made = recipe_of("dpp-net").make(given)
    assert made.strategy == "progressive"
    costs = lambda architecture, names: {name: judged(architecture.spec)[name] for name in names}  # noqa: E731
    found = make_strategy("progressive", SPACE, OBJECTIVES, seed, costs=costs, **made.options)
    assert isinstance(found, Progressive)
    return found


def test_trainings_are_the_cells_of_one_layer_and_k_of_each_other_size() -> None:
    recipe = recipe_of("dpp-net")
    assert recipe.make({"beam": 5}).cycle == 15 + 5 * 3
    assert recipe.paper_trials == 15 + 128 * 3
    trials = simulate(strategy_of(beam=5), judged, 15 + 5 * 3)
    assert [level_of(SPACE, t.architecture) for t in trials] == [1] * 15 + [2] * 5 + [3] * 5 + [4] * 5


def test_the_front_is_larger_than_that_of_as_many_random_cells() -> None:
    def volume(found: list[dict[str, float]]) -> float:
        points = [(m["accuracy"], -math.log(m["params"])) for m in found]
        return hypervolume(points, (0.0, -math.log(1e5)))

    def drawn(seed: int) -> list[dict[str, float]]:
        rng = random.Random(seed)
        return [judged(SPACE.sample(rng).spec) for _ in range(39)]

    ours = [volume([t.metrics for t in simulate(strategy_of(seed), judged, 39)]) for seed in range(3)]
    randoms = sorted(volume(drawn(seed)) for seed in range(21))
    assert sum(volume_ > randoms[10] for volume_ in ours) == 3


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Setup:
    """What a search by the recipe is made of."""
    return prepared(monkeypatch, tmp_path, "dpp-net")


def test_a_search_counts_the_real_networks_before_it_chooses(setup: Setup) -> None:
    assert [str(o) for o in setup.objectives] == ["maximize accuracy", "minimize params", "minimize macs", "minimize latency"]
    strategy = setup.make_strategy(
        setup.space, setup.objectives, 0, Plan(1.0, 9.0, 3, 20.0, 20, None, 20.0, 2, True, None, 1.8)
    )
    assert isinstance(strategy, Progressive)
    assert strategy.select == "pareto"
    assert strategy._costs is not None
    drawn = setup.space.sample(random.Random(0))
    network = build(setup.space, drawn.spec, setup.task.info)
    assert strategy._costs(drawn, ["params", "macs"]) == {
        "params": count_params(network),
        "macs": count_macs(network, setup.task.info.input_shape),
    }


def test_the_beam_holds_the_cheapest_extension_of_all() -> None:
    trials = simulate(strategy_of(beam=8), judged, 15 + 8)
    assert min(trial.metrics["params"] for trial in trials[15:]) == 2 * 16 + 2 * 24  # twice the cheapest convolution
