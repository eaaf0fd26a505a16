"""What is said about random search, on made-up trials."""

import random
from dataclasses import replace
from typing import Any

import pytest

from searchitect.core import Architecture, Fidelity, Objective, Trial, TrialState
from searchitect.metrics.best_of_n import expected_best
from searchitect.search.baseline import compare_with_random

BEST = Objective("accuracy", "max")


def trial(number: int, origin: Any, value: float | None, **more: Any) -> Trial:
    architecture = Architecture([number])
    metrics = {} if value is None else {"accuracy": value}
    state = more.pop("state", TrialState.COMPLETE)
    return Trial(
        number,
        architecture,
        architecture.key,
        more.pop("fidelity", Fidelity(3)),
        0,
        origin,
        state=state,
        metrics=metrics,
        **more,
    )


def run(own: list[float], drawn: list[float], objective: Objective = BEST) -> dict[str, Any]:
    values = [("strategy", v) for v in own] + [("baseline", v) for v in drawn]
    found = compare_with_random({n: trial(n, origin, v) for n, (origin, v) in enumerate(values)}, objective, "this search")
    assert found is not None
    return found


DRAWN = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


def test_the_expected_best_is_that_of_order_statistics() -> None:
    found = run([0.5] * 4, DRAWN)
    assert found["n"] == 4
    assert found["draws"] == 8
    assert found["expected"] == pytest.approx(expected_best(DRAWN, 4))
    assert found["expected"] == pytest.approx(0.72)  # of 4 out of 8 numbered ones the best is 4 * 9 / 5 on average


@pytest.mark.parametrize(
    ("own", "verdict"),
    [
        ([0.2, 0.95, 0.3, 0.1], "better than random search"),
        ([0.2, 0.72, 0.3, 0.1], "no better than random search"),
        ([0.2, 0.15, 0.1, 0.1], "worse than random search"),
    ],
)
def test_the_verdict_follows_the_interval(own: list[float], verdict: str) -> None:
    found = run(own, DRAWN)
    assert found["verdict"] == verdict
    assert verdict in found["sentence"]
    assert found["low"] <= found["expected"] <= found["high"]
    assert found["search_best"] == max(own)


def test_both_sides_stop_at_the_same_number() -> None:
    found = run([0.2, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.99], DRAWN)  # its ninth came too late
    assert found["n"] == 8
    assert found["search_best"] == 0.3
    assert found["verdict"] == "worse than random search"
    assert [p["best"] for p in found["search_curve"]] == [0.2, *[0.3] * 7, 0.99]


def test_what_is_to_become_small_is_compared_the_other_way_round() -> None:
    small = Objective("accuracy", "min")
    found = run([0.05, 0.5, 0.5, 0.5], DRAWN, small)
    assert found["verdict"] == "better than random search"
    assert found["search_best"] == 0.05
    assert found["expected"] == pytest.approx(0.9 - 0.72)
    assert found["low"] <= found["expected"] <= found["high"]
    best = [p["expected"] for p in found["curve"]]
    assert best == sorted(best, reverse=True)


def test_failed_draws_count_as_the_worst_one() -> None:
    trials = {n: trial(n, "strategy", 0.5) for n in range(4)}
    trials |= {4 + n: trial(4 + n, "baseline", v) for n, v in enumerate([0.6, 0.7, 0.8])}
    trials[7] = trial(7, "baseline", None, state=TrialState.FAILED)
    found = compare_with_random(trials, BEST, "it")
    assert found is not None
    assert found["expected"] == pytest.approx(0.8)
    trials[8] = trial(8, "baseline", None, state=TrialState.FAILED)
    found = compare_with_random(trials, BEST, "it")
    assert found is not None
    assert found["expected"] == pytest.approx(expected_best([0.5, 0.5, 0.6, 0.7, 0.8], 4))


def test_infeasible_final_and_promoted_trials_are_no_draws() -> None:
    base = {n: trial(n, "strategy", 0.5) for n in range(4)} | {4 + n: trial(4 + n, "baseline", 0.1 * n) for n in range(6)}
    others = [
        trial(10, "baseline", 1.0, state=TrialState.INFEASIBLE),
        trial(11, "final", 1.0),
        trial(12, "strategy", 1.0, resume=True, parent=0),
        trial(13, "strategy", 1.0, fidelity=Fidelity(9)),
        trial(14, "baseline", 1.0, state=TrialState.RUNNING),
    ]
    assert compare_with_random(base | {t.id: t for t in others}, BEST, "it") == compare_with_random(base, BEST, "it")


def test_a_repeated_draw_is_a_draw() -> None:
    trials = {n: trial(n, "strategy", 0.5) for n in range(4)} | {4 + n: trial(4 + n, "baseline", 0.5) for n in range(3)}
    assert compare_with_random(trials, BEST, "it") is None
    twin = replace(trial(7, "baseline", 0.5), twin=0)
    found = compare_with_random(trials | {7: twin}, BEST, "it")
    assert found is not None
    assert found["draws"] == 4


def test_too_few_draws_say_nothing() -> None:
    assert compare_with_random({}, BEST, "it") is None
    assert compare_with_random({n: trial(n, "baseline", 0.5) for n in range(3)}, BEST, "it") is None


def test_a_search_that_was_not_guided_yet_admits_it() -> None:
    trials = {n: trial(n, "random", 0.1 * n) for n in range(8)}
    found = compare_with_random(trials, BEST, "this search")
    assert found is not None
    assert "says nothing about the strategy" in found["sentence"]
    assert "says nothing" not in run([0.9] * 8, DRAWN)["sentence"]


def test_what_a_strategy_begins_with_is_its_own_but_not_chosen_by_score() -> None:
    """Such as the smallest networks, or the genomes of a first generation: no uniform draws either."""
    starts = {n: trial(n, "start", 0.9) for n in range(20)}
    starts |= {20 + n: trial(20 + n, "baseline", v) for n, v in enumerate(DRAWN)}
    found = compare_with_random(starts, BEST, "this search")
    assert found is not None
    assert (found["draws"], found["search_best"], found["medians"]) == (8, 0.9, None)
    assert found["sentence"].endswith("says nothing about the strategy. None of these architectures was chosen by score yet.")
    found = compare_with_random(starts | {28 + n: trial(28 + n, "strategy", 0.95) for n in range(5)}, BEST, "this search")
    assert found is not None
    assert "None of the first 8 was chosen by score. The 5 architectures chosen by score have a" in found["sentence"]


def test_scores_with_shared_weights_are_said_to_be_no_more_than_that() -> None:
    trials = {n: trial(n, "random" if n < 8 else "strategy", 0.05 * n) for n in range(16)}
    alone, shared = (compare_with_random(trials, BEST, "this search", is_shared=is_shared) for is_shared in (False, True))
    assert alone is not None
    assert shared is not None
    assert "judged with shared weights, this search had reached" in shared["sentence"]
    assert shared["sentence"].endswith("what the networks reach alone is another matter.")
    assert "shared" not in alone["sentence"]
    assert (shared["verdict"], shared["epochs"]) == (alone["verdict"], None)


def test_networks_that_are_not_trained_have_no_epochs() -> None:
    values = [("strategy", 0.5)] * 4 + [("baseline", v) for v in DRAWN]
    trials = {n: trial(n, origin, v) for n, (origin, v) in enumerate(values)}
    found = compare_with_random(trials, BEST, "this search", is_trained=False)
    assert found is not None
    assert found["epochs"] is None
    assert "architectures each, judged as built, this search" in found["sentence"]


def test_random_search_against_itself_is_rarely_better_or_worse() -> None:
    rng, verdicts = random.Random(0), []
    for _ in range(60):
        verdicts.append(run([rng.random() for _ in range(15)], [rng.random() for _ in range(30)])["verdict"])
    assert verdicts.count("better than random search") <= 24


def test_the_medians_of_chosen_and_random_architectures_are_told() -> None:
    found = run([0.9, 0.5, 0.7, 0.6], DRAWN)
    assert found["medians"] == {"chosen": pytest.approx(0.65), "random": pytest.approx(0.45), "n": 4}
    assert "The 4 architectures chosen by score have a median of 0.6500, the 8 random ones 0.4500." in found["sentence"]
    smaller = run([0.9, 0.5, 0.7, 0.6], DRAWN, Objective("accuracy", "min"))
    assert smaller["medians"]["random"] == pytest.approx(0.45)


def test_too_few_chosen_architectures_have_no_median() -> None:
    drawn = {n: trial(n, "random", v) for n, v in enumerate(DRAWN)}
    found = compare_with_random(drawn | {8: trial(8, "strategy", 0.9)}, BEST, "this search")
    assert found is not None
    assert found["medians"] is None
