"""NEMO: its search over widths, with multiply-adds in the place of the time that a network takes."""

from typing import Any

import torch

from searchitect.core import Fidelity, Objective, TaskInfo
from searchitect.costs import count_macs
from searchitect.networks.nemo import build
from searchitect.spaces.nemo import Nemo, widths_of
from searchitect.strategies import make_strategy
from searchitect.strategies.nsga2 import Nsga2
from searchitect.testing import simulate
from tests.recipes.composed import recipe_of

DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
BOTH = [Objective("accuracy", "max"), Objective("macs", "min")]


def of_recipe(space: Nemo, seed: int = 0) -> Nsga2:
    made = recipe_of("nemo").make({})
    assert isinstance(made.strategy, str)
    strategy = make_strategy(made.strategy, space, BOTH, seed, **made.options)
    assert isinstance(strategy, Nsga2)
    return strategy


def macs(widths: Any) -> int:
    """Of LeNet on images of 8 x 8: convolutions at 8 and 4 pixels, linear layers."""
    a, b, c, d = widths
    return 64 * 25 * a + 16 * 25 * a * b + 4 * b * c + c * d + 10 * d


def judged(spec: Any, _: Fidelity) -> dict[str, float]:
    """Accurate where no layer is narrow: width beyond 4, 10, 40 and 30 channels is wasted."""
    widths = widths_of(spec)
    missing = sum(max(0, enough - width) / enough for width, enough in zip(widths, (4, 10, 40, 30), strict=True))
    return {"accuracy": 1 - missing / 4, "macs": float(macs(widths))}


def test_the_stand_in_for_time_is_what_the_networks_cost() -> None:
    space = Nemo()
    for widths in ([2, 2, 2, 2], [6, 16, 120, 84], [3, 5, 7, 11]):
        with torch.device("meta"):
            assert count_macs(build(space.of_widths(widths).spec, DIGITS), (1, 8, 8)) == macs(widths)


def test_of_all_networks_the_one_of_least_widths_is_the_cheapest() -> None:
    space = Nemo(widths=(3, 4, 3, 4), low=2)
    found = {tuple(widths_of(each.spec)): macs(widths_of(each.spec)) for each in space.enumerate()}
    assert len(found) == 5 * 7 * 5 * 7
    assert min(found, key=lambda widths: found[widths]) == (2, 2, 2, 2)
    assert sorted(found.values())[0] < sorted(found.values())[1]


def test_in_a_space_of_few_networks_the_search_finds_the_cheapest() -> None:
    space = Nemo(widths=(3, 4, 3, 4), low=2)
    trials = simulate(of_recipe(space), judged, 200)
    assert [2, 2, 2, 2] in [widths_of(trial.architecture.spec) for trial in trials]


def test_the_front_weakly_dominates_the_network_made_by_hand() -> None:
    """The paper's claim: faster and no less accurate."""
    space = Nemo()
    by_hand = judged(space.of_widths(space.by_hand()).spec, Fidelity(1))
    assert by_hand["accuracy"] == 1
    for seed in range(3):
        trials = simulate(of_recipe(space, seed), judged, 96, workers=2)
        better = [trial.metrics for trial in trials if trial.metrics["accuracy"] == 1]
        assert min(metrics["macs"] for metrics in better) < 0.75 * by_hand["macs"]


def test_each_network_is_measured_once() -> None:
    trials = simulate(of_recipe(Nemo(widths=(3, 4, 3, 4))), judged, 150, workers=2)
    assert len({tuple(widths_of(trial.architecture.spec)) for trial in trials}) == 150


def test_the_objectives_are_accuracy_and_the_latency_here() -> None:
    assert recipe_of("nemo").minimize == ("latency",)


def test_the_papers_size_is_that_of_all_cnn() -> None:
    space = recipe_of("nemo").own_space(DIGITS, "paper")
    assert isinstance(space, Nemo)
    assert list(space.by_hand()) == [96, 96, 96, 192, 192, 192, 192, 192]
