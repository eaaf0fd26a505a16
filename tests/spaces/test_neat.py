"""Genomes with historical markings."""

import random
from itertools import count
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.networks.neat import neat_layers
from searchitect.spaces.neat import ENABLED, NUMBER, SOURCE, TARGET, WEIGHT, Neat

SPACE = Neat()


def numbers(start: int = 100) -> Any:
    """Every change gets a number of its own."""
    fresh = count(start)
    return lambda _: next(fresh)


def grown(seed: int, changes: int = 12, space: Neat = SPACE) -> dict[str, Any]:
    rng, mark = random.Random(seed), numbers()
    genome = space.founder(rng)
    for _ in range(changes):
        genome = (space.add_node if rng.random() < 0.4 else space.add_link)(genome, rng, mark)
    return genome


def pairs(genome: dict[str, Any]) -> list[tuple[int, int]]:
    return [(link[SOURCE], link[TARGET]) for link in genome["links"]]


def test_the_minimal_genome_links_all_inputs_and_the_bias_to_all_outputs() -> None:
    genome = Neat(inputs=3, outputs=2).founder(random.Random(0))
    assert genome["hidden"] == []
    assert sorted(pairs(genome)) == [(source, target) for source in range(4) for target in (4, 5)]
    assert [link[NUMBER] for link in genome["links"]] == list(range(1, 9))
    assert all(link[ENABLED] and abs(link[WEIGHT]) <= 2.5 for link in genome["links"])
    assert pairs(Neat(inputs=3, outputs=2).founder(random.Random(1))) == pairs(genome)


def test_a_split_link_is_disabled_and_followed_by_one_of_weight_one_and_one_of_the_old_weight() -> None:
    before = SPACE.founder(random.Random(0))
    after = SPACE.add_node(before, random.Random(1), numbers())
    (split,) = [place for place, link in enumerate(after["links"][:3]) if not link[ENABLED]]
    number, source, target, weight, _ = before["links"][split]
    node = after["hidden"][0]
    assert after["links"][3:] == [[101, source, node, 1.0, 1], [102, node, target, weight, 1]]
    assert after["links"][split] == [number, source, target, weight, 0]
    assert before == SPACE.founder(random.Random(0))  # which is left as it was


def test_the_same_split_by_two_genomes_has_the_same_numbers() -> None:
    known: dict[Any, int] = {}

    def mark(change: Any) -> int:
        return known.setdefault(change, 100 + len(known))

    first, second = (SPACE.founder(random.Random(seed)) for seed in (0, 1))
    children = [SPACE.add_node(genome, random.Random(5), mark) for genome in (first, second)]
    assert children[0]["hidden"] == children[1]["hidden"]
    assert [link[NUMBER] for link in children[0]["links"]] == [link[NUMBER] for link in children[1]["links"]]
    other = next(
        child
        for child in (SPACE.add_node(second, random.Random(seed), mark) for seed in range(20))
        if [link[ENABLED] for link in child["links"]] != [link[ENABLED] for link in children[0]["links"]]
    )
    assert other["hidden"] != children[0]["hidden"]


@pytest.mark.parametrize("seed", range(20))
def test_no_mutation_makes_a_cycle_or_links_a_pair_twice(seed: int) -> None:
    genome = grown(seed, 40)
    everything = {**genome, "links": [[*link[:ENABLED], 1] for link in genome["links"]]}
    assert len(neat_layers(everything)) == len(genome["hidden"]) + 1  # raises where there is a cycle
    assert len(set(pairs(genome))) == len(genome["links"])
    assert all(target > SPACE.inputs for _, target in pairs(genome))


def test_a_full_genome_takes_no_further_link() -> None:
    genome = SPACE.founder(random.Random(0))
    assert SPACE.add_link(genome, random.Random(0), numbers()) is genome


def test_a_new_link_leads_where_none_was() -> None:
    genome = SPACE.add_node(SPACE.founder(random.Random(0)), random.Random(0), numbers())
    children = [SPACE.add_link(genome, random.Random(seed), numbers()) for seed in range(50)]
    found = {pairs(child)[-1] for child in children if child is not genome}
    node, read = genome["hidden"][0], genome["links"][3][SOURCE]
    assert found == {(source, node) for source in (0, 1, 2) if source != read}


def test_links_of_the_bias_are_not_split() -> None:
    genome = SPACE.founder(random.Random(0))
    split = {SPACE.add_node(genome, random.Random(seed), numbers())["links"][3][SOURCE] for seed in range(30)}
    assert split == {0, 1}


def test_new_weights_are_one_in_ten_and_the_others_take_a_step() -> None:
    space = Neat(inputs=60, outputs=20, reach=100.0, step=0.5)
    before = space.founder(random.Random(0))
    after = space.reweigh(before, random.Random(1))
    moved = [abs(a[WEIGHT] - b[WEIGHT]) for a, b in zip(before["links"], after["links"], strict=True)]
    assert sum(change > 0.5 for change in moved) / len(moved) == pytest.approx(0.1, abs=0.03)
    assert max(change for change in moved if change <= 0.5) > 0.45


# --- distance and crossover ------------------------------------------------------------------------------------------


def genes(*numbered: tuple[int, float]) -> dict[str, Any]:
    return {"inputs": 2, "outputs": 1, "hidden": [], "links": [[number, 0, number, weight, 1] for number, weight in numbered]}


def test_the_distance_by_hand() -> None:
    """Three matching genes with differences of 1, 0 and 2; 4 and 5 are disjoint, 7 and 8 are excess."""
    a, b = (
        genes((1, 0.0), (2, 1.0), (3, 1.0), (4, 0.0), (6, 0.0)),
        genes((1, 1.0), (2, 1.0), (3, -1.0), (5, 0.0), (7, 0.0), (8, 0.0)),
    )
    assert SPACE.distance(a, b, 0, 0, 1) == pytest.approx(1.0)
    assert SPACE.distance(a, b, 1, 0, 0) == 2
    assert SPACE.distance(a, b, 0, 1, 0) == 3
    assert SPACE.distance(a, b, 10, 100, 0.4) == SPACE.distance(b, a, 10, 100, 0.4) == pytest.approx(320.4)


def test_odd_genes_are_divided_by_the_size_of_large_genomes_alone() -> None:
    large = [genes(*((number, 0.0) for number in range(1, size + 1))) for size in (19, 18, 20)]
    assert SPACE.distance(large[0], large[1], 1, 1, 1) == 1
    assert SPACE.distance(large[2], large[1], 1, 1, 1) == 2 / 20


def test_founders_are_equally_far_apart_whatever_the_number_of_inputs() -> None:
    """Uniform in [-2.5, 2.5], weights differ by 5 / 3 on average, of which the paper counts 0.4."""
    for shape in ((2,), (1, 8, 8), (3, 16, 16)):
        space = Neat.for_task(TaskInfo("rows", "table-classification", shape, 10, 100))
        rng = random.Random(0)
        found = [space.distance(space.founder(rng), space.founder(rng), 1, 1, 0.4) for _ in range(20)]
        assert sum(found) / 20 == pytest.approx(0.4 * 5 / 3, rel=0.1)


def test_a_change_of_structure_counts_as_much_in_a_genome_of_many_inputs() -> None:
    """Links of a minimal genome, which all have, tell nothing: up to 16 further ones N is 1, as up to 19 in all with two inputs."""
    for space in (Neat(), Neat(inputs=64, outputs=10, reach=0.884)):
        rng, mark = random.Random(0), numbers(1000)
        founder = genome = space.founder(rng)
        for changes in range(1, 11):
            genome = space.add_node(genome, rng, mark)
            added = 2 * changes
            assert len(genome["links"]) == len(founder["links"]) + added
            assert space.distance(founder, genome, 1, 1, 0.4) == added / (1 if 3 + added < 20 else 3 + added)


@pytest.mark.parametrize("seed", range(5))
def test_a_genome_is_at_no_distance_from_itself_and_its_own_child_but_for_what_is_enabled(seed: int) -> None:
    genome = grown(seed)
    assert SPACE.distance(genome, genome, 1, 1, 0.4) == 0
    child = SPACE.mate(genome, genome, random.Random(0))
    assert [link[:ENABLED] for link in child["links"]] == [link[:ENABLED] for link in genome["links"]]
    assert SPACE.mate(genome, genome, random.Random(0), disabled=1.0) == genome


def test_a_child_has_the_structure_of_the_fitter_parent_and_weights_of_both() -> None:
    a, b = (genes(*((number, value) for number in range(1, 41))) for value in (1.0, 2.0))
    b["links"] = b["links"][:30] + genes(*((number, 2.0) for number in range(50, 60)))["links"]
    child = SPACE.mate(a, b, random.Random(0))
    assert [link[NUMBER] for link in child["links"]] == list(range(1, 41))
    assert 5 < sum(link[WEIGHT] == 2.0 for link in child["links"][:30]) < 25
    assert all(link[WEIGHT] == 1.0 for link in child["links"][30:])


def test_a_link_disabled_in_either_parent_stays_so_three_times_in_four() -> None:
    a, b = (genes(*((number, 0.0) for number in range(1, 2001))) for _ in range(2))
    for link in b["links"][:1000]:
        link[ENABLED] = 0
    for parents in ((a, b), (b, a)):
        child = SPACE.mate(*parents, random.Random(0))
        assert sum(link[ENABLED] for link in child["links"][:1000]) == pytest.approx(250, abs=45)
        assert all(link[ENABLED] for link in child["links"][1000:])


# --- as a space --------------------------------------------------------------------------------------------------------


def test_a_draw_has_any_number_of_structural_mutations_up_to_the_most() -> None:
    rng = random.Random(0)
    draws = [SPACE.sample(rng).spec for _ in range(200)]
    hidden = [len(genome["hidden"]) for genome in draws]
    assert min(hidden) == 0
    assert 4 <= max(hidden) <= 8
    assert all(link[WEIGHT] != round(link[WEIGHT] + 1, 3) for genome in draws for link in genome["links"])


def test_an_edit_changes_weights_or_adds_a_node_or_a_link() -> None:
    rng = random.Random(0)
    parent = Architecture(grown(3))
    sizes = {(len(s["hidden"]), len(s["links"])) for s in (SPACE.mutate(parent, rng).spec for _ in range(60))}
    nodes, links = len(parent.spec["hidden"]), len(parent.spec["links"])
    assert sizes == {(nodes, links), (nodes + 1, links + 2), (nodes, links + 1)}


def test_genomes_that_compute_the_same_have_one_key() -> None:
    genome = grown(1)
    renumbered = {**genome, "links": [[link[NUMBER] + 7, *link[1:]] for link in genome["links"]]}
    off = next(place for place, link in enumerate(genome["links"]) if not link[ENABLED])
    silent = {
        **genome,
        "links": [[*link[:WEIGHT], 9.9, 0] if place == off else link for place, link in enumerate(genome["links"])],
    }
    other = SPACE.reweigh(genome, random.Random(0))
    keys = [SPACE.key(Architecture(spec)) for spec in (genome, renumbered, silent, other)]
    assert keys[0] == keys[1] == keys[2] != keys[3]


@pytest.mark.parametrize(
    ("info", "sizes"),
    [
        (TaskInfo("digits", "image-classification", (1, 8, 8), 10, 100), (64, 10)),
        (TaskInfo("xor", "table-classification", (2,), 2, 12), (2, 1)),
        (TaskInfo("photos", "image-classification", (3, 64, 64), 2, 100), (12_288, 1)),
        (TaskInfo("houses", "table-regression", (7,), 1, 100), (7, 1)),
    ],
)
def test_it_is_fitted_to_a_task(info: TaskInfo, sizes: tuple[int, int]) -> None:
    space = Neat.for_task(info)
    assert (space.inputs, space.outputs) == sizes
    assert "mate" in space.abilities()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(SettingError, match="inputs of the space 'neat' must be at least 1, got 0"):
        Neat(inputs=0)
    with pytest.raises(SettingError, match="step of the space 'neat' must be above 0"):
        Neat(step=0)
