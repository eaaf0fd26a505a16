"""Recipes that train sampled networks of a supernet: their counts and settings, and a few steps of each."""

import math
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from searchitect import Fidelity, Job, Space
from searchitect.core import Objective, SettingError, Strategy
from searchitect.oneshot.elite_evolution import EliteEvolution
from searchitect.oneshot.enas import Enas
from searchitect.oneshot.method import Outcome
from searchitect.oneshot.training import SupernetTraining
from searchitect.oneshot.two_stage import TwoStage
from searchitect.recipes import find_recipe
from searchitect.search.supernet import FILE
from searchitect.spaces.enas_macro import EnasMacro
from searchitect.spaces.enas_micro import EnasMicro
from searchitect.spaces.enas_rnn import EnasRnn
from searchitect.tasks import Task, load_task
from tests.oneshot.blocks import Blocks
from tests.texts import sentences, write_text
from tests.training.examples import images

RECIPES = ["random-ws", "one-shot", "spos", "enas", "enas-macro", "enas-rnn"]
CELLS = EnasRnn(hidden=8, nodes=2, drop_words=0.0, drop_input=0.0, drop_hidden=0.0, drop_output=0.0)
ENAS = {"controller_steps": 2, "controller_draws": 2, "candidates": 3}
OBJECTIVE = [Objective("accuracy", "max")]


def searched(name: str, folder: Path) -> tuple[Task, Space, dict[str, Any], str]:
    if name == "enas-rnn":
        return load_task(write_text(folder, sentences(150)), task="words"), CELLS, {"batch_size": 4, **ENAS}, "perplexity"
    if name == "enas":
        return images(), EnasMicro(nodes=1, layers=3, channels=2), {"batch_size": 16, **ENAS}, "accuracy"
    if name == "enas-macro":
        return images(), EnasMacro(layers=2, channels=4), {"batch_size": 16, **ENAS}, "accuracy"
    return images(), Blocks(), {"batch_size": 16}, "accuracy"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_a_supernet_and_its_candidates_are_judged(name: str, tmp_path: Path) -> None:
    recipe = find_recipe(name)
    task, space, settings, metric = searched(name, tmp_path)
    method = recipe.make({"epochs": 2 if name == "enas-rnn" else 10, "learning_rate": 0.1, **settings})
    training = SupernetTraining(recipe.open_space(space, {}), task, method, tmp_path / FILE, device="cpu")
    outcome = training.run()
    assert [row["epoch"] for row in training.history] == list(range(1, len(training.history) + 1))
    assert training.history[-1]["loss"] < training.history[0]["loss"]
    strategy = method.candidates(space, [Objective(metric, "max")], 0, outcome)
    estimator = recipe.estimator(SimpleNamespace(folder=tmp_path, space=training.space))  # type: ignore[arg-type]
    for _ in range(2):
        proposal = strategy.ask()
        assert proposal is not None
        found = estimator.evaluate(Job(space, proposal.architecture, task, proposal.fidelity or Fidelity(1.0), 1.0))
        assert found.metrics[metric] > 0
    if metric == "perplexity":
        assert found.metrics[metric] < task.info.outputs


@pytest.mark.parametrize("name", RECIPES)
def test_the_values_of_the_paper_are_settings(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.paper_settings.keys() <= recipe.settings().keys()
    recipe.make(recipe.paper_settings)
    assert recipe.name == name


def candidates(name: str, given: dict[str, Any], steps: int = 100, rows: int = 5000) -> Strategy:
    found = Outcome({}, {"steps": steps, "validation_rows": rows})
    return find_recipe(name).make(given).candidates(Blocks(), OBJECTIVE, 0, found)


@pytest.mark.parametrize(("steps", "rounds"), [(999, 1), (9_999, 1), (10_000, 1), (20_000, 2), (58_593, 5)])
def test_random_search_has_a_round_for_every_ten_thousand_steps(steps: int, rounds: int) -> None:
    found = candidates("random-ws", {"candidates": 1000}, steps, 6400)
    assert isinstance(found, TwoStage)
    assert (found.candidates, found.kept, found.rounds, found.share) == (1000, 10, rounds, 0.1)  # ten batches of 64


def test_random_search_looks_at_all_of_few_validation_data_at_once() -> None:
    found = candidates("random-ws", {}, rows=300)
    assert isinstance(found, TwoStage)
    assert found.share == 1


def test_evolution_has_the_numbers_of_the_paper() -> None:
    found = candidates("spos", dict(find_recipe("spos").paper_settings))
    assert isinstance(found, EliteEvolution)
    assert (found.population, found.generations, found.parents, found.mutation_rate) == (50, 20, 10, 0.1)


def test_the_samplers_of_spos_are_named() -> None:
    with pytest.raises(SettingError, match="fair"):
        find_recipe("spos").make({"sampler": "best"})


def drawn_by(method, space, count=40):
    controller = method.policy.controller(space, 0)
    rng = random.Random(0)
    return controller, [controller.read(controller.draw(rng)) for _ in range(count)]


def test_enas_macro_pulls_skips_to_their_share() -> None:
    space = EnasMacro(layers=4, channels=4)
    method = find_recipe("enas-macro").make({"controller_learning_rate": 0.02})
    method.controller, reads = drawn_by(method, space)
    drawn = [space.sample(random.Random(seed)) for seed in range(8)]
    picks, before = method.controller.switches(reads)
    assert len(picks) == 40 * (1 + 2 + 3)  # every skip of every draw, no operation
    for _ in range(60):
        method.controller.step(method._skip_penalty(drawn))
    after = method.controller.switches(reads)[1]
    assert abs(float(before.detach().mean()) - 0.5) < 0.05
    assert abs(float(after.detach().mean()) - 0.4) < 0.02


def test_enas_macros_penalty_is_the_divergence_by_hand() -> None:
    space = EnasMacro(layers=3, channels=4)
    method = find_recipe("enas-macro").make({"controller_skip_share": 0.4, "controller_skip_weight": 0.8})
    method.controller, _ = drawn_by(method, space)
    drawn = [space.sample(random.Random(seed)) for seed in range(5)]
    _, taken = method.controller.switches([method.controller.read(a) for a in drawn])
    divergences = [p * math.log(p / 0.4) + (1 - p) * math.log((1 - p) / 0.6) for p in taken.detach().tolist()]
    assert float(method._skip_penalty(drawn).detach()) == pytest.approx(
        0.8 * sum(divergences) / (2 * 5), rel=1e-5
    )  # two layers have skips
    assert find_recipe("enas").make({})._skip_penalty(drawn) == 0.0


def test_a_share_that_leaves_no_time_for_judging_is_refused() -> None:
    with pytest.raises(SettingError, match=r"share must lie in \(0, 1\)"):
        find_recipe("enas").make({"share": 1.0})


def test_enas_rnn_has_the_controller_of_the_code() -> None:
    method = find_recipe("enas-rnn").make(dict(find_recipe("enas-rnn").paper_settings))
    assert isinstance(method, Enas)
    policy = method.policy
    assert (policy.temperature, policy.squash, policy.entropy, policy.steps, policy.hidden) == (5.0, 2.5, 1e-3, 100, 64)


def test_enas_macro_has_the_numbers_of_the_code() -> None:
    method = find_recipe("enas-macro").make(dict(find_recipe("enas-macro").paper_settings))
    assert isinstance(method, Enas)
    policy, schedule = method.policy, method.schedule
    assert (policy.learning_rate, policy.squash, policy.temperature, policy.entropy, policy.hidden) == (
        0.001,
        1.5,
        1.0,
        1e-4,
        64,
    )
    assert (policy.steps, policy.draws, policy.baseline_decay) == (50, 20, 0.99)
    assert (policy.skip_share, policy.skip_weight, method.count) == (0.4, 0.8, 10)
    assert (schedule.epochs, schedule.batch_size, schedule.gradient_clip, schedule.train_share) == (310, 128, 5.0, 0.9)
    assert (schedule.learning_rate, schedule.learning_rate_min, schedule.weight_decay) == (0.05, 0.0005, 2.5e-4)
    assert (schedule.optimizer, schedule.momentum, schedule.nesterov) == ("sgd", 0.9, True)
