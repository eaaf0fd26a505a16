import math
from typing import Any

import pytest

from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.core.choosing import PolicyChooser
from searchitect.spaces import find_published
from searchitect.spaces.nsga_net import NsgaNet, genotype_of
from searchitect.testing import check_space

ONE = NsgaNet(nodes=3, filters=(4,))


def phase(*rows: list[int]) -> list[list[int]]:
    return list(rows)


@pytest.mark.parametrize("space", [NsgaNet(), NsgaNet(nodes=4, filters=(8, 16, 32)), ONE, NsgaNet(node="dense")])
def test_it_keeps_the_contract(space: NsgaNet) -> None:
    check_space(space)


@pytest.mark.parametrize(("nodes", "phases", "bits"), [(6, 3, 48), (4, 3, 21), (3, 3, 12), (2, 1, 2)])
def test_a_phase_has_a_bit_for_each_pair_and_one_more(nodes: int, phases: int, bits: int) -> None:
    space = NsgaNet(nodes=nodes, filters=(4,) * phases)
    assert space.size() == 2**bits
    length = bits // phases
    assert length == nodes * (nodes - 1) // 2 + 1
    assert int(math.sqrt(2 * length - 7 / 4) - 1 / 2) + 1 == nodes  # the released decoder finds the nodes so


def test_the_bits_come_in_the_order_of_the_codes_string() -> None:
    asked: list[str] = []
    bits = iter([1, 0, 1, 1])

    def follow(path: str, domain: Any, decisions: Any) -> int:
        asked.append(path)
        return next(bits)

    found = ONE.read(PolicyChooser(follow))
    assert asked == ["phases/0/2/1", "phases/0/3/1", "phases/0/3/2", "phases/0/residual"]
    assert found.spec["phases"] == [{"nodes": 3, "edges": [[0, 1], [1, 2]], "residual": 1}]
    assert genotype_of(found.spec) == [[[1], [0, 1], [1]]]


def test_every_genotype_survives_the_way_there_and_back() -> None:
    space = NsgaNet(nodes=3, filters=(4, 8))
    genotypes = [genotype_of(architecture.spec) for architecture in space.enumerate()]
    assert len({str(genotype) for genotype in genotypes}) == 2**8
    assert all(genotype_of(space.from_genotype(genotype).spec) == genotype for genotype in genotypes)


def test_the_published_genotype_is_the_released_one() -> None:
    space, spec = find_published("nsga-net-macro").make()
    assert genotype_of(spec) == [
        [[1], [0, 0], [0, 1, 0], [0, 1, 1, 1], [1, 0, 0, 1, 1], [0]],
        [[0], [0, 0], [0, 1, 0], [0, 1, 0, 1], [1, 1, 1, 1, 1], [0]],
        [[0], [0, 1], [1, 0, 1], [1, 0, 1, 1], [1, 0, 0, 1, 1], [0]],
    ]
    assert space.size() == 2**48


@pytest.mark.parametrize(
    "genotype", [[], [[[1], [0, 0]]], [[[1], [0, 0], [2]]], [[[1], [0, 0, 0], [1]]], [[[1], [0, 0], [1]]] * 2]
)
def test_a_genotype_of_another_form_is_refused(genotype: Any) -> None:
    with pytest.raises(SpaceError, match=r"write 0 or 1 for each bit of \[\[0\], \[0, 0\], \[0\]\], per phase"):
        ONE.from_genotype(genotype)


def key(space: NsgaNet, *phases: list[list[int]]) -> str:
    return space.key(space.from_genotype(phases))


def test_a_phase_without_connections_is_dropped_whatever_its_residual_bit() -> None:
    space = NsgaNet(nodes=3, filters=(4, 8))
    some, none, kept = phase([1], [0, 0], [0]), phase([0], [0, 0], [0]), phase([0], [0, 0], [1])
    assert key(space, some, none) == key(space, some, kept) == key(space, none, some) == key(space, kept, some)
    assert key(space, none, none) == key(space, kept, none)
    assert len({key(space, some, some), key(space, some, none), key(space, none, none)}) == 3


def test_the_residual_bit_counts_where_there_are_connections() -> None:
    assert key(ONE, phase([1], [0, 0], [0])) != key(ONE, phase([1], [0, 0], [1]))


# graphs of two nodes or more without cycles whose numbers do not matter, isolated nodes left out: https://oeis.org/A003087
@pytest.mark.parametrize(("nodes", "graphs"), [(2, 2), (3, 6), (4, 31)])
def test_there_are_twice_as_many_phases_as_graphs_and_one_that_is_dropped(nodes: int, graphs: int) -> None:
    space = NsgaNet(nodes=nodes, filters=(4,))
    assert len({space.key(architecture) for architecture in space.enumerate()}) == 2 * (graphs - 1) + 1


@pytest.mark.parametrize(("side", "phases"), [(1, 1), (2, 2), (3, 3), (8, 3), (32, 3)])
def test_for_a_task_it_has_no_more_phases_than_the_images_can_be_halved_between(side: int, phases: int) -> None:
    space = NsgaNet.for_task(TaskInfo("images", "image-classification", (1, side, 40), 10, 1000))
    assert (space.nodes, len(space.filters)) == (4, phases)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"nodes": 1}, "nodes .* must be at least 2, got 1"),
        ({"growth": 0}, "growth .* must be at least 1, got 0"),
        ({"filters": ()}, r"filters .* at least 1, one per phase, got \(\)"),
        ({"filters": (4, 0)}, r"filters .* at least 1, one per phase, got \(4, 0\)"),
        ({"node": "wide"}, "node .* must be one of residual, dense, got 'wide'"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        NsgaNet(**settings)
