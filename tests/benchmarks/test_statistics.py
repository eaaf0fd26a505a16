"""Statistics of comparisons, against published tables, hand computations and simulations."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from searchitect.benchmarks import statistics as st
from searchitect.core import SettingError


@pytest.mark.parametrize(("n", "tolerance"), [(5, 0.04), (10, 0.02), (30, 0.02)])
def test_intervals_of_the_mean_cover_95_percent_on_normal_data(n, tolerance):
    rng = np.random.default_rng(1)
    runs, hits = 2000, 0
    for seed in range(runs):
        found = st.bootstrap(lambda drawn: drawn.mean(axis=1), rng.normal(3, 2, n), seed=seed, draws=800)
        hits += found.low <= 3 <= found.high
    assert abs(hits / runs - 0.95) < tolerance


def test_intervals_of_a_difference_cover_95_percent():
    rng = np.random.default_rng(2)
    runs, hits = 1000, 0
    for seed in range(runs):
        a, b = rng.normal(1, 1, 30), rng.normal(0, 3, 30)
        found = st.bootstrap(lambda x, y: x.mean(axis=1) - y.mean(axis=1), a, b, seed=seed, draws=600)
        hits += found.low <= 1 <= found.high
    assert abs(hits / runs - 0.95) < 0.02


def test_a_plain_percentile_interval_of_five_numbers_would_be_far_too_narrow():
    assert st.expanded_level(5) == pytest.approx(2 * stats.norm.cdf(2.7764 * math.sqrt(5 / 4)) - 1, abs=1e-4)
    assert st.expanded_level(5) > st.expanded_level(30) > 0.95
    assert st.expanded_level(10**6) == pytest.approx(0.95, abs=1e-5)


def test_a_summary_by_hand():
    found = st.summarise([1, 2, 3, 4, 10])
    assert (found.n, found.mean, found.median, found.least, found.most) == (5, 4, 3, 1, 10)
    assert (found.lower_quartile, found.upper_quartile) == (2, 4)
    assert found.std == pytest.approx(math.sqrt(50 / 4))
    assert found.mean_low < 4 < found.mean_high
    assert (st.summarise([1, 2]).mean_low, st.summarise([1, 2]).mean_high) == pytest.approx((1, 2))
    assert st.summarise([0.5]).mean_low == st.summarise([0.5]).mean_high == 0.5


def test_a_paired_difference_is_narrower_where_pairs_share_their_luck():
    rng = np.random.default_rng(0)
    luck = rng.normal(0, 1, 12)
    a, b = luck + 0.1 + rng.normal(0, 0.02, 12), luck + rng.normal(0, 0.02, 12)
    paired, alone = st.difference(a, b, is_paired=True), st.difference(a, b)
    assert paired.value == pytest.approx(alone.value)
    assert not paired.holds_zero
    assert alone.holds_zero
    with pytest.raises(SettingError, match="as many on both sides, got 12 and 3"):
        st.difference(a, b[:3], is_paired=True)


def test_relative_improvement_is_zero_for_equal_sets_and_flips_its_sign():
    drawn = [0.90, 0.92, 0.94]
    assert st.relative_improvement(drawn, drawn).value == 0
    assert st.relative_improvement(drawn, drawn).holds_zero
    ours, theirs = [0.95] * 8, [0.90] * 8
    there, back = st.relative_improvement(ours, theirs), st.relative_improvement(theirs, ours)
    assert there.value == pytest.approx(100 * 0.05 / 0.90)
    assert back.value == pytest.approx(-100 * 0.05 / 0.95)  # not -there: the denominator is another one
    with pytest.raises(SettingError, match="mean score above 0"):
        st.relative_improvement([1.0], [-1.0])


def test_mann_whitney_by_hand_and_on_equal_scores():
    # all 3 above all 3: 1 of C(6, 3) = 20 orders, two-sided
    assert st.mann_whitney([4, 5, 6], [1, 2, 3]) == pytest.approx(2 / 20)
    assert st.mann_whitney([1, 2, 3], [4, 5, 6]) == pytest.approx(2 / 20)
    assert st.mann_whitney([1, 1], [1, 1, 1]) == 1.0


def test_effect_size_counts_pairs():
    a, b = [3, 1, 2, 2], [2, 0, 5]
    pairs = [(x > y) + 0.5 * (x == y) for x, y in itertools.product(a, b)]
    assert st.vargha_delaney(a, b) == pytest.approx(np.mean(pairs))
    assert st.vargha_delaney([2, 3], [0, 1]) == 1.0
    assert st.vargha_delaney([1], [1]) == 0.5


def test_holm_by_hand():
    # 0.01 * 4, 0.02 * 3, max(0.06, 0.03 * 2), max(0.06, 0.04 * 1)
    assert st.holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert st.holm([0.5, 0.9]) == [1.0, 1.0]
    assert st.holm([]) == []


@pytest.mark.parametrize(
    ("strategies", "q"),
    # Demsar 2006, table 5 (a): alpha = 0.05
    [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (7, 2.949), (8, 3.031), (9, 3.102), (10, 3.164)],
)
def test_critical_difference_by_the_published_table(strategies, q):
    expected = q * math.sqrt(strategies * (strategies + 1) / (6 * 14))
    assert st.critical_difference(strategies, 14) == pytest.approx(expected, abs=1.5e-3)


def test_critical_difference_of_the_papers_examples():
    assert st.critical_difference(4, 14) == pytest.approx(1.25, abs=5e-3)  # Demsar 2006, section 3.2.2
    assert st.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=5e-3)


def test_ranks_of_the_papers_example():
    # Demsar 2006, table 6: AUC of four trees on 14 data sets; average ranks 3.143, 2.000, 2.893, 1.964
    table = [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]  # fmt: skip
    found = st.rank_over_blocks(table)
    assert found.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert found.p < 0.05
    assert found.blocks == 14


def test_ranks_of_equal_and_of_few_strategies():
    assert st.rank_over_blocks([[1, 1, 1], [2, 2, 2]]).ranks == (2, 2, 2)
    assert st.rank_over_blocks([[1, 1, 1], [2, 2, 2]]).p == 1.0
    two = st.rank_over_blocks([[1, 2], [3, 4]])
    assert two.ranks == (2, 1)
    assert math.isnan(two.p)
    assert math.isnan(st.rank_over_blocks([[1, 2, 3]]).critical_difference)


def test_the_expected_choice_of_random_search_is_the_mean_over_all_subsets():
    valid, test = [0.3, 0.1, 0.2, 0.5, 0.2], [0.7, 0.1, 0.4, 0.6, 0.2]
    for n in (1, 2, 3, 5):
        # rows of equal validation share their mean test score, whichever of them was drawn
        shared = [0.7, 0.1, 0.3, 0.6, 0.3]
        exact = np.mean([max((valid[i], shared[i]) for i in subset)[1] for subset in itertools.combinations(range(5), n)])
        assert st.expected_choice(valid, test, [n])[0] == pytest.approx(exact)
    with pytest.raises(SettingError, match=r"\[1, 5\]"):
        st.expected_choice(valid, test, [6])


def test_scores_that_are_no_numbers_are_refused():
    for scores in ([], [float("nan")], [[1.0]]):
        with pytest.raises(SettingError, match="at least one finite number"):
            st.summarise(scores)
