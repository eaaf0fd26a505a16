import random
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from searchitect.core import Domain, SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces.metaqnn import PUBLISHED, MetaQnn, State, pooled, size_bin
from searchitect.testing.spaces import check_space

SMALL = [
    MetaQnn(side=side, depth=3, filters=(4, 8), units=(9, 6), rounding=rounding, binned=binned)
    for side in (4, 8)
    for rounding in ("ceil", "floor")
    for binned in (True, False)
]


@pytest.mark.parametrize("space", [MetaQnn(), MetaQnn(rounding="floor", binned=False), SMALL[0]])
def test_it_keeps_the_contract(space: MetaQnn) -> None:
    check_space(space)


def counted(side: int, depth: int, filters: int, units: int, rounding: str, binned: bool) -> int:
    """The number of networks by the rules of the paper's section 4.1 and appendix, written down once more."""

    def shrunk(size: int, field: int, stride: int) -> int:
        quotient, rest = divmod(size - field + 1, stride)
        return quotient + (rest > 0 and rounding == "ceil")

    @cache
    def maps(left: int, size: int, may_pool: bool) -> int:
        ends = 1 + (left > 0)
        if left == 0:
            return ends
        r_size = (8 if size >= 8 else 4 if size >= 4 else 1) if binned else size
        total = ends + sum(filters * maps(left - 1, size, True) for field in (1, 3, 5) if field < r_size)
        if may_pool:
            left_over = [shrunk(size, *pool) for pool in ((5, 3), (3, 2), (2, 2)) if pool[0] < r_size]
            total += sum(maps(left - 1, size, False) for size in left_over if size > 0)
        if size < 8:  # one linear layer, then a second one with as many units or fewer
            total += sum(1 + (place if left > 1 else 0) for place in range(1, units + 1))
        return total

    return maps(depth, side, False)


@pytest.mark.parametrize("space", SMALL)
def test_a_small_space_enumerates_to_its_size(space: MetaQnn) -> None:
    everything = list(space.enumerate())
    size = counted(space.side, 3, 2, 2, space.rounding, space.binned)
    assert space.size() == len(everything) == len(set(everything)) == size > 100


def test_the_whole_space_is_counted_exactly() -> None:
    assert MetaQnn().size() == counted(32, 18, 4, 3, "ceil", True) == 282_710_031_500_590_500_770
    floored = MetaQnn(depth=12, rounding="floor", binned=False)
    assert floored.size() == counted(32, 12, 4, 3, "floor", False)


@pytest.mark.parametrize("space", [MetaQnn(), MetaQnn(side=8, depth=6, rounding="floor"), MetaQnn(binned=False), *SMALL])
def test_every_rollout_is_legal(space: MetaQnn) -> None:
    rng = random.Random(0)
    for _ in range(300):
        spec = space.sample(rng).spec
        kinds = [layer["kind"] for layer in spec["layers"]]
        size = space.side
        for kind, layer in zip(kinds, spec["layers"], strict=True):
            r_size = size_bin(size) if space.binned else size
            if kind != "linear":
                assert layer["kernel"] < r_size
            if kind == "pool":
                size = pooled(size, layer["kernel"], layer["stride"], space.rounding)
                assert size >= 1
        linear = [layer["units"] for layer in spec["layers"] if layer["kind"] == "linear"]
        assert len(kinds) + (spec["head"] == "average") <= space.depth
        assert kinds[:1] != ["pool"]
        assert ("pool", "pool") not in pairwise(kinds)
        assert kinds[len(kinds) - len(linear) :] == ["linear"] * len(linear)
        assert len(linear) <= 2
        assert linear == sorted(linear, reverse=True)
        if linear:
            assert size <= 7
            assert spec["head"] == "softmax"


@pytest.mark.parametrize("space", [MetaQnn(), MetaQnn(side=8, binned=False, rounding="floor")])
def test_a_choice_of_one_name_has_one_set_of_options(space: MetaQnn) -> None:
    rng = random.Random(0)
    seen: dict[str, list[Any]] = {}

    def policy(path: str, domain: Domain, _: Mapping[str, Any]) -> Any:
        assert seen.setdefault(path, list(domain.values())) == list(domain.values())
        return domain.draw(rng)

    for _ in range(500):
        space.describe(PolicyChooser(policy))
    assert len(seen) > 30


def test_the_first_layer_has_fourteen_actions_and_one_behind_a_convolution_three_more() -> None:
    space = MetaQnn()
    first = space.actions(State(0, "start", 32))
    assert len(first) == 4 * 3 + 2
    assert set(space.actions(State(1, "conv", 32))) - set(first) == {"P(5,3)", "P(3,2)", "P(2,2)"}
    assert set(space.actions(State(18, "conv", 32))) == {"SM"}
    assert set(space.actions(State(4, "linear", 4, 256, 1))) == {"FC(256)", "FC(128)", "SM"}
    assert set(space.actions(State(5, "linear", 4, 256, 2))) == {"SM"}


def test_bins_are_those_of_the_code_and_a_field_must_be_less() -> None:
    assert [size_bin(size) for size in (1, 3, 4, 7, 8, 32)] == [1, 1, 4, 4, 8, 8]
    seven = State(3, "conv", 7)
    assert {name for name in MetaQnn(filters=(64,)).actions(seven) if name[0] in "CP"} == {
        "C(64,1)",
        "C(64,3)",
        "P(3,2)",
        "P(2,2)",
    }
    true = MetaQnn(filters=(64,), binned=False).actions(seven)
    assert {name for name in true if name[0] in "CP"} == {"C(64,1)", "C(64,3)", "C(64,5)", "P(5,3)", "P(3,2)", "P(2,2)"}


def test_rounding_changes_the_size_after_a_pool() -> None:
    assert [pooled(32, 5, 3, "ceil"), pooled(10, 2, 2, "ceil")] == [10, 5]
    assert [pooled(32, 5, 3, "floor"), pooled(9, 2, 2, "floor")] == [9, 4]


def test_the_published_networks_are_legal_under_both_roundings() -> None:
    for name, found in PUBLISHED.items():
        for settings in ({}, {"rounding": "ceil"}, {"rounding": "ceil", "binned": True}):
            space, spec = found.make(**settings)
            assert spec["rounding"] == settings.get("rounding", "floor"), name
            assert space.sample(random.Random(0)).spec["rounding"] == spec["rounding"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("P(2,2) SM", r"P\(2,2\) cannot follow the image .* allowed are C\(64,1\)"),
        (
            "C(64,3) P(2,2) P(2,2) SM",
            r"P\(2,2\) cannot follow C\(64,3\) P\(2,2\) in the space 'metaqnn' \(16 pixels are left\)",
        ),
        ("C(64,3) C(64,3)", r"C\(64,3\) cannot follow C\(64,3\) .* SM or GAP come last"),
        ("C(64,3) SM C(64,3)", r"SM cannot follow C\(64,3\) "),
        ("C(64,3) FC(512) SM", r"FC\(512\) cannot follow"),
    ],
)
def test_a_string_against_the_rules_is_refused(text: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        MetaQnn().from_string(text)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"side": 0}, "side .* must be at least 1, got 0"),
        ({"depth": 0}, "depth .* must be at least 1, got 0"),
        ({"filters": ()}, r"filters .* must be distinct numbers of at least 1, got \(\)"),
        ({"units": (8, 8)}, r"units .* must be distinct numbers of at least 1, got \(8, 8\)"),
        ({"rounding": "up"}, "rounding .* must be 'ceil' or 'floor', got 'up'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        MetaQnn(**settings)


@pytest.mark.parametrize(("classes", "units"), [(10, (64, 32)), (50, (64,)), (100, (100,))])
def test_for_a_task_no_linear_layer_has_fewer_units_than_classes(classes: int, units: tuple[int, ...]) -> None:
    space = MetaQnn.for_task(TaskInfo("images", "image-classification", (1, 8, 12), classes, 1000))
    assert (space.side, space.depth, space.units) == (8, 6, units)
