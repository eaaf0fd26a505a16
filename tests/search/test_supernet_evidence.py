import random

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Trial, TrialState
from searchitect.core.trial import CUT_SHORT
from searchitect.metrics.intervals import relative_improvement_of_one
from searchitect.search.supernet_evidence import evidence
from searchitect.testing.toys import CountOnes

MAX = Objective("accuracy", "max")
SPACE = CountOnes()


def trial(number: int, score: float | None, parent: int | None = None) -> Trial:
    drawn = SPACE.sample(random.Random(number))
    metrics = {} if score is None else {"accuracy": score, "loss": 1 - score}
    state = TrialState.FAILED if score is None else TrialState.COMPLETE
    origin = "strategy" if parent is None else "final"
    key = str(number % 100)
    return Trial(number, drawn, key, Fidelity(1.0), seed=0, origin=origin, parent=parent, state=state, metrics=metrics)


def run(shared: list[float], alone: list[float | None], finalists: int, objective: Objective = MAX) -> dict:
    searched = {n: trial(n, score) for n, score in enumerate(shared)}
    final = [trial(100 + n, score, n) for n, score in enumerate(alone)]
    return evidence(final[:finalists], final[finalists:], searched, objective)


def test_points_tell_where_an_architecture_came_from_and_both_its_scores():
    found = run([0.5, 0.4, 0.3, 0.2, 0.15, 0.1], [0.95, 0.94, 0.93, 0.92, 0.91, None], 2)
    assert [p["origin"] for p in found["points"]] == ["derived", "chosen", "random", "random", "random"]
    pairs = [(0.5, 0.95), (0.4, 0.94), (0.3, 0.93), (0.2, 0.92), (0.15, 0.91)]
    assert [(p["shared"], p["alone"]) for p in found["points"]] == pairs
    assert found["points"][1]["key"] == "1"
    assert found["kendall"]["value"] == 1
    assert found["spearman"]["value"] == 1


def test_a_random_one_that_was_chosen_too_is_trained_once_and_is_a_random_one() -> None:
    searched = {n: trial(n, score) for n, score in enumerate([0.5, 0.4, 0.3])}
    first, second, third = (trial(100 + n, score, n) for n, score in enumerate([0.95, 0.94, 0.93]))
    found = evidence([first, second], [third, second], searched, MAX, 2)
    assert [(p["trial"], p["origin"]) for p in found["points"]] == [(100, "derived"), (101, "random"), (102, "random")]
    assert "2 random ones" in found["sentences"][0]
    assert len(found["sentences"]) == 2


def test_what_was_cut_short_is_left_out_and_what_was_hopeless_is_not() -> None:
    searched = {n: trial(n, score) for n, score in enumerate([0.5, 0.4, 0.3, 0.2])}
    final = [trial(100 + n, score, n) for n, score in enumerate([0.95, 0.94, 0.2, 0.1])]
    for place, reason in ((2, "hopeless"), (3, CUT_SHORT)):
        final[place].state, final[place].reason = TrialState.PRUNED, reason
    found = evidence(final[:1], final[1:], searched, MAX, 5)
    assert [p["trial"] for p in found["points"]] == [100, 101, 102]
    assert found["cut"] == 1
    assert "Only 3 random architectures were there to compare with, not 5" in found["sentences"][1]
    assert "1 trainings were cut short" in found["sentences"][2]
    final[0].state, final[0].reason = TrialState.PRUNED, CUT_SHORT
    assert "its own training gave no score" in evidence(final[:1], final[1:], searched, MAX)["sentences"][0]


def test_nothing_is_called_better_where_the_interval_holds_0():
    shared = [0.5, 0.4, 0.3, 0.35, 0.2, 0.3, 0.1]
    unclear = run(shared, [0.93, 0.95, 0.91, 0.94, 0.92, 0.95, 0.93], 2)
    assert unclear["relative_improvement"]["low"] < 0 < unclear["relative_improvement"]["high"]
    assert "no difference is shown" in unclear["sentences"][0]
    assert "no better than chance" in unclear["sentences"][1]
    assert "7 networks are few" in unclear["sentences"][1]
    clear = run(shared, [0.99, 0.9, 0.901, 0.9, 0.902, 0.9, 0.901], 2)
    assert clear["relative_improvement"]["low"] > 0
    assert "more than random draws differ" in clear["sentences"][0]
    worse = run(shared, [0.8, 0.9, 0.901, 0.9, 0.902, 0.9, 0.901], 2)
    assert "worse than random draws" in worse["sentences"][0]


def test_of_a_loss_a_smaller_one_is_an_improvement():
    found = run([0.5] * 4, [0.9, 0.8, 0.81, 0.79], 1, Objective("loss", "min"))
    assert found["relative_improvement"]["value"] == pytest.approx(50)
    assert 0 < found["relative_improvement"]["low"] < 50 < found["relative_improvement"]["high"]


def test_too_few_trainings_are_said_to_be_too_few():
    found = run([0.5, 0.4, 0.3], [0.9, 0.8, 0.7], 2)
    assert found["kendall"] is None
    assert found["relative_improvement"] is None
    assert "1 of these were trained alone" in found["sentences"][0]
    assert "at least 5 are needed" in found["sentences"][1]
    same = run([0.5] * 5, [0.9, 0.8, 0.7, 0.75, 0.74], 2)
    assert same["kendall"]["value"] is None
    assert "the same for all" in same["sentences"][1]
    assert run([0.5], [None], 1)["points"] == []


def test_the_interval_of_one_architecture_holds_0_as_often_as_it_says_for_one_that_is_no_better():
    rng = random.Random(0)
    held = 0
    for _ in range(1000):
        found, *drawn = [rng.gauss(0.9, 0.01) for _ in range(6)]
        held += relative_improvement_of_one(found, drawn).holds_zero
    assert held == pytest.approx(950, abs=20)


def test_the_interval_of_one_architecture_by_hand():
    # mean 10, deviation 1, n = 3; Student's 0.975 quantile with 2 degrees of freedom is 4.3027
    found = relative_improvement_of_one(12.0, [9.0, 10.0, 11.0])
    half = 100 * 4.3027 * (4 / 3) ** 0.5 / 10
    assert (found.value, found.low, found.high) == pytest.approx((20, 20 - half, 20 + half), abs=1e-3)
    with pytest.raises(SettingError, match="two random architectures"):
        relative_improvement_of_one(1.0, [1.0])
