import itertools
import random
from typing import Any

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces.genetic_cnn import GeneticCnn, stage_codes
from searchitect.testing import check_space


def one_stage(nodes: int) -> GeneticCnn:
    return GeneticCnn(nodes=(nodes,), filters=(8,))


@pytest.mark.parametrize("space", [GeneticCnn(), GeneticCnn(nodes=(3, 5), filters=(20, 50)), one_stage(2)])
def test_it_keeps_the_contract(space: GeneticCnn) -> None:
    check_space(space)


def test_the_published_spaces_have_13_and_19_bits() -> None:
    assert GeneticCnn(nodes=(3, 5), filters=(20, 50), hidden=500).size() == 2**13 == 8192
    assert GeneticCnn().size() == 2**19 == 524_288


def test_the_bits_come_in_the_order_of_the_paper_s_string() -> None:
    asked: list[str] = []
    bits = iter("101100" + "1")

    def follow(path: str, domain: Any, decisions: Any) -> int:
        asked.append(path)
        return int(next(bits))

    found = GeneticCnn(nodes=(4, 2), filters=(8, 8)).read(PolicyChooser(follow))
    assert stage_codes(found.spec) == ["1-01-100", "1"]
    pairs = ["2/1", "3/1", "3/2", "4/1", "4/2", "4/3"]
    assert asked == [*(f"stages/0/{pair}" for pair in pairs), "stages/1/2/1"]


def test_a_code_says_which_node_feeds_which() -> None:
    stages = GeneticCnn(nodes=(3, 4), filters=(8, 16)).from_codes(["1-01", "0-00-100"]).spec["stages"]
    assert [stage["edges"] for stage in stages] == [[[0, 1], [1, 2]], [[0, 3]]]
    assert [stage["filters"] for stage in stages] == [8, 16]


def test_every_code_survives_the_way_there_and_back() -> None:
    space = GeneticCnn(nodes=(3, 4), filters=(8, 16))
    codes = [tuple(stage_codes(architecture.spec)) for architecture in space.enumerate()]
    assert len(set(codes)) == 2**9
    assert all(tuple(stage_codes(space.from_codes(code).spec)) == code for code in codes)


@pytest.mark.parametrize("codes", [[], ["1-01"], ["1-01", "0-01-1000"], ["1-02", "0-01-100"], ["101", "001100"], ["1-01"] * 2])
def test_codes_of_another_form_are_refused(codes: list[str]) -> None:
    with pytest.raises(SpaceError, match=r"write 0 or 1 for each bit of 0-00, 0-00-000$"):
        GeneticCnn(nodes=(3, 4), filters=(8, 16)).from_codes(codes)


def smallest(nodes: int, edges: Any) -> Any:
    """The oracle: the smallest list of edges over all orders of the nodes that have one."""
    used = sorted({node for edge in edges for node in edge})
    return min(
        sorted((order[used.index(source)], order[used.index(target)]) for source, target in edges)
        for order in itertools.permutations(range(len(used)))
    )


# graphs without cycles on n nodes whose numbers do not matter: https://oeis.org/A003087
@pytest.mark.parametrize(("nodes", "graphs"), [(2, 2), (3, 6), (4, 31), (5, 302)])
def test_there_are_as_many_networks_as_graphs_without_numbers(nodes: int, graphs: int) -> None:
    space = one_stage(nodes)
    assert len({space.key(architecture) for architecture in space.enumerate()}) == graphs


def test_equal_keys_mean_equal_graphs() -> None:
    space = one_stage(4)
    keys: dict[str, set[str]] = {}
    for architecture in space.enumerate():
        stage = architecture.spec["stages"][0]
        keys.setdefault(space.key(architecture), set()).add(repr(smallest(4, stage["edges"])))
    assert all(len(graphs) == 1 for graphs in keys.values())


def test_a_stage_of_more_nodes_has_all_networks_of_one_with_fewer() -> None:
    few, many = ({space.key(a) for a in space.enumerate()} for space in (one_stage(3), one_stage(4)))
    assert few < many


def test_a_cross_exchanges_whole_stages() -> None:
    space = GeneticCnn()
    a, b = space.from_codes(["0-00", "0-00-000", "0-00-000-0000"]), space.from_codes(["1-11", "1-11-111", "1-11-111-1111"])
    rng = random.Random(0)
    seen = {tuple(bool(stage["edges"]) for stage in space.crossover(a, b, rng).spec["stages"]) for _ in range(100)}
    assert seen == set(itertools.product((False, True), repeat=3))
    for _ in range(100):
        for code in stage_codes(space.crossover(a, b, rng).spec):
            assert len(set(code) - {"-"}) == 1


@pytest.mark.parametrize(("side", "nodes"), [(1, (5,)), (3, (5,)), (4, (4, 5)), (16, (4, 5)), (17, (3, 4, 5))])
def test_for_a_task_it_has_no_more_stages_than_the_images_can_be_halved(side: int, nodes: tuple[int, ...]) -> None:
    assert GeneticCnn.for_task(TaskInfo("images", "image-classification", (1, side, 40), 10, 1000)).nodes == nodes


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": ()}, r"nodes .* at least 2, one per stage, got \(\)"),
        ({"nodes": (3, 1, 4)}, r"nodes .* at least 2, one per stage, got \(3, 1, 4\)"),
        ({"filters": (8, 0, 8)}, r"filters .* at least 1, one per stage, got \(8, 0, 8\)"),
        ({"nodes": (3, 4)}, r"same number of stages, got \(3, 4\) and \(8, 16, 32\)"),
        ({"hidden": 0}, "hidden .* must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout .* must lie in \[0, 1\), got 1.0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        GeneticCnn(**settings)
