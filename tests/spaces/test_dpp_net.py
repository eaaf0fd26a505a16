from typing import Any

import pytest

from searchitect.core import SettingError, TaskInfo
from searchitect.spaces.dpp_net import CONVOLUTIONS, NORMS, DppNet
from searchitect.strategies.growth import extended, one_body_more


def test_it_has_cells_of_one_to_four_layers_of_fifteen_types() -> None:
    assert len(NORMS) * len(CONVOLUTIONS) == 15
    assert DppNet().size() == 15 + 15**2 + 15**3 + 15**4
    small = DppNet(layers=2)
    assert len({small.key(a) for a in small.enumerate()}) == 15 + 15**2  # the order of the layers matters


def test_a_cell_grows_by_a_layer_behind_the_others() -> None:
    space = DppNet()
    smallest = list(extended(space, {}))
    assert len(smallest) == 15
    (start,) = one_body_more(space, smallest[3])
    longer = list(extended(space, start))
    assert len(longer) == 15
    assert {str(a.spec["cell"][0]) for a in longer} == {str(smallest[3].spec["cell"][0])}
    full = space.decide(
        {"cell": 4, **{f"cell/{i}/{part}": v for i in range(4) for part, v in (("norm", "bn"), ("op", "conv_1x1"))}}
    )
    assert not list(one_body_more(space, full))


@pytest.mark.parametrize(("side", "blocks"), [(1, 1), (2, 2), (8, 2), (16, 2), (17, 3), (32, 3)])
def test_small_images_are_halved_less_often(side: int, blocks: int) -> None:
    assert DppNet.for_task(TaskInfo("images", "image-classification", (3, side, side + 2), 10, 1000)).blocks == blocks


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "layers .* must be at least 1, got 0"),
        ({"cells": 0}, "cells .* must be at least 1, got 0"),
        ({"groups": 0}, "groups .* must be at least 1, got 0"),
        ({"growth": 6}, "growth .* must be a multiple of groups=4, got 6"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        DppNet(**settings)
