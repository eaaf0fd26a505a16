import itertools
import random
from collections import Counter

import pytest

from searchitect.core import Architecture, Chooser, Space
from searchitect.spaces.nemo import Nemo, widths_of
from searchitect.spaces.nsga_net import NsgaNet
from searchitect.strategies.crossings import chained, crossed, total
from searchitect.testing import CountOnes

BITS = CountOnes(12)


def of_bits(text: str) -> Architecture:
    paths = list(BITS.sample(random.Random(0)).decisions)
    return BITS.decide(dict(zip(paths, map(int, text), strict=True)))


def bits(architecture: Architecture) -> str:
    return "".join(map(str, architecture.decisions.values()))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("110000000000", "111111110000"),
        ("101010101010", "010101010101"),
        ("000000000000", "111111111111"),
        ("1" * 12, "1" * 12),
    ],
)
def test_a_homogeneous_child_keeps_common_bits_and_is_as_complex_as_its_parents(first: str, second: str) -> None:
    rng = random.Random(0)
    a, b = of_bits(first), of_bits(second)
    low, high = sorted((total(a), total(b)))
    seen = set()
    for _ in range(200):
        child = crossed(BITS, a, b, rng, homogeneous=True)
        seen.add(bits(child))
        assert low <= total(child) <= high
        assert all(x == y for x, y, z in zip(bits(child), first, second, strict=True) if y == z)
    assert len(seen) == 1 if first == second else len(seen) > 10


def test_without_it_a_child_may_be_more_complex_than_both() -> None:
    rng = random.Random(0)
    a, b = of_bits("101010101010"), of_bits("010101010101")
    totals = {total(crossed(BITS, a, b, rng, homogeneous=False)) for _ in range(100)}
    assert min(totals) < 6 < max(totals)


def test_of_widths_the_channels_are_added_up() -> None:
    space = Nemo()
    a, b = space.of_widths([2, 32, 200, 2]), space.of_widths([12, 2, 2, 168])
    assert (total(a), total(b)) == (236, 184)
    rng = random.Random(0)
    children = {tuple(widths_of(crossed(space, a, b, rng, homogeneous=True).spec)) for _ in range(200)}
    by_hand = [widths for widths in itertools.product((2, 12), (32, 2), (200, 2), (2, 168)) if 184 <= sum(widths) <= 236]
    assert children == set(by_hand)


# --- the chain over parts -----------------------------------------------------------------------------------------------


SPACE = NsgaNet(nodes=2, filters=(4, 4, 4))


def phases(code: str) -> Architecture:
    """Two bits per phase: its connection, its residual bit."""
    return SPACE.from_genotype([[[int(edge)], [int(residual)]] for edge, residual in code.split("-")])


def code_of(architecture: Architecture) -> str:
    bits = [str(bit) for bit in architecture.decisions.values()]
    return "-".join("".join(bits[place : place + 2]) for place in (0, 2, 4))


def test_a_draw_from_the_chain_follows_the_frequencies_of_neighbouring_phases() -> None:
    known = [phases(code) for code in ("00-01-10", "00-01-11", "00-11-00", "10-11-01")]
    rng = random.Random(0)
    draws = 4000
    found = Counter(code_of(chained(SPACE, known, rng)) for _ in range(draws))
    # p(x1) p(x2 | x1) p(x3 | x2) by hand
    expected = {
        "00-01-10": 3 / 4 * 2 / 3 * 1 / 2,
        "00-01-11": 3 / 4 * 2 / 3 * 1 / 2,
        "00-11-00": 3 / 4 * 1 / 3 * 1 / 2,
        "00-11-01": 3 / 4 * 1 / 3 * 1 / 2,  # which none of them is
        "10-11-00": 1 / 4 * 1 * 1 / 2,  # nor this
        "10-11-01": 1 / 4 * 1 * 1 / 2,
    }
    assert {code: count / draws for code, count in found.items()} == pytest.approx(expected, abs=0.03)


def test_a_chain_of_one_is_that_one() -> None:
    only = phases("10-01-11")
    assert chained(SPACE, [only], random.Random(0)) == only


class Varying(Space):
    """Layers whose number is decided."""

    name = "varying"

    def describe(self, choose: Chooser) -> object:
        return [choose(f"layers/{number}/op", "abcd") for number in range(choose("count", (1, 2, 3)))]


def test_parts_that_some_do_not_have_are_drawn_anew_where_they_are_needed() -> None:
    space = Varying()
    known = [space.sample(random.Random(seed)) for seed in range(20)]
    rng = random.Random(1)
    for _ in range(100):
        drawn = chained(space, known, rng)
        assert space.decide(drawn.decisions) == drawn
