import json
import random
from collections import Counter
from collections.abc import Callable
from statistics import mean
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, SpaceError, TaskInfo
from searchitect.spaces import find_published
from searchitect.spaces.randwire import (
    SEEDS,
    RandWire,
    barabasi_albert,
    erdos_renyi,
    is_connected,
    watts_strogatz,
)
from searchitect.testing import check_space

Draw = Callable[[random.Random], list[tuple[int, int]]]


def ws(k: int, p: float) -> Draw:
    return lambda rng: watts_strogatz(32, k, p, rng)


def share(found: list[bool]) -> float:
    return sum(found) / len(found)


@pytest.mark.parametrize(
    ("draw", "count"),
    [
        (ws(2, 0.75), 32),
        (ws(4, 0.25), 64),
        (ws(4, 0.75), 64),
        (ws(8, 1.0), 128),
        (lambda rng: barabasi_albert(32, 1, rng), 31),
        (lambda rng: barabasi_albert(32, 5, rng), 135),
        (lambda rng: barabasi_albert(32, 7, rng), 175),
        (lambda rng: watts_strogatz(7, 6, 1.0, rng), 21),  # complete: nothing can be rewired
        (lambda rng: watts_strogatz(8, 6, 1.0, rng), 24),
    ],
)
def test_a_graph_has_exactly_as_many_edges_as_its_model_says(draw: Draw, count: int) -> None:
    for seed in range(100):
        edges = draw(random.Random(seed))
        assert len(edges) == len(set(edges)) == count
        assert edges == sorted(edges)
        assert all(0 <= i < j < 32 for i, j in edges)


def test_an_erdos_renyi_graph_has_the_mean_number_of_edges_and_is_connected() -> None:
    graphs = [erdos_renyi(32, 0.2, random.Random(seed)) for seed in range(400)]
    assert all(is_connected(32, edges) for edges in graphs)
    # 496 pairs * 0.2 = 99.2, a little more where the graph has to be connected; 5 standard errors: 5 * sqrt(79.4 / 400) = 2.2
    assert mean(map(len, graphs)) == pytest.approx(99.4, abs=2.2)


@pytest.mark.parametrize(
    ("draw", "published"),
    [
        (lambda rng: [pair for pair in PAIRS if rng.random() < 0.1], 0.30),
        (lambda rng: [pair for pair in PAIRS if rng.random() < 0.2], 0.97),
        (lambda rng: [pair for pair in PAIRS if rng.random() < 0.4], 1.0),
        (ws(4, 0.75), 1.0),
        (ws(2, 0.75), 0.71),
    ],
)
def test_as_many_graphs_are_connected_as_with_a_graph_library(draw: Draw, published: float) -> None:
    # shares of 2,000 draws with networkx
    found = [is_connected(32, draw(random.Random(seed))) for seed in range(1_000)]
    assert share(found) == pytest.approx(published, abs=0.06)


PAIRS = [(i, j) for i in range(32) for j in range(i + 1, 32)]


def test_without_rewiring_a_ring_stays_one() -> None:
    ring = sorted({(min(i, (i + d) % 10), max(i, (i + d) % 10)) for i in range(10) for d in (1, 2)})
    assert watts_strogatz(10, 4, 0.0, random.Random(0)) == ring


def test_the_share_of_rewired_edges_is_the_probability() -> None:
    ring = set(watts_strogatz(32, 4, 0.0, random.Random(0)))
    kept = [len(ring & set(watts_strogatz(32, 4, 0.25, random.Random(seed)))) / 64 for seed in range(200)]
    # 75 % are not rewired, and of the others about 2 of 60 rewirings fall on a free place of the ring
    assert mean(kept) == pytest.approx(0.76, abs=0.015)


def test_rewiring_keeps_the_near_end_of_an_edge() -> None:
    for seed in range(50):
        degrees = Counter(node for edge in watts_strogatz(32, 4, 1.0, random.Random(seed)) for node in edge)
        assert min(degrees[node] for node in range(32)) >= 2  # its own two edges


def test_older_nodes_of_barabasi_and_albert_have_more_edges() -> None:
    degrees = Counter[int]()
    for seed in range(300):
        edges = barabasi_albert(32, 3, random.Random(seed))
        degrees.update(node for edge in edges for node in edge)
        assert {(i, 3) for i in range(3)} <= set(edges)  # the first new node links to all
        assert all(sum(j == node for _, j in edges) == 3 for node in range(3, 32))
    assert degrees[3] > 2 * degrees[12] > 2 * degrees[31] == 2 * 3 * 300


def test_a_new_node_picks_by_degree() -> None:
    # nodes 0 and 1 with node 2: degrees 1, 1, 2, so that node 3 leaves node 2 out in 1/4 * 1/3 + 1/4 * 1/3 of the draws
    left_out = [(2, 3) not in barabasi_albert(4, 2, random.Random(seed)) for seed in range(4_000)]
    assert share(left_out) == pytest.approx(1 / 6, abs=0.03)  # 5 standard errors


def test_a_seed_names_the_same_graph_on_every_machine() -> None:
    # made once with Python 3.11; only random.random() is used, whose sequence Python keeps
    ring = [(0, 1), (0, 2), (0, 3), (0, 5), (1, 2), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5), (3, 5), (4, 5)]
    assert watts_strogatz(6, 4, 0.75, random.Random(1)) == ring
    assert barabasi_albert(6, 2, random.Random(1)) == [(0, 2), (0, 3), (1, 2), (1, 4), (2, 3), (2, 5), (3, 4), (3, 5)]
    assert erdos_renyi(6, 0.4, random.Random(1)) == [(0, 1), (0, 4), (1, 5), (2, 3), (3, 5)]


def test_the_spec_holds_the_graphs_of_the_generator_chosen() -> None:
    space = RandWire(nodes=16)
    decisions: dict[str, Any] = {"generator": "ba", "generator/ba/m": 3, **{f"stages/{i}/seed": 10 * i for i in range(3)}}
    spec = space.decide(decisions).spec
    assert [stage["channels"] for stage in spec["stages"]] == [78, 156, 312]
    for i, stage in enumerate(spec["stages"]):
        assert stage["nodes"] == 16
        assert [tuple(edge) for edge in stage["edges"]] == barabasi_albert(16, 3, random.Random(10 * i))


def test_the_regular_regime_begins_with_half_a_stage() -> None:
    spec = RandWire(channels=109, regime="regular").sample(random.Random(0)).spec
    assert [(stage["nodes"], stage["channels"]) for stage in spec["stages"]] == [(16, 109), (32, 218), (32, 436), (32, 872)]
    assert spec["drop_edge"] == 0.1
    assert RandWire().sample(random.Random(0)).spec["drop_edge"] == 0.0
    assert RandWire(regime="regular", drop_edge=0.0).sample(random.Random(0)).spec["drop_edge"] == 0.0


def test_one_stage_can_be_drawn_anew_while_the_others_stay() -> None:
    space = RandWire(nodes=8)
    rng = random.Random(0)
    parent = space.sample(rng)
    seen = set()
    for _ in range(200):
        child = space.mutate(parent, rng)
        seen.add(sum(a == b for a, b in zip(parent.spec["stages"], child.spec["stages"], strict=True)))
    assert 2 in seen


def test_the_size_is_settings_times_seeds() -> None:
    # 4 probabilities, 4 numbers of links, 4 * 4 rings; a seed per stage
    assert SEEDS == 2**31
    assert RandWire().size() == (4 + 4 + 16) * 2**93
    assert RandWire(regime="regular", generators=("er",)).size() == 4 * 2**124
    # 3 nodes in the half stage: one link each, rings of degree 2
    small = RandWire(nodes=6, regime="regular", stages=1)
    settings = {
        json.dumps({k: v for k, v in a.decisions.items() if "seed" not in k})
        for a in map(small.sample, map(random.Random, range(300)))
    }
    assert small.size() == len(settings) * 2**62 == (4 + 1 + 4) * 2**62


def test_it_has_no_open_spec_since_a_graph_is_drawn_from_its_seed() -> None:
    with pytest.raises(SpaceError, match="computes with the value of the choice 'stages/0/seed'"):
        RandWire().open_spec()


@pytest.mark.parametrize("settings", [{}, {"nodes": 6, "regime": "regular", "stages": 1, "generators": ("ws", "er")}])
def test_the_contract_of_spaces_holds(settings: Any) -> None:
    check_space(RandWire(**settings), samples=10)


def test_the_published_network_stays_the_same() -> None:
    space, spec = find_published("randwire-ws").make()
    assert [len(stage["edges"]) for stage in spec["stages"]] == [64, 64, 64]
    assert spec["stages"][2]["edges"] == [list(edge) for edge in watts_strogatz(32, 4, 0.75, random.Random(2))]
    assert space.key(Architecture(spec)) == "a256dab1582fa1f3"


@pytest.mark.parametrize("settings", [{"nodes": 8, "regime": "regular"}, {"generators": ("er", "ba")}])
def test_settings_that_its_rings_do_not_fit_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="randwire-ws needs the generator ws and more than 4 nodes in each stage"):
        find_published("randwire-ws").make(**settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"channels": 1}, "channels .* must be at least 2, got 1"),
        ({"nodes": 5}, r"nodes .* must lie in \[6, 256\], got 5"),
        ({"stages": 6}, r"stages .* must lie in \[1, 5\], got 6"),
        ({"regime": "large"}, "regime .* must be one of small, regular, got 'large'"),
        ({"stem": "mnist"}, "stem .* must be one of imagenet, cifar, got 'mnist'"),
        ({"head": 0}, "head .* must be at least 1, got 0"),
        ({"drop_edge": 1.0}, r"drop_edge .* must be None or lie in \[0, 1\), got 1.0"),
        ({"generators": ()}, "generators .* must be distinct ones of er, ba, ws"),
        ({"generators": ("ws", "ring")}, "generators .* must be distinct ones of er, ba, ws"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        RandWire(**settings)


@pytest.mark.parametrize(("side", "stages", "stem"), [(2, 1, "cifar"), (8, 2, "cifar"), (32, 3, "cifar"), (224, 3, "imagenet")])
def test_it_fits_itself_to_the_size_of_the_images(side: int, stages: int, stem: str) -> None:
    space = RandWire.for_task(TaskInfo("task", "image-classification", (3, side, side), 10, 1_000))
    assert (space.stages, space.stem, space.nodes) == (stages, stem, 8)
