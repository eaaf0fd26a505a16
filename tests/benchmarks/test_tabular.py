"""A table as an estimator and as a task with a known answer."""

import pickle
import random

import numpy as np
import pytest

from searchitect.benchmarks.rows import EqualRows
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Architecture, Fidelity, Job, SettingError, SpaceError, canonical_json

from .small import MACRO, Pair, small_table


def row(number: int) -> Architecture:
    return list(MACRO.enumerate())[number]


def test_a_query_gives_the_mean_over_seeds_the_costs_and_the_curve() -> None:
    found = small_table().query(row(1))
    assert found.metrics == pytest.approx({"accuracy": 0.065, "params": 1000, "latency_phone": 0.5})
    assert [(look["epoch"], round(look["accuracy"], 6)) for look in found.curve] == [(1, 0.045), (4, 0.065)]


def test_where_short_trainings_are_no_beginnings_there_is_no_curve() -> None:
    found = small_table(is_prefix=False).query(row(1))
    assert [look["epoch"] for look in found.curve] == [4]


def test_a_noisy_query_gives_one_seed_and_a_missing_seed_is_never_drawn() -> None:
    noisy = small_table(noisy=True)
    scores = [noisy.query(row(1), seed=seed).metrics["accuracy"] for seed in range(4)]
    assert scores == pytest.approx([0.06, 0.07, 0.06, 0.07])
    assert {noisy.query(row(8), seed=seed).metrics["accuracy"] for seed in range(4)} == {0.34}
    assert noisy.query(row(1)).metrics["accuracy"] == pytest.approx(0.065)  # without a seed: the mean


def test_the_test_score_is_not_what_a_search_sees_unless_it_is_asked_for() -> None:
    assert small_table().query(row(8)).metrics["accuracy"] == pytest.approx(0.34)
    by_test = small_table(score="test")
    assert by_test.query(row(8)).metrics["accuracy"] == pytest.approx(0.825)
    assert by_test.fidelities == (4.0,)
    assert small_table().test(row(8)) == by_test.test(row(8)) == pytest.approx(0.825)


def test_the_optimum_is_the_highest_mean_test_score() -> None:
    table = small_table()
    assert (table.optimum(), table.best_rows()) == (pytest.approx(0.825), [8])
    assert table.optimum([0, 3]) == pytest.approx(0.325)


def test_the_largest_fidelity_that_is_paid_for_is_taken() -> None:
    table = small_table()
    assert [table.fidelity(epochs) for epochs in (1, 3.9, 4, 100, None)] == [0, 0, 1, 1, 1]
    assert (table.duration(2, 1), table.duration(2)) == (3, 12)
    with pytest.raises(SettingError, match=r"after 1, 4 epochs, not after 0.5: ask for at least 1"):
        table.fidelity(0.5)


def test_it_is_an_estimator_that_workers_can_be_sent() -> None:
    table: TabularBenchmark = pickle.loads(pickle.dumps(small_table(noisy=True)))
    job = Job(space=MACRO, architecture=row(1), task=None, fidelity=Fidelity(2), horizon=4, seed=1)
    assert table.evaluate(job).metrics["accuracy"] == pytest.approx(0.05)


def test_an_architecture_that_it_does_not_hold_is_told_so() -> None:
    with pytest.raises(SpaceError, match="the table 'small' does not hold the architecture"):
        small_table().query(Architecture({"blocks": []}))


@pytest.mark.parametrize("changes", [{"epochs": (1.0,)}, {"valid": np.zeros((8, 2, 1))}, {"tested": np.zeros((3, 1))}])
def test_shapes_that_do_not_fit_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="has 9 rows"):
        small_table(**changes)


def test_an_unknown_score_is_refused() -> None:
    with pytest.raises(SettingError, match="score must be one of valid, test, got 'best'"):
        small_table(score="best")


def test_an_equal_form_has_the_row_of_the_one_that_is_listed() -> None:
    space = Pair()
    listed = {canonical_json({"letters": letters}): row for row, letters in enumerate((["b", "a"], ["a", "a"]))}
    rows = pickle.loads(pickle.dumps(EqualRows(listed, space.canonical)))
    found = {"".join(a.spec["letters"]): rows.get(a.text) for a in space.enumerate()}
    assert found == {"aa": 1, "ab": 0, "ba": 0, "bb": None}
    assert (len(rows), list(rows)) == (2, list(listed))


def test_of_several_equal_ones_that_are_listed_each_has_its_own_row_and_the_first_answers_for_others() -> None:
    rows = EqualRows({'{"letters":[1,2,3]}': 0, '{"letters":[3,2,1]}': 1}, Pair().canonical)
    assert [rows[f'{{"letters":{letters}}}'] for letters in ("[1,2,3]", "[3,2,1]", "[2,1,3]")] == [0, 1, 0]


def test_random_draws_of_a_space_with_equal_forms_are_all_answered() -> None:
    space = Pair()
    listed = {canonical_json(space.canonical(a.spec)): row for row, a in enumerate(space.enumerate())}
    rows = EqualRows({text: row for row, text in enumerate(listed)}, space.canonical, listed_canonical=True)
    assert all(space.sample(random.Random(seed)).text in rows for seed in range(20))
