"""The record of a comparison: what was asked for, what was found, the fields of the protocol, and what may be said of it."""

import hashlib
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import numpy as np

import searchitect
from searchitect.benchmarks.by_hand import made_by_hand
from searchitect.benchmarks.compare import RANDOM, Row
from searchitect.benchmarks.evidence import Json, counts_of, failures_of, plain, ranks_of, sentences_of
from searchitect.benchmarks.protocol import check_protocol, unsupported_claims
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import hash_text

STATISTICS: Final = {
    "n": "independent searches of each strategy",
    "summary": "mean, standard deviation, median, quartiles",
    "interval": "95 % bootstrap percentile intervals, expanded for small samples (Hesterberg 2015), 4,000 resamples",
    "test": "Mann-Whitney U, two-sided; Holm's correction over the strategies of a task",
    "effect": "Vargha and Delaney's A",
    "ranks": "average ranks, Friedman's test, Nemenyi's critical difference at 0.05",
}


def code_state() -> tuple[str, bool]:
    """Which code runs: version and commit, and whether it has changes that no commit holds. An installed package has none."""
    try:
        known = version("searchitect")
    except PackageNotFoundError:
        known = "not installed"
    folder = Path(searchitect.__file__).parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, timeout=20, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "__init__.py")  # the package itself, not a repository around its environment
        return f"{known} at commit {git('rev-parse', '--short=12', 'HEAD')}", bool(git("status", "--porcelain", "--", "."))
    except (OSError, subprocess.SubprocessError):
        return known, False


def environment() -> Json:
    """Packages, processor, threads."""
    packages = {}
    for package in ("searchitect", "numpy", "scipy", "scikit-learn", "torch"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    names = [
        line.partition(":")[2].strip()
        for line in (Path("/proc/cpuinfo").read_text(errors="replace").splitlines() if Path("/proc/cpuinfo").exists() else [])
        if line.startswith("model name")
    ]
    return {
        "python": platform.python_version(),
        **packages,
        "system": platform.platform(),
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads of a search": 1,
        "deterministic": "every search follows from its seed",
    }


def table_hash(table: TabularBenchmark) -> str:
    """A fingerprint of a table's architectures and numbers."""
    found = hashlib.sha256("\n".join(table.rows).encode())
    times = [] if table.seconds is None else [table.seconds]
    for numbers in (table.valid, table.tested, *times, *(table.costs[name] for name in sorted(table.costs))):
        found.update(np.ascontiguousarray(numbers).tobytes())
    return found.hexdigest()[:16]


def table_fields(tables: Mapping[str, TabularBenchmark], rows: Sequence[Row], evaluations: int, simulated_workers: int) -> Json:
    """The fields of the protocol that follow from the tables, and from the rows that the searches chose."""
    by_test = any(table.score == "test" for table in tables.values())
    spaces = {t.space.name: t for t in tables.values()}
    return {
        "data.name": list(tables),
        "data.hash": {name: table_hash(table) for name, table in tables.items()},
        "data.splits": {name: _splits(table) for name, table in tables.items()},
        "test_access": 0 if by_test else 1,
        "space.id": [f"{name} {hash_text(str(sorted(t.space.config().items())))}" for name, t in spaces.items()],
        "space.size": {name: len(t.rows) for name, t in spaces.items()},
        "estimator": {
            name: ("the table's test score" if table.score == "test" else "the table's validation score")
            + (", of one training drawn by the seed" if table.noisy else ", the mean over its trainings")
            + f", after {', '.join(f'{e:g}' for e in table.fidelities)} epochs"
            for name, table in tables.items()
        },
        "budget": {
            "search": f"{evaluations} full trainings, shorter ones by their share of the epochs; {simulated_workers} simulated worker(s)",
            "final": "none: the table holds the final scores",
        },
        "final.runs": {name: fewest for name, table in tables.items() if (fewest := _fewest_trainings(name, table, rows))},
        "training.protocol": {
            name: f"of the table: {table.source}"
            + (
                f"; {table.made['epochs']} epochs, changes to the usual recipe: {table.made['training']}"
                if "training" in table.made
                else ""
            )
            for name, table in tables.items()
        },
        "costs": "from the table; a search of its own costs is not counted in the simulated time",
        "weights_init": "from scratch, by the table's authors",
        "selection_rule": "the highest score seen, at the highest fidelity seen" + (" (the test score)" if by_test else ""),
        "deviation": "simulated on a table: scores are looked up, and the time of the strategies themselves is not counted",
        "baseline.fixed": {name: found for name, table in tables.items() if (found := made_by_hand(table))},
    }


def _splits(table: TabularBenchmark) -> Json:
    """The parts of the data: sizes and seed of a table made here, else where they come from."""
    sizes = table.made.get("examples")
    return {**sizes, "seed": 0} if sizes else {"source": f"as in the table: {table.source}"}


def _fewest_trainings(name: str, table: TabularBenchmark, rows: Sequence[Row]) -> int | None:
    """Of the architectures that the searches on a table chose, how often that with the fewest trainings was trained."""
    chosen = {int(row["trace"][-1][3]) for row in rows if row["task"] == name and row.get("trace")}
    return int((~np.isnan(table.tested[sorted(chosen)])).sum(axis=-1).min()) if chosen else None


def make_record(
    *,
    title: str,
    command: str,
    created: str,
    settings: Json,
    strategies: Json,
    refused: Mapping[str, str],
    tasks: Sequence[Json],
    rows: Sequence[Row],
    fields: Json,
    is_dirty: bool,
) -> Json:
    """The content of comparison.json.

    Args:
        title, command, created: for the head.
        settings: that were asked for.
        strategies: name -> all its options.
        refused: name -> why it could not take part.
        tasks: of `evidence`, with results.
        rows: of all searches.
        fields: of the protocol, those that depend on the kind of the tasks.
        is_dirty: the code had changes that no commit holds.
    """
    versions = sorted({row["version"] for row in rows if row.get("version")})
    searches: dict[str, int] = {}
    for task in tasks:
        for name in strategies:
            runs = len(task["runs"].get(name, []))
            searches[name] = min(searches.get(name, runs), runs)
    protocol: Json = {
        "code.version": ", ".join(versions),
        "code.dirty": is_dirty or len(versions) > 1,
        "env": environment(),
        "strategy": strategies,
        "hp_tuning": "none for this comparison: defaults, values that follow from the budget, and those given; all are listed under strategy",
        "search.runs": searches,
        "baseline.random": f"{RANDOM}: same space, evaluation and budget, {searches.get(RANDOM, 0)} searches"
        if searches.get(RANDOM)
        else "",
        "baseline.untuned": {task["name"]: task["drawn"] for task in tasks if task.get("drawn", {}).get("n")},
        "equal_protocol": True,
        "ablation": "none: strategies are compared as wholes",
        "anytime": "median and quartiles against evaluations"
        + (" and time" if any("time" in t["anytime"] for t in tasks) else ""),
        "stats": STATISTICS,
        "failures": {"searches that failed": len(failures_of(rows)), **counts_of(rows)},
        **fields,
    }
    protocol = plain(protocol)
    problems = check_protocol(protocol)
    # too few searches of one strategy forbid claims about that one alone: see `protocol.verdict`
    grave = [problem.field for problem in problems if problem.forbids_claims and problem.field != "search.runs"]
    sentences: Json = {}
    claims: list[str] = []
    for task in tasks:
        sentences[task["name"]], earned = sentences_of(task, grave)
        claims += earned
    record: Json = {
        "title": title,
        "command": command,
        "created": created,
        "settings": settings,
        "strategies": strategies,
        "refused": dict(refused),
        "sentences": sentences,
        "claims": claims,
        "tasks": list(tasks),
        "ranks": ranks_of(tasks),
        "failures": failures_of(rows),
        "protocol": protocol,
        "problems": [problem.to_json() for problem in problems],
        "notes": notes_of(tasks, rows, refused),
    }
    texts = {
        "the title": title,
        **{f"sentence {n}": said for n, said in enumerate(s for many in sentences.values() for s in many)},
    }
    texts |= {f"note {n}": said for n, said in enumerate(record["notes"])}
    found = unsupported_claims(texts, claims)
    assert not found, found  # our own sentences
    result: Json = plain(record)
    return result


def notes_of(tasks: Sequence[Json], rows: Sequence[Row], refused: Mapping[str, str]) -> list[str]:
    """What a reader should know before believing a number."""
    notes = []
    for task in tasks:
        if task["kind"] == "table" and task["score"] == "test":
            notes.append(
                f"{task['name']}: the test score drove the search, so that regrets say how well a strategy optimises; no score is held out."
            )
        if task["kind"] == "table" and "time" not in task["axes"]:
            notes.append(f"{task['name']}: the table has no training times; every evaluation takes as long as any other.")
    notes += [note for task in tasks if task["kind"] == "data" and (note := _unequal_work(task["name"], rows))]
    failed = len(failures_of(rows))
    if failed:
        notes.append(
            f"{failed} {'search' if failed == 1 else 'searches'} failed, left out of every number; the same command tries again."
        )
    if refused:
        notes.append(f"Could not take part: {', '.join(sorted(refused))}; the reasons are listed.")
    return notes


def _unequal_work(task: str, rows: Sequence[Row]) -> str:
    """A warning where equal budgets paid for unequal amounts of training: more than twice as many passes over the data."""
    spent: dict[str, list[float]] = {}
    for row in rows:
        if row["task"] == task and "error" not in row:
            spent.setdefault(row["strategy"], []).append(row["spent"])
    medians = {name: float(np.median(found)) for name, found in spent.items()}
    if not medians or max(medians.values()) <= 2 * min(medians.values()):
        return ""
    least, most = min(medians, key=lambda name: medians[name]), max(medians, key=lambda name: medians[name])
    return (
        f"{task}: the searches paid for unequal amounts of training, in the median {medians[least]:.3g} passes over the data with {least} and "
        f"{medians[most]:.3g} with {most}. Where the budget is time, other load on the machine does that, or a strategy that is slow itself; "
        "a budget such as 200epochs depends on neither."
    )
