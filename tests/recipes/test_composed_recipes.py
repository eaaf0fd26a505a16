"""Recipes that train each candidate by itself: the papers' values, and what is said before a search begins."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from searchitect import Fidelity, api, search
from searchitect.core import SettingError, SpaceError, TaskInfo, parse_budget
from searchitect.estimators.as_built import AsBuilt
from searchitect.estimators.from_scratch import FromScratch
from searchitect.search.foresight import foresight
from searchitect.search.loop import Status
from searchitect.search.plan import Plan
from searchitect.search.setup import Setup
from searchitect.strategies.shaped import Shaped
from searchitect.training import Recipe
from tests.recipes.composed import NAMES, recipe_of, strategy_of
from tests.training.examples import images

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)

PAPERS: dict[str, tuple[int, dict[str, Any], dict[str, Any]]] = {
    "nas-rl": (
        12_800,
        {"epochs": 50, "children": 8, "learning_rate": 6e-4, "baseline_decay": None, "entropy": 0, "power": 3, "end": 5 / 50},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4},
    ),
    "mnasnet": (
        8000,
        {
            "epochs": 5,
            "minibatch": None,
            "learning_rate": None,
            "entropy": None,
            "target": 75,
            "alpha": -0.07,
            "beta": -0.07,
        },
        {},
    ),
    "efficientnet": (
        8000,
        {
            "epochs": 5,
            "target": 400e6,
            "w": -0.07,
            "share": None,
            "minibatch": None,
            "learning_rate": None,
            "entropy": None,
        },
        {},
    ),
    "nasnet": (
        20_000,
        {
            "epochs": 20,
            "minibatch": 20,
            "learning_rate": 3.5e-4,
            "baseline_decay": 0.95,
            "entropy": 1e-5,
            "clip": None,
            "passes": None,
        },
        {"optimizer": "sgd", "learning_rate": 0.025, "batch_size": 32, "weight_decay": 5e-4, "gradient_clip": 5},
    ),
    "metaqnn": (
        2700,
        {"epochs": 20, "alpha": 0.01, "replays": 100, "restarts": 4},
        {"optimizer": "adamw", "learning_rate": 1e-3, "batch_size": 128},
    ),
    "blockqnn": (
        178 * 64,
        {"epochs": 12, "alpha": 0.01, "replays": 64, "mu": 1, "rho": 8, "restarts": 3},
        {"optimizer": "adamw", "learning_rate": 1e-3, "batch_size": 256},
    ),
    "amoebanet": (
        20_000,
        {"epochs": 25, "population": 100, "sample": 25},
        {"optimizer": "sgd", "learning_rate": 0.024, "momentum": 0.9, "batch_size": 128, "weight_decay": 5e-4},
    ),
    "hierarchical-evolution": (
        7000,
        {"epochs": 5000 * 256 / 40_000, "population": 200, "share": 0.05},
        {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "batch_size": 256, "weight_decay": 3e-4},
    ),
    "genetic-cnn": (
        20 * 51,
        {"epochs": 120, "population": 20, "mutation_rate": 0.8, "flip_rate": 0.05, "crossover_rate": 0.2, "swap_rate": 0.2},
        {"optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9},
    ),
    "cgp-cnn": (
        1 + 2 * 500,
        {"epochs": 50, "children": 2, "mutation_rate": 0.05, "end": 10 / 50},
        {"optimizer": "adamw", "learning_rate": 0.01, "batch_size": 128, "weight_decay": 1e-4},
    ),
    "large-scale-evolution": (
        0,
        {"epochs": 28.4, "population": 1000, "inherit": True},
        {"optimizer": "sgd", "momentum": 0.9, "nesterov": False, "batch_size": 50, "weight_decay": 1e-4},
    ),
    "pnas": (
        136 + 4 * 256,
        {"epochs": 20, "beam": 256, "first": 256, "predictor": "mlp-mean"},
        {"optimizer": "sgd", "learning_rate": 0.01, "weight_decay": 5e-4, "gradient_clip": 5},
    ),
    "nsga-net": (
        40 * 30,
        {"epochs": 25, "population": 40, "crossover": 0.9, "mutation": 0.02, "homogeneous": True, "exploration": 20},
        {
            "optimizer": "sgd",
            "learning_rate": 0.025,
            "momentum": 0.9,
            "batch_size": 128,
            "weight_decay": 3e-4,
            "gradient_clip": 5,
        },
    ),
    "neat": (
        4755,
        {
            "population": 150,
            "c1": 1,
            "c2": 1,
            "c3": 0.4,
            "delta_t": 3,
            "add_node": 0.03,
            "add_link": 0.05,
            "survivors": None,
        },
        {},
    ),
    "nemo": (40 * 20, {"epochs": None, "population": 40, "crossover": None, "mutation": None}, {}),
    "monas": (
        0,
        {
            "epochs": None,
            "reward": "mixed",
            "cost": "energy",
            "alpha": None,
            "limit": None,
            "least": None,
            "children": None,
            "learning_rate": None,
            "baseline_decay": None,
            "entropy": None,
        },
        {},
    ),
    "dpp-net": (
        15 + 3 * 128,
        {"epochs": 10, "beam": 128, "predictor": "lstm"},
        {
            "optimizer": "sgd",
            "learning_rate": 0.1,
            "momentum": 0.9,
            "nesterov": True,
            "batch_size": 64,
            "weight_decay": 1e-4,
        },
    ),
    "random-asha": (
        0,
        {"epochs": 1, "eta": 4, "max_epochs": 300},
        {"optimizer": "sgd", "learning_rate": 0.025, "weight_decay": 3e-4, "gradient_clip": 5},
    ),
    "randwire": (5, {"epochs": 250}, {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "label_smoothing": 0.1}),
}
"""The trainings of the search, the settings (``None``: no value given), and how a candidate is trained."""


@pytest.mark.parametrize("name", PAPERS)
def test_the_values_are_the_papers(name: str) -> None:
    recipe = recipe_of(name)
    trials, settings, training = PAPERS[name]
    assert recipe.paper_trials == trials
    assert {key: recipe.papers_value(key) for key in recipe.settings()} == pytest.approx(settings)
    trained = Recipe(**recipe.training(recipe.make(recipe.paper_settings), "paper"))
    assert {key: getattr(trained, key) for key in training} == training
    assert not training or not (trained.ema or trained.warmup)  # which these papers do not have
    assert not training or trained.gradient_clip == training.get("gradient_clip", 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["small", "paper"])
def test_its_strategy_can_search_its_space(name: str, preset: str) -> None:
    recipe = recipe_of(name)
    given = {key: value for key, value in recipe.given_by(preset, {}).items() if key != "epochs"}
    strategy = strategy_of(name, recipe.own_space(IMAGES, preset), **given)
    assert strategy.ask() is not None


# --- what is said before a search ---------------------------------------------------------------------------------------


def plan(**changes: Any) -> Plan:
    return replace(Plan(1.0, 9.0, 3, 20.0, 20, None, 20.0, 2, True, None, 1.8), **changes)


def said(
    budget: str, plan: Plan, *, cycle: int = 60, paper_trials: int = 0, workers: int = 1, estimator: Any = None
) -> list[str]:
    setup = SimpleNamespace(
        budget=parse_budget(budget),
        cycle=cycle,
        paper_trials=paper_trials,
        workers=workers,
        name="digits-pnas",
        estimator=estimator or FromScratch(),
    )
    return list(foresight(setup, plan))  # type: ignore[arg-type]


def test_a_budget_too_small_for_a_cycle_is_said_with_one_that_is_not() -> None:
    begin = "the budget allows about 20 trainings, and one full cycle of digits-pnas is of 60: the smallest sensible one is --budget "
    assert said("20trials", plan()) == [begin + "60trials"]
    quick = plan(epoch_seconds=0.7)  # 14 seconds a training
    assert said("5m", quick) == [begin + "15m"]
    assert said("90m", quick) == [begin + "5h"]
    too_long = plan(expected_trials=1)  # where not even one of 36 seconds fits, one is expected all the same
    assert said("20s", too_long)[0].endswith("--budget 36m")
    assert said("5m", plan(expected_trials=60)) == said("60trials", plan(expected_trials=60)) == []
    assert said("20trials,5m", plan(expected_trials=500))[0].startswith("the budget allows about 20 ")


def test_the_cost_of_the_papers_search_is_said_in_hours() -> None:
    sentence = "the paper's search, 20,000 trainings of 20 epochs, would take about 100 hours here; the budget is 2h"
    assert said("2h", plan(), cycle=1, paper_trials=20_000, workers=2) == [sentence]  # 20,000 x 20 x 1.8 s, by two workers


def test_the_cost_of_a_search_that_trains_nothing_is_said_in_networks() -> None:
    sentence = "the paper's search, 4,755 networks that are not trained, would take about 0.026 hours here; the budget is 2h"
    assert said("2h", plan(), cycle=1, paper_trials=4755, estimator=AsBuilt()) == [sentence]  # 20 ms each


def prepared(monkeypatch: pytest.MonkeyPatch, tmp_path: Any, name: str, **arguments: Any) -> Setup:
    """What a search would be made of."""
    caught: list[Setup] = []

    def caught_run(setup: Setup, *_: Any) -> None:
        caught.append(setup)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "run_search", caught_run)
    monkeypatch.setattr("searchitect.costs.find_meter", lambda: None)  # as if this machine counted energy
    task = images()
    with pytest.raises(KeyboardInterrupt):
        search(
            (task.train.x.numpy(), task.train.y.numpy()),
            recipe=name,
            out=tmp_path / "run",
            **{"budget": "40trials", **arguments},
        )
    return caught[0]


@pytest.mark.parametrize("name", [name for name in PAPERS if recipe_of(name).estimator == "from-scratch"])
def test_a_search_is_made_of_the_recipes_parts(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    small = prepared(monkeypatch, tmp_path, name, recipe_options={"epochs": 2})
    recipe, made = recipe_of(name), recipe_of(name).make({})
    assert (small.cycle, small.paper_trials, small.strategy_name) == (made.cycle, 0, made.strategy)
    assert (small.sets_epochs, small.fidelity) == (True, Fidelity(2))
    assert small.space.name == recipe.own_space(IMAGES).name
    strategy = small.make_strategy(small.space, small.objectives, 0, plan())
    assert isinstance(strategy, Shaped) == (made.reward is not None)
    assert isinstance(small.estimator, FromScratch)
    assert small.estimator.settings == made.training
    epochs = recipe.papers_value("epochs")
    assert f"epochs 2 ({'no value given' if epochs is None else f'{epochs:g}'})" in small.deviation
    paper = prepared(monkeypatch, tmp_path, name, preset="paper")
    preset = recipe.paper_settings.get("epochs")  # also where the paper gives no value
    assert (paper.paper_trials, paper.fidelity) == (recipe.paper_trials, None if preset is None else Fidelity(preset))
    assert isinstance(paper.estimator, FromScratch)
    assert paper.estimator.settings == {**recipe.paper_training, **made.training}
    assert ("epochs" if epochs is None and preset is not None else "settings as in the paper") in paper.deviation


def test_the_users_own_training_wins_over_the_papers(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    setup = prepared(monkeypatch, tmp_path, "amoebanet", preset="paper", training={"learning_rate": 0.5}, fidelity="data=0.5")
    assert isinstance(setup.estimator, FromScratch)
    assert setup.estimator.settings["learning_rate"] == 0.5
    assert setup.estimator.settings["weight_decay"] == 5e-4


def test_mistakes_name_the_way_out(tmp_path: Any) -> None:
    with pytest.raises(SettingError, match=r"recipe 'metaqnn': 'alfa': did you mean 'alpha'\?"):
        search("digits", recipe="metaqnn", recipe_options={"alfa": 0.1}, out=tmp_path)
    with pytest.raises(SettingError, match=r"epochs of the recipe 'pnas' must be at least 0 .*, got -1"):
        search("digits", recipe="pnas", recipe_options={"epochs": -1}, out=tmp_path)
    with pytest.raises(SettingError, match="predictor must be one of"):
        search("digits", recipe="pnas", recipe_options={"predictor": "tea leaves"}, out=tmp_path)
    with pytest.raises(SpaceError, match=r"'nasnet' searches networks for image-classification, .* --space mlp"):
        search("wine", recipe="nasnet", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_run_says_its_cycle_first_and_trains_for_the_epochs_that_are_set(tmp_path: Any) -> None:
    task, notes = images(), []

    def watch(status: Status) -> None:
        notes.append(status.note)
        if status.done:
            raise KeyboardInterrupt

    result = search(
        (task.train.x.numpy(), task.train.y.numpy()),
        recipe="metaqnn",
        recipe_options={"epochs": 2},
        budget="2trials",
        baseline="none",
        out=tmp_path / "run",
        name="bright",
        on_status=watch,
    )
    begin = "the budget allows about 2 trainings, and one full cycle of bright is of 27: "
    assert begin + "the smallest sensible one is --budget 27trials" in notes
    assert {trial.fidelity.epochs for trial in result.trials} == {2}
