"""A table of one's own: train every architecture of a small space, several times each.

One line per training is appended to ``trainings.jsonl`` in the output folder as soon as it ends, so that a killed process loses the trainings
that ran and no others; the same call again goes on. When all are there, the table is written beside it.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from searchitect.benchmarks.collected import collect, countable, metric_of
from searchitect.benchmarks.files import save_table
from searchitect.benchmarks.importers import OnStep
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.benchmarks.trainings import TRAININGS, append_training, check_settings, read_trainings
from searchitect.core import (
    Architecture,
    Estimator,
    Fidelity,
    Job,
    Measurement,
    RunError,
    SettingError,
    Space,
    SpaceError,
    TrialState,
)
from searchitect.search.executors import Ended, Executor, ProcessExecutor, SerialExecutor
from searchitect.search.folder import locked, prepare_folder

LIMIT: Final = 20_000
"""Architectures of the largest space that is trained as a whole."""
_WAIT: Final = 60.0


@dataclass(frozen=True)
class Made:
    """What `make_table` ends with.

    Attributes:
        path: of the table; ``None`` where it was interrupted.
        table: the table itself.
        done: trainings that are there.
        wanted: those of the whole table.
    """

    path: Path | None
    table: TabularBenchmark | None
    done: int
    wanted: int


class TrainAndTest(Estimator):
    """One training with a look at the validation part after every epoch and one at the test part at the end: a table holds both.

    Args:
        training: changes to the usual recipe.
    """

    builds: ClassVar[bool] = True

    def __init__(self, training: Mapping[str, Any]) -> None:
        self.training = dict(training)

    def evaluate(self, job: Job) -> Measurement:
        import torch

        from searchitect.estimators.from_scratch import recipe_for
        from searchitect.networks import build
        from searchitect.tasks import measure
        from searchitect.training import Span, predict, train

        task, spec, epochs = job.task, job.architecture.spec, job.fidelity.epochs
        recipe = recipe_for(task, spec, self.training)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(job.seed)
            network = build(job.space, spec, task.info)
        began = time.process_time()
        outcome = train(network, task, recipe, Span(epochs=epochs, horizon=epochs, seed=job.seed, looks=round(epochs)))
        seconds = time.process_time() - began
        metric = metric_of(task)
        curve = [{"epoch": look["epoch"], metric: look[metric]} for look in outcome.curve]
        found: dict[str, float] = {"seconds": seconds}
        if outcome.state != TrialState.FAILED:
            outputs = predict(network, task, task.test.x)
            found["test"] = measure(task.info, outputs, task.test.y, task.target_mean, task.target_std)[metric]
        return Measurement(found, curve, outcome.state, outcome.reason)


def make_table(
    space: Space,
    data: Any,
    *,
    out: str | Path,
    name: str = "",
    seeds: int = 3,
    epochs: int = 10,
    training: Mapping[str, Any] | None = None,
    target: str | None = None,
    valid: float | None = None,
    test: float | None = None,
    workers: int = 1,
    licence: str = "",
    on_step: OnStep | None = None,
) -> Made:
    """Train every architecture of ``space`` on ``data`` and write a table. The same call again goes on where it stopped.

    Args:
        space: at most `LIMIT` different architectures.
        data: as `searchitect.search` takes it.
        out: folder of the trainings and of the table, ``NAME.npz``.
        name: of the table; default SPACE-DATA.
        seeds: trainings of each architecture, at least 1. Training s of the architecture in row r of R has the seed R s + r, for the initial
            weights and for the order of the data.
        epochs: of each training, at least 1; the table has a score after each of them.
        training: changes to the usual recipe (`searchitect.training.Recipe`).
        target: the column of a table to predict.
        valid, test: parts of the data, as in `searchitect.tasks.load_task`.
        workers: processes, each of one thread.
        licence: of the numbers.
        on_step: called with the trainings that are there, and those of the whole table.

    Raises:
        SpaceError: for a space that cannot be enumerated, or is too large.
        SettingError: for settings out of range.
        RunError: where the folder cannot be written to, is in use, or holds the trainings of other settings; where a training breaks off,
            as from want of memory.
    """
    from searchitect.tasks import load_task
    from searchitect.training import Recipe

    for setting, value in (("seeds", seeds), ("epochs", epochs), ("workers", workers)):
        if value < 1:
            raise SettingError(f"{setting} must be at least 1, got {value}")
    Recipe().with_settings(training or {})  # refuses unknown names now
    architectures = all_architectures(space)
    task = load_task(data, target=target, valid=valid, test=test)
    if space.tasks and task.info.kind not in space.tasks:
        raise SpaceError(f"the space {space.name!r} is for {' and '.join(space.tasks)}, the data is for {task.info.kind}")
    name = name or f"{space.name}-{task.info.name}"
    settings = {
        "space": space.name,
        "config": space.config(),
        "data": task.info.name,
        "fingerprint": task.fingerprint,
        "examples": {"train": len(task.train), "valid": len(task.valid), "test": len(task.test)},
        "seeds": seeds,
        "epochs": epochs,
        "training": dict(training or {}),
    }
    folder = Path(out)
    prepare_folder(folder)
    with locked(folder):
        check_settings(folder, settings)
        wanted = [(row, seed) for seed in range(seeds) for row in range(len(architectures))]
        done = {(int(row["row"]), int(row["seed"])): row for row in read_trainings(folder / TRAININGS)}
        if on_step is not None:
            on_step(len(done), len(wanted))
        estimator = TrainAndTest(training or {})
        jobs = {
            place: Job(
                space=space,
                architecture=architectures[row],
                task=task,
                fidelity=Fidelity(epochs),
                horizon=epochs,
                seed=len(architectures) * seed + row,
            )
            for place, (row, seed) in enumerate(wanted)
            if (row, seed) not in done
        }
        try:
            for ended in _ended(estimator, jobs, workers):
                row, seed = wanted[ended.trial]
                found = ended.measurement
                if "seconds" not in found.metrics:  # nothing of the architecture's: a worker died, or memory ran out
                    raise RunError(
                        f"training {seed} of the architecture {architectures[row].text} broke off: {found.reason}; the same call goes on"
                    )
                done[row, seed] = append_training(folder / TRAININGS, row, seed, architectures[row], found)
                if on_step is not None:
                    on_step(len(done), len(wanted))
        except KeyboardInterrupt:
            return Made(None, None, len(done), len(wanted))
        table = collect(space, architectures, task, list(done.values()), name=name, epochs=epochs, seeds=seeds, licence=licence)
        path = folder / f"{name}.npz"
        examples = {"valid": len(task.valid), "test": len(task.test)}
        save_table(path, table, examples=countable(examples, table), made=settings)
    return Made(path, table, len(done), len(wanted))


def all_architectures(space: Space) -> list[Architecture]:
    """Every different architecture, in the order of enumeration.

    Raises:
        SpaceError: where they cannot be listed, or are more than `LIMIT`.
    """
    if "enumerate" not in space.abilities():
        raise SpaceError(
            f"the space {space.name!r} cannot be enumerated, so that no table of all its architectures can be made"
        )
    size = space.size()
    if size is None or size > LIMIT:
        raise SpaceError(
            f"the space {space.name!r} has {'too many' if size is None else f'{size:,.0f}'} architectures to train them all, at most "
            f"{LIMIT:,} are: make it smaller by its settings, such as --set operations=[...]"
        )
    found = {space.key(architecture): architecture for architecture in reversed(list(space.enumerate()))}
    return list(reversed(found.values()))


def _ended(estimator: Estimator, jobs: Mapping[int, Job], workers: int) -> Iterator[Ended]:
    """Every job, as it ends."""
    if not jobs:
        return
    first = next(iter(jobs.values()))
    executor: Executor = SerialExecutor(estimator) if workers == 1 else ProcessExecutor(estimator, first, workers)
    with closing(executor):
        waiting, running = list(jobs.items())[::-1], 0
        while waiting or running:
            while waiting and executor.free():
                executor.submit(*waiting.pop())
                running += 1
            for ended in executor.wait(_WAIT):
                running -= 1
                yield ended
