"""Graphs that grow by the mutations of the paper."""

import json
import math
import random
from collections import Counter
from itertools import pairwise
from statistics import fmean, pvariance
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.core.choosing import RandomChooser, ReplayChooser
from searchitect.spaces.large_scale_evolution import LargeScaleEvolution, free_pairs, vertices
from searchitect.testing import check_space

SPACE = LargeScaleEvolution()
MUTATIONS = {
    "alter-learning-rate",
    "identity",
    "reset-weights",
    "insert-convolution",
    "remove-convolution",
    "alter-stride",
    "alter-channels",
    "filter-size",
    "insert-one-to-one",
    "add-skip",
    "remove-skip",
}


def changed(spec: Any, mutation: str, seed: int = 0, **fixed: Any) -> Any:
    """A copy after one mutation, of which some decisions may be fixed."""
    return SPACE.edit(json.loads(json.dumps(spec)), ReplayChooser({"mutation": mutation, **fixed}, random.Random(seed)))


def conv(
    number: int, channels: float = 4.0, *, stride: float = 0.0, vertex: str = "bn-relu", size: float = 3.0
) -> dict[str, Any]:
    sizes = {"channels": channels, "height": size, "width": size, "stride": stride}
    return {"id": number, "edge": "conv", **sizes, "vertex": vertex}


def spec_of(*layers: dict[str, Any], skips: list[list[int]] | None = None) -> Any:
    ids = 2 + len(layers)
    training = {"optimizer": "sgd", "learning_rate": 0.1}
    return {
        "layers": list(layers),
        "skips": skips or [],
        "head": {"id": 1, "pool": True},
        "ids": ids,
        "training": training,
        "individual": 0.5,
    }


RICH = spec_of(conv(2), conv(3), conv(4), skips=[[0, 3]])
"""Where every mutation is possible."""


@pytest.mark.parametrize("space", [SPACE, LargeScaleEvolution(inputs=1, least_channels=8, pool=False, edits=3)])
def test_it_keeps_the_contract(space: LargeScaleEvolution) -> None:
    check_space(space)
    assert space.abilities() == {"sample", "mutate", "edit"}
    assert space.size() == math.inf


def test_evolution_starts_with_linear_classifiers_each_an_individual() -> None:
    first, second = (SPACE.first(random.Random(seed)) for seed in range(2))
    assert (first.spec["layers"], first.spec["skips"]) == ([], [])
    assert first.spec["training"] == {"optimizer": "sgd", "learning_rate": 0.1}
    assert SPACE.key(first) != SPACE.key(second)
    assert {**first.spec, "individual": 0} == {**second.spec, "individual": 0}


def test_a_draw_is_the_start_after_up_to_so_many_mutations() -> None:
    edits = Counter(SPACE.sample(random.Random(seed)).decisions["edits"] for seed in range(2100))
    assert set(edits) == set(range(21))
    assert all(50 <= count <= 160 for count in edits.values())  # 100 on average, six standard deviations
    deep = [seed for seed in range(200) if SPACE.sample(random.Random(seed)).decisions["edits"] == 20]
    assert max(len(SPACE.sample(random.Random(seed)).spec["layers"]) for seed in deep) >= 6


def test_all_eleven_mutations_are_drawn_alike_and_from_the_start_those_that_are_possible() -> None:
    for spec, possible in (
        (RICH, MUTATIONS),
        (spec_of(), {"alter-learning-rate", "identity", "reset-weights", "insert-convolution", "insert-one-to-one"}),
        (spec_of(conv(2), conv(3)), MUTATIONS - {"remove-skip"}),
        (spec_of(conv(2)), MUTATIONS - {"remove-skip", "add-skip"}),
    ):
        drawn: Counter[str] = Counter()
        for seed in range(200 * len(possible)):
            chooser = RandomChooser(random.Random(seed))
            SPACE.edit(json.loads(json.dumps(spec)), chooser)
            drawn[chooser.decisions["mutation"]] += 1
        assert set(drawn) == possible
        assert all(130 <= count <= 270 for count in drawn.values())  # 200 on average, five standard deviations


def test_every_child_is_an_individual_of_its_own_though_it_be_built_alike() -> None:
    parent = Architecture(RICH)
    children = [Architecture(changed(RICH, "identity", seed)) for seed in range(5)]
    assert len({SPACE.key(one) for one in [parent, *children]}) == 6
    assert {**children[0].spec, "individual": 0} == {**RICH, "individual": 0}


def test_the_learning_rate_drifts_nowhere_with_a_variance_of_a_third_per_mutation_in_log2() -> None:
    rng, steps, ends = random.Random(0), 12, []
    for _ in range(1500):
        spec = spec_of()
        for _ in range(steps):
            spec = SPACE.edit(spec, ReplayChooser({"mutation": "alter-learning-rate"}, rng))
        ends.append(math.log2(spec["training"]["learning_rate"] / 0.1))
    assert abs(fmean(ends)) < 4 * math.sqrt(steps / 3 / 1500)
    assert pvariance(ends) == pytest.approx(steps / 3, rel=0.15)


def test_a_lifetime_of_mutations_leaves_a_sound_graph() -> None:
    for seed in range(20):
        rng = random.Random(seed)
        individual, given = SPACE.first(rng), {0, 1}
        for _ in range(100):
            individual = SPACE.mutate(individual, rng)
            spec = individual.spec
            order = vertices(spec)
            assert len(set(order)) == len(order)
            for source, target in spec["skips"]:  # no cycles: always onwards
                assert order.index(source) < order.index(target) - 1
            assert len({tuple(pair) for pair in spec["skips"]}) == len(spec["skips"])
            born = {*order, spec["head"]["id"]} - given
            assert all(number > max(given) for number in born)  # a number is never given twice
            given |= born
            for layer in spec["layers"]:
                assert layer.get("channels", 1) >= 1
                assert layer.get("stride", 0) >= 0
            assert Architecture(json.loads(individual.text)) == individual


@pytest.mark.parametrize(("mutation", "names"), [("alter-channels", ["channels"]), ("filter-size", ["height", "width"])])
def test_sizes_are_drawn_between_half_and_twice_and_stay_real(mutation: str, names: list[str]) -> None:
    parent = spec_of(conv(2, 20.0, size=20.0))
    values = []
    for seed in range(400):
        child = changed(parent, mutation, seed)["layers"][0]
        changes = [name for name in names if child[name] != 20.0]
        assert len(changes) == 1
        values.append(child[changes[0]])
    assert 10 <= min(values) < 11
    assert 39 < max(values) <= 40
    assert fmean(values) == pytest.approx(25, abs=2.2)  # uniform on [10, 40], five standard deviations
    assert any(value != round(value) for value in values)


def test_a_stride_is_a_power_of_two_that_takes_steps_of_up_to_one() -> None:
    values = [changed(spec_of(conv(2, stride=2.0)), "alter-stride", seed)["layers"][0]["stride"] for seed in range(400)]
    assert 1 <= min(values) < 1.05
    assert 2.95 < max(values) <= 3
    again = [changed(spec_of(conv(2)), "alter-stride", seed)["layers"][0]["stride"] for seed in range(100)]
    assert min(again) == 0.0  # no finer than every pixel


def test_an_inserted_convolution_has_the_channels_of_what_it_reads() -> None:
    parent = spec_of(conv(2, 6.4), {"id": 3, "edge": "identity", "vertex": "linear"}, conv(4, 9.0))
    for place, channels in enumerate([3, 6, 6, 9]):
        layer = changed(parent, "insert-convolution", place=place)["layers"][place]
        assert (layer["channels"], layer["height"], layer["width"], layer["id"]) == (channels, 3.0, 3.0, 5)
    wide = LargeScaleEvolution(inputs=1, least_channels=8)
    assert (
        wide.edit(spec_of(), ReplayChooser({"mutation": "insert-convolution"}, random.Random(0)))["layers"][0]["channels"] == 8
    )
    drawn = Counter(
        (layer["stride"], layer["vertex"])
        for seed in range(400)
        for layer in changed(spec_of(), "insert-convolution", seed)["layers"]
    )
    assert all(60 <= count <= 140 for count in drawn.values())
    assert set(drawn) == {(0.0, "bn-relu"), (1.0, "bn-relu"), (0.0, "linear"), (1.0, "linear")}


def test_a_removed_convolution_takes_its_skips_along_and_those_that_the_chain_now_doubles() -> None:
    parent = spec_of(conv(2), conv(3), conv(4), conv(5), skips=[[0, 3], [2, 4], [3, 5], [0, 5]])
    child = changed(parent, "remove-convolution", convolution=1)
    assert [layer["id"] for layer in child["layers"]] == [2, 4, 5]
    assert child["skips"] == [[0, 5]]  # of vertex 3 two are gone, and from 2 to 4 leads the chain
    alone = changed(spec_of(conv(2)), "remove-convolution")
    assert alone["layers"] == []


def test_skips_are_added_between_any_two_vertices_without_an_edge() -> None:
    spec = spec_of(conv(2), conv(3), conv(4))
    assert free_pairs(spec) == [[0, 3], [0, 4], [2, 4]]
    found = {tuple(changed(spec, "add-skip", seed)["skips"][0]) for seed in range(60)}
    assert found == {(0, 3), (0, 4), (2, 4)}
    full = {**spec, "skips": free_pairs(spec)}
    assert free_pairs(full) == []
    assert len(changed(full, "remove-skip")["skips"]) == 2


def test_resetting_weights_renames_them_and_changes_nothing_else() -> None:
    child = changed(RICH, "reset-weights")
    old, new = ({*vertices(spec)[1:], spec["head"]["id"]} for spec in (RICH, child))
    assert not old & new
    names = dict(zip(vertices(RICH), vertices(child), strict=True))
    assert child["skips"] == [[names[i], names[j]] for i, j in RICH["skips"]]
    assert [{**layer, "id": 0} for layer in child["layers"]] == [{**layer, "id": 0} for layer in RICH["layers"]]
    assert all(a < b for a, b in pairwise(vertices(child)))


def test_it_is_fitted_to_the_task() -> None:
    space = LargeScaleEvolution.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
    assert (space.inputs, space.least_channels, space.pool) == (1, 8, False)


def test_settings_outside_their_range_are_refused() -> None:
    with pytest.raises(SettingError, match="edits of the space 'large-scale-evolution' must be at least 1, got 0"):
        LargeScaleEvolution(edits=0)
    with pytest.raises(SettingError, match=r"learning_rate .* must lie in \(0, 1000\), got 0"):
        LargeScaleEvolution(learning_rate=0)
