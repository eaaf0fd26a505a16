import random
from typing import Any

import pytest

from searchitect.core import SettingError, SpaceError
from searchitect.spaces.nemo import NETS, Nemo, widths_of
from searchitect.testing import check_space


@pytest.mark.parametrize("space", [Nemo(), Nemo(net="all-cnn"), Nemo(widths=(2, 3, 4, 5), times=3)])
def test_it_keeps_the_contract(space: Nemo) -> None:
    check_space(space)


@pytest.mark.parametrize(("net", "widths"), [("lenet", [6, 16, 120, 84]), ("all-cnn", [96, 96, 96, 192, 192, 192, 192, 192])])
def test_the_networks_made_by_hand_have_the_papers_widths_and_are_in_the_space(net: str, widths: list[int]) -> None:
    space = Nemo(net=net)
    assert list(space.by_hand()) == widths
    assert widths_of(space.of_widths(widths).spec) == widths
    assert space.of_widths(widths).spec["layers"] == NETS[net][1]


@pytest.mark.parametrize("net", list(NETS))
def test_one_gene_per_layer_with_weights_and_no_other_change(net: str) -> None:
    space = Nemo(net=net)
    layers = NETS[net][1]
    rng = random.Random(0)
    for _ in range(50):
        drawn = space.sample(rng)
        assert len(drawn.decisions) == sum(layer["kind"] != "pool" for layer in layers)
        assert widths_of(drawn.spec) == list(drawn.decisions.values())
        same = [{k: v for k, v in layer.items() if k not in ("filters", "units")} for layer in drawn.spec["layers"]]
        assert same == [{k: v for k, v in layer.items() if k not in ("filters", "units")} for layer in layers]


def test_widths_lie_between_the_fewest_and_so_many_times_those_made_by_hand() -> None:
    space = Nemo(widths=(3, 4, 5, 6), low=3, times=2)
    assert space.size() == (6 - 2) * (8 - 2) * (10 - 2) * (12 - 2)
    space.of_widths([3, 3, 3, 3])
    space.of_widths([6, 8, 10, 12])
    for wrong in ([2, 3, 3, 3], [7, 3, 3, 3], [3, 3, 3, 13], [3, 3, 3], [3] * 5):
        with pytest.raises(SpaceError):
            space.of_widths(wrong)


def test_a_mutation_changes_one_width_and_a_cross_takes_each_from_a_parent() -> None:
    space = Nemo()
    rng = random.Random(0)
    small, large = space.of_widths([2, 2, 2, 2]), space.of_widths([12, 32, 240, 168])
    for _ in range(50):
        mutant = widths_of(space.mutate(small, rng).spec)
        assert sum(width != 2 for width in mutant) == 1
        child = widths_of(space.crossover(small, large, rng).spec)
        assert all(width in pair for width, pair in zip(child, zip([2] * 4, [12, 32, 240, 168], strict=True), strict=True))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"net": "vgg"}, "net .* must be one of lenet, all-cnn, got 'vgg'"),
        ({"low": 0}, "low .* must be at least 1, got 0"),
        ({"times": 0}, "times .* must be at least 1, got 0"),
        ({"widths": (4, 4)}, r"widths .* must be of 4 layers with net='lenet', got \(4, 4\)"),
        ({"widths": (4, 4, 4, 1)}, r"whole numbers of at least low=2, got \(4, 4, 4, 1\)"),
        ({"low": 7}, r"at least low=7, got \(6, 16, 120, 84\)"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Nemo(**settings)
