import random

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces import find_published
from searchitect.spaces.enas_macro import OPERATIONS, EnasMacro, macro_tokens


@pytest.mark.parametrize("layers", [1, 2, 3, 12, 24])
def test_the_size_is_that_of_the_closed_form(layers: int) -> None:
    assert EnasMacro(layers=layers).size() == 6**layers * 2 ** (layers * (layers - 1) // 2)


def test_twelve_layers_give_the_1_6e29_networks_of_the_paper() -> None:
    assert f"{EnasMacro().size():.1e}" == "1.6e+29"


def test_the_size_equals_the_number_enumerated() -> None:
    space = EnasMacro(layers=3)
    assert len(set(space.enumerate())) == space.size() == 6**3 * 2**3


def test_the_choices_come_in_the_order_of_the_controller() -> None:
    asked = []

    def first(path: str, domain, decisions):
        asked.append(path)
        return domain.values()[0]

    EnasMacro(layers=3).describe(PolicyChooser(first))
    assert asked == [
        "layers/0/op",
        "layers/1/op",
        "layers/1/skips/0",
        "layers/2/op",
        "layers/2/skips/0",
        "layers/2/skips/1",
    ]


def test_the_released_architecture_takes_98_of_276_skips_and_convolutions_only() -> None:
    # melodyguan/enas, scripts/cifar10_macro_final.sh
    space, spec = find_published("enas-macro").make()
    skips = [skip for layer in spec["layers"] for skip in layer["skips"]]
    assert (len(spec["layers"]), sum(skips), len(skips)) == (24, 98, 276)
    assert {layer["op"] for layer in spec["layers"]} == set(OPERATIONS[:4])
    assert [OPERATIONS.index(layer["op"]) for layer in spec["layers"]] == [
        *(0, 3, 0, 2, 2, 3, 2, 2, 1, 0, 2, 0, 2, 1, 0, 2, 2, 2, 3, 3, 0, 3, 0, 0)
    ]
    assert spec["layers"][5]["skips"] == [True, True, False, True, False]
    assert space == EnasMacro(layers=24, channels=96, dropout=0.5, full_convolutions=True)


def test_the_published_architecture_can_be_had_at_another_width() -> None:
    space, spec = find_published("enas-macro").make(channels=8)
    assert spec["channels"] == 8
    assert space.decide(space.from_tokens(macro_tokens(spec)).decisions).spec == spec


def test_every_architecture_survives_the_tokens_of_the_released_code() -> None:
    space = EnasMacro()
    rng = random.Random(0)
    for _ in range(20):
        sample = space.sample(rng)
        assert len(macro_tokens(sample.spec)) == 12 + 66
        assert space.from_tokens(macro_tokens(sample.spec)) == sample


@pytest.mark.parametrize("tokens", [[], [0], [0, 6, 0], [0, 1, 2], [0, 1, -1], [0, 1, 0, 0]])
def test_tokens_of_another_space_are_refused(tokens: list[int]) -> None:
    with pytest.raises(SpaceError, match="with 2 layers has 3 tokens"):
        EnasMacro(layers=2).from_tokens(tokens)


def test_all_architectures_train_differently_but_those_whose_operations_differ_by_name_only() -> None:
    space = EnasMacro(layers=2)
    assert len({space.key(architecture) for architecture in space.enumerate()}) == 6**2 * 2
    released = EnasMacro(layers=2, full_convolutions=True)
    assert len({released.key(architecture) for architecture in released.enumerate()}) == 4**2 * 2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 0}, "layers of the space 'enas-macro' must be at least 1, got 0"),
        ({"channels": 7}, "channels of the space 'enas-macro' must be even and at least 2, got 7"),
        ({"channels": 0}, "channels of the space 'enas-macro' must be even and at least 2, got 0"),
        ({"dropout": 1.0}, r"dropout of the space 'enas-macro' must lie in \[0, 1\), got 1.0"),
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        EnasMacro(**settings)


def test_a_task_gets_a_small_space() -> None:
    small = EnasMacro.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
    large = EnasMacro.for_task(TaskInfo("photos", "image-classification", (3, 64, 64), 10, 1000))
    assert (small.layers, small.channels, large.channels) == (6, 8, 16)
