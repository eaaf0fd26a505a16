import subprocess
import sys

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.spaces import default_space, find_space, make_space, space_names
from searchitect.spaces.convnet import ConvNet
from searchitect.spaces.mlp import Mlp
from searchitect.spaces.nasbench201 import NasBench201

DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
TABLE = TaskInfo("table", "table-regression", (3,), 1, 500, cardinalities=(4,))


def test_every_name_in_the_catalogue_leads_to_a_space_of_that_name() -> None:
    for name in space_names():
        space = find_space(name)
        assert space.name == name
        assert space.summary


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(SettingError, match="did you mean 'convnet'"):
        find_space("convnets")


def test_the_default_space_suits_the_kind_of_task() -> None:
    assert isinstance(default_space(DIGITS), ConvNet)
    assert isinstance(default_space(TABLE), Mlp)


def test_a_space_for_images_refuses_a_table_and_names_those_that_fit() -> None:
    with pytest.raises(SpaceError, match=r"'convnet' builds no networks for table-regression; spaces that fit are mlp, neat$"):
        make_space("convnet", TABLE)


def test_settings_win_over_what_the_task_suggests() -> None:
    assert make_space("convnet", DIGITS).config()["max_stages"] == 3
    changed = make_space("convnet", DIGITS, {"base_width": 8})
    assert isinstance(changed, ConvNet)
    assert (changed.base_width, changed.max_stages) == (8, 3)


def test_a_space_comes_back_from_its_recorded_config() -> None:
    import json

    for name, info in (("convnet", DIGITS), ("mlp", TABLE), ("nasbench201", DIGITS)):
        space = make_space(name, info)
        assert make_space(name, None, json.loads(json.dumps(space.config()))) == space


def test_an_unknown_setting_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingError, match="'depht'; those it has are numeric, categorical, max_depth, max_width"):
        make_space("mlp", TABLE, {"depht": 3})


@pytest.mark.parametrize(
    ("space", "settings", "message"),
    [
        (ConvNet, {"base_width": 1}, r"base_width .* must lie in \[4, 1024\], got 1"),
        (ConvNet, {"max_stages": 7}, r"max_stages .* must lie in \[1, 6\], got 7"),
        (ConvNet, {"stem_strides": (3,)}, "stem_strides .* must be of 1, 2, 4, 8"),
        (Mlp, {"max_depth": 0}, r"max_depth .* must lie in \[1, 16\], got 0"),
        (Mlp, {"numeric": False, "categorical": False}, "needs columns"),
        (NasBench201, {"cells": 0}, "cells .* must be at least 1, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(space: type, settings: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        space(**settings)


def test_listing_counting_and_sampling_do_not_import_torch() -> None:
    program = (
        "import random, sys\n"
        "from searchitect.spaces import find_space, space_names\n"
        "for name in space_names():\n"
        "    space = find_space(name)()\n"
        "    space.size(), space.sample(random.Random(0))\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
