import itertools
import random
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, SpaceError, TaskInfo
from searchitect.spaces.blockqnn import BlockQnn, structure_codes
from searchitect.testing.spaces import check_space


@pytest.mark.parametrize("space", [BlockQnn(), BlockQnn(ordered=False), BlockQnn(layers=2), BlockQnn(layers=1)])
def test_it_keeps_the_contract(space: BlockQnn) -> None:
    check_space(space)


@pytest.mark.parametrize("index", range(2, 24))
def test_the_actions_at_an_index_are_their_closed_forms(index: int) -> None:
    assert BlockQnn().actions(index) == 2 * index**2 + 6 * index + 1
    assert BlockQnn(ordered=False).actions(index) == index**2 + 7 * index + 1


def test_at_index_1_a_layer_can_only_read_the_input_and_the_block_cannot_end() -> None:
    assert BlockQnn().actions(1) == BlockQnn(ordered=False).actions(1) == 8
    first = {
        (code[1], code[2])
        for space in (BlockQnn(layers=1),)
        for code in (structure_codes(a.spec)[0] for a in space.enumerate())
    }
    assert first == {(1, 1), (1, 3), (1, 5), (2, 1), (2, 3), (3, 1), (3, 3), (4, 0)}


@pytest.mark.parametrize(("ordered", "size"), [(True, 8 + 8 * 20 + 8 * 20 * 36), (False, 8 + 8 * 18 + 8 * 18 * 30)])
def test_a_small_space_enumerates_to_its_size(ordered: bool, size: int) -> None:
    space = BlockQnn(layers=3, ordered=ordered)
    assert space.size() == len({architecture.text for architecture in space.enumerate()}) == size


def test_the_whole_space_is_counted_by_the_recursion() -> None:
    size = 0
    for index in range(23, 0, -1):  # blocks from here on: each layer, and behind it nothing or more
        size = (2 * index**2 + 6 * index) * (1 + size)
    assert BlockQnn().size() == size > 10**50


@pytest.mark.parametrize("ordered", [True, False])
def test_every_block_survives_its_codes(ordered: bool) -> None:
    rng = random.Random(0)
    space = BlockQnn(ordered=ordered)
    for _ in range(200):
        block = space.sample(rng)
        codes = structure_codes(block.spec)
        assert space.from_codes(codes) == space.from_codes(codes[:-1]) == block
        assert [code[0] for code in codes] == list(range(1, len(codes) + 1))
        assert codes[-1][1:] == (7, 0, 0, 0)
        assert all(max(code[3:]) < code[0] for code in codes)
        assert all(code[3] != code[4] for code in codes if code[1] in (5, 6))


def test_codes_say_what_the_paper_s_do() -> None:
    codes = [(1, 1, 3, 0, 0), (2, 2, 3, 0, 0), (3, 6, 0, 2, 1), (4, 5, 0, 3, 0), (5, 7, 0, 0, 0)]
    assert BlockQnn().from_codes(codes).spec["block"] == [
        {"op": "conv", "kernel": 3, "from": [0]},
        {"op": "max_pool", "kernel": 3, "from": [0]},
        {"op": "concat", "kernel": 0, "from": [2, 1]},
        {"op": "add", "kernel": 0, "from": [3, 0]},
    ]


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ([], "no valid value for the choice 'block/1'"),
        ([(1, 7, 0, 0, 0)], "no valid value for the choice 'block/1'"),
        ([(2, 1, 3, 0, 0)], r"code 1 must be \(index, type, kernel"),
        ([(1, 8, 3, 0, 0)], r"a type in \[1, 7\], got \(1, 8, 3, 0, 0\)"),
        ([(1, 1, 3, 0)], r"got \(1, 1, 3, 0\)"),
        ([(1, 1, 7, 0, 0)], "no valid value for the choice 'block/1/conv/kernel'"),
        ([(1, 1, 3, 1, 0)], "no valid value for the choice 'block/1/conv/from'"),
        ([(1, 1, 3, 0, 0), (2, 5, 0, 1, 1)], "no valid value for the choice 'block/2/add/second/1'"),
        ([(1, 1, 3, 0, 2)], "unused numbers must be 0"),
        ([(1, 1, 3, 0, 0), (2, 7, 0, 0, 0), (3, 1, 3, 0, 0)], "only the last may be the terminal"),
        ([(k, 1, 3, 0, 0) for k in range(1, 25)], "not a block of at most 23 layers"),
    ],
)
def test_codes_that_are_no_block_are_refused(codes: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=f"(?i){message}"):
        BlockQnn().from_codes(codes)


def smallest(block: Any) -> str:
    """The oracle: the smallest description over all orders of the layers that follow the edges."""
    found = []
    for order in itertools.permutations(range(1, len(block) + 1)):
        place = {0: 0, **{node: index for index, node in enumerate(order, 1)}}
        moved = []
        for node in order:
            layer = block[node - 1]
            is_idle = layer["kernel"] == 1 and layer["op"].endswith("pool")
            name = "identity 0" if is_idle else f"{layer['op']} {layer['kernel']}"
            moved.append((name, sorted(place[source] for source in layer["from"])))
        if all(max(sources) < index for index, (_, sources) in enumerate(moved, 1)):
            found.append(repr(moved))
    return min(found)


def test_equal_keys_mean_equal_graphs_and_the_other_way_round() -> None:
    space = BlockQnn(layers=3)
    keys: dict[str, set[str]] = {}
    for architecture in space.enumerate():
        keys.setdefault(space.key(architecture), set()).add(smallest(architecture.spec["block"]))
    assert all(len(graphs) == 1 for graphs in keys.values())
    assert len(set.union(*keys.values())) == len(keys) < space.known_size()


def test_a_shuffled_long_block_keeps_its_key() -> None:
    space = BlockQnn()
    rng = random.Random(0)
    for _ in range(100):
        block = space.sample(rng).spec["block"]
        order: list[int] = []
        while len(order) < len(block):
            ready = [
                index
                for index, layer in enumerate(block, 1)
                if index not in order and all(source in (0, *order) for source in layer["from"])
            ]
            order.append(rng.choice(ready))
        place = {0: 0, **{node: index for index, node in enumerate(order, 1)}}
        moved = [{**block[node - 1], "from": [place[source] for source in block[node - 1]["from"]][::-1]} for node in order]
        settings = {"channels": 32, "stages": 3, "blocks": 4}
        assert space.key(Architecture({**settings, "block": moved})) == space.key(Architecture({**settings, "block": block}))


@pytest.mark.parametrize("name", ["layers", "blocks", "stages", "channels"])
def test_a_setting_outside_its_range_is_refused(name: str) -> None:
    settings: dict[str, Any] = {name: 0}
    with pytest.raises(SettingError, match=f"{name} .* must be at least 1, got 0"):
        BlockQnn(**settings)


@pytest.mark.parametrize(("side", "stages"), [(1, 1), (2, 2), (3, 3), (32, 3)])
def test_for_a_task_it_halves_no_more_often_than_the_images_allow(side: int, stages: int) -> None:
    assert BlockQnn.for_task(TaskInfo("images", "image-classification", (1, side, 40), 10, 1000)).stages == stages
