import itertools
import json
import random
from collections import Counter
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.spaces.hierarchical import PRIMITIVES, PUBLISHED, Hierarchical, row_edges
from searchitect.testing.spaces import check_space


@pytest.mark.parametrize(
    "space", [Hierarchical(), Hierarchical(motifs=0, cell_nodes=11), Hierarchical(motifs=1, motif_nodes=2, cell_nodes=3)]
)
def test_it_keeps_the_contract(space: Hierarchical) -> None:
    check_space(space)


def test_a_genotype_has_46_entries_of_7_values_each_and_a_flat_one_55() -> None:
    space, flat = Hierarchical(), Hierarchical(motifs=0, cell_nodes=11)
    assert space.size() == 7**46
    assert flat.size() == 7**55
    domains = space.domains(space.sample(random.Random(0)))
    assert len(domains) == 46 == 6 * 6 + 10
    assert len(flat.domains(flat.sample(random.Random(0)))) == 55
    assert list(domains["motif/0/3/1"].values()) == ["none", *PRIMITIVES]
    assert list(domains["cell/4/2"].values()) == ["none", *(f"motif_{motif}" for motif in range(6))]


def test_a_small_space_enumerates_to_its_size() -> None:
    space = Hierarchical(motifs=1, motif_nodes=2, cell_nodes=3)
    assert space.size() == 7 * 2**3 == len(set(space.enumerate()))
    flat = Hierarchical(motifs=0, cell_nodes=3)
    assert flat.size() == 7**3 == len(set(flat.enumerate()))


def test_a_mutation_changes_one_entry() -> None:
    space = Hierarchical()
    rng = random.Random(0)
    parent = space.sample(rng)
    for _ in range(100):
        child = space.mutate(parent, rng)
        entries = [
            [entry for rows in (*spec["motifs"], spec["cell"]) for row in rows for entry in row]
            for spec in (parent.spec, child.spec)
        ]
        assert sum(before != after for before, after in zip(*entries, strict=True)) == 1
        parent = child


def test_edges_off_the_paths_do_not_count() -> None:
    rows = [["none"], ["conv_1x1", "max_pool_3x3"], ["none", "skip_connect", "sep_conv_3x3"]]
    assert row_edges(rows) == {(0, 2): "conv_1x1", (2, 3): "sep_conv_3x3"}
    assert row_edges([["conv_1x1"], ["none", "none"]]) == {}


def forms(rows: Any) -> set[str]:
    """All ways to write down a graph: its live edges, for each numbering of the nodes between the first and the last."""
    size = len(rows) + 1
    edges = row_edges(rows)
    found = set()
    for order in itertools.permutations(range(1, size - 1)):
        place = {0: 0, size - 1: size - 1, **{node: index for index, node in enumerate(order, 1)}}
        if all(place[source] < place[target] for source, target in edges):
            found.add(json.dumps(sorted((place[a], place[b], label) for (a, b), label in edges.items())))
    return found


def smallest(spec: Any) -> str:
    """The oracle: motifs by their smallest form in place of their numbers, then the smallest form of the cell."""
    named = {f"motif_{place}": min(forms(rows)) for place, rows in enumerate(spec["motifs"])}
    cell = [[named.get(entry, entry) for entry in row] for row in spec["cell"]]
    return min(forms([["none" if entry == "[]" else entry for entry in row] for row in cell]))


@pytest.mark.parametrize("flat", [True, False])
def test_equal_keys_mean_equal_graphs_and_the_other_way_round(flat: bool) -> None:
    space = Hierarchical(motifs=0, cell_nodes=5) if flat else Hierarchical(motifs=3, motif_nodes=4, cell_nodes=4)
    rng = random.Random(0)
    by_key: dict[str, set[str]] = {}
    by_form: dict[str, set[str]] = {}
    for _ in range(2_000):
        spec = space.sample(rng).spec
        for row in itertools.chain(*spec["motifs"], spec["cell"]):  # few operations, so that many are equal
            row[:] = [
                entry if entry.startswith("motif") else rng.choice(["none", "none", "skip_connect", "conv_1x1"])
                for entry in row
            ]
        key, form = space.key(Architecture(spec)), smallest(spec)
        by_key.setdefault(key, set()).add(form)
        by_form.setdefault(form, set()).add(key)
    assert all(len(found) == 1 for found in (*by_key.values(), *by_form.values()))
    assert 20 < len(by_key) < 1_900


def test_the_numbers_of_motifs_do_not_matter() -> None:
    space = Hierarchical()
    rng = random.Random(0)
    for _ in range(50):
        spec = space.sample(rng).spec
        order = rng.sample(range(6), 6)
        names = {f"motif_{old}": f"motif_{new}" for new, old in enumerate(order)}
        moved = {
            **spec,
            "motifs": [spec["motifs"][old] for old in order],
            "cell": [[names.get(entry, entry) for entry in row] for row in spec["cell"]],
        }
        assert space.key(Architecture(moved)) == space.key(Architecture(spec))


def test_the_published_genotype_leaves_two_motifs_unused() -> None:
    space, spec = PUBLISHED["hierarchical-evolved"].make()
    assert {entry for row in spec["cell"] for entry in row} == {"motif_0", "motif_2", "motif_3", "motif_4"}
    other = json.loads(json.dumps(spec))
    other["motifs"][1] = other["motifs"][5] = [["none"] * length for length in (1, 2, 3)]
    assert space.key(Architecture(other)) == space.key(Architecture(spec))
    other["motifs"][4][0][0] = "none"
    assert space.key(Architecture(other)) != space.key(Architecture(spec))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"motifs": -1}, "motifs .* must be at least 0, got -1"),
        ({"motif_nodes": 1}, "motif_nodes .* must be at least 2, got 1"),
        ({"cell_nodes": 1}, "cell_nodes .* must be at least 2, got 1"),
        ({"channels": 0}, "channels .* must be at least 1, got 0"),
        ({"cells": 0}, "cells .* must be at least 1, got 0"),
        ({"groups": 0}, "groups .* must be at least 1, got 0"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Hierarchical(**settings)


@pytest.mark.parametrize(("side", "groups"), [(1, 1), (2, 2), (3, 3), (32, 3)])
def test_for_a_task_it_halves_no_more_often_than_the_images_allow(side: int, groups: int) -> None:
    assert Hierarchical.for_task(TaskInfo("images", "image-classification", (1, side, 40), 10, 1000)).groups == groups


def test_a_mutation_picks_the_level_first_then_the_motif_then_the_edge() -> None:
    space = Hierarchical()
    rng = random.Random(0)
    parent = space.sample(rng)
    changed = Counter()
    for _ in range(3000):
        child = space.mutate(parent, rng)
        [path] = [p for p, value in child.decisions.items() if value != parent.decisions[p]]
        changed[path] += 1
    of_cell = sum(count for path, count in changed.items() if path.startswith("cell/"))
    assert of_cell / 3000 == pytest.approx(1 / 2, abs=0.04)  # 10 of 46 decisions
    assert changed["cell/1/0"] / 3000 == pytest.approx(1 / 2 / 4, abs=0.02)  # the only edge into the first of four nodes
    assert sum(changed[f"motif/2/3/{j}"] for j in range(3)) / 3000 == pytest.approx(1 / 2 / 6 / 3, abs=0.015)
