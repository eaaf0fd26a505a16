"""NEAT as a recipe: what is its own, and runs from the data to the exported network."""

import random
from pathlib import Path
from typing import Any

import pytest

from searchitect import Trial, search
from searchitect.core import Objective, SettingError, SpaceError, parse_budget
from searchitect.estimators.as_built import AsBuilt
from searchitect.networks import build
from searchitect.search.plan import make_plan, without_training
from searchitect.spaces.neat import Neat
from searchitect.strategies.neat import Neat as Evolution
from searchitect.tasks import load_task
from searchitect.testing import simulate
from searchitect.training import evaluate
from tests.recipes.composed import recipe_of
from tests.strategies.policies import trial_of

ACCURACY = Objective("accuracy", "max")


def rewarded(outputs: int, objective: Objective = ACCURACY, **metrics: float) -> float:
    space = Neat(outputs=outputs)
    trial: Trial = trial_of(space, space.sample(random.Random(0)), accuracy=0.1)
    trial.metrics = {"accuracy": 0.1, "r2": 0.2, "auc": 0.3, "params": 9.0, **metrics}
    reward = recipe_of("neat").make({}).reward
    assert reward is not None
    return reward(trial, objective)


def test_with_two_classes_the_fitness_is_the_papers() -> None:
    """Section 4.1: (4 - sum of the errors at four corners) squared: 16 at best, 4 where every answer is one half, 9 with three of four."""
    assert rewarded(1, train_error=0.0) == 16
    assert rewarded(1, train_error=0.5) == 4
    assert rewarded(1, train_error=0.25) == 9


def test_otherwise_it_is_the_objective_on_training_data() -> None:
    assert rewarded(3, train_error=0.25, train_accuracy=0.7) == 0.7
    assert rewarded(1, Objective("r2", "max"), train_r2=0.6) == 0.6
    assert rewarded(1, Objective("auc", "max"), train_error=0.25, train_auc=0.8) == 0.8
    assert rewarded(1, Objective("params", "min"), train_error=0.25) == -9


def test_it_has_no_epochs_and_trains_nothing(tmp_path: Path) -> None:
    assert "epochs" not in recipe_of("neat").settings()
    with pytest.raises(SettingError, match="'epochs'"):
        search("xor", recipe="neat", recipe_options={"epochs": 3}, out=tmp_path)
    with pytest.raises(SettingError, match=r"'as-built' trains nothing: leave training out"):
        search("xor", recipe="neat", training={"learning_rate": 0.1}, out=tmp_path)
    with pytest.raises(SettingError, match="final='paper' trains networks, AsBuilt takes them as they are"):
        search("digits", recipe="neat", final="paper", out=tmp_path)
    with pytest.raises(SettingError, match=r"'popluation': did you mean 'population'\?"):
        search("xor", recipe="neat", recipe_options={"popluation": 3}, out=tmp_path)


def test_it_is_not_for_texts(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("to be or not to be, that is the question. " * 200)
    with pytest.raises(SpaceError, match="'neat' searches networks for"):
        search(text, recipe="neat", out=tmp_path / "run")


def test_a_run_judges_networks_as_they_are_and_exports_the_winner(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "recipe": "neat",
        "recipe_options": {"population": 12},
        "budget": "40trials",
        "out": tmp_path / "run",
    }
    result = search("xor", **given)
    assert result.best is not None
    assert {trial.fidelity.epochs for trial in result.trials} == {1}
    assert "nothing was trained" in result.summary["sentence"]
    assert result.summary["winner"]["refit"] is False
    # the weights are those of the genome that the search judged
    finals = [trial for trial in result.trials if trial.origin == "final"]
    by_id = {trial.id: trial for trial in result.trials}
    for trial in finals:
        assert trial.parent is not None
        source = by_id[trial.parent]
        assert {k: v for k, v in trial.metrics.items() if k.startswith("train")} == {
            k: v for k, v in source.metrics.items() if k.startswith("train")
        }
    assert (tmp_path / "run" / "model.py").exists()
    # the first generation is of minimal networks; random search draws others beside it
    own = [trial.architecture.spec for trial in result.trials if trial.origin == "start"]
    drawn = [trial.architecture.spec for trial in result.trials if trial.origin == "baseline"]
    assert len(own) == 12
    assert all(not spec["hidden"] for spec in own)
    assert any(spec["hidden"] for spec in drawn)
    children = [trial for trial in result.trials if trial.origin == "strategy"]
    assert children
    assert all(trial.parent is not None for trial in children)


def test_a_run_of_less_than_one_generation_claims_no_choice_by_score(tmp_path: Path) -> None:
    result = search("xor", recipe="neat", budget="30trials", out=tmp_path / "run")  # of 150 that evolution begins with
    assert {trial.origin for trial in result.trials} == {"start", "baseline", "final"}
    said = result.summary["baseline"]
    assert "says nothing about the strategy. None of these architectures was chosen by score yet." in said["sentence"]
    assert said["medians"] is None


def test_ten_classes_and_images_run(tmp_path: Path) -> None:
    result = search(
        "digits", recipe="neat", recipe_options={"population": 6}, budget="14trials", where="params<=700", out=tmp_path / "run"
    )
    assert result.best is not None
    assert (result.best.spec["inputs"], result.best.spec["outputs"]) == (64, 10)
    assert result.best.metrics["params"] <= 700


def test_evolution_learns_to_hold_the_pole_and_random_genomes_do_not() -> None:
    """By ask and tell: each generation plays better than the one before, judged in two training episodes of at most 500 steps."""
    pytest.importorskip("gymnasium", reason="needs the extra [control]")
    task = load_task("gym:CartPole-v1")
    space = Neat.for_task(task.info)

    def score(spec: Any) -> float:
        return evaluate(build(space, spec, task.info), task, task.train.x[:2], task.train.y[:2])["return"]

    strategy = Evolution(space, [Objective("score", "max")], seed=0, population_size=20)
    told = simulate(strategy, lambda spec, _: score(spec), 120)
    scores = [trial.metrics["score"] for trial in told]
    means = [sum(scores[begin : begin + 20]) / 20 for begin in range(0, 120, 20)]
    rng = random.Random(0)
    drawn = [score(space.sample(rng).spec) for _ in range(60)]
    assert means[0] < 25
    assert means[-1] > 5 * means[0]
    assert means[-1] > 3 * sum(drawn) / 60
    best = max(told, key=lambda trial: trial.metrics["score"]).architecture.spec
    assert evaluate(build(space, best, task.info), task, task.valid.x, task.valid.y)["return"] >= 400


def test_an_environment_is_searched_from_the_name_to_the_exported_policy(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium", reason="needs the extra [control]")
    result = search(
        "gym:CartPole-v1", recipe="neat", recipe_options={"population": 40}, budget="50trials", out=tmp_path / "run"
    )
    assert result.best is not None
    assert result.best.metrics["test_return"] >= 400
    assert "return" in result.summary["sentence"]
    assert "in test episodes it had never played" in result.summary["sentence"]
    # fitness is the return of the training episodes, not of those that the winner is chosen by
    trial = next(trial for trial in result.trials if trial.metrics.get("train_return") != trial.metrics.get("return"))
    reward = recipe_of("neat").make({}).reward
    assert reward is not None
    assert reward(trial, Objective("return", "max")) == trial.metrics["train_return"]
    # observations in, actions out; the files that leave the run were checked to answer the same when they were written
    answers = result.predict([[0.0, 0.0, 0.15, 1.0], [0.0, 0.0, -0.15, -1.0]])
    assert answers.labels == ["1", "0"]
    assert (tmp_path / "run" / "model.py").exists()
    assert result.export("torch").exists()


def test_the_estimator_is_the_recipes_own() -> None:
    recipe = recipe_of("neat")
    assert recipe.estimator == "as-built"
    assert not AsBuilt.trains
    assert recipe.own_space(load_task("xor").info).config()["outputs"] == 1


def test_a_search_that_trains_nothing_has_nearly_all_of_the_time() -> None:
    budget = parse_budget("100s")
    plan = without_training(make_plan(budget, load_task("xor").info, [0.01], 1), budget)
    assert plan.search_seconds == pytest.approx(0.95 * 94)  # the rest is for export and report
    assert (plan.single_epochs, plan.max_epochs, plan.final_epochs, plan.refit) == (1, 1, 1, False)
    assert without_training(plan, parse_budget("70trials")).expected_trials == 70
