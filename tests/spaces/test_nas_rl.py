import itertools
import random
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.spaces.nas_rl import PUBLISHED, NasRl
from searchitect.testing.spaces import check_space


@pytest.mark.parametrize("space", [NasRl(), NasRl("v2", 3), NasRl("v3", 4), NasRl("v1", 1, (6,))])
def test_it_keeps_the_contract(space: NasRl) -> None:
    check_space(space)


@pytest.mark.parametrize("layers", [1, 2, 6, 15])
def test_the_sizes_are_their_closed_forms(layers: int) -> None:
    skips = 2 ** (layers * (layers - 1) // 2)
    assert NasRl("v1", layers).size() == 64**layers * skips
    assert NasRl("v2", layers).size() == (64 * 9) ** layers * skips
    if layers >= 3:
        assert NasRl("v3", layers).size() == 64**layers * skips


def test_a_small_space_enumerates_to_its_size() -> None:
    space = NasRl("v1", 2, (6,))
    assert space.size() == 16**2 * 2 == len(set(space.enumerate())) == 512


def test_the_variants_have_the_depths_and_filters_of_the_paper() -> None:
    assert [(NasRl(name).layers, NasRl(name).filters) for name in ("v1", "v2", "v3")] == [
        (15, (24, 36, 48, 64)),
        (20, (24, 36, 48, 64)),
        (13, (6, 12, 24, 36)),
    ]
    pooled = NasRl("v3").sample(random.Random(0)).spec
    assert pooled["depth"] * len(pooled["layers"]) == 39
    assert [pooled["depth"] * place for place in pooled["pools"]] == [12, 24]
    plain = NasRl("v1").sample(random.Random(0)).spec
    assert (plain["depth"], plain["pools"]) == (1, [])
    assert {tuple(layer["stride"]) for layer in plain["layers"]} == {(1, 1)}


def test_the_choices_come_in_the_order_of_the_controller() -> None:
    sizes = ["kernel/height", "kernel/width", "stride/height", "stride/width", "filters"]
    assert list(NasRl("v2", 2).sample(random.Random(0)).decisions) == [
        *(f"layers/0/{name}" for name in sizes),
        *(f"layers/1/{name}" for name in [*sizes, "skips/0"]),
    ]


def chain(kernels: tuple[int, ...], edges: set[tuple[int, int]], pools: list[int]) -> Any:
    return {
        "layers": [
            {
                "kernel": [kernel, kernel],
                "stride": [1, 1],
                "filters": 6,
                "skips": [(earlier, place) in edges for earlier in range(place)],
            }
            for place, kernel in enumerate(kernels)
        ],
        "depth": 1,
        "pools": pools,
    }


def test_equal_keys_mean_equal_graphs_and_the_other_way_round() -> None:
    space = NasRl("v1", 4, (6,))
    pairs = list(itertools.combinations(range(4), 2))
    keys: dict[str, set[Any]] = {}
    for kernels in itertools.product([1, 3], repeat=4):
        for drawn in itertools.product([False, True], repeat=6):
            edges = {pair for pair, is_drawn in zip(pairs, drawn, strict=True) if is_drawn}
            forms = set()
            for order in itertools.permutations(range(4)):
                place = {node: index for index, node in enumerate(order)}
                moved = frozenset((place[a], place[b]) for a, b in edges)
                forms.add((tuple(kernels[node] for node in order), tuple(sorted(moved))))
            keys.setdefault(space.key(Architecture(chain(kernels, edges, []))), set()).add(min(forms))
    assert all(len(graphs) == 1 for graphs in keys.values())
    assert len(set.union(*keys.values())) == len(keys)


def test_layers_do_not_change_places_with_a_pool_between() -> None:
    space = NasRl("v3", 3)

    def key(kernels: tuple[int, ...], pools: list[int]) -> str:
        return space.key(Architecture(chain(kernels, set(), pools)))

    assert key((1, 3, 5), [2]) == key((3, 1, 5), [2])
    assert key((1, 3, 5), [1]) != key((3, 1, 5), [1])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"variant": "v4"}, "variant .* must be one of v1, v2, v3, got 'v4'"),
        ({"layers": -1}, "layers .* must be at least 1 in v1, .* got -1"),
        ({"variant": "v3", "layers": 2}, "layers .* must be at least 3 in v3, .* got 2"),
        ({"filters": (0, 6)}, r"filters .* must be distinct and at least 1 each, got \(0, 6\)"),
        ({"filters": (6, 6)}, r"filters .* must be distinct and at least 1 each, got \(6, 6\)"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        NasRl(**settings)


@pytest.mark.parametrize(("side", "variant"), [(8, "v1"), (32, "v3")])
def test_for_a_task_it_is_small(side: int, variant: str) -> None:
    space = NasRl.for_task(TaskInfo("images", "image-classification", (3, side, side), 10, 1000))
    assert (space.variant, space.filters) == (variant, (6, 12, 24))


def test_figure_7_is_written_down_as_it_is_read() -> None:
    _, spec = PUBLISHED["nas-rl-v1"].make()
    layers = spec["layers"]
    assert [layer["filters"] for layer in layers] == [36, 48, 36, 36, 48, 48, 48, 36, 36, 36, 36, 48, 48, 48, 48]
    assert layers[8]["kernel"] == [7, 1]
    assert layers[8]["skips"] == [True, False, False, False, True, True, False, True]
