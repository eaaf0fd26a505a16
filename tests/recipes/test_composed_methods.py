"""Recipes that train each candidate by itself: what of their method is their own."""

import math
from collections import Counter
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from searchitect import Architecture, Fidelity, Job, Trial
from searchitect.core import Objective, TaskInfo
from searchitect.estimators import from_scratch
from searchitect.estimators.from_scratch import FromScratch
from searchitect.spaces.blockqnn import BlockQnn, density
from searchitect.strategies.controller import Controller
from searchitect.strategies.ppo import Ppo
from searchitect.strategies.reinforce import Reinforce
from searchitect.testing import CountOnes, simulate
from searchitect.training import Outcome, Recipe
from tests.recipes.composed import recipe_of, strategy_of
from tests.search.toys import Widths
from tests.strategies.policies import trial_of
from tests.training.examples import table

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)
ACCURACY = Objective("accuracy", "max")


# --- rewards ------------------------------------------------------------------------------------------------------------


def rewarded(name: str, trial: Trial, **given: Any) -> float:
    reward = recipe_of(name).make(given).reward
    assert reward is not None
    return reward(trial, ACCURACY)


def trained(looks: dict[float, float], last: float, epochs: float = 50.0) -> Trial:
    """What looked so, by epoch, and so at its end."""
    trial = trial_of(CountOnes(3), Architecture([0, 0, 0]), accuracy=last)
    trial.fidelity, trial.curve = Fidelity(epochs), [{"epoch": e, "accuracy": a, "train_loss": 1.0} for e, a in looks.items()]
    return trial


def test_nas_rl_is_paid_the_cube_of_the_best_of_the_last_five_epochs() -> None:
    looks = {40.0: 0.95, 45.0: 0.9, 46.0: 0.7, 48.0: 0.8, 50.0: 0.5}
    assert rewarded("nas-rl", trained(looks, 0.5)) == pytest.approx(0.8**3)
    assert rewarded("nas-rl", trained({}, 0.5)) == pytest.approx(0.5**3)
    assert rewarded("nas-rl", trained(looks, 0.5), power=1.0, end=1.0) == pytest.approx(0.95)


def test_nas_rl_is_paid_80_by_the_square_of_the_lowest_perplexity_on_texts() -> None:
    reward = recipe_of("nas-rl").make({}).reward
    trial = trained({}, 0.0)
    trial.metrics, trial.curve = (
        {"perplexity": 50.0},
        [{"epoch": 49.0, "perplexity": 40.0}, {"epoch": 10.0, "perplexity": 20.0}],
    )
    assert reward is not None
    assert reward(trial, Objective("perplexity", "min")) == pytest.approx(80 / 40**2)


def test_a_score_below_zero_is_paid_less_than_none() -> None:
    assert rewarded("nas-rl", trained({}, -0.5), power=2.5) == pytest.approx(-(0.5**2.5))


def block(codes: list[tuple[int, int, int, int, int]], accuracy: float = 0.5, macs: float = 1e6) -> Trial:
    space = BlockQnn(layers=6)
    return trial_of(space, space.from_codes(codes), accuracy=accuracy, macs=macs)


CHAIN = [(1, 1, 3, 0, 0), (2, 1, 3, 1, 0)]
SUMS = [(1, 5, 0, 0, 1)]
DENSE = [(1, 1, 3, 0, 0), (2, 5, 0, 0, 1), (3, 6, 0, 1, 2), (4, 6, 0, 3, 2)]


def test_the_density_of_a_block_is_its_links_per_layer() -> None:
    assert density(block(CHAIN).architecture.spec) == 1
    assert density(block(DENSE).architecture.spec) == pytest.approx((1 + 2 + 2 + 2) / 4)


def test_blockqnn_takes_off_for_cost_and_density() -> None:
    plain = rewarded("blockqnn", block(CHAIN))
    assert plain == pytest.approx(50 - math.log(1e6))
    assert plain - rewarded("blockqnn", block(CHAIN, macs=2e6)) == pytest.approx(math.log(2)) == pytest.approx(0.69, abs=0.005)
    assert plain - rewarded("blockqnn", block(DENSE)) == pytest.approx(8 * math.log(7 / 4))
    assert 8 * math.log(2) == pytest.approx(5.55, abs=0.006)  # what twice the density costs
    assert rewarded("blockqnn", block(CHAIN, accuracy=0.51)) - plain == pytest.approx(1)  # the accuracy is in percent
    assert rewarded("blockqnn", block(DENSE), mu=0.0, rho=0.0) == pytest.approx(50)


def test_in_a_space_without_blocks_only_the_cost_is_taken_off() -> None:
    other = trial_of(CountOnes(3), Architecture([0, 1, 0]), accuracy=0.5, macs=1e6)
    assert rewarded("blockqnn", other) == pytest.approx(50 - math.log(1e6))


# --- strategies ---------------------------------------------------------------------------------------------------------


def lstm_of(controller: Controller) -> list[tuple[int, ...]]:
    """The shapes of the recurrent weights, layer by layer."""
    return [tuple(weight.shape) for name, weight in controller.state().items() if "weight_hh" in name]


def test_the_controllers_are_those_of_the_papers() -> None:
    first = strategy_of("nas-rl", CountOnes(4), children=3, learning_rate=6e-4, entropy=0.0)
    assert isinstance(first, Reinforce)
    assert (lstm_of(first.controller), first.batch, first.entropy) == ([(4 * 35, 35)] * 2, 3, 0.0)
    second = strategy_of("nasnet", CountOnes(4), minibatch=20, clip=0.3, passes=4)
    assert isinstance(second, Ppo)
    assert (lstm_of(second.controller), second.batch, second.clip, second.passes) == ([(4 * 100, 100)], 20, 0.3, 4)


def epsilons(name: str, trials: int) -> Counter[float]:
    """How many trainings there are at each, where so many are expected."""
    strategy: Any = strategy_of(name, CountOnes(9), trials=trials, replays=1)
    met: Counter[float] = Counter()
    for architecture in islice(CountOnes(9).enumerate(), trials):
        met[strategy.epsilon] += 1
        strategy.tell(trial_of(CountOnes(9), architecture, accuracy=0.5))
    return met


def test_q_learning_has_the_schedules_of_the_papers() -> None:
    assert [epsilons("metaqnn", 270)[epsilon] for epsilon in (1.0, 0.9, 0.6, 0.1)] == [150, 10, 15, 15]
    assert [epsilons("blockqnn", 178)[epsilon] for epsilon in (1.0, 0.9, 0.6, 0.1)] == [95, 7, 10, 12]


@pytest.mark.parametrize("name", ["metaqnn", "blockqnn"])
def test_one_cycle_of_q_learning_meets_every_epsilon(name: str) -> None:
    assert len(epsilons(name, recipe_of(name).make({}).cycle)) == 10


def best_of(strategy_trials: list[Trial]) -> float:
    return max(trial.metrics["score"] for trial in strategy_trials)


def test_in_amoebanet_the_oldest_dies() -> None:
    population = 4
    found = simulate(
        strategy_of("amoebanet", CountOnes(30), "score", population=population, sample=60), lambda spec, _: sum(spec), 60
    )
    for trial in found[population:]:  # so large a tournament meets all that are alive
        alive = found[trial.id - population : trial.id]
        parent = next(t for t in alive if t.id == trial.parent)
        assert parent.metrics["score"] == best_of(alive)


def test_in_hierarchical_evolution_nobody_dies() -> None:
    found = simulate(
        strategy_of("hierarchical-evolution", CountOnes(30), "score", population=4, share=1.0), lambda spec, _: sum(spec), 60
    )
    by_id = {trial.id: trial for trial in found}
    for trial in found[4:]:
        assert trial.parent is not None
        assert by_id[trial.parent].metrics["score"] == best_of(found[: trial.id])
    assert max(trial.id - trial.parent for trial in found if trial.parent is not None) > 4  # a parent older than the population


def test_in_hierarchical_evolution_a_child_may_be_built_as_its_parent_and_lives_as_others_do() -> None:
    """An entry on no path, or in a motif that is not used, was changed."""
    space = recipe_of("hierarchical-evolution").own_space(IMAGES, "paper")
    strategy = strategy_of("hierarchical-evolution", space, population=10)
    found = simulate(strategy, lambda spec, _: len(str(spec)) % 17, 110)
    keys = {trial.id: trial.key for trial in found}
    children = [trial for trial in found if trial.parent is not None]
    same = sum(trial.key == keys[trial.parent] for trial in children if trial.parent is not None)
    assert 10 <= same <= 40  # of a hundred
    assert all(trial.architecture != found[trial.parent].architecture for trial in children if trial.parent is not None)
    assert "population 110" in strategy.notes()[0]


def test_a_tournament_of_hierarchical_evolution_is_of_a_share_of_those_alive() -> None:
    strategy = strategy_of("hierarchical-evolution", CountOnes(30), "score", population=20)
    simulate(strategy, lambda spec, _: sum(spec), 60)
    assert strategy.notes() == [
        "Tournament evolution (population 60, tournaments of 12): 20 architectures drawn uniformly, 40 by mutation."
    ]


def test_pnas_goes_from_one_block_to_all() -> None:
    space = replace(recipe_of("pnas").own_space(IMAGES), blocks=3, operations=("skip_connect", "avg_pool_3x3"))  # type: ignore[call-arg]
    strategy = strategy_of("pnas", space, "score", beam=3, first=5)
    found = simulate(strategy, lambda spec, _: len(str(spec)) % 7, 11)
    assert [len(trial.architecture.spec["cells"]["normal"]["nodes"]) for trial in found] == [1] * 5 + [2] * 3 + [3] * 3
    assert [trial.origin for trial in found] == ["start"] * 5 + ["strategy"] * 6  # no score chose the first level
    assert recipe_of("pnas").make({"beam": 3, "first": 5}).cycle == 11


def test_random_asha_trains_the_best_quarter_on_and_draws_the_rest() -> None:
    found = simulate(strategy_of("random-asha", CountOnes(30), "score"), lambda spec, _: sum(spec), 84)
    rungs = Counter(trial.fidelity.epochs for trial in found)
    assert sorted(rungs) == [1, 4, 16]
    assert rungs[1] // 4 <= rungs[4] <= rungs[1] // 3  # more than a quarter where an early promotion was wrong
    assert all((trial.origin == "random") == (trial.fidelity.epochs == 1) for trial in found)
    assert all(trial.resume for trial in found if trial.fidelity.epochs > 1)


def test_randwire_draws_and_does_nothing_else() -> None:
    space = recipe_of("randwire").own_space(IMAGES)
    found = simulate(strategy_of("randwire", space, "score"), lambda *_: 0.5, 300)
    assert {trial.origin for trial in found} == {"random"}
    kinds = Counter(trial.architecture.decisions["generator"] for trial in found)
    assert all(
        70 <= kinds[kind] <= 130 for kind in ("er", "ba", "ws")
    )  # of 100, which differs by 24 in three standard deviations
    likes = simulate(strategy_of("randwire", space, "score"), lambda spec, _: float("ws" in str(spec)), 300)
    assert [trial.key for trial in likes] == [trial.key for trial in found]  # whatever the scores are


# --- beginning anew -----------------------------------------------------------------------------------------------------


def evaluated(name: str, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[list[float], Any]:
    """The learning rates of the trainings that one evaluation of a recipe makes, and what it measures."""
    task = replace(table(), baseline_score={"accuracy": 0.5})
    settings = {**recipe_of(name).training(recipe_of(name).make({}), "small"), "batch_size": 8, **changes}
    original, rates = from_scratch.train, []

    def spied(network: Any, task: Any, recipe: Recipe, span: Any) -> Outcome:
        rates.append(recipe.learning_rate)
        return original(network, task, recipe, span)

    monkeypatch.setattr(from_scratch, "train", spied)
    job = Job(Widths(), Architecture({"width": 8, "bias": True}), task, Fidelity(3), 3.0)
    return rates, FromScratch(**settings).evaluate(job)


@pytest.mark.parametrize(("name", "trainings"), [("metaqnn", 5), ("blockqnn", 4)])
def test_a_network_that_learns_nothing_begins_anew_as_often_as_the_paper_says(
    name: str, trainings: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, _ = evaluated(name, monkeypatch, learning_rate=1e-9)
    assert rates == pytest.approx([1e-9 * 0.4**number for number in range(trainings)])


def test_a_network_that_learns_is_trained_once_with_its_own_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates, watched = evaluated("metaqnn", monkeypatch, learning_rate=0.3)
    assert rates == [0.3]
    _, plain = evaluated("metaqnn", monkeypatch, learning_rate=0.3, restarts=0)
    assert watched.metrics == plain.metrics
