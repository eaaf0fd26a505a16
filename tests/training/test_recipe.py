import json
import math
from typing import Any

import pytest

from searchitect.core import SettingError, TaskInfo
from searchitect.training import Recipe, default_recipe, paper_recipe

IMAGES = TaskInfo("images", "image-classification", (3, 32, 32), 10, 40_000)
DIGITS = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1_000)
TABLE = TaskInfo("table", "table-classification", (7,), 3, 500)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("optimizer", "adam"),
        ("learning_rate", 0.0),
        ("learning_rate", -1.0),
        ("learning_rate", math.nan),
        ("learning_rate", math.inf),
        ("weight_decay", -1e-9),
        ("momentum", 1.0),
        ("batch_size", 0),
        ("batch_size", 12.5),
        ("warmup", 1.0),
        ("label_smoothing", 1.0),
        ("crop", -1),
        ("crop", 1.5),
        ("flip", "yes"),
        ("cutout", -1),
        ("mixup", -0.1),
        ("ema", 1.0),
        ("gradient_clip", -1),
        ("balance", 2),
        ("precision", "float16"),
        ("loader_bytes", -1),
        ("learning_rate", "fast"),
        ("device", 3),
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(SettingError, match=name) as caught:
        Recipe().with_settings({name: value})
    assert str(value) in str(caught.value)


def test_an_unknown_setting_is_refused_with_what_is_known() -> None:
    with pytest.raises(SettingError, match=r"'learning_rat'.*learning_rate"):
        Recipe().with_settings({"learning_rat": 0.1})


def test_whole_numbers_do_where_a_fraction_is_meant() -> None:
    assert Recipe().with_settings({"weight_decay": 0, "gradient_clip": 1}).gradient_clip == 1


def test_a_recipe_survives_json() -> None:
    recipe = Recipe(optimizer="sgd", mixup=0.2)
    assert Recipe(**json.loads(json.dumps(recipe.to_json()))) == recipe


def test_the_default_flips_only_where_the_task_allows_it() -> None:
    assert default_recipe(IMAGES, flips=True).flip
    assert not default_recipe(IMAGES).flip


def test_the_default_shifts_images_and_never_tables() -> None:
    assert 0 < default_recipe(DIGITS).crop < 4
    table = default_recipe(TABLE)
    assert (table.crop, table.cutout, table.mixup, table.flip) == (0, 0, 0.0, False)


@pytest.mark.parametrize("rows", [8, 100, 1_000, 10_000, 1_000_000])
def test_the_default_batch_leaves_several_steps_in_an_epoch(rows: int) -> None:
    for info in (DIGITS, TABLE):
        size = default_recipe(TaskInfo("n", info.kind, info.input_shape, 3, rows)).batch_size
        assert 1 <= size <= 512
        assert rows < 100 or rows / size >= 4


def test_the_default_weighs_classes_of_imbalanced_images() -> None:
    assert default_recipe(IMAGES, imbalanced=True).balance
    assert not default_recipe(IMAGES).balance


def test_the_papers_recipe_has_the_published_numbers_on_cifar_10() -> None:
    recipe = paper_recipe(IMAGES, flips=True)
    assert (recipe.optimizer, recipe.learning_rate, recipe.momentum, recipe.nesterov) == ("sgd", 0.025, 0.9, False)
    assert (recipe.weight_decay, recipe.decay_all, recipe.gradient_clip, recipe.batch_size) == (3e-4, True, 5.0, 96)
    assert (recipe.crop, recipe.cutout, recipe.flip, recipe.auxiliary, recipe.drop_path) == (4, 16, True, 0.4, 0.2)
    assert (recipe.warmup, recipe.label_smoothing, recipe.mixup, recipe.ema) == (0.0, 0.0, 0.0, 0.0)


def test_the_papers_recipe_is_for_images() -> None:
    with pytest.raises(SettingError, match=r"paper.*usual"):
        paper_recipe(TABLE)
