from typing import Any

import pytest

from searchitect.core import SettingError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces.monas import Monas


def images(side: int) -> TaskInfo:
    return TaskInfo("images", "image-classification", (3, side, side), 10, 1000)


def test_filters_height_and_width_of_each_convolution_are_chosen_in_this_order() -> None:
    asked: list[str] = []

    def follow(path: str, domain: Any, _: Any) -> Any:
        asked.append(path)
        return domain.values()[-1]

    spec = Monas(layers=2, pools=1).read(PolicyChooser(follow)).spec
    assert asked == [f"layers/{place}/{part}" for place in range(2) for part in ("filters", "height", "width")]
    largest = {"kind": "conv", "filters": 64, "kernel": [9, 9]}
    assert spec["layers"] == [
        largest,
        largest,
        {"kind": "pool", "kernel": 3, "stride": 2},
        {"kind": "linear", "units": 384},
        {"kind": "linear", "units": 192},
    ]


def test_it_has_as_many_networks_as_choices_say() -> None:
    assert Monas().size() == (5 * 4 * 4) ** 5
    small = Monas(layers=2, pools=1, filters=(4, 8), sides=(1, 3))
    assert small.size() == len({small.key(a) for a in small.enumerate()}) == (2 * 2 * 2) ** 2


def test_pools_stand_where_alexnet_has_them() -> None:
    layers = next(Monas().enumerate()).spec["layers"]
    kinds = "".join(layer["kind"][0] for layer in layers)
    assert kinds == "cpcpcccp" + "ll"


@pytest.mark.parametrize(
    ("side", "layers", "pools"), [(1, 3, 1), (2, 3, 1), (3, 3, 1), (4, 3, 2), (8, 3, 2), (16, 3, 2), (17, 5, 3)]
)
def test_small_images_get_a_small_space(side: int, layers: int, pools: int) -> None:
    space = Monas.for_task(images(side))
    assert (space.layers, space.pools) == (layers, pools)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "layers .* at least 1, got 0"),
        ({"pools": 6}, r"pools .* must lie in \[1, layers=5\], got 6"),
        ({"filters": ()}, "filters .* must be distinct whole numbers"),
        ({"filters": (8, 8)}, "filters .* must be distinct whole numbers"),
        ({"sides": (3, 4)}, r"sides .* must be distinct odd whole numbers of at least 1, got \(3, 4\)"),
        ({"units": (64, 0)}, "units .* must be no or some whole numbers of at least 1"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Monas(**settings)
    assert Monas(units=()).units == ()
