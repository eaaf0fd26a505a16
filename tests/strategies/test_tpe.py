import itertools
import random
import statistics
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from searchitect.core import Chooser, Fidelity, Objective, SettingError, Space, Strategy, Trial, TrialState
from searchitect.strategies.tpe import Tpe, good_count
from searchitect.testing import CountOnes, simulate
from tests.real_data import real_data

SCORE = (Objective("score", "max"),)


class Letters(Space):
    """Two letters, and a number that makes every draw a new one."""

    name = "letters"

    def describe(self, choose: Chooser) -> Any:
        return [choose("first", "abc"), choose("second", "abc"), choose.between("any", 0.0, 1.0)]


class Conditional(Space):
    name = "conditional"

    def describe(self, choose: Chooser) -> Any:
        layer = choose("layer", {"conv": lambda: {"kernel": choose("kernel", [1, 3, 5])}, "pool": lambda: {}})
        return [layer, choose.between("any", 0.0, 1.0)]


class Plain(Space):
    name = "plain"

    def describe(self, choose: Chooser) -> Any:
        return [choose("first", "abc"), choose("second", "abcd")]


def tell(
    strategy: Strategy, decisions: dict[str, Any], score: float, number: int, state: TrialState = TrialState.COMPLETE
) -> None:
    architecture = strategy.space.decide(decisions)
    key = strategy.space.key(architecture)
    strategy.tell(Trial(number, architecture, key, Fidelity(1), 0, state=state, metrics={"score": score}))


def proposals(strategy: Strategy, count: int) -> list[Any]:
    """By other random numbers each, while nothing runs."""
    found = []
    for seed in range(count):
        proposal = strategy.propose(random.Random(f"of {seed}"))
        assert proposal is not None
        found.append(proposal.architecture.decisions)
        strategy._running.clear()  # type: ignore[attr-defined]
        strategy._split = None  # type: ignore[attr-defined]
    return found


def test_the_good_ones_are_counted_by_hyperopts_rule() -> None:
    # a quarter of the root, rounded up, at most 25
    assert [good_count(n, None) for n in (1, 16, 17, 20, 64, 100, 10_000, 40_000)] == [1, 1, 2, 2, 2, 3, 25, 25]
    assert [good_count(n, 0.15) for n in (1, 20, 100)] == [1, 3, 15]
    assert good_count(7, 1.0) == 7


def test_with_all_of_them_good_it_samples_the_history_smoothed_by_the_prior() -> None:
    strategy = Tpe(Letters(), SCORE, initial=8, candidates=1, gamma=1)
    for number, letter in enumerate("aaaaaabb"):
        tell(strategy, {"first": letter, "second": "abc"[number % 3], "any": number / 10}, number, number)
    drawn = Counter(d["first"] for d in proposals(strategy, 1500))
    for letter, count in (("a", 7), ("b", 3), ("c", 1)):
        assert drawn[letter] / 1500 == pytest.approx(count / 11, abs=0.03)


def test_the_candidate_with_the_largest_ratio_is_proposed() -> None:
    history = [("a", "a", 9), ("a", "b", 8), ("b", "b", 1), ("c", "a", 2), ("c", "c", 3), ("b", "c", 4)]
    strategy = Tpe(Plain(), SCORE, initial=6, candidates=300, gamma=0.3)  # two are good
    for number, (first, second, score) in enumerate(history):
        tell(strategy, {"first": first, "second": second}, score, number)

    def ratio(pair: tuple[str, str]) -> Fraction:
        found = Fraction(1)
        for place, labels in enumerate(("abc", "abcd")):
            good = sum(h[place] == pair[place] for h in history[:2])
            bad = sum(h[place] == pair[place] for h in history[2:])
            found *= Fraction(good + 1, 2 + len(labels)) / Fraction(bad + 1, 4 + len(labels))
        return found

    known = {(first, second) for first, second, _ in history}
    unknown = [pair for pair in itertools.product("abc", "abcd") if pair not in known]
    best = max(unknown, key=ratio)
    assert best == ("a", "d")  # 3/1 for a; d has 1/1 and c only 1/3
    (decisions,) = proposals(strategy, 1)
    assert (decisions["first"], decisions["second"]) == best


def test_a_decision_that_was_not_made_says_nothing() -> None:
    def kernels(pools: int) -> Counter[int]:
        strategy = Tpe(Conditional(), SCORE, initial=4, candidates=1, gamma=1)
        for number, kernel in enumerate([3, 3, 3, 5]):
            tell(strategy, {"layer": "conv", "layer/conv/kernel": kernel, "any": number / 10}, 1, number)
        for number in range(pools):
            tell(strategy, {"layer": "pool", "any": number / 100}, 1, 100 + number)
        return Counter(d["layer/conv/kernel"] for d in proposals(strategy, 1500) if d["layer"] == "conv")

    for pools in (0, 6):
        drawn = kernels(pools)
        assert [drawn[kernel] / drawn.total() for kernel in (1, 3, 5)] == pytest.approx([1 / 7, 4 / 7, 2 / 7], abs=0.06)


@pytest.mark.parametrize("state", [TrialState.RUNNING, TrialState.FAILED, TrialState.INFEASIBLE, TrialState.PRUNED])
def test_what_runs_and_what_did_not_end_well_makes_others_more_likely(state: TrialState) -> None:
    def share_of_a(extra: int) -> float:
        strategy = Tpe(Letters(), SCORE, initial=6, candidates=4)
        for number, letter in enumerate("aabbcc"):
            tell(strategy, {"first": letter, "second": "a", "any": number / 10}, 1 - number / 10, number)
        running = dict(strategy._running)
        for number in range(extra):
            tell(strategy, {"first": "a", "second": "a", "any": 0.5 + number / 100}, 2.0, 100 + number, state)
        assert len(strategy._running) - len(running) == (extra if state is TrialState.RUNNING else 0)
        found = 0
        for seed in range(300):
            good, others = strategy._estimators()
            rng = random.Random(seed)
            found += max((strategy._candidate(good, others, rng) for _ in range(4)), key=lambda c: c[0])[1].spec[0] == "a"
        return found / 300

    assert share_of_a(12) < share_of_a(0) - 0.1


def test_it_draws_at_random_until_so_many_have_ended_well() -> None:
    strategy = Tpe(CountOnes(20), SCORE, initial=10)
    trials = simulate(strategy, lambda spec, _: sum(spec), 30)
    assert [t.origin for t in trials] == ["random"] * 10 + ["strategy"] * 20
    assert strategy.notes() == [
        "Tree-structured Parzen estimator (10 random architectures first, best of 24 candidates): "
        "10 architectures drawn uniformly, 20 from the estimators."
    ]


def test_it_tries_a_whole_small_space_once_and_then_has_nothing_to_propose() -> None:
    trials = simulate(Tpe(Plain(), SCORE, initial=3), lambda spec, _: float(ord(spec[0])), 50)
    assert len(trials) == 12 == len({t.key for t in trials})


def test_ones_are_counted_better_than_by_chance() -> None:
    found = [
        max(
            t.metrics["score"]
            for t in simulate(Tpe(CountOnes(40), SCORE, seed=seed, candidates=12), lambda spec, _: sum(spec), 120)
        )
        for seed in range(3)
    ]
    assert min(found) > 30  # the best of 120 random ones: about 28


@pytest.mark.parametrize("options", [{"initial": 0}, {"candidates": 0}, {"gamma": 0.0}, {"gamma": 1.5}])
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(options))):
        Tpe(Plain(), SCORE, **options)


def test_on_nas_bench_201_it_is_ahead_of_random_search() -> None:
    from searchitect.benchmarks import find_benchmark
    from searchitect.benchmarks.replay import replay

    real_data("nasbench201.parquet")
    table = find_benchmark("nasbench201:cifar100", score="test")
    objective = (Objective("accuracy", "max"),)
    best = [
        max(t.metrics["accuracy"] for t in replay(Tpe(table.space, objective, seed=seed), table, evaluations=150))
        for seed in range(6)
    ]
    assert statistics.mean(best) > 0.722  # random search: 0.7182, the mean of 300 runs
