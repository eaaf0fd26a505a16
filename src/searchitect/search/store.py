"""Where trials are kept: one row each, one transaction per change. Only the searching process writes."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import DatabaseError, SQLAlchemyError

from searchitect.core import Architecture, Fidelity, RunError, Trial, TrialState

FORMAT: Final = "searchitect-run-1"

_metadata = MetaData()
_facts = Table("facts", _metadata, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False))
_trials = Table(
    "trials",
    _metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("ended", Integer, index=True),  # 1, 2, 3, ... in the order of ending: the order in which a resumed strategy is told
    Column("state", String(16), nullable=False),
    Column("origin", String(16), nullable=False),
    Column("key", String(32), nullable=False),
    Column("parent", Integer),
    Column("resume", Integer, nullable=False),
    Column("twin", Integer),
    Column("seed", Integer, nullable=False),
    Column("spec", Text, nullable=False),
    Column("decisions", Text, nullable=False),
    Column("fidelity", Text, nullable=False),
    Column("metrics", Text, nullable=False),
    Column("curve", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("started", Float, nullable=False),
    Column("finished", Float),
    Column("inherit", Integer, nullable=False, server_default="0"),
)


class Store:
    """The trials of one run.

    Args:
        url: any SQLAlchemy URL; ``sqlite:///PATH`` for a file.

    Raises:
        RunError: the database is damaged, foreign, not writable, or the disk is full. Every method may.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine: Engine = create_engine(url)
        if self._engine.dialect.name == "sqlite":
            event.listen(self._engine, "connect", _write_quickly)
        try:
            self._open()
        except BaseException:
            self._engine.dispose()
            raise

    def _open(self) -> None:
        with self._guarded():
            tables = set(inspect(self._engine).get_table_names())
            if tables and "facts" not in tables:
                raise RunError(
                    f"the database {self._shown} was not made by searchitect (tables: {', '.join(sorted(tables))}): choose another out folder"
                )
            self._use_write_ahead_log()
            _metadata.create_all(self._engine)
            self._add_missing_columns()
            found = self.fact("format")
            if found is None:
                self.remember(format=FORMAT)
            elif found != FORMAT:
                raise RunError(
                    f"the database {self._shown} has the format {found!r}, this version of searchitect reads {FORMAT!r}"
                )
            with self._engine.connect() as connection:
                if self._engine.dialect.name == "sqlite":
                    verdict = connection.execute(text("PRAGMA quick_check(1)")).scalar()
                    if verdict != "ok":
                        raise RunError(_damaged(self._shown, str(verdict)))
                self._ended = (
                    connection.execute(select(_trials.c.ended).order_by(_trials.c.ended.desc()).limit(1)).scalar() or 0
                )

    def _use_write_ahead_log(self) -> None:
        """With it a killed process leaves whole transactions only. The file remembers it, so a foreign one must not get here."""
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.execute(text("PRAGMA journal_mode=WAL"))

    def _add_missing_columns(self) -> None:
        """A run that was begun before trials could inherit weights goes on: none of its trials did."""
        if "inherit" not in {column["name"] for column in inspect(self._engine).get_columns("trials")}:
            with self._engine.begin() as connection:
                connection.execute(text("ALTER TABLE trials ADD COLUMN inherit INTEGER NOT NULL DEFAULT 0"))

    @property
    def _shown(self) -> str:
        return repr(self._engine.url.database or self.url)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            cause = str(error.orig).lower()
            if "full" in cause:
                raise RunError(
                    f"the disk is full: {self._shown} could not be written; free some space and run the same command again, nothing recorded is lost"
                ) from None
            if "readonly" in cause or "read-only" in cause or "unable to open" in cause:
                raise RunError(f"cannot write {self._shown}: {error.orig}; choose another folder with --out") from None
            if "malformed" in cause or "not a database" in cause or "corrupt" in cause:
                raise RunError(_damaged(self._shown, str(error.orig))) from None
            raise RunError(f"the database {self._shown} failed: {error.orig}") from None
        except SQLAlchemyError as error:
            raise RunError(f"the database {self._shown} failed: {error}") from None

    def add(self, trial: Trial) -> None:
        """Record a new trial, of any state."""
        row = _row(trial)
        if trial.state.is_finished:
            self._ended += 1
            row["ended"] = self._ended
        with self._guarded(), self._engine.begin() as connection:
            connection.execute(_trials.insert(), row)

    def add_all(self, trials: Iterable[Trial]) -> None:
        """Record many finished trials in one transaction, in the given order."""
        rows = []
        for trial in trials:
            self._ended += 1
            rows.append({**_row(trial), "ended": self._ended})
        with self._guarded(), self._engine.begin() as connection:
            connection.execute(_trials.insert(), rows)

    def finish(self, trial: Trial) -> None:
        """Record the end of a trial that was added while it ran. A trial that has ended stays as it is."""
        self._ended += 1
        row = _row(trial)
        row["ended"] = self._ended
        with self._guarded(), self._engine.begin() as connection:
            statement = update(_trials).where(_trials.c.id == trial.id, _trials.c.ended.is_(None)).values(**row)
            if connection.execute(statement).rowcount != 1:
                raise RunError(f"trial {trial.id} was to be finished twice in {self._shown}")

    def finished(self) -> list[Trial]:
        """The finished trials in the order of ending."""
        return self._select(_trials.c.ended.is_not(None), _trials.c.ended)

    def unfinished(self) -> list[Trial]:
        """The trials that were waiting or running when the last session ended, in the order of proposing."""
        return self._select(_trials.c.ended.is_(None), _trials.c.id)

    def trials(self) -> list[Trial]:
        """All trials by id."""
        return self._select(_trials.c.id >= 0, _trials.c.id)

    def fact(self, name: str) -> Any:
        """A remembered value; ``None`` where there is none."""
        with self._guarded(), self._engine.connect() as connection:
            value = connection.execute(select(_facts.c.value).where(_facts.c.name == name)).scalar()
        return None if value is None else json.loads(value)

    def remember(self, **facts: Any) -> None:
        """Keep JSON values by name; an old value is replaced."""
        with self._guarded(), self._engine.begin() as connection:
            for name, value in facts.items():
                if self._engine.dialect.name == "sqlite":
                    statement = sqlite_insert(_facts).values(name=name, value=json.dumps(value))
                    connection.execute(
                        statement.on_conflict_do_update(index_elements=["name"], set_={"value": json.dumps(value)})
                    )
                else:
                    connection.execute(_facts.delete().where(_facts.c.name == name))
                    connection.execute(_facts.insert().values(name=name, value=json.dumps(value)))

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()

    def _select(self, condition: Any, order: Any) -> list[Trial]:
        with self._guarded(), self._engine.connect() as connection:
            return [_trial(row) for row in connection.execute(select(_trials).where(condition).order_by(order))]


def open_store(folder: Path) -> Store:
    """The store of a run folder. Raises `RunError` where the folder belongs to a run whose database is empty."""
    path = folder / "search.db"
    if path.exists() and path.stat().st_size == 0 and (folder / "run.json").exists():
        raise RunError(_damaged(repr(str(path)), "it is empty"))
    return Store(f"sqlite:///{path}")


def _write_quickly(connection: Any, _: Any) -> None:
    # with the write-ahead log NORMAL is safe against a killed process, at a tenth of FULL's cost
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _damaged(shown: str, detail: str) -> str:
    return (
        f"the database {shown} is damaged or not a database ({detail}): move it away and run the same command again to start afresh; "
        "trials.csv beside it holds what the last report knew"
    )


def _row(trial: Trial) -> dict[str, Any]:
    return {
        "id": trial.id,
        "state": str(trial.state),
        "origin": trial.origin,
        "key": trial.key,
        "parent": trial.parent,
        "resume": int(trial.resume),
        "twin": trial.twin,
        "seed": trial.seed,
        "spec": trial.architecture.text,
        "decisions": json.dumps(dict(trial.architecture.decisions)),
        "fidelity": json.dumps(trial.fidelity.to_json()),
        "metrics": json.dumps(trial.metrics),
        "curve": json.dumps(trial.curve),
        "reason": trial.reason,
        "seconds": trial.seconds,
        "started": trial.started,
        "finished": trial.finished,
        "inherit": int(trial.inherit),
    }


def _trial(row: Any) -> Trial:
    return Trial(
        id=row.id,
        architecture=Architecture(json.loads(row.spec), json.loads(row.decisions)),
        key=row.key,
        fidelity=Fidelity(**json.loads(row.fidelity)),
        seed=row.seed,
        origin=row.origin,
        parent=row.parent,
        resume=bool(row.resume),
        state=TrialState(row.state),
        metrics=json.loads(row.metrics),
        curve=json.loads(row.curve),
        reason=row.reason,
        seconds=row.seconds,
        twin=row.twin,
        started=row.started,
        finished=row.finished,
        inherit=bool(row.inherit),
    )
