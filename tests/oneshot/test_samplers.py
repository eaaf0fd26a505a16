import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from searchitect import Space
from searchitect.core import SettingError, SpaceError
from searchitect.core.choosing import Chooser
from searchitect.oneshot.sampled import uniform
from searchitect.oneshot.samplers import fair, find_sampler, sandwich
from searchitect.spaces.darts import Darts
from tests.oneshot.tiny import Tiny


@dataclass(frozen=True)
class Chain(Space):
    """Six blocks of four options, and one choice of three."""

    name: ClassVar[str] = "chain"

    def describe(self, choose: Chooser) -> Any:
        blocks = [choose(f"block/{i}", ["a", "b", "c", "d"]) for i in range(6)]
        return {"blocks": blocks, "width": choose("width", [8, 16, 32]), "depth": choose.between("depth", 1, 4)}


@pytest.mark.parametrize("place", range(3))
def test_uniform_paths_pass_the_chi_square_test(place: int) -> None:
    rng = random.Random(place)
    counts = Counter(a.decisions[f"block/{place}"] for _ in range(4000) for a in uniform(Chain(), rng))
    assert len(counts) == 4
    assert (
        sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 11.34
    )  # 1 % of the chi-square distribution with 3 degrees


def test_a_fair_step_takes_every_option_of_every_block_exactly_once() -> None:
    rng = random.Random(0)
    orders = set()
    for _ in range(20):
        networks = fair(Chain(), rng)
        assert len(networks) == 4
        for i in range(6):
            taken = [a.decisions[f"block/{i}"] for a in networks]
            assert sorted(taken) == ["a", "b", "c", "d"]
            orders.add(tuple(taken))
        assert sorted(Counter(a.decisions["width"] for a in networks).values()) == [1, 1, 2]  # three options in four networks
    assert len(orders) == 24  # blocks are shuffled independently, anew in every step


def test_fair_steps_are_fair_to_edges_and_the_operations_inside_them() -> None:
    space = Darts(layers=3, channels=4, nodes=3)
    networks = fair(space, random.Random(1))
    for node in range(3):
        edges = Counter(edge for a in networks for edge in a.decisions[f"normal/{node}/edges"])
        assert max(edges.values()) - min(edges.values()) <= 1
        assert sum(edges.values()) == 2 * len(networks)
    paths = {path for a in networks for path in a.decisions if path.endswith("op")}
    for path in paths:
        operations = [a.decisions[path] for a in networks if path in a.decisions]
        assert len(set(operations)) == len(operations)


def test_the_sandwich_is_the_largest_the_smallest_and_two_others() -> None:
    largest, smallest, *others = sandwich(Chain(), random.Random(0))
    assert (largest.decisions["width"], largest.decisions["depth"]) == (32, 4)
    assert (smallest.decisions["width"], smallest.decisions["depth"]) == (8, 1)
    assert len(others) == 2


def test_a_space_without_sizes_has_no_sandwich() -> None:
    with pytest.raises(SpaceError, match="another sampler"):
        sandwich(Tiny(), random.Random(0))


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(SettingError, match="uniform, fair, sandwich"):
        find_sampler("even")
