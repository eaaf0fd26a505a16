import itertools
import math

import numpy as np
import pytest

from searchitect.benchmarks.reliability import choose, first_of, judge, mean_ranks, sentences
from searchitect.core import SettingError


def test_the_first_of_n_is_that_of_all_subsets() -> None:
    rng = np.random.default_rng(0)
    estimates, truth = rng.normal(size=7), rng.normal(size=7)
    for of in (1, 2, 3, 7):
        subsets = list(itertools.combinations(range(7), of))
        expected = sum(truth[max(subset, key=lambda i: estimates[i])] for subset in subsets) / len(subsets)
        assert first_of(estimates, truth, of) == pytest.approx(expected)
    assert first_of(estimates, truth, 1) == pytest.approx(truth.mean())
    with pytest.raises(SettingError, match="among 1 to 7 of 7 architectures, got 8"):
        first_of(estimates, truth, 8)


def test_equal_estimates_are_told_apart_by_a_fair_draw() -> None:
    estimates, truth = np.array([0.0, 1.0, 1.0, -math.inf]), np.array([5.0, 2.0, 4.0, 9.0])
    # pairs: 01, 02, 12 (a draw), 03, 13, 23
    assert first_of(estimates, truth, 2) == pytest.approx((2 + 4 + 3 + 5 + 2 + 4) / 6)
    assert first_of(np.zeros(4), truth, 3) == pytest.approx(5.0)


def test_ranks_begin_at_the_highest() -> None:
    assert mean_ranks(np.array([3.0, 9.0, 3.0, 1.0])).tolist() == [2.5, 1, 2.5, 4]


def test_a_perfect_estimate_chooses_what_the_truth_would() -> None:
    truth = np.linspace(0, 1, 40)
    found = choose(truth * 7 - 3, truth, 10)
    assert found["score"]["value"] == pytest.approx(found["best_score"])
    assert found["rank"]["value"] == pytest.approx(41 / 11)  # the expected smallest of 10 of the ranks 1 to 40
    assert found["random_rank"] == 20.5
    assert found["gain"]["low"] > 0


def test_what_is_shown_and_what_is_not() -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=60)
    good, noise = truth + 0.3 * rng.normal(size=60), rng.normal(size=60)
    found = judge(good, truth, noise)
    assert found["is_shown"]
    assert found["spearman"]["low"] < found["spearman"]["value"] < found["spearman"]["high"]
    assert found["best_quarter"]["spearman"]["value"] < found["spearman"]["value"]
    assert found["params"]["spearman"]["value"] < 0.5
    said = " ".join(sentences("synflow", found, "accuracy"))
    assert "Choosing by it gains" in said
    assert "The number of parameters alone" in said
    not_shown = judge(noise, truth)
    assert not not_shown["is_shown"]
    said = " ".join(sentences("noise", not_shown, "accuracy"))
    assert "Nothing is shown: the interval holds 0" in said
    assert "gains" not in said
    assert not judge(-truth, truth)["is_shown"]


def test_few_or_equal_architectures_say_nothing() -> None:
    with pytest.raises(SettingError, match="at least 4 architectures with a score are needed, got 3: raise k"):
        judge([1, 2, 3], [1, 2, 3])
    found = judge([1, 1, 1, 1], [1, 2, 3, 4])
    assert found["spearman"] == {"value": None, "low": None, "high": None}
    assert found["best_quarter"] is None
    said = " ".join(sentences("params", found, "accuracy"))
    assert "Nothing is shown: params, or the accuracy, is the same for all." in said


def test_where_lower_is_better_all_is_said_of_the_scores_themselves() -> None:
    rng = np.random.default_rng(0)
    truth = 100 + rng.standard_normal(30)  # such as perplexities
    estimates = -truth + 0.3 * rng.standard_normal(30)
    found, turned = judge(estimates, truth, direction="min"), judge(estimates, -truth)
    assert {key: found[key] for key in ("spearman", "kendall", "best_quarter")} == {
        key: turned[key] for key in ("spearman", "kendall", "best_quarter")
    }
    assert found["spearman"]["low"] > 0
    choice = found["choice"]
    assert choice["best_score"] <= choice["score"]["value"] < choice["random_score"] == pytest.approx(truth.mean())
    assert choice["score"]["low"] < choice["score"]["value"] < choice["score"]["high"]
    assert choice["gain"]["value"] == pytest.approx(choice["random_score"] - choice["score"]["value"])
    assert "Choosing by it lowers the validation perplexity by" in sentences("params", found, "validation perplexity")[-1]
    assert not judge(-estimates, truth, direction="min")["is_shown"]
