import numpy as np
import pytest

from searchitect.core import DataError, SettingError
from searchitect.tasks.targets import decide_target


def texts(*values: str | None) -> np.ndarray:
    return np.array(values, dtype=object)


def test_text_becomes_classes_in_the_order_of_the_alphabet() -> None:
    goal = decide_target(texts("b", "a", "b", "c", "a", "c"), name="t")
    assert goal.classes == ("a", "b", "c")
    assert goal.y.tolist() == [1, 0, 1, 2, 0, 2]


def test_numbers_in_text_become_classes_in_the_order_of_numbers() -> None:
    goal = decide_target(texts("10", "9", "10", "9"), name="t")
    assert goal.classes == ("9", "10")


def test_bools_become_two_classes() -> None:
    assert decide_target(np.array([True, False, True, False]), name="t").classes == ("False", "True")


def test_fractional_numbers_are_learned_as_values() -> None:
    goal = decide_target(np.array([0.5, 1.25, 3.0]), name="t")
    assert goal.classes == ()
    assert goal.y.tolist() == [0.5, 1.25, 3.0]


def test_few_whole_numbers_are_classes_and_the_way_out_is_noted() -> None:
    goal = decide_target(np.array([3, 5, 8] * 10), name="quality")
    assert goal.classes == ("3", "5", "8")
    assert "say task='regression'" in goal.notes[0]


def test_many_whole_numbers_are_values_in_a_table_and_classes_of_images() -> None:
    y = np.tile(np.arange(100), 10)
    assert decide_target(y, name="t").classes == ()
    assert len(decide_target(y, name="t", is_image=True).classes) == 100


def test_the_task_overrules_the_guess() -> None:
    y = np.array([1, 2, 3] * 10)
    assert decide_target(y, name="t", task="regression").classes == ()
    assert decide_target(np.array([0.5, 1.5] * 5), name="t", task="classification").classes == ("0.5", "1.5")


def test_rows_without_a_target_are_left_out_and_noted() -> None:
    goal = decide_target(np.array([1.5, np.nan, 2.5, np.nan]), name="price")
    assert goal.kept.tolist() == [0, 2]
    assert "2 of 4 rows have no value" in goal.notes[0]
    assert decide_target(texts("a", None, "b", "", "a", "b"), name="t").kept.tolist() == [0, 2, 4, 5]


def test_given_class_names_belong_to_the_numbers() -> None:
    goal = decide_target(np.array([2, 0, 2, 0]), name="t", classes=("cat", "dog", "emu"))
    assert goal.classes == ("cat", "dog", "emu")
    assert goal.y.tolist() == [2, 0, 2, 0]


@pytest.mark.parametrize(
    ("raw", "options", "message"),
    [
        (np.array([np.nan, np.nan]), {}, "every value is missing"),
        (texts("a", "a", "a"), {}, "only one class, 'a'"),
        (texts("1", "two", "3"), {"task": "regression"}, "must be numbers, but has 'two'"),
        (np.array([7.0, 7.0, 7.0]), {"task": "regression"}, "all 3 values are 7"),
        (np.array([0.5, 1.5, 2.5, 3.5]), {"task": "classification"}, "4 different classes in 4 rows are too many"),
        (np.array([0, 3]), {"classes": ("a", "b")}, "whole numbers from 0 to 1"),
        (texts("a", "x"), {"classes": ("a", "b")}, "'x' not among the classes"),
    ],
)
def test_targets_that_cannot_be_learned_are_refused(raw: np.ndarray, options: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        decide_target(raw, name="t", **options)


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(SettingError, match="'classification' or 'regression'"):
        decide_target(np.array([1.0, 2.0]), name="t", task="ranking")
