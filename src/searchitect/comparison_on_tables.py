"""A comparison on tables with known answers: searches are replayed, each in well under a second, and nothing is trained."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.compare import Arena, Arm, Row, Search, all_options, fitting, refusal, run_all
from searchitect.benchmarks.evidence import feasible_rows, table_evidence
from searchitect.benchmarks.record import code_state, make_record, table_fields, table_hash
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import Constraint, ConstraintError, SettingError, parse_constraint

ROWS_FILE: Final = "searches.jsonl"


def identity_of(arena: Arena) -> dict[str, Any]:
    """What must be equal for a comparison to go on."""
    one = next(iter(arena.tables.values()))
    return {
        "on": list(arena.tables),
        "table": {name: table_hash(table) for name, table in arena.tables.items()},
        "score": one.score,
        "epochs": [list(table.fidelities) for table in arena.tables.values()],
        "noisy": one.noisy,
        "queries": arena.evaluations,
        "where": [str(limit) for limit in arena.constraints],
        "simulated_workers": arena.simulated_workers,
    }


def compare_on_tables(
    arena: Arena,
    arms: Sequence[Arm],
    is_all: bool,
    seeds: int,
    workers: int,
    folder: Path,
    command: str,
    on_progress: Callable[[int, int, Row], None] | None = None,
) -> dict[str, Any]:
    """Replay every strategy and seed on every table, and describe what came of it.

    Returns:
        The content of comparison.json; empty where it was interrupted.
    """
    taking_part, refused = fitting(
        arms,
        is_all,
        lambda arm: next((why for table in arena.tables.values() if (why := refusal(arm, table, arena.evaluations))), ""),
    )
    jobs = [Search(task, arm, seed) for seed in range(seeds) for task in arena.tables for arm in taking_part]
    version, is_dirty = code_state()
    report = on_progress or (lambda *_: None)
    try:
        rows = run_all(arena, jobs, folder / ROWS_FILE, workers, version, lambda done, row: report(done, len(jobs), row))
    except KeyboardInterrupt:
        return {}
    tasks = [
        table_evidence(name, table, [r for r in rows if r["task"] == name], arena.evaluations, arena.constraints)
        for name, table in arena.tables.items()
    ]
    identity = identity_of(arena)
    by_test = " (test score drives the search)" if identity["score"] == "test" else ""
    return make_record(
        title=f"{len(taking_part)} strategies on {', '.join(arena.tables)}{by_test}",
        command=command,
        created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        settings={**identity, "seeds": seeds, "workers": workers},
        strategies={arm.name: _options(arm, arena) for arm in taking_part},
        refused=refused,
        tasks=tasks,
        rows=rows,
        fields=table_fields(arena.tables, rows, arena.evaluations, arena.simulated_workers),
        is_dirty=is_dirty,
    )


def make_arena(
    names: Sequence[str | TabularBenchmark],
    *,
    score: str,
    noisy: bool,
    folder: str | Path | None,
    fidelity: float | None,
    where: Sequence[str],
    queries: int,
    simulated_workers: int,
) -> Arena:
    """The tables by name, with what drives the searches on them, and the limits.

    Args:
        names: of tables, or tables.
        score, noisy, fidelity, where, queries, simulated_workers: as `searchitect.comparison.compare` takes them.
        folder: a further folder of the tables' files.

    Raises:
        SettingError: for values that are not allowed, or do not fit a table.
        ConstraintError: for limits on what a table does not tell, and those that none of its architectures meets.
        DataError: where a table is not at hand.
    """
    found: dict[str, TabularBenchmark] = {}
    for name in names:
        if score not in ("valid", "test"):
            raise SettingError(f"score must be 'valid' or 'test', got {score!r}")
        table = (
            replace(name, score=score, noisy=noisy)  # type: ignore[arg-type]
            if isinstance(name, TabularBenchmark)
            else find_benchmark(name, folder=folder, score=score, noisy=noisy)
        )
        found[table.name] = table if fidelity is None else _at(table, fidelity)
    constraints = tuple(_constraint(text, found) for text in where)
    for table in found.values():
        if not len(feasible_rows(table, constraints)):
            closest = [
                f"{c.metric} between {table.costs[c.metric].min():g} and {table.costs[c.metric].max():g}" for c in constraints
            ]
            raise ConstraintError(
                f"no architecture of the table {table.name!r} meets {' and '.join(map(str, constraints))}: it has {', '.join(closest)}"
            )
    return Arena(found, queries, constraints, simulated_workers)


def _at(table: TabularBenchmark, epochs: float) -> TabularBenchmark:
    """The table with one fidelity only."""
    if table.score == "test":
        raise SettingError(
            f"fidelity={epochs:g}: test scores are those of the full training; leave it out, or use score='valid'"
        )
    if epochs not in table.epochs:
        raise SettingError(
            f"fidelity={epochs:g}: the table {table.name!r} has scores after {', '.join(f'{e:g}' for e in table.epochs)} epochs"
        )
    place = table.epochs.index(epochs)
    seconds = None if table.seconds is None else table.seconds[:, place : place + 1]
    return replace(table, epochs=(epochs,), valid=table.valid[:, place : place + 1], seconds=seconds)


def _constraint(text: str, tables: Mapping[str, TabularBenchmark]) -> Constraint:
    trimmed = text.strip()
    if trimmed.lower().startswith("latency_") and trimmed.lower().endswith("ms"):
        trimmed = trimmed[:-2]
    found = parse_constraint(trimmed, {cost for table in tables.values() for cost in table.costs})
    for table in tables.values():
        if found.metric not in table.costs:
            raise ConstraintError(
                f"where={text!r}: the table {table.name!r} does not tell {found.metric}; it has {', '.join(table.costs)}"
            )
    return found


def _options(arm: Arm, arena: Arena) -> dict[str, Any]:
    """All options of a strategy; by table, where the tables suggest different ones."""
    found = {
        name: {k: _shown(v) for k, v in all_options(arm, table, arena.evaluations).items()}
        for name, table in arena.tables.items()
    }
    first = next(iter(found.values()))
    return first if all(options == first for options in found.values()) else found


def _shown(value: Any) -> Any:
    return (
        value if isinstance(value, (str, int, float, bool, type(None), list, dict)) else getattr(value, "__name__", repr(value))
    )
