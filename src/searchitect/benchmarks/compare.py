"""Strategies compared on tables: every strategy and seed is one job, replayed in a pool of processes, written down as it ends.

The budget is counted in full trainings, so that a strategy that trains shortly makes more of them. A search sees the table's score; the
incumbent is the best by that score at the highest fidelity seen, and what is reported of it is its test score.
"""

import inspect
import json
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

from searchitect.benchmarks.replay import replay
from searchitect.benchmarks.table_task import table_task
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import (
    Constraint,
    Objective,
    RunError,
    SearchitectError,
    SettingError,
    Strategy,
    Trial,
    TrialState,
    hash_text,
    unknown_name,
)
from searchitect.proxies import make_scorer, proxy_names
from searchitect.search.folder import write_text
from searchitect.strategies import find_strategy, make_strategy, strategy_options
from searchitect.strategies.rungs import rungs
from searchitect.strategies.suggested import with_suggestions
from searchitect.strategies.trusted import Proxy, with_scorers

Row: TypeAlias = dict[str, Any]
"""What is recorded of one search: task, strategy, seed, options, trace, counts, or error."""
Maker: TypeAlias = Callable[..., Strategy]
RANDOM: Final = "random"
ALWAYS: Final = (RANDOM, "local-search")
"""In every comparison; local search only where the space has neighbours."""
_TRACE_DIGITS: Final = 10


@dataclass(frozen=True)
class Arm:
    """One of the strategies that are compared.

    Attributes:
        name: in the report.
        strategy: a name of the catalogue, or what makes one from (space, objectives, seed=..., **options).
        options: those that were given; the others are suggested by the budget, or are the strategy's defaults.
    """

    name: str
    strategy: str | Maker
    options: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def identity(self) -> str:
        """What tells searches of one name apart: the options that were given and, of a strategy of one's own, its code."""
        text = json.dumps(dict(self.options), sort_keys=True, default=repr)
        if isinstance(self.strategy, str):
            return text
        try:
            return f"{text} {hash_text(inspect.getsource(self.strategy))}"
        except (OSError, TypeError):  # typed into a terminal, or an object: nothing tells whether it has changed
            return text


@dataclass(frozen=True)
class Arena:
    """What all searches of a comparison on tables share.

    Attributes:
        tables: by the name of the task.
        evaluations: the budget of a search, in full trainings.
        constraints: on costs of the tables.
        simulated_workers: trainings at a time on the simulated clock.
    """

    tables: Mapping[str, TabularBenchmark]
    evaluations: int
    constraints: tuple[Constraint, ...] = ()
    simulated_workers: int = 1


@dataclass(frozen=True)
class Search:
    """One job: a strategy, a seed, a task."""

    task: str
    arm: Arm
    seed: int


def given_options(arm: Arm, table: TabularBenchmark, evaluations: float) -> dict[str, Any]:
    """Options of a strategy: those given, and those that the budget and the table suggest, as in a real search.

    See `searchitect.strategies.suggested`. Successive halving gets the table's fidelities.
    """
    if not isinstance(arm.strategy, str):
        return dict(arm.options)
    halving = table.halving()
    trials = evaluations
    if "base_epochs" in strategy_options(arm.strategy):  # most of its trials are short
        trials = evaluations / _cost_of_an_architecture(table, {**halving, **arm.options})
    return with_suggestions(arm.strategy, arm.options, expected_trials=max(1, round(trials)), **halving)


def _cost_of_an_architecture(table: TabularBenchmark, halving: Mapping[str, Any]) -> float:
    """What successive halving spends on each architecture that it begins with, in full trainings: 1/eta of a rung goes on."""
    levels = rungs(halving["base_epochs"], halving["max_epochs"], halving["eta"])
    paid = [level - before if table.is_prefix else level for before, level in zip([0.0, *levels], levels, strict=False)]
    eta = float(halving["eta"])
    return sum(epochs / levels[-1] / eta**step for step, epochs in enumerate(paid))


def all_options(arm: Arm, table: TabularBenchmark, evaluations: float) -> dict[str, Any]:
    """`given_options`, and the defaults of all others: for the record."""
    defaults = strategy_options(arm.strategy) if isinstance(arm.strategy, str) else {}
    return {**defaults, **given_options(arm, table, evaluations)}


def make_arm(arm: Arm, table: TabularBenchmark, evaluations: float, seed: int) -> Strategy:
    """The strategy of an arm for a table. Raises `SearchitectError` where the space or an option does not fit."""
    objectives = (Objective(table.metric, "max"),)
    options = given_options(arm, table, evaluations)
    if not isinstance(arm.strategy, str):
        return arm.strategy(table.space, objectives, seed=seed, **options)
    if strategy_options(arm.strategy).keys() & {"proxy", "inner"}:
        options = with_scorers(arm.strategy, options, lambda proxy: proxy_on(table, proxy, seed))
    return make_strategy(arm.strategy, table.space, objectives, seed, **options)


def proxy_on(table: TabularBenchmark, name: str, seed: int) -> Proxy:
    """A zero-cost proxy by its name: a cost of the table (params, macs), or computed on networks that see the data of the table.

    Raises:
        SettingError: for an unknown name, and where the data of the table are not embedded.
    """
    if name in table.costs:
        costs = table.costs[name]
        return lambda architecture: float(costs[table.row(architecture)])
    if name not in proxy_names():
        raise unknown_name("proxy", name, proxy_names())
    task = table_task(table)
    if task is None:
        raise SettingError(
            f"the proxy {name!r} needs networks on the data of the table {table.name!r}, which are not at hand; name a cost of the table, "
            f"such as proxy={next(iter(table.costs), 'params')}, or compare on digits-cells"
        )
    return make_scorer(name, table.space, task, seed)


def refusal(arm: Arm, table: TabularBenchmark, evaluations: float) -> str:
    """Why a strategy cannot search a table, in one sentence; empty where it can."""
    if isinstance(arm.strategy, str) and arm.strategy != "auto":
        strategy = find_strategy(arm.strategy)
        if strategy.chooses_fidelity and len(table.fidelities) == 1:
            return f"{arm.name} chooses how long to train, and the table {table.name!r} has scores of one length only"
    try:
        make_arm(arm, table, evaluations, 0)
    except (SearchitectError, TypeError) as error:
        return str(error)
    return ""


def fitting(arms: Sequence[Arm], is_all: bool, refuses: Callable[[Arm], str]) -> tuple[list[Arm], dict[str, str]]:
    """Who can take part, and why the others cannot. Who was named and cannot is an error; who was only meant by "all" is listed."""
    taking_part, refused = [], {}
    for arm in arms:
        why = refuses(arm)
        if not why:
            taking_part.append(arm)
        elif is_all or arm.name in ALWAYS:
            refused[arm.name] = why
        else:
            raise SettingError(f"strategies: {arm.name!r} cannot take part: {why}")
    if RANDOM in refused:
        raise SettingError(f"strategies: random search cannot take part, and without it nothing is compared: {refused[RANDOM]}")
    return taking_part, refused


def run_search(arena: Arena, job: Search) -> Row:
    """Replay one search. A strategy that raises costs this search: the row then holds the reason."""
    table, began = arena.tables[job.task], time.process_time()
    row: Row = {"task": job.task, "strategy": job.arm.name, "seed": job.seed, "options": job.arm.identity}
    try:
        strategy = make_arm(job.arm, table, arena.evaluations, job.seed)
        trials = replay(
            strategy,
            table,
            evaluations=arena.evaluations,
            workers=arena.simulated_workers,
            constraints=arena.constraints,
            # trials' seeds, which draw the noise of a noisy table: other ones in each search
            seed=1_000_003 * (job.seed + 1),
        )
        row |= summarise_trials(trials, table)
        row["notes"] = list(getattr(strategy, "notes", list)())
    except Exception as error:  # whatever a strategy raises
        row["error"] = f"{type(error).__name__}: {error}" if not isinstance(error, SearchitectError) else str(error)
    row["cpu_seconds"] = round(time.process_time() - began, 4)
    return row


def summarise_trials(trials: Sequence[Trial], table: TabularBenchmark) -> Row:
    """What the report needs of a replay.

    Returns:
        ``trace``: one [full trainings spent, simulated seconds, score, row of the table] whenever the incumbent changes; ``spent`` and
        ``seconds`` in all; ``counts`` of trials, distinct architectures, those over a limit, and trainings that were made before; ``first``: the row of the first
        architecture that was trained.
    """
    full, spent, highest, best = table.fidelities[-1], 0.0, 0.0, -math.inf
    trace: list[list[float]] = []
    reached: dict[int, float] = {}
    made: dict[tuple[int, float], int] = {}
    over = trained = 0
    for trial in trials:
        if trial.state is not TrialState.COMPLETE:
            over += 1
            continue
        row, trained = table.rows[trial.architecture.text], trained + 1
        epochs = table.fidelities[table.fidelity(trial.fidelity.epochs)]
        before = reached.get(trial.parent, 0.0) if trial.resume and table.is_prefix and trial.parent is not None else 0.0
        reached[trial.id] = epochs
        spent += (epochs - before) / full
        made[row, epochs] = row
        score = trial.metrics.get(table.metric, math.nan)
        if epochs < highest or math.isnan(score) or (epochs == highest and score <= best):
            continue
        highest, best = epochs, score
        trace.append([round(spent, 6), round(trial.finished or 0.0, 3), round(score, _TRACE_DIGITS), row])
    return {
        "trace": trace,
        "spent": round(spent, 6),
        "seconds": round(max((t.finished or 0.0 for t in trials), default=0.0), 3),
        "counts": {
            "trained": trained,
            "distinct": len(set(made.values())),
            "over a limit": over,
            "repeats": trained - len(made),
        },
        "first": next(iter(made.values()), None),
    }


def run_all(
    arena: Arena, jobs: Sequence[Search], file: Path, workers: int, version: str, on_done: Callable[[int, Row], None]
) -> list[Row]:
    """Run the jobs that ``file`` does not hold yet, and append each to it as it ends: kill -9 loses the jobs in flight only.

    Args:
        arena: what they share.
        jobs: all of them, also those that are done. Failed ones are tried again.
        file: one JSON line per job.
        workers: processes; 1 runs them in this one.
        version: of the code, kept with each row.
        on_done: called with the number of jobs done and the row that has just ended.

    Returns:
        One row per job, in their order.
    """
    # identities are found here, and travel with the arms to the workers
    wanted = {_key(job.task, job.arm.name, job.seed, job.arm.identity) for job in jobs}
    kept = read_rows(file)
    done = {key: row for row in kept if "error" not in row and (key := _row_key(row)) in wanted}
    # what was torn off or failed goes; what belongs to other strategies of this folder stays
    write_text(file, "".join(json.dumps(row) + "\n" for row in kept if "error" not in row))
    left = [job for job in jobs if _key(job.task, job.arm.name, job.seed, job.arm.identity) not in done]
    ended = (run_search(arena, job) for job in left) if workers == 1 or len(left) < 2 else _in_processes(arena, left, workers)
    with file.open("a", encoding="utf-8") as lines:
        for row in ended:
            row["version"] = version
            try:
                lines.write(json.dumps(row, allow_nan=False) + "\n")
                lines.flush()
                os.fsync(lines.fileno())
            except OSError as error:
                raise RunError(f"cannot write {str(file)!r} ({error}): free some space or choose another folder") from None
            done[_row_key(row)] = row
            on_done(len(done), row)
    return [done[_key(job.task, job.arm.name, job.seed, job.arm.identity)] for job in jobs]


def read_rows(file: Path) -> list[Row]:
    """The rows of a file of JSON lines; a last line that was torn off is left out."""
    rows: list[Row] = []
    if not file.exists():
        return rows
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and {"task", "strategy", "seed"} <= set(row):
            rows.append(row)
    return rows


def _in_processes(arena: Arena, jobs: Sequence[Search], workers: int) -> Iterator[Row]:
    """Rows in the order of ending. Where a worker dies, the searches that were in flight are run again, each alone: one of them was it."""
    waiting = list(reversed(jobs))
    while waiting:
        for suspect in (yield from _until_broken(arena, waiting, workers)):
            if (yield from _until_broken(arena, [suspect], 1)):
                yield {
                    "task": suspect.task,
                    "strategy": suspect.arm.name,
                    "seed": suspect.seed,
                    "options": suspect.arm.identity,
                    "error": "the process that ran it died; it may have needed more memory than there is",
                }


def _until_broken(arena: Arena, waiting: list[Search], workers: int) -> Generator[Row, None, list[Search]]:
    """Run what waits, from its end. Returns the searches that were in flight when a worker died, none where all ended."""
    pool = _pool(arena, min(workers, len(waiting)))
    running: dict[Future[Row], Search] = {}
    try:
        while waiting or running:
            while waiting and len(running) < 2 * workers:
                job = waiting.pop()
                running[pool.submit(_work, job)] = job
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                row = future.result()  # raises where the pool is broken
                del running[future]
                yield row
        return []
    except BrokenProcessPool:
        return list(running.values())
    finally:
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()


def _pool(arena: Arena, workers: int) -> ProcessPoolExecutor:
    before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    os.environ.update(dict.fromkeys(before, "1"))  # must be in place before a worker loads numpy
    try:
        pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin, (arena, os.getpid()))
        for _ in range(workers):
            pool.submit(os.getpid)  # starts a process each, while the variables are set
    except (AttributeError, TypeError) as error:
        raise SettingError(f"a strategy or table cannot be sent to worker processes ({error}); use workers=1") from None
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return pool


_ARENA: list[Arena] = []
"""Of a worker process: sent once, since tables are large."""


def _begin(arena: Arena, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the comparing process's to handle
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    _ARENA[:] = [arena]


def _work(job: Search) -> Row:
    return run_search(_ARENA[0], job)


def _follow(parent: int) -> None:
    """End with the comparing process, also when that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _key(task: str, strategy: str, seed: int, options: str) -> tuple[str, str, int, str]:
    return task, strategy, seed, options


def _row_key(row: Row) -> tuple[str, str, int, str]:
    return _key(row["task"], row["strategy"], row["seed"], row.get("options", "{}"))
