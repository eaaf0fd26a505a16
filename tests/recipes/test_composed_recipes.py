"""Recipes that train each candidate by itself: the papers' values, and what is said before a search begins."""

import math
import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from searchitect import Fidelity, search
from searchitect.core import ConstraintError, Measurement, SettingError, SpaceError, TaskInfo, parse_budget
from searchitect.estimators.as_built import AsBuilt
from searchitect.estimators.from_scratch import FromScratch
from searchitect.search.foresight import foresight
from searchitect.search.loop import Status
from searchitect.search.plan import BASELINE_EVERY, Plan, architecture_epochs, make_plan
from searchitect.strategies.q_learning import SCHEDULES, QLearning
from searchitect.strategies.shaped import Shaped
from searchitect.training import Recipe
from tests.recipes.composed import NAMES, prepared, recipe_of, strategy_of
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
        {"weight_decay": 1e-5, "warmup": 5 / 350, "ema": 0.9999},
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
        {"weight_decay": 1e-5, "warmup": 5 / 350, "ema": 0.9999, "drop_path": 0.2},
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
        {"optimizer": "adamw", "learning_rate": 1e-3, "batch_size": 128, "weight_decay": 5e-4},
    ),
    "blockqnn": (
        178 * 64,
        {"epochs": 12, "alpha": 0.01, "replays": 64, "mu": 1, "rho": 8, "restarts": 3},
        {"optimizer": "adamw", "learning_rate": 1e-3, "batch_size": 256, "weight_decay": 0.0},
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
        {"epochs": 20, "beam": 256, "first": 136, "predictor": "mlp-mean"},
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
    "randwire": (24 * 5, {"epochs": 250}, {"optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.9, "label_smoothing": 0.1}),
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
    for late in ("ema", "warmup"):  # which most of these papers do not have
        assert not training or getattr(trained, late) == training.get(late, 0)
    assert not training or trained.gradient_clip == training.get("gradient_clip", 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("preset", ["small", "paper"])
def test_its_strategy_can_search_its_space(name: str, preset: str) -> None:
    recipe = recipe_of(name)
    strategy = strategy_of(name, recipe.own_space(IMAGES, preset), **recipe.given_by(preset, {}))
    assert strategy.ask() is not None


# --- what is said before a search ---------------------------------------------------------------------------------------


def plan(**changes: Any) -> Plan:
    return replace(Plan(1.0, 9.0, 3, 20.0, 20, None, 20.0, 2, True, None, 1.8), **changes)


def said(budget: str, plan: Plan, **changes: Any) -> list[str]:
    usual: dict[str, Any] = {
        "budget": parse_budget(budget),
        "cycle": 60,
        "paper_trials": 0,
        "workers": 1,
        "name": "digits-pnas",
        "estimator": FromScratch(),
        "baseline": False,
        "prepare": None,
        "sets_epochs": False,
        "promotes": 0.0,
        "task": SimpleNamespace(info=IMAGES),
    }
    return list(foresight(SimpleNamespace(**usual | changes), plan, 3.0))  # type: ignore[arg-type]


def said_of(budget: str, epoch_seconds: float, **changes: Any) -> list[str]:
    """With the plan that a search makes of its budget after 3 seconds."""
    made = make_plan(
        parse_budget(budget),
        IMAGES,
        [epoch_seconds],
        changes.get("workers", 1),
        3.0,
        wished_trials=2 * changes.get("cycle", 60),
    )
    return said(budget, made, **changes)


def test_a_budget_too_small_for_a_cycle_is_said() -> None:
    begin = "the budget allows about 20 trainings, and one full cycle of digits-pnas is of 60: the smallest sensible one is --budget "
    assert said_of("20trials", 0.5) == [begin + "60trials"]
    between = begin.replace("of 60:", "of 60, with 12 random ones between them:")
    assert said_of("20trials", 0.5, baseline=True) == [between + "72trials"]
    assert said_of("60trials", 0.5) == said_of("72trials", 0.5, baseline=True) == []
    assert said_of("20trials", 0.5, estimator=AsBuilt())[0].startswith("the budget allows about 20 networks, ")


@pytest.mark.parametrize(
    ("budget", "smallest"),
    [
        ("10m,5trials", "10m,60trials"),  # the time suffices for shorter trainings
        ("20epochs", "45epochs"),  # 60 of three quarters of an epoch
        ("40s,30epochs", "2m,45epochs"),  # 60 x (0.29 + 0.75 x 0.5) s and the 3 before are 64 % of 67 s
        ("40s,90epochs", "2m,90epochs"),
    ],
)
def test_each_part_of_a_budget_that_is_too_small_is_raised(budget: str, smallest: str) -> None:
    assert said_of(budget, 0.5)[0].endswith(f" --budget {smallest}")


@pytest.mark.parametrize("budget", ["7s", "90s", "3trials", "5epochs", "45s,4trials", "20m,9epochs,8trials"])
@pytest.mark.parametrize("epoch_seconds", [0.01, 0.7, 60.0])
@pytest.mark.parametrize("more", [{}, {"cycle": 16, "baseline": True}, {"cycle": 7, "workers": 3}], ids=str)
def test_the_smallest_sensible_budget_suffices_for_a_cycle(budget: str, epoch_seconds: float, more: dict[str, Any]) -> None:
    sentences = said_of(budget, epoch_seconds, **more)
    enough = sentences[0].rpartition(" ")[2] if sentences else budget
    assert said_of(enough, epoch_seconds, **more) == []


def test_what_trains_the_best_on_takes_longer_for_a_cycle() -> None:
    halved = {"cycle": 21, "sets_epochs": True, "promotes": 4.0}
    few = plan(base_epochs=1.0, single_epochs=1.0, max_epochs=64.0, expected_trials=3, epoch_seconds=10.0)
    # 1 + 1.5 (3/4 + 12/16 + 48/64) = 4.375 epochs an architecture: 21 x (0.29 + 43.75) s and the 3 before are 64 % of 1,450 s
    assert said("2m", few, **halved)[0].endswith(" --budget 25m")
    assert architecture_epochs([1, 3, 9], 3) == pytest.approx(1 + 1.5 * (2 / 3 + 6 / 9))
    assert architecture_epochs([5], 4) == 5


def test_the_cost_of_the_papers_search_is_said_in_hours() -> None:
    sentence = "the paper's search, 20,000 trainings of 20 epochs, would take about 100 hours here; the budget is 2h"
    assert said("2h", plan(), cycle=1, paper_trials=20_000, workers=2) == [sentence]  # 20,000 x 20 x 1.8 s, by two workers


def test_the_cost_of_a_search_that_trains_nothing_is_said_in_networks() -> None:
    sentence = "the paper's search, 4,755 networks that are not trained, would take about 0.026 hours here; the budget is 2h"
    assert said("2h", plan(), cycle=1, paper_trials=4755, estimator=AsBuilt()) == [sentence]  # 20 ms each


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


def test_epochs_of_a_fidelity_win_and_others_leave_the_recipes_epochs(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    paper = prepared(monkeypatch, tmp_path, "amoebanet", preset="paper", fidelity="data=0.5")
    assert (paper.fidelity, paper.sets_epochs) == (Fidelity(25, 0.5), True)
    longer = prepared(monkeypatch, tmp_path, "amoebanet", preset="paper", fidelity="data=0.5,epochs=30")
    assert (longer.fidelity, longer.sets_epochs) == (Fidelity(30, 0.5), True)
    assert "settings, the paper's in brackets: epochs 30 (25)" in longer.deviation
    own = prepared(monkeypatch, tmp_path, "amoebanet", recipe_options={"epochs": 3}, fidelity="data=0.5")
    assert own.fidelity == Fidelity(3, 0.5)


def test_naming_a_recipes_own_space_is_as_leaving_it_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for name, space in (("pnas", "pnas"), ("random-asha", "darts")):
        left_out = prepared(monkeypatch, tmp_path, name, preset="paper")
        named = prepared(monkeypatch, tmp_path, name, preset="paper", space=space)
        assert named.space.config() == left_out.space.config()
        assert named.identity == left_out.identity


def test_the_system_is_told_of_its_own_part_of_the_trials(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    def schedule(baseline: str) -> float:
        setup = prepared(monkeypatch, tmp_path, "metaqnn", baseline=baseline)
        made: Any = setup.make_strategy(setup.space, setup.objectives, 0, plan(expected_trials=54))
        return float(made._ends[-1])

    assert schedule("none") == 54
    assert schedule("interleaved") == 45  # the other nine are the baseline's


def test_the_epochs_that_are_set_do_not_stretch_a_budget_of_trials(tmp_path: Any) -> None:
    task = images()
    data = (task.train.x.numpy(), task.train.y.numpy())
    found = search(data, recipe="randwire", recipe_options={"epochs": 0.5}, budget="3trials", baseline="none", out=tmp_path)
    assert found.settings["plan"]["expected_trials"] == 3


def test_what_was_refused_before_the_first_training_leaves_the_folder_free(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    task = images()
    given: dict[str, Any] = {"budget": "2trials", "baseline": "none", "out": tmp_path / "run"}
    data = (task.train.x.numpy(), task.train.y.numpy())
    with pytest.raises(ConstraintError, match="params=") as told:
        search(data, recipe="randwire", where="params<=3", **given)
    assert "loosen the limit" in str(told.value)
    found = search(data, recipe="randwire", recipe_options={"epochs": 0.5}, **given)
    assert len([t for t in found.trials if t.origin == "random"]) == 2


def test_mistakes_name_the_way_out(tmp_path: Any) -> None:
    with pytest.raises(SettingError, match=r"recipe 'metaqnn': 'alfa': did you mean 'alpha'\?"):
        search("digits", recipe="metaqnn", recipe_options={"alfa": 0.1}, out=tmp_path)
    with pytest.raises(SettingError, match=r"epochs of the recipe 'pnas' must be at least 0 .*, got -1"):
        search("digits", recipe="pnas", recipe_options={"epochs": -1}, out=tmp_path)
    with pytest.raises(SettingError, match=r"max_epochs=2 of the recipe 'random-asha' .* needs epochs, .* got epochs=5"):
        search("digits", recipe="random-asha", recipe_options={"epochs": 5, "max_epochs": 2}, out=tmp_path)
    with pytest.raises(SettingError, match=r"max_epochs=50 of the recipe 'random-asha' .* got epochs=0"):
        search("digits", recipe="random-asha", recipe_options={"max_epochs": 50}, out=tmp_path)
    with pytest.raises(SettingError, match=r"strategy_options={'eta': 3}: the recipe 'randwire' sets them"):
        search("digits", recipe="randwire", strategy_options={"eta": 3}, out=tmp_path)
    with pytest.raises(
        SpaceError, match=r"'pnas' searches networks for image-classification, .* language-modelling: choose another"
    ):
        recipe_of("pnas").own_space(TaskInfo("text", "language-modelling", (8,), 30, 100))
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


@pytest.mark.parametrize("name", ["metaqnn", "blockqnn"])
def test_a_run_of_one_cycle_meets_every_epsilon(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Also with random ones between its own, and with epochs so short that the time of usual ones would do for more trials."""
    task, met = images(), []
    propose = QLearning.propose

    def spied(strategy: QLearning, rng: random.Random) -> Any:
        met.append(strategy.epsilon)
        return propose(strategy, rng)

    def watch(status: Status) -> None:
        if status.trials_left == 0 and not status.running:
            raise KeyboardInterrupt  # without the final trainings

    monkeypatch.setattr(QLearning, "propose", spied)
    monkeypatch.setattr(FromScratch, "evaluate", lambda _, job: Measurement({"accuracy": (job.seed % 1000) / 1000}))
    own = recipe_of(name).make({}).cycle
    trials = own + math.ceil(own / BASELINE_EVERY)
    result = search(
        (task.train.x.numpy(), task.train.y.numpy()),
        recipe=name,
        recipe_options={"epochs": 0.5},
        budget=f"{trials}trials",
        workers=1,
        out=tmp_path / "run",
        on_status=watch,
    )
    drawn = Counter(trial.origin == "baseline" for trial in result.trials if trial.twin is None)
    assert drawn == {False: own, True: trials - own}
    assert sorted(set(met), reverse=True) == [epsilon for epsilon, _ in SCHEDULES[name]]
    assert met == sorted(met, reverse=True)
    assert met[-1] == 0.1


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("nas-rl", {"children": 0}, "children of the recipe 'nas-rl' must be at least 1, got 0"),
        ("nas-rl", {"power": -3.0}, "power of the recipe 'nas-rl' must be above 0, got -3.0"),
        ("nas-rl", {"power": math.nan}, "power of the recipe 'nas-rl' must be above 0"),
        ("nas-rl", {"end": -1.0}, r"end of the recipe 'nas-rl' must lie in \[0, 1\], .*, got -1.0"),
        ("nas-rl", {"end": 1.5}, r"end of the recipe 'nas-rl' must lie in \[0, 1\]"),
        ("nasnet", {"minibatch": 0}, "minibatch of the recipe 'nasnet' must be at least 1, got 0"),
        ("nasnet", {"passes": 0}, "passes of the recipe 'nasnet' must be at least 1, got 0"),
        ("metaqnn", {"alpha": 0.0}, r"alpha of the recipe 'metaqnn' must lie in \(0, 1\], got 0.0"),
        ("blockqnn", {"alpha": 1.5}, r"alpha of the recipe 'blockqnn' must lie in \(0, 1\], got 1.5"),
        ("blockqnn", {"mu": -1.0}, "mu and rho of the recipe 'blockqnn' must be at least 0, got -1.0 and 8.0"),
        ("blockqnn", {"rho": math.inf}, "mu and rho of the recipe 'blockqnn' must be at least 0"),
    ],
)
def test_settings_are_refused_by_the_recipes_own_names(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        recipe_of(name).make(given)
