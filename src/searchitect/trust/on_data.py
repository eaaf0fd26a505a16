"""Architectures on data: they are trained, once for all estimators."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from searchitect.core import (
    METRICS,
    Architecture,
    Estimator,
    Fidelity,
    Job,
    RunError,
    SettingError,
    Space,
    canonical_json,
    hash_text,
)
from searchitect.search.folder import read_json, write_json, write_text
from searchitect.trust.known import Known, draw_different

SETTINGS_FILE: Final = "trust.json"
TRAININGS_FILE: Final = "trainings.jsonl"

Row = dict[str, Any]
OnDone = Callable[[str, int, int], None]


def known_from_data(
    task: Any,
    space: Space,
    k: int,
    epochs: float | None,
    seed: int,
    workers: int,
    folder: Path,
    on_done: OnDone,
) -> Known:
    """Train k random architectures, each alone, as the final step of a search does, and score them on validation data."""
    from searchitect.costs import measure_costs
    from searchitect.networks import build
    from searchitect.search.plan import usual_epochs

    full = float(epochs if epochs is not None else round(usual_epochs(task.info)))
    _check_settings(
        folder, {"data": task.fingerprint, "space": space.name, "config": space.config(), "epochs": full, "seed": seed}
    )
    metric = task.info.quality
    direction = METRICS[metric]
    sign = 1.0 if direction == "max" else -1.0
    drawn = draw_different(space, k, seed, lambda _: True)

    def trained(asked: float, name: str) -> list[Row]:
        jobs = [
            Job(space, a, task, Fidelity(asked), horizon=full, seed=int(hash_text(f"{seed}/{a.text}"), 16) % 2**31)
            for a in drawn
        ]
        return _measured(jobs, folder / name, workers, on_done)

    whole = trained(full, TRAININGS_FILE)
    kept = [place for place, row in enumerate(whole) if metric in row["metrics"]]
    if len(kept) < 4:
        raise RunError(
            f"only {len(kept)} of {k} trainings gave a score: {next((r['reason'] for r in whole if r['reason']), '')}"
        )

    def short(asked: float) -> list[float]:
        if asked >= full:
            raise SettingError(f"fidelity: a short training must be below the {full:g} epochs of a whole one, got {asked:g}")
        rows = trained(asked, f"trainings-{asked:g}.jsonl")
        return [sign * rows[place]["metrics"].get(metric, sign * float("-inf")) for place in kept]

    def params(architecture: Architecture) -> float:
        return measure_costs(lambda: build(space, architecture.spec, task.info), task.info.input_shape, ["params"])["params"]

    looks = [[look for look in whole[place]["curve"] if metric in look] for place in kept]
    return Known(
        space=space,
        architectures=[drawn[place] for place in kept],
        truth=[sign * whole[place]["metrics"][metric] for place in kept],
        metric=f"validation {metric}",
        direction=direction,
        costs={"params": [params(drawn[place]) for place in kept]},
        task=task,
        short=short,
        curves=[([look["epoch"] for look in curve], [sign * look[metric] for look in curve]) for curve in looks],
        full=full,
    )


def _measured(jobs: Sequence[Job], file: Path, workers: int, on_done: OnDone) -> list[Row]:
    """What each job gave: one JSON line per finished training, so that a later call goes on."""
    from searchitect.estimators.from_scratch import FromScratch
    from searchitect.search.executors import Executor, ProcessExecutor, SerialExecutor

    known = {row["text"]: row for row in _read_lines(file)}
    waiting = [place for place, job in enumerate(jobs) if job.architecture.text not in known]
    if waiting:
        estimator: Estimator = FromScratch()
        made: Executor = SerialExecutor(estimator) if workers == 1 else ProcessExecutor(estimator, jobs[0], workers)
        with closing(made) as executor, file.open("a", encoding="utf-8") as lines:
            running = 0
            while waiting or running:
                while waiting and executor.free() > 0:
                    place = waiting.pop(0)
                    executor.submit(place, jobs[place])
                    running += 1
                for ended in executor.wait(0.25):
                    running -= 1
                    text = jobs[ended.trial].architecture.text
                    known[text] = row = {
                        "text": text,
                        "metrics": {name: float(value) for name, value in ended.measurement.metrics.items()},
                        "curve": list(ended.measurement.curve),
                        "reason": ended.measurement.reason,
                        "seconds": ended.seconds,
                    }
                    lines.write(json.dumps(row) + "\n")
                    lines.flush()
                    os.fsync(lines.fileno())
                    on_done(file.stem, sum(job.architecture.text in known for job in jobs), len(jobs))
    return [known[job.architecture.text] for job in jobs]


def _read_lines(file: Path) -> Iterator[Row]:
    """The whole lines of an earlier call; one that a crash cut short is removed, since more will follow."""
    if not file.exists():
        return
    content = file.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        write_text(file, whole.decode())
    for number, line in enumerate(whole.decode().splitlines(), 1):
        try:
            yield json.loads(line)
        except ValueError:
            raise RunError(
                f"{str(file)!r} is damaged in line {number}: remove it, or choose another folder with --out"
            ) from None


def _check_settings(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / SETTINGS_FILE
    if not path.exists():
        if (folder / "run.json").exists():
            raise RunError(f"{str(folder)!r} is the folder of a search: choose another folder with --out")
        write_json(path, settings)
        return
    before = read_json(path)
    for name, value in settings.items():
        if canonical_json(before.get(name)) != canonical_json(value):
            raise RunError(
                f"{str(folder)!r} holds trainings with {name}={before.get(name)!r}, now it is {value!r}: give the same settings, or "
                "another folder with --out"
            )
