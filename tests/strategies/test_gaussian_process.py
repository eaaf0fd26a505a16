import random
import statistics
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from searchitect.core import Architecture, Chooser, Fidelity, Objective, SettingError, Space, SpaceError, Trial, TrialState
from searchitect.predictors.kernels import make_kernel
from searchitect.strategies.gaussian_process import GaussianProcessSearch, fitted_count
from searchitect.strategies.observed import normal_scores
from searchitect.testing import CountOnes, simulate
from tests.real_data import real_data

SCORE = (Objective("score", "max"),)


@dataclass(frozen=True)
class Letters(Space):
    """64 words of three letters."""

    name = "letters"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"letter/{place}", "abcd") for place in range(3)]


def trial(strategy: GaussianProcessSearch, number: int, word: str, score: float, state: TrialState) -> Trial:
    architecture = strategy.space.decide({f"letter/{place}": letter for place, letter in enumerate(word)})
    return Trial(number, architecture, architecture.key, Fidelity(1), 0, state=state, metrics={"score": score})


WORDS = {"aaa": 0.1, "abc": 0.7, "bcd": 0.4, "dda": 0.9, "ccc": 0.2, "dba": 0.8, "add": 0.5}


def told(running: tuple[str, ...] = (), failed: tuple[str, ...] = (), **options: Any) -> GaussianProcessSearch:
    strategy = GaussianProcessSearch(Letters(), SCORE, initial=3, kernel="hamming", **options)
    for number, (word, score) in enumerate(WORDS.items()):
        strategy.tell(trial(strategy, number, word, score, TrialState.COMPLETE))
    for number, word in enumerate(running, start=100):
        strategy.tell(trial(strategy, number, word, 0.0, TrialState.RUNNING))
    for number, word in enumerate(failed, start=200):
        strategy.tell(trial(strategy, number, word, 5.0, TrialState.FAILED))
    return strategy


def closed_form(
    strategy: GaussianProcessSearch, words: list[str], targets: list[float], offered: list[Architecture]
) -> tuple[Any, Any]:
    """Rasmussen, Williams 2006, equations 2.23 and 2.24."""
    kernel, known = make_kernel("hamming", strategy.space), strategy._fit().hyperparameters
    architectures = [strategy.space.decide({f"letter/{i}": letter for i, letter in enumerate(word)}) for word in words]
    x, pool = kernel.features(architectures), kernel.features(offered)
    inverse = np.linalg.inv(kernel(x, x, known.lengthscale) + known.noise * np.eye(len(x)))
    cross = kernel(pool, x, known.lengthscale)
    return cross @ inverse @ np.array(targets), np.sqrt(known.amplitude * (1 - np.einsum("ij,jk,ik->i", cross, inverse, cross)))


def unknown(strategy: GaussianProcessSearch, *others: str) -> list[Architecture]:
    return [a for a in strategy.space.enumerate() if "".join(a.spec) not in {*WORDS, *others}]


def proposed(strategy: GaussianProcessSearch) -> Architecture:
    proposal = strategy.propose(random.Random(0))
    assert proposal is not None
    return proposal.architecture


def best_of(offered: list[Architecture], wanted: Any) -> set[Architecture]:
    return {a for a, value in zip(offered, wanted, strict=True) if value > max(wanted) - 1e-9}


def test_what_is_expected_to_improve_most_is_proposed() -> None:
    strategy = told()
    offered, targets = unknown(strategy), normal_scores(list(WORDS.values()))
    mean, std = closed_form(strategy, list(WORDS), list(targets), offered)
    z = (mean - max(targets)) / std
    assert proposed(strategy) in best_of(offered, std * (z * norm.cdf(z) + norm.pdf(z)))


@pytest.mark.parametrize("exploration", [0.0, 1.0, 50.0])
def test_the_upper_confidence_bound_adds_so_many_deviations(exploration: float) -> None:
    strategy = told(acquisition="ucb", exploration=exploration)
    offered = unknown(strategy)
    mean, std = closed_form(strategy, list(WORDS), list(normal_scores(list(WORDS.values()))), offered)
    assert proposed(strategy) in best_of(offered, mean + exploration * std)


def test_what_runs_lowers_the_deviation_around_it_and_no_mean() -> None:
    running = ("dbb", "aab")
    strategy = told(running, acquisition="ucb", exploration=3.0)
    offered, targets = unknown(strategy, *running), list(normal_scores(list(WORDS.values())))
    mean, plain = closed_form(strategy, list(WORDS), targets, offered)
    _, std = closed_form(strategy, [*WORDS, *running], [*targets, 0.0, 0.0], offered)
    assert (std < plain).any()
    assert proposed(strategy) in best_of(offered, mean + 3 * std)


def test_what_failed_is_taken_for_as_bad_as_the_worst() -> None:
    strategy = told(failed=("ddb", "ddc"), acquisition="ucb", exploration=0.0)
    offered, targets = unknown(strategy, "ddb", "ddc"), list(normal_scores(list(WORDS.values())))
    worst = min(targets)
    mean, _ = closed_form(strategy, [*WORDS, "ddb", "ddc"], [*targets, worst, worst], offered)
    assert proposed(strategy) in best_of(offered, mean)
    assert proposed(told(acquisition="ucb", exploration=0.0)).spec[:2] == ["d", "d"] != proposed(strategy).spec[:2]


def test_hyperparameters_are_found_anew_when_there_is_a_sixth_more() -> None:
    counts = [fitted_count(n) for n in range(400)]
    assert counts[:15] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 14]
    assert sorted(set(counts[100:])) == [91, 106, 123, 143, 166, 193, 225, 262, 305, 355]


def test_a_small_space_is_tried_once_and_then_there_is_nothing_to_propose() -> None:
    trials = simulate(GaussianProcessSearch(Letters(), SCORE), lambda spec, _: spec.count("d"), 100, workers=3)
    assert len({t.key for t in trials}) == len(trials) == 64
    assert trials[30].metrics["score"] <= max(t.metrics["score"] for t in trials[:25]) == 3


def test_in_a_large_space_it_is_ahead_of_chance() -> None:
    strategy = GaussianProcessSearch(CountOnes(40), SCORE, initial=10, kernel="hamming", mutations=30, draws=10)
    trials = simulate(strategy, lambda spec, _: sum(spec), 80)
    assert max(t.metrics["score"] for t in trials) > 33  # the best of 80 random ones: about 27
    assert strategy.notes() == [
        "Gaussian process (kernel hamming, acquisition ei): 10 architectures drawn uniformly, 70 by the process."
    ]


@pytest.mark.parametrize(
    "options",
    [{"initial": 0}, {"acquisition": "pi"}, {"exploration": -1.0}, {"draws": 0}, {"mutations": -1}, {"kernel": "rbf"}],
)
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(options))):
        GaussianProcessSearch(Letters(), SCORE, **options)


def test_a_kernel_of_graphs_is_refused_where_there_are_none() -> None:
    with pytest.raises(SpaceError, match="letters"):
        GaussianProcessSearch(Letters(), SCORE, kernel="wl")


def test_on_nas_bench_201_it_is_far_ahead_of_random_search() -> None:
    from searchitect.benchmarks import find_benchmark
    from searchitect.benchmarks.replay import replay

    real_data("nasbench201.parquet")
    table = find_benchmark("nasbench201:cifar100", score="test")
    objective = (Objective("accuracy", "max"),)
    best = [
        max(
            t.metrics["accuracy"]
            for t in replay(GaussianProcessSearch(table.space, objective, seed=seed), table, evaluations=50)
        )
        for seed in range(2)
    ]
    assert statistics.mean(best) > 0.725  # random search after 50: 0.7108, after 300: 0.7225


def test_a_space_whose_architectures_are_edited_is_refused_by_kernels_on_decisions() -> None:
    from searchitect.spaces.large_scale_evolution import LargeScaleEvolution

    with pytest.raises(
        SpaceError, match="kernel='structure' compares decisions, which architectures of the space 'large-scale-evolution'"
    ):
        GaussianProcessSearch(LargeScaleEvolution(), SCORE)
