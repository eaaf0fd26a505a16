import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from searchitect.core.choosing import Domain, NumberDomain, OneDomain, SomeDomain
from searchitect.strategies.parzen import parzen

COLOURS = OneDomain(["red", "green", "blue"])
PAIRS = SomeDomain(["a", "b", "c", "d"], 2)
WHOLE = NumberDomain(1, 6)
WHOLE_LOG = NumberDomain(1, 64, log=True)


def shares(domain: Domain, history: Sequence[Any], draws: int = 20_000) -> dict[str, float]:
    density, rng = parzen(domain, history), random.Random(0)
    return {name: count / draws for name, count in Counter(repr(density.draw(rng)) for _ in range(draws)).items()}


def test_labels_have_their_counts_plus_one() -> None:
    density = parzen(COLOURS, ["red", "red", "green"])
    assert [math.exp(density.log(label)) for label in COLOURS.labels] == pytest.approx([3 / 6, 2 / 6, 1 / 6])


def test_labels_of_two_types_are_two_labels_and_foreign_values_count_for_nothing() -> None:
    density = parzen(OneDomain([1, True, "1"]), [True, True, "gone", 1.0])
    assert [math.exp(density.log(label)) for label in (1, True, "1")] == pytest.approx([1 / 5, 3 / 5, 1 / 5])


def test_one_of_a_set_is_a_label() -> None:
    history = ["red", "red", "green"]
    subset = parzen(SomeDomain(COLOURS.labels, 1), [[label] for label in history])
    label = parzen(COLOURS, history)
    assert [subset.log([colour]) for colour in COLOURS.labels] == pytest.approx([label.log(c) for c in COLOURS.labels])


def test_subsets_weigh_as_the_product_of_their_members() -> None:
    density = parzen(PAIRS, [["a", "b"], ["a", "b"], ["a", "c"]])  # weights 4, 3, 2, 1
    products = {"ab": 12, "ac": 8, "ad": 4, "bc": 6, "bd": 3, "cd": 2}
    found = {pair: math.exp(density.log(list(pair))) for pair in products}
    assert found == pytest.approx({pair: product / 35 for pair, product in products.items()})


@pytest.mark.parametrize("k", [0, 4])
def test_the_only_subset_is_certain(k: int) -> None:
    density = parzen(SomeDomain(PAIRS.labels, k), [])
    drawn = density.draw(random.Random(0))
    assert drawn == PAIRS.labels[:k]
    assert density.log(drawn) == pytest.approx(0)


@pytest.mark.parametrize(
    ("domain", "history"),
    [
        (COLOURS, ["red"]),
        (PAIRS, [["a", "b"], ["b", "d"]]),
        (WHOLE, [2, 2, 5]),
        (WHOLE, []),
        (WHOLE_LOG, [8, 8, 9, 64]),
        (NumberDomain(3, 3), [3]),
    ],
)
def test_probabilities_sum_to_one_and_are_drawn_as_often(domain: Domain, history: list[Any]) -> None:
    density = parzen(domain, history)
    probabilities = {repr(value): math.exp(density.log(value)) for value in domain.values()}
    assert sum(probabilities.values()) == pytest.approx(1)
    found = shares(domain, history)
    assert {name: found.get(name, 0) for name in probabilities} == pytest.approx(probabilities, abs=0.012)


@pytest.mark.parametrize(
    ("domain", "history"), [(NumberDomain(-1.0, 3.0), [0.5, 0.6, 2.9]), (NumberDomain(1e-4, 1e-1, True), [1e-2])]
)
def test_a_continuous_density_integrates_to_one_and_its_draws_follow_it(domain: NumberDomain, history: list[float]) -> None:
    density, rng = parzen(domain, history), random.Random(0)
    ends = (math.log(domain.low), math.log(domain.high)) if domain.log else (domain.low, domain.high)
    places = np.linspace(*ends, 2001)
    heights = [math.exp(density.log(math.exp(place) if domain.log else float(place))) for place in places]
    assert np.trapezoid(heights, places) == pytest.approx(1, abs=1e-4)
    middle = sum(ends) / 2
    below = float(np.trapezoid(heights[:1001], places[:1001]))
    drawn = [density.draw(rng) for _ in range(10_000)]
    assert all(domain.allows(value) for value in drawn)
    assert sum((math.log(v) if domain.log else v) < middle for v in drawn) / len(drawn) == pytest.approx(below, abs=0.02)


def test_one_observation_in_the_middle_by_hand() -> None:
    # the neighbours are the ends, 1/2 away; the least bandwidth is 1 / (n + 1) = 1/2. Gaussian of width 1/2 within two half-widths
    density = parzen(NumberDomain(0.0, 1.0), [0.5])
    mass = math.erf(1 / math.sqrt(2))
    gaussian = 1 / (0.5 * math.sqrt(2 * math.pi)) / mass
    assert math.exp(density.log(0.5)) == pytest.approx((1 + gaussian) / 2)


def test_the_bandwidth_is_the_larger_gap_within_its_limits() -> None:
    domain = NumberDomain(0.0, 10.0)
    # n = 4, so the least is 2. Gaps: 1 | 0.5 | 0.5 | 6 | 2
    assert list(parzen(domain, [1.0, 1.5, 2.0, 8.0])._widths) == [2, 2, 6, 6]  # type: ignore[attr-defined]
    assert list(parzen(domain, [5.0] * 200)._widths)[1:-1] == pytest.approx([0.1] * 198)  # type: ignore[attr-defined]
