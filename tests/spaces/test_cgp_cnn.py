import itertools
import random
from statistics import mean
from typing import Any

import pytest

from searchitect.core import Architecture, SettingError, TaskInfo
from searchitect.spaces.cgp_cnn import CgpCnn
from searchitect.testing import check_space

SMALL = CgpCnn(rows=3, columns=6, levels_back=2, filters=(8,), active=(1, 19))
"""Every genotype is taken as it is."""


def node(op: str, *sources: int, **sizes: int) -> Any:
    return {"op": op, "from": list(sources), **sizes}


def grid(space: CgpCnn, **genes: Any) -> dict[str, Any]:
    """Decisions: convolutions that read the first in reach, but for ``n3=("sum", 1, 2)`` and ``output=3``."""
    decisions: dict[str, Any] = {}
    for number in range(1, space.rows * space.columns + 1):
        least = max(0, ((number - 1) // space.rows - space.levels_back) * space.rows + 1)
        kind, first, second = genes.get(f"n{number}", ("conv_8_3x3", least, least))
        decisions |= {f"nodes/{number}/type": kind, f"nodes/{number}/first": first, f"nodes/{number}/second": second}
    return {**decisions, "output": genes["output"]}


@pytest.mark.parametrize(
    "space",
    [
        SMALL,
        CgpCnn(rows=1, columns=1, levels_back=1, active=(1, 2)),
        CgpCnn(rows=2, columns=4, levels_back=4, block="residual"),
    ],
)
def test_it_keeps_the_contract(space: CgpCnn) -> None:
    check_space(space, samples=20)


def test_the_grid_of_the_paper_has_three_genes_for_each_of_150_nodes_and_one_for_the_output() -> None:
    space = CgpCnn()
    drawn = space.sample(random.Random(0))
    assert len(drawn.decisions) == 3 * 150 + 1
    domains = space.domains(drawn)
    assert len(domains["nodes/1/type"].values()) == 10
    # the image is in reach as long as there are fewer than ten columns before
    reach = {number: domains[f"nodes/{number}/first"].values() for number in (1, 5, 6, 50, 51, 150)}
    assert reach == {
        1: range(1),
        5: range(1),
        6: range(6),
        50: range(46),
        51: range(1, 51),
        150: range(96, 146),
    }
    assert domains["output"].values() == range(101, 151)


@pytest.mark.parametrize(("rows", "columns", "levels_back"), [(1, 2, 1), (2, 1, 1), (1, 2, 2)])
def test_the_size_is_the_number_of_genotypes(rows: int, columns: int, levels_back: int) -> None:
    space = CgpCnn(rows=rows, columns=columns, levels_back=levels_back, filters=(8,), active=(1, 9))
    genotypes = {repr(sorted(architecture.decisions.items())) for architecture in space.enumerate()}
    assert len(genotypes) == space.size()


def test_a_random_genotype_has_about_11_active_nodes_of_150() -> None:
    free, rng = CgpCnn(active=(1, 151)), random.Random(0)
    counts = [len(free.sample(rng).spec["nodes"]) + 1 for _ in range(600)]
    assert mean(counts) == pytest.approx(11.5, abs=0.7)
    assert mean(count >= 10 for count in counts) == pytest.approx(0.57, abs=0.07)


def test_nearly_always_some_output_gives_a_number_of_active_nodes_in_the_range() -> None:
    for space in (CgpCnn(), CgpCnn.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))):
        rng = random.Random(0)
        assert all(space.active[0] <= len(space.sample(rng).spec["nodes"]) + 1 <= space.active[1] for _ in range(150))


def test_the_spec_is_what_the_output_depends_on() -> None:
    genes = {"n2": ("sum", 0, 0), "n5": ("concat", 2, 1), "n8": ("avg_pool", 5, 4), "n10": ("conv_8_5x5", 8, 4)}
    found = SMALL.decide(grid(SMALL, **genes, n17=("max_pool", 10, 11), output=17))
    assert found.spec["nodes"] == [
        node("conv", 0, filters=8, kernel=3),
        node("sum", 0, 0),
        node("concat", 2, 1),
        node("avg_pool", 3),
        node("conv", 4, filters=8, kernel=5),
        node("max_pool", 5),
    ]


def active_genes(architecture: Architecture) -> set[str]:
    """The oracle: the genes that a walk from the output comes across."""
    genes, found = architecture.decisions, {"output"}

    def walk(number: int) -> None:
        if number == 0:
            return
        path = f"nodes/{number}"
        read = [f"{path}/first", f"{path}/second"][: 2 if genes[f"{path}/type"] in ("concat", "sum") else 1]
        found.update([f"{path}/type", *read])
        for gene in read:
            walk(genes[gene])

    walk(genes["output"])
    return found


def test_only_active_genes_have_an_effect() -> None:
    rng = random.Random(0)
    for _ in range(5):
        parent = SMALL.sample(rng)
        active = active_genes(parent)
        effective = set()
        for child in SMALL.neighbours(parent):
            (gene,) = (path for path, value in parent.decisions.items() if child.decisions[path] != value)
            if child != parent:
                effective.add(gene)
        assert effective <= active
        # one that can be exchanged for an equal node, or has no other value, changes nothing
        assert {gene for gene in active if gene.endswith("/type")} <= effective


def test_a_mutation_always_reaches_an_active_gene() -> None:
    space, rng = CgpCnn(), random.Random(0)
    parent = space.sample(rng)
    for _ in range(20):
        child = space.mutate(parent, rng)
        assert space.key(child) != space.key(parent)
        assert sum(child.decisions[path] != value for path, value in parent.decisions.items()) == 1
        parent = child


def test_where_the_output_gives_too_few_nodes_the_next_that_gives_enough_is_taken() -> None:
    chain = {"n2": ("conv_8_3x3", 1, 0), "n3": ("max_pool", 2, 0)}
    ways = {"rows": 1, "columns": 4, "levels_back": 4, "filters": (8,)}
    for output, active, expected in ((1, (1, 5), 1), (1, (4, 5), 3), (4, (4, 5), 3), (3, (1, 2), 4), (1, (9, 9), 3)):
        space = CgpCnn(**ways, active=active)  # type: ignore[arg-type]
        found = space.decide(grid(space, **chain, n4=("avg_pool", 0, 0), output=output)).spec["nodes"]
        assert len(found) == {1: 1, 3: 3, 4: 1}[expected]
        assert found[-1]["op"] == {1: "conv", 3: "max_pool", 4: "avg_pool"}[expected]


def key(*nodes: Any) -> str:
    return CgpCnn().key(Architecture({"nodes": list(nodes)}))


CONV, POOL = node("conv", 0, filters=8, kernel=3), node("max_pool", 0)


def test_the_order_of_nodes_and_of_the_terms_of_a_sum_does_not_matter() -> None:
    same = {key(*pair, node("sum", *terms)) for pair in ((CONV, POOL), (POOL, CONV)) for terms in ((1, 2), (2, 1))}
    assert len(same) == 1


def test_what_a_concatenation_reads_first_does_matter() -> None:
    # zeros are added behind the channels, so that their order shows in later sums
    first, swapped = key(CONV, POOL, node("concat", 1, 2)), key(CONV, POOL, node("concat", 2, 1))
    assert first != swapped
    assert key(POOL, CONV, node("concat", 2, 1)) == first


@pytest.mark.parametrize("op", ["sum", "concat"])
def test_reading_a_node_twice_is_not_reading_it_once(op: str) -> None:
    twice, other = key(CONV, node(op, 1, 1)), key(CONV, node(op, 0, 1))
    assert twice != other != key(CONV, node("avg_pool", 1)) != twice


def test_different_blocks_have_different_keys() -> None:
    blocks = [
        node(op, 0, filters=filters, kernel=kernel)
        for op, filters, kernel in itertools.product(("conv", "residual"), (8, 16), (3, 5))
    ]
    assert len({key(block) for block in blocks}) == 8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rows": 0}, "rows .* must be at least 1, got 0"),
        ({"columns": 0}, "columns .* must be at least 1, got 0"),
        ({"levels_back": 31}, r"levels_back .* must lie in \[1, columns=30\], got 31"),
        ({"block": "vgg"}, "block .* must be one of conv, residual, got 'vgg'"),
        ({"filters": ()}, r"filters .* must be distinct and at least 1 each, got \(\)"),
        ({"filters": (8, 8)}, r"filters .* must be distinct and at least 1 each, got \(8, 8\)"),
        ({"active": (5,)}, r"active .* the fewest and the most, from 1 on, got \(5,\)"),
        ({"active": (9, 5)}, r"active .* the fewest and the most, from 1 on, got \(9, 5\)"),
    ],
)
def test_a_setting_outside_its_range_is_refused(settings: Any, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        CgpCnn(**settings)
