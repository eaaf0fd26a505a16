import json
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import event

from searchitect.core import Fidelity, RunError, Trial, TrialState
from searchitect.search.store import Store, open_store
from searchitect.testing import ToySpace

SPACE = ToySpace()


def trial(number: int, state: TrialState = TrialState.RUNNING) -> Trial:
    architecture = SPACE.sample(random.Random(number))
    return Trial(
        id=number,
        architecture=architecture,
        key=architecture.key,
        fidelity=Fidelity(1 / 3, 0.5, 0.25),
        seed=2**31 - 1 - number,
        origin="baseline",
        parent=number - 1 if number else None,
        resume=number % 2 == 1,
        state=state,
        metrics={"accuracy": 0.1 + 0.2, "loss": 1e-300},
        curve=[{"epoch": 0.1, "loss": 2.0}],
        reason="größer als 1 'GB'",
        seconds=0.1,
        twin=3 if number == 5 else None,
        started=1.5,
        finished=2.5 if state.is_finished else None,
    )


def test_a_trial_comes_back_as_it_was(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    given = [trial(0, TrialState.COMPLETE), trial(1), trial(5, TrialState.FAILED)]
    for one in given:
        store.add(one)
    store.close()
    again = open_store(tmp_path)
    assert again.trials() == given
    assert [dict(t.architecture.decisions) for t in again.trials()] == [dict(t.architecture.decisions) for t in given]
    again.close()


def test_finished_trials_come_in_the_order_of_ending_and_open_ones_in_that_of_proposing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for number in range(5):
        store.add(trial(number))
    for number in (3, 0, 4):
        store.finish(replace(trial(number), state=TrialState.PRUNED))
    store.close()
    store = open_store(tmp_path)
    store.finish(replace(trial(1), state=TrialState.COMPLETE))  # the order goes on in a new session
    store.add(trial(9, TrialState.INFEASIBLE))
    assert [t.id for t in store.finished()] == [3, 0, 4, 1, 9]
    assert [t.id for t in store.unfinished()] == [2]
    store.close()


def test_a_trial_is_finished_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(trial(0))
    done = replace(trial(0), state=TrialState.COMPLETE, metrics={"accuracy": 0.5})
    store.finish(done)
    with pytest.raises(RunError, match="trial 0 was to be finished twice"):
        store.finish(replace(done, metrics={"accuracy": 0.9}))
    with pytest.raises(RunError, match="finished twice"):
        store.finish(trial(7))  # never added
    assert store.trials()[0].metrics == {"accuracy": 0.5}
    store.close()


def test_an_id_is_given_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(trial(0))
    with pytest.raises(RunError, match="UNIQUE"):
        store.add(trial(0))
    store.close()


def test_many_trials_go_in_at_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add_all([trial(n, TrialState.COMPLETE) for n in (2, 0, 1)])
    assert [t.id for t in store.finished()] == [2, 0, 1]
    store.close()


def test_facts_are_kept_and_replaced(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.remember(plan={"epochs": 0.1 + 0.2}, spent=1.0)
    store.remember(spent=2.5)
    store.close()
    store = open_store(tmp_path)
    assert store.fact("plan") == {"epochs": 0.1 + 0.2}
    assert store.fact("spent") == 2.5
    assert store.fact("unknown") is None
    store.close()


@pytest.mark.parametrize("damage", ["text", "head", "middle", "half"])
def test_a_damaged_database_is_named_with_the_way_out(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "search.db"
    store = open_store(tmp_path)
    store.add_all([trial(n, TrialState.COMPLETE) for n in range(300)])
    store.close()
    whole = path.read_bytes()
    assert len(whole) > 100_000
    broken = {
        "text": b"these are no trials\n" * 500,
        "head": b"\x00" * 100 + whole[100:],
        "middle": whole[:8192] + random.Random(0).randbytes(60_000) + whole[68_192:],
        "half": whole[: len(whole) // 2],
    }[damage]
    path.write_bytes(broken)
    with pytest.raises(RunError, match=r"search\.db.*(damaged|not a database).*move it away"):
        open_store(tmp_path)
    assert path.read_bytes() == broken


def test_a_foreign_database_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "search.db") as connection:
        connection.execute("create table invoices (id integer)")
    connection.close()
    before = (tmp_path / "search.db").read_bytes()
    with pytest.raises(RunError, match=r"not made by searchitect.*invoices"):
        open_store(tmp_path)
    assert (tmp_path / "search.db").read_bytes() == before


def test_another_format_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.remember(format="searchitect-run-99")
    store.close()
    with pytest.raises(RunError, match=r"'searchitect-run-99'.*'searchitect-run-1'"):
        open_store(tmp_path)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(trial(0, TrialState.COMPLETE))

    def cap(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA max_page_count=8").close()  # as if the disk ended there: SQLite says SQLITE_FULL

    store.close()
    event.listen(store._engine, "connect", cap)

    def fill() -> None:
        for number in range(1, 500):
            store.add(trial(number, TrialState.COMPLETE))

    with pytest.raises(RunError, match=r"disk is full.*run the same command again"):
        fill()
    store.close()
    again = open_store(tmp_path)
    kept = again.trials()
    assert kept[0] == trial(0, TrialState.COMPLETE)
    assert [t.id for t in kept] == list(range(len(kept)))
    again.add(trial(900))  # there is room again
    again.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"cannot write .*missing/search\.db.*--out"):
        Store(f"sqlite:///{tmp_path / 'missing' / 'search.db'}")


def test_nothing_in_the_database_is_executed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(trial(0, TrialState.COMPLETE))
    store.close()
    with sqlite3.connect(tmp_path / "search.db") as connection:
        kinds = {row[2].split("(")[0] for row in connection.execute("pragma table_info(trials)")}
        spec, curve = connection.execute("select spec, curve from trials").fetchone()
    connection.close()
    assert kinds <= {"INTEGER", "FLOAT", "VARCHAR", "TEXT"}  # no blob that could hold a pickle
    assert json.loads(spec) == trial(0).architecture.spec
    assert json.loads(curve) == trial(0).curve


def test_an_emptied_database_of_a_run_is_refused_not_started_afresh(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    (tmp_path / "run.json").write_text("{}")
    for path in tmp_path.glob("search.db*"):
        path.unlink()
    (tmp_path / "search.db").touch()
    with pytest.raises(RunError, match="damaged or not a database \\(it is empty\\)"):
        open_store(tmp_path)
