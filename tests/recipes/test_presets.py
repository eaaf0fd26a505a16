import random

import pytest

from searchitect import search
from searchitect.cli_recipes import describe_recipe
from searchitect.core import SettingError, SpaceError, TaskInfo
from searchitect.oneshot import supernets
from searchitect.recipes import find_recipe, recipe_listing, recipe_summaries
from searchitect.recipes.cost import supernet_cost
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.spaces.darts import Darts
from searchitect.tasks import load_task

IMAGES = TaskInfo("images", "image-classification", (3, 16, 16), 10, 100)
TABLE = TaskInfo("table", "table-classification", (5,), 2, 100)
NAMES = list(recipe_summaries())


@pytest.mark.parametrize("name", NAMES)
def test_the_papers_numbers_make_a_method_and_both_spaces(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    given = recipe.given_by("paper", {})
    recipe.make(given)  # raises for a setting that there is not, or of another kind
    info = IMAGES if "image-classification" in recipe.tasks else TaskInfo("text", recipe.tasks[0], (8,), 30, 100)
    final = recipe.own_space(info, "paper")
    assert {key: final.config()[key] for key in recipe.paper_space} == dict(recipe.paper_space)
    assert recipe.own_space(info) == recipe.space(info)
    if isinstance(recipe, SharedWeightsRecipe):
        supernet = recipe.open_space(final, given, "paper")
        assert {key: supernet.config()[key] for key in recipe.paper_supernet} == dict(recipe.paper_supernet)


@pytest.mark.parametrize("preset", ["small", "paper"])
@pytest.mark.parametrize("name", NAMES)
def test_a_supernet_holds_all_choices_of_the_networks_that_it_judges(name, preset):
    recipe = find_recipe(name)
    if isinstance(recipe, SharedWeightsRecipe):
        info = IMAGES if "image-classification" in recipe.tasks else TaskInfo("text", recipe.tasks[0], (8,), 30, 100)
        space = recipe.own_space(info, preset)
        supernets.check_covers(recipe.open_space(space, recipe.given_by(preset, {}), preset), space)


def test_a_search_whose_supernet_lacks_choices_is_refused(tmp_path):
    with pytest.raises(SpaceError, match=r"the supernet lacks .* choices of the space 'enas-micro'"):
        search("digits", recipe="enas", preset="paper", space_options={"nodes": 6}, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_enas_macro_searches_networks_of_the_supernets_layers():
    recipe = find_recipe("enas-macro")
    final = recipe.own_space(IMAGES, "paper")
    supernet = recipe.open_space(final, {}, "paper")
    assert (supernet.layers, supernet.channels, supernet.dropout) == (12, 36, 0.1)
    assert (final.layers, final.channels, final.dropout) == (12, 96, 0.5)


def test_given_settings_win_over_the_papers():
    recipe = find_recipe("darts")
    assert recipe.given_by("paper", {"epochs": 3})["epochs"] == 3
    assert recipe.given_by("paper", {})["order"] == 2
    assert recipe.given_by("small", {"epochs": 3}) == {"epochs": 3}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_shown_with_the_papers_value_beside_it(name):
    recipe, lines = find_recipe(name), list(describe_recipe(name))
    for setting, value in recipe.paper_settings.items():
        row = next(line.split() for line in lines if line.split()[0] == setting)
        shown = f"{value:g}" if isinstance(value, float) else str(value)
        assert " ".join(row[2:4]) == "not given" if setting in recipe.paper_silent else row[2] == shown
    assert set(recipe.settings()) <= {line.split()[0] for line in lines}


def test_of_the_training_what_each_architecture_decides_is_shown_over_the_usual_one():
    recipe, lines = find_recipe("large-scale-evolution"), list(describe_recipe("large-scale-evolution"))
    begin = next(place for place, line in enumerate(lines) if line.startswith("training of candidates"))
    rows = {row[0]: row[1:] for row in map(str.split, lines[begin:]) if len(row) <= 4}
    spec = recipe.own_space(IMAGES).first(random.Random(0)).spec
    assert spec["training"] == {"optimizer": "sgd", "learning_rate": 0.1}
    assert rows["optimizer"] == ["sgd", "sgd"]
    assert rows["learning_rate"] == ["0.1", "0.1"]
    assert rows["batch_size"] == ["128", "50", "*"]  # which none decides
    assert (
        "  learning_rate and optimizer are each architecture's own, whatever the preset: here those of the first one" in lines
    )
    assert not any("architecture's own" in line for line in describe_recipe("amoebanet"))


def test_a_run_says_what_differs_from_the_paper():
    recipe, small = find_recipe("snas"), Darts.for_task(IMAGES)
    told = recipe.deviation({}, small, IMAGES)
    assert "settings, the paper's in brackets: epochs 50 (150), alpha_learning_rate 0.003 (0.0003);" in told
    assert f"sizes of the networks: channels {small.channels} (36), layers {small.layers} (20);" in told
    as_published = recipe.deviation(recipe.given_by("paper", {}), recipe.own_space(IMAGES, "paper"), IMAGES)
    assert "settings as in the paper; data 'images'" in as_published
    assert "momentum 0.5 (0.9)" in recipe.deviation({"momentum": 0.5}, small, IMAGES)


def test_where_the_paper_gives_no_value_none_is_shown():
    row = next(line for line in describe_recipe("snas") if line.split()[0] == "cost_weight")
    assert row.split(maxsplit=2) == ["cost_weight", "0.1", "not given"]


def test_a_recipe_on_data_that_it_is_not_for_names_a_space_that_fits():
    with pytest.raises(SpaceError, match=r"'darts' searches networks for image-classification, .* --space mlp"):
        find_recipe("darts").own_space(TABLE)


def test_mistakes_are_told_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(supernets, "space_names", list)  # looking at all of them takes seconds
    with pytest.raises(SettingError, match="preset must be 'small' or 'paper', got 'large'"):
        search("digits", recipe="darts", preset="large", out=tmp_path)
    with pytest.raises(SettingError, match="both need a recipe"):
        search("digits", preset="paper", out=tmp_path)
    for recipe, setting in (("random-ws", "candidates"), ("random-ws", "kept"), ("random-ws", "batches"), ("spos", "parents")):
        with pytest.raises(SettingError, match=f"{setting} .*must (be at least 1|lie in .*), got 0"):
            search("digits", recipe=recipe, recipe_options={setting: 0}, out=tmp_path)
    with pytest.raises(SpaceError, match="has no supernet"):
        search("digits", recipe="spos", space="nasbench101", out=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_cost_counts_the_steps_of_all_epochs():
    task = load_task("digits", seed=0)
    recipe = find_recipe("spos")
    space = Darts(channels=4, layers=3, nodes=2)
    cost = supernet_cost(recipe, {"epochs": 10, "batch_size": 64, "train_share": 1.0}, space, task)
    assert cost.steps == 10 * round(len(task.train) / 64)
    assert cost.seconds > 0
    twice = supernet_cost(recipe, {"epochs": 10, "batch_size": 128, "train_share": 1.0}, space, task)
    assert twice.memory == pytest.approx(2 * cost.memory, rel=0.1)
    assert "steps, and" in str(cost)


def test_on_texts_a_recipe_for_images_trains_as_those_for_texts_do():
    text = TaskInfo("text", "language-modelling", (8,), 30, 100)
    darts, own = find_recipe("darts"), find_recipe("enas-rnn")
    given = darts.given_by("small", {"learning_rate": 0.5}, text)
    assert given["optimizer"] == own.settings()["optimizer"] == "adam"
    assert given["learning_rate"] == 0.5  # what the user says wins
    assert darts.make(given).schedule.gradient_clip == 0.25
    assert darts.given_by("small", {}, IMAGES) == own.given_by("small", {}, text) == {}
    paper = find_recipe("random-ws").given_by(
        "paper", {}, text
    )  # the paper's numbers, but for those that texts do not learn with
    assert (paper["optimizer"], paper["epochs"]) == ("adam", 150)


@pytest.mark.parametrize("name", recipe_listing())
def test_what_is_listed_without_loading_a_recipe_is_the_recipes(name):
    recipe, listed = find_recipe(name), recipe_listing()[name]
    assert listed.cost == recipe.cost
    assert str(listed.year) in recipe.paper


def test_the_cost_is_told_in_candidates_and_epochs():
    assert find_recipe("amoebanet").cost == "40 trainings a cycle, 20,000 in the paper"
    assert find_recipe("gdas").cost == "a supernet of 50 epochs, 240 in the paper"
    assert find_recipe("neat").cost.startswith("300 networks a cycle")
