"""The validator of comparisons, and the words that they may use."""

import pytest

from searchitect.benchmarks.protocol import (
    DECISIVE,
    FIELDS,
    Contrast,
    check_protocol,
    sentence,
    unsupported_claims,
    verdict,
)
from searchitect.benchmarks.statistics import Interval

COMPLETE = {
    "code.version": "1.2.3",
    "code.dirty": False,
    "env": {"python": "3.11"},
    "data.name": ["digits"],
    "data.hash": {"digits": "0123"},
    "data.splits": {"train": [0, 1, 2], "valid": [3], "test": [4, 5]},
    "test_access": 1,
    "space.id": "toy",
    "space.size": 729,
    "strategy": {"random": {}},
    "estimator": "from-scratch",
    "hp_tuning": "paper values",
    "budget": {"search": "5m", "final": "2m"},
    "search.runs": 5,
    "final.runs": 3,
    "training.protocol": {"optimizer": "sgd"},
    "baseline.random": "in every comparison",
    "baseline.untuned": 0.9,
    "baseline.fixed": "a residual network: 0.95",
    "equal_protocol": True,
    "ablation": "none: no new component",
    "anytime": "see the chart",
    "costs": "params: trained",
    "stats": {"n": 5, "interval": "bootstrap", "test": "Mann-Whitney", "effect": "A"},
    "failures": {"failed": 0},
    "weights_init": "from scratch",
    "selection_rule": "validation accuracy",
    "deviation": "none",
}


def test_a_complete_record_has_no_problem():
    assert set(COMPLETE) == set(FIELDS)
    assert check_protocol(COMPLETE) == []


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("nothing", [None, "gone"])
def test_removing_any_field_is_found_under_its_name(field, nothing):
    record = {**COMPLETE, field: None} if nothing is None else {k: v for k, v in COMPLETE.items() if k != field}
    found = check_protocol(record)
    assert [(problem.field, problem.kind) for problem in found] == [(field, "missing")]
    assert found[0].forbids_claims == (field in DECISIVE)
    assert field in found[0].why


@pytest.mark.parametrize(
    ("field", "value", "words", "forbids"),
    [
        (
            "data.splits",
            {"train": [0, 1, 2], "valid": [3], "test": [2, 4]},
            "train and test share 1 rows, the first is 2",
            True,
        ),
        ("data.splits", {"train": [0, 1], "valid": [1, 0], "test": [4]}, "train and valid share 2 rows", True),
        ("data.splits", {"a": {"train": [0], "valid": [0], "test": [1]}}, "a: train and valid share 1", True),
        ("data.splits", {"train": 100, "valid": 50, "test": 50}, "give the seed", True),
        ("data.splits", {"train": [0], "valid": [1]}, "the test part is not told", True),
        ("test_access", 2, "looked at 2 times", True),
        ("test_access", {"a": 1, "b": 3}, "looked at 3 times", True),
        ("test_access", 0, "the search saw what is reported", False),
        ("search.runs", 4, "4 independent searches, at least 5", True),
        ("search.runs", {"random": 30, "tpe": 2}, "2 independent searches", True),
        ("final.runs", 1, "1 trainings of an architecture found, at least 3", False),
        ("code.dirty", True, "no commit holds", False),
        ("equal_protocol", False, "not evaluated in one way", True),
        ("stats", {"n": 5, "interval": "bootstrap"}, "does not tell test, effect", True),
    ],
)
def test_each_rule_finds_its_violation(field, value, words, forbids):
    (found,) = check_protocol({**COMPLETE, field: value})
    assert (found.field, found.kind, found.forbids_claims) == (field, "violated", forbids)
    assert words in found.why


@pytest.mark.parametrize(
    "splits",
    [
        {"train": 100, "valid": 50, "test": 50, "seed": 0},
        {"source": "split by the authors"},
        {"a": {"source": "x"}, "b": {"source": "y"}},
    ],
)
def test_splits_may_be_told_in_other_ways(splits):
    assert check_protocol({**COMPLETE, "data.splits": splits}) == []


def contrast(low, high, p=0.001, runs=30):
    return Contrast("tpe", "random", Interval((low + high) / 2, low, high), p, 0.8, runs)


def test_the_word_better_needs_an_interval_without_zero_a_test_and_enough_searches():
    assert verdict(contrast(0.1, 0.5)) == "better"
    assert verdict(contrast(-0.5, -0.1)) == "worse"
    assert verdict(contrast(-0.1, 0.5)) == "no difference shown"
    assert verdict(contrast(0.0, 0.5)) == "no difference shown"
    assert verdict(contrast(0.1, 0.5, p=0.06)) == "no difference shown"
    assert verdict(contrast(0.1, 0.5, runs=4)) == "no claim"
    assert verdict(contrast(0.1, 0.5), ["data.splits"]) == "no claim"


@pytest.mark.parametrize(
    ("found", "forbidden"),
    [
        (contrast(-0.1, 0.5), []),
        (contrast(0.1, 0.5, runs=3), []),
        (contrast(0.1, 0.5), ["test_access"]),
        (contrast(0.1, 0.5, p=0.2), []),
    ],
)
def test_no_other_sentence_uses_a_word_of_victory(found, forbidden):
    said = sentence(found, forbidden)
    assert unsupported_claims({"it": said}, []) == []
    assert "+0.3" in said or "+0.2" in said
    assert all(field in said for field in forbidden)


def test_an_earned_sentence_says_by_how_much_and_is_allowed_only_as_it_is():
    said = sentence(contrast(0.1, 0.5))
    assert said.startswith(
        "tpe is better than random: +0.30 points on average, 95 % interval +0.10 to +0.50, corrected p 0.001, above in 80 %"
    )
    assert unsupported_claims({"page": f"<p>{said}</p>"}, [said]) == []
    assert len(unsupported_claims({"page": said}, [])) == 1
    changed = said.replace("random", "local-search")
    assert "page says 'better'" in unsupported_claims({"page": changed}, [said])[0]


@pytest.mark.parametrize("word", ["better", "Worse", "outperforms", "beats", "state-of-the-art", "superior"])
def test_words_of_victory_are_found_in_any_text(word):
    assert unsupported_claims({"notes": f"bananas {word} random"}, [])
    assert not unsupported_claims({"notes": '<a class="better">best so far</a>'}, [])
