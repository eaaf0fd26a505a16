import random
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from searchitect.core import Architecture, Objective, SettingError, Space
from searchitect.strategies import bananas
from searchitect.strategies.bananas import Bananas
from searchitect.testing import CountOnes, simulate
from tests.real_data import real_data

SCORE = (Objective("score", "max"),)


class Oracle:
    """Knows how many ones there are, with a deviation; remembers what it was fitted to."""

    def __init__(self, space: Space, deviation: float, fitted: list[int]) -> None:
        self.deviation, self.fitted = deviation, fitted

    def fit(self, architectures: Sequence[Architecture], scores: Any) -> None:
        self.fitted.append(len(architectures))
        assert np.argmax(scores) == np.argmax([sum(a.spec) for a in architectures])

    def predict(self, architectures: Sequence[Architecture]) -> Any:
        return np.array([float(sum(a.spec)) for a in architectures]), np.full(len(architectures), self.deviation)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, float], list[int]]:
    setting, fitted = {"deviation": 0.0}, list[int]()
    monkeypatch.setattr(
        bananas, "make_predictor", lambda name, space, seed=0, **options: Oracle(space, setting["deviation"], fitted)
    )
    return setting, fitted


def test_a_model_serves_ten_results(oracle: tuple[dict[str, float], list[int]]) -> None:
    strategy = Bananas(CountOnes(20), SCORE)
    trials = simulate(strategy, lambda spec, _: sum(spec), 45)
    assert oracle[1] == [10, 20, 30, 40]
    assert [t.origin for t in trials] == ["random"] * 10 + ["strategy"] * 35
    assert strategy.notes() == [
        "BANANAS (predictor mlp-ensemble, anew every 10 results): 10 architectures drawn uniformly, 35 by the predictor."
    ]


def test_without_deviation_the_best_candidate_is_proposed(
    oracle: tuple[dict[str, float], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    space = CountOnes(20)
    pool = [space.sample(random.Random(seed)) for seed in range(100, 140)]
    strategy = Bananas(space, SCORE)
    simulate(strategy, lambda spec, _: sum(spec), 10)
    monkeypatch.setattr(bananas, "candidates", lambda *_: pool)
    found = [strategy.propose(random.Random(seed)) for seed in range(10)]
    assert {p.architecture for p in found if p} == {max(pool, key=lambda a: sum(a.spec))}


def test_with_a_large_deviation_any_candidate_is_proposed_as_often(
    oracle: tuple[dict[str, float], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    oracle[0]["deviation"] = 1e6
    space = CountOnes(20)
    pool = [space.sample(random.Random(seed)) for seed in range(100, 104)]
    strategy = Bananas(space, SCORE)
    simulate(strategy, lambda spec, _: sum(spec), 10)
    monkeypatch.setattr(bananas, "candidates", lambda *_: pool)
    found = [strategy.propose(random.Random(f"of {seed}")) for seed in range(1000)]
    shares = [sum(p is not None and p.architecture == a for p in found) / 1000 for a in pool]
    assert shares == pytest.approx([0.25] * 4, abs=0.05)


def test_candidates_are_mutations_of_the_best_and_random_ones(
    oracle: tuple[dict[str, float], list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(
        bananas,
        "candidates",
        lambda space, seen, parents, rng, mutations, draws: asked.append((parents, mutations, draws)) or [],
    )
    strategy = Bananas(CountOnes(20), SCORE, parents=2, mutations=7, draws=3)
    trials = simulate(strategy, lambda spec, _: sum(spec), 11)
    assert [len(parents) for parents, *_ in asked] == [2]
    assert asked[0][1:] == (7, 3)
    scores = sorted((t.metrics["score"] for t in trials[:10]), reverse=True)
    assert [sum(parent.spec) for parent in asked[0][0]] == scores[:2]
    assert trials[10].origin == "random"  # without any candidate


def test_with_the_papers_ensemble_it_is_ahead_of_chance() -> None:
    strategy = Bananas(CountOnes(40), SCORE, mutations=30, draws=10, predictor_options={"layers": 3, "epochs": 60})
    trials = simulate(strategy, lambda spec, _: sum(spec), 60, workers=3)
    assert max(t.metrics["score"] for t in trials) > 31  # the best of 60 random ones: about 27


@pytest.mark.parametrize("option", ["initial", "per_model", "parents", "draws"])
def test_settings_outside_their_range_are_refused(option: str) -> None:
    with pytest.raises(SettingError, match=f"{option} must be at least 1, got 0"):
        Bananas(CountOnes(20), SCORE, **{option: 0})  # type: ignore[arg-type]


def test_an_unknown_predictor_and_an_option_that_it_lacks_are_refused_at_construction() -> None:
    with pytest.raises(SettingError, match="'forest'"):
        Bananas(CountOnes(20), SCORE, predictor="forest")
    with pytest.raises(SettingError, match="leaves"):
        Bananas(CountOnes(20), SCORE, predictor="trees", predictor_options={"leaves": 3})


def test_with_a_forest_on_nas_bench_201_it_is_where_another_implementation_is() -> None:
    from searchitect.benchmarks import find_benchmark
    from searchitect.benchmarks.replay import replay

    real_data("nasbench201.parquet")
    table = find_benchmark("nasbench201:cifar100", score="test")
    best = []
    for seed in range(2):
        strategy = Bananas(
            table.space,
            (Objective("accuracy", "max"),),
            seed=seed,
            initial=20,
            mutations=60,
            draws=40,
            predictor="trees",
            predictor_options={"trees": 20, "encoding": "path"},
        )
        best.append(max(t.metrics["accuracy"] for t in replay(strategy, table, evaluations=150)))
    assert statistics.mean(best) == pytest.approx(0.7346, abs=0.003)  # the mean of 20 runs of a forest of 50 trees
