"""Children begin with weights of their parents: in whatever process, after kill -9, and without filling the disk."""

import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from searchitect import Job, Measurement, Trial
from searchitect.core import Fidelity, Objective
from searchitect.search.lineage import inheritance_note, line_of
from searchitect.search.store import open_store
from searchitect.strategies.regularized_evolution import RegularizedEvolution
from searchitect.testing import CountOnes
from tests.search.toys import Ones, asked, killed_at, run_toy

SPACE = CountOnes(30)  # so many architectures that none is drawn twice
POPULATION = 5
KEPT = POPULATION + 4  # and the best, for the final step


class Ages(Ones):
    """Weights are a number: one more than those that were inherited."""

    resumes: ClassVar[bool] = True

    def evaluate(self, job: Job) -> Measurement:
        found = super().evaluate(job)
        assert job.save is not None
        assert job.start is None
        age = 1 if job.inherit is None else int(job.inherit.read_text()) + 1
        job.save.parent.mkdir(exist_ok=True)
        job.save.write_text(str(age))
        return Measurement({**found.metrics, "age": float(age)}, found.curve)


def arguments(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "folder": folder / "run",
        "space": SPACE,
        "estimator": Ages(),
        "budget": "40trials",
        "strategy": "regularized-evolution",
        "strategy_options": {
            "population_size": POPULATION,
            "sample_size": 2,
            "with_replacement": False,
            "dies": "loser",
            "inherit": True,
        },
        **more,
    }


def assert_ages_follow_the_parents(trials: list[Trial]) -> None:
    by_id = {trial.id: trial for trial in trials}
    for trial in trials:
        before = by_id[trial.parent].metrics["age"] if trial.inherit and trial.parent is not None else 0
        assert trial.metrics["age"] == before + 1, f"trial {trial.id}"


def files(folder: Path) -> set[int]:
    return {int(path.stem) for path in (folder / "run" / "weights").glob("*.safetensors")}


@pytest.mark.parametrize("workers", [1, 2])
def test_every_child_begins_with_its_parents_weights_and_only_parents_keep_theirs(workers: int, tmp_path: Path) -> None:
    trials = run_toy(**arguments(tmp_path, workers=workers)).trials
    assert_ages_follow_the_parents(trials)
    assert max(trial.metrics["age"] for trial in trials) > 5
    heirs = [trial for trial in trials if trial.inherit]
    assert len(heirs) == sum(trial.origin == "strategy" for trial in trials) > 20
    assert len(files(tmp_path)) <= KEPT
    strategy = RegularizedEvolution(SPACE, [Objective("score", "max")], **arguments(tmp_path)["strategy_options"])
    store = open_store(tmp_path / "run")
    for trial in store.finished():
        if trial.origin != "baseline":
            strategy.tell(trial)
    store.close()
    alive = strategy.inheritable()
    assert alive is not None
    assert len(alive) == POPULATION
    assert files(tmp_path) >= set(alive)


def test_killed_and_resumed_it_is_the_same_search(tmp_path: Path) -> None:
    expected = asked(run_toy(**arguments(tmp_path / "whole")).trials)
    given, rng = arguments(tmp_path / "killed"), random.Random(1)
    deaths = 0
    while deaths < 4 and killed_at(rng.randrange(5, 25), after=rng.random() < 0.5, **given):
        deaths += 1
    trials = run_toy(**given).trials
    assert deaths == 4
    assert asked(trials) == expected
    assert_ages_follow_the_parents(trials)
    assert len(files(tmp_path / "killed")) <= KEPT


def test_without_inheritance_nothing_is_inherited(tmp_path: Path) -> None:
    options = {"population_size": 5, "sample_size": 2}
    trials = run_toy(**arguments(tmp_path, strategy_options=options)).trials
    assert not any(trial.inherit for trial in trials)
    assert {trial.metrics["age"] for trial in trials} == {1.0}


def test_weights_that_are_gone_are_said_and_the_child_is_trained_from_scratch(tmp_path: Path) -> None:
    run_toy(**arguments(tmp_path, budget="10trials"))
    for path in (tmp_path / "run" / "weights").iterdir():
        path.unlink()
    trials = run_toy(**arguments(tmp_path, budget="12trials")).trials
    last = [trial for trial in trials if trial.inherit][-1]
    assert last.metrics["age"] == 1
    said = f"trial {last.id} was to begin with weights of trial {last.parent}, which are gone: it is trained from scratch"
    assert said in (tmp_path / "run" / "log.txt").read_text()


def test_a_database_from_before_goes_on(tmp_path: Path) -> None:
    architecture = SPACE.sample(random.Random(0))
    given = Trial(0, architecture, architecture.key, Fidelity(1), seed=1, parent=None, inherit=True)
    store = open_store(tmp_path)
    store.add(given)
    store.close()
    with sqlite3.connect(tmp_path / "search.db") as database:
        database.execute("ALTER TABLE trials DROP COLUMN inherit")
    database.close()
    store = open_store(tmp_path)
    assert store.trials() == [replace(given, inherit=False)]
    store.add(replace(given, id=1))
    assert [trial.inherit for trial in store.trials()] == [False, True]
    store.close()


# --- from whom weights came -----------------------------------------------------------------------------------------------


def trial(number: int, parent: int | None, *, inherit: bool = False, **more: Any) -> Trial:
    architecture = SPACE.sample(random.Random(number))
    return Trial(number, architecture, architecture.key, Fidelity(2), 0, parent=parent, inherit=inherit, seconds=1.0, **more)


def test_a_line_ends_where_nothing_was_inherited_and_follows_a_duplicate_to_its_training() -> None:
    trials = {
        0: trial(0, None),
        1: trial(1, 0),
        2: trial(2, 1, inherit=True),
        3: trial(3, 0, twin=2),
        4: trial(4, 3, inherit=True),
    }
    assert [t.id for t in line_of(trials, 2)] == [1, 2]  # trial 1 descends from 0 but began anew
    assert [t.id for t in line_of(trials, 4)] == [1, 2, 4]
    assert line_of(trials, 9) == []


def test_the_note_tells_the_trainings_behind_the_best(tmp_path: Path) -> None:
    trials = run_toy(**arguments(tmp_path)).trials
    by_id = {trial.id: trial for trial in trials}
    best = max(trials, key=lambda trial: trial.metrics["score"])
    note = inheritance_note(by_id, best)[0]
    age = int(best.metrics["age"])
    assert (
        f"{sum(t.inherit and t.twin is None for t in trials)} trainings began with weights of their parents. Those of trial {best.id} went through {age}"
        in note
    )
    assert inheritance_note({0: trials[0]}, trials[0]) == []
