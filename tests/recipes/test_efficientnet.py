"""EfficientNet: how networks grow, and what they are paid."""

import random
from typing import Any

import pytest
import torch

from searchitect.core import Architecture, Objective, SettingError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import build
from searchitect.recipes.efficientnet import space
from searchitect.spaces.mnasnet import MnasNet
from searchitect.strategies.growth import drawn
from tests.recipes.composed import recipe_of
from tests.strategies.policies import trial_of

IMAGES = TaskInfo("images", "image-classification", (3, 32, 32), 10, 8000)
SPACE = space(IMAGES)


def grown(seed: int, phi: int, compound: str = "1.2-1.1-1.2") -> Architecture:
    base = drawn(SPACE, {"phi": 0}, random.Random(seed))
    scaling = {"phi": phi, "compound": compound} if phi else {}
    return SPACE.decide({**base.decisions, **scaling})


def macs(architecture: Architecture) -> float:
    return count_macs(build(SPACE, architecture.spec, IMAGES), IMAGES.input_shape)


def test_multiply_adds_double_with_phi() -> None:
    growths = [macs(grown(seed, 2)) / macs(grown(seed, 0)) for seed in range(8)]
    nominal = 1.2 * 1.1**2 * 1.2**2
    assert sum(growths) / len(growths) == pytest.approx(nominal**2, rel=0.35)  # layers and filters are rounded, layers upwards
    wider = [macs(grown(seed, 1, "1-1.4-1")) / macs(grown(seed, 0)) for seed in range(8)]
    assert sum(wider) / len(wider) == pytest.approx(1.4**2, rel=0.15)


def test_depth_width_and_image_grow_each_by_its_own() -> None:
    base = grown(3, 0)
    deeper, wider, larger = (grown(3, 1, compound).spec for compound in ("2-1-1", "1-1.4-1", "1-1-1.4"))
    assert [len(b["layers"]) for b in deeper["blocks"]] == [2 * len(b["layers"]) for b in base.spec["blocks"]]
    assert all(after["filters"] > before["filters"] for before, after in zip(base.spec["blocks"], wider["blocks"], strict=True))
    assert {**larger, "enlarge": 0} == {**base.spec, "enlarge": 0}
    assert larger["enlarge"] == 1.4
    assert count_params(build(SPACE, larger, IMAGES)) == count_params(build(SPACE, base.spec, IMAGES))


def test_the_network_sees_a_larger_image() -> None:
    network = build(SPACE, grown(0, 2).spec, IMAGES)
    seen = []
    network[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape))
    assert network.eval()(torch.zeros(2, *IMAGES.input_shape)).shape == (2, 10)
    assert seen == [(2, 3, 46, 46)]  # 32 * 1.2 ** 2


def test_without_phi_the_space_is_mnasnets() -> None:
    plain, base = MnasNet.for_task(IMAGES), grown(5, 0)
    decisions = {path: value for path, value in base.decisions.items() if path != "phi"}
    assert {**plain.decide(decisions).spec, "activation": "silu"} == base.spec
    assert SPACE.known_size() == plain.known_size() * (1 + 2 * len(SPACE.compounds))
    assert "1.2-1.1-1.15" in MnasNet(largest_phi=1).compounds


def test_a_network_is_paid_by_the_target_of_its_phi() -> None:
    reward = recipe_of("efficientnet").make({"target": 1e6}).reward
    assert reward is not None

    def paid(phi: int, macs: float) -> float:
        return reward(trial_of(SPACE, grown(1, phi), accuracy=0.8, macs=macs), Objective("accuracy", "max"))

    assert paid(0, 1e6) == paid(1, 2e6) == paid(2, 4e6) == pytest.approx(0.8)
    assert paid(0, 2e6) == pytest.approx(0.8 * 2**-0.07)
    assert paid(2, 2e6) == pytest.approx(0.8 * 0.5**-0.07)


def test_the_target_is_that_of_the_first_network_unless_it_is_given() -> None:
    """Any other target moves all rewards by one factor, so that none of them is made of a target of its own."""
    first, given = (recipe_of("efficientnet").make(options).reward for options in ({}, {"target": 7e5}))
    assert first is not None
    assert given is not None
    accuracy = Objective("accuracy", "max")
    trials = [trial_of(SPACE, grown(number, number % 3), accuracy=0.5, macs=1e6 * (1 + number)) for number in range(12)]
    found = [first(trial, accuracy) for trial in trials]
    assert found[0] == 0.5
    assert [first(trial, accuracy) for trial in trials] == found  # the same again, when the highest is looked for
    ratios = [one / other for one, other in zip(found, (given(trial, accuracy) for trial in trials), strict=True)]
    assert ratios == pytest.approx([(7e5 / 1e6) ** -0.07] * 12)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"minibatch": 0}, "minibatch of the recipe 'efficientnet' must be at least 1, got 0"),
        ({"target": -1.0}, "target of the recipe 'efficientnet' must be above 0 multiply-adds, or 0, .* got -1"),
        ({"w": 0.07}, "w of the recipe 'efficientnet' must be at most 0, got 0.07"),
    ],
)
def test_a_setting_outside_its_range_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        recipe_of("efficientnet").make(given)
