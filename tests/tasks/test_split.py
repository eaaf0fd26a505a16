import numpy as np
import pytest

from searchitect.core import DataError, SettingError
from searchitect.tasks.split import TEST, TRAIN, VALID, split_rows


def parts_of(split):
    return split.train, split.valid, split.test


def test_every_row_is_in_exactly_one_part() -> None:
    labels = np.random.default_rng(0).integers(0, 5, 503)
    split = split_rows(labels, 503, seed=0)
    assert sorted(np.concatenate(parts_of(split))) == list(range(503))


def test_a_quarter_tests_and_a_fifth_of_the_rest_validates() -> None:
    split = split_rows(np.arange(1797) % 10, 1797, seed=0)
    assert [len(p) for p in parts_of(split)] == [1077, 270, 450]


def test_each_class_keeps_its_share_in_every_part() -> None:
    labels = np.repeat([0, 1, 2], [700, 200, 100])
    for part in parts_of(split_rows(labels, 1000, seed=3)):
        assert np.abs(np.bincount(labels[part]) / len(part) - [0.7, 0.2, 0.1]).max() < 0.006


def test_the_seed_decides_the_split_and_nothing_else_does() -> None:
    labels = np.arange(200) % 4
    first, again, other = (split_rows(labels, 200, seed=s) for s in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(parts_of(first), parts_of(again), strict=True))
    assert set(first.test) != set(other.test)


def test_a_class_of_three_is_in_every_part() -> None:
    labels = np.r_[np.zeros(97, int), 1, 1, 1]
    for part in parts_of(split_rows(labels, 100, seed=0)):
        assert (labels[part] == 1).sum() == 1


def test_a_class_with_one_example_stays_in_training_and_is_noted() -> None:
    labels = np.r_[np.zeros(50, int), np.ones(50, int), 2]
    for seed in range(5):
        split = split_rows(labels, 101, seed=seed, classes=("a", "b", "rare"))
        assert 100 in split.train
    assert "'rare' has one example only" in split.notes[0]


def test_a_class_with_two_examples_is_split_and_noted() -> None:
    labels = np.r_[np.zeros(98, int), 1, 1]
    split = split_rows(labels, 100, seed=0, classes=("a", "pair"))
    assert (labels[split.train] == 1).sum() == 1
    assert "'pair' has two examples only" in split.notes[0]


def test_a_given_test_part_is_never_merged_or_cut() -> None:
    given = np.r_[np.full(60, TRAIN), np.full(40, TEST)].astype(np.int8)
    split = split_rows(np.arange(100) % 2, 100, seed=0, given=given)
    assert split.test.tolist() == list(range(60, 100))
    assert len(split.valid) == 12


def test_a_given_validation_part_is_kept_and_test_is_cut_from_training() -> None:
    given = np.r_[np.full(80, TRAIN), np.full(20, VALID)].astype(np.int8)
    split = split_rows(np.arange(100) % 2, 100, seed=0, given=given)
    assert split.valid.tolist() == list(range(80, 100))
    assert len(split.test) == 20
    assert max(split.test) < 80


def test_validation_has_at_most_ten_thousand_rows_unless_asked_for() -> None:
    assert len(split_rows(None, 100_000, seed=0).valid) == 10_000
    assert len(split_rows(None, 100_000, seed=0, valid=0.5).valid) == 37_500


def test_regression_is_split_at_random() -> None:
    split = split_rows(None, 1000, seed=0)
    assert abs(split.test.mean() - 500) < 60
    assert len(set(np.diff(split.test))) > 3


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0])
def test_a_fraction_outside_zero_and_one_is_refused(fraction: float) -> None:
    with pytest.raises(SettingError, match=r"test=.* between 0 and 1"):
        split_rows(None, 100, seed=0, test=fraction)


def test_a_fraction_for_a_part_that_the_data_bring_is_refused() -> None:
    given = np.r_[np.full(60, TRAIN), np.full(40, TEST)].astype(np.int8)
    with pytest.raises(SettingError, match="their own test part"):
        split_rows(None, 100, seed=0, given=given, test=0.3)


def test_three_rows_are_too_few() -> None:
    with pytest.raises(DataError, match="3 rows to train on are too few; at least 10"):
        split_rows(None, 3, seed=0)
