"""Is a cheap estimator to be trusted here? It judges random architectures whose scores are known, or made known by training them."""

import json
import os
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from searchitect.benchmarks.reliability import judge, sentences
from searchitect.core import (
    Architecture,
    DataError,
    Estimator,
    Fidelity,
    Job,
    RunError,
    SettingError,
    Space,
    TaskInfo,
    canonical_json,
    hash_text,
    unknown_name,
)
from searchitect.search.folder import locked, prepare_folder, read_json, write_json, write_text

ON_DATA: Final = 20
ON_TABLE: Final = 200
CURVES: Final = ("last-value", "learning-curve")
FROM_SCRATCH: Final = "from-scratch"
SETTINGS_FILE: Final = "trust.json"
TRAININGS_FILE: Final = "trainings.jsonl"
_TRIES: Final = 50
_IMAGES: Final = (3, 32, 32)
_FOLDS: Final = 2

Row = dict[str, Any]
OnDone = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Trust:
    """What was found; all of it is also in ``folder``.

    Attributes:
        folder: with ESTIMATOR.json, ESTIMATOR.svg, and, on data, the trainings.
        record: the content of ESTIMATOR.json: see `searchitect.benchmarks.reliability.judge`, and settings and points beside it.
        sentences: the same in words.
    """

    folder: Path
    record: dict[str, Any]
    sentences: list[str]


@dataclass(frozen=True)
class _Known:
    """Architectures with what is known of them.

    Attributes:
        space: theirs.
        architectures: [k].
        truth: scores after a whole training [k].
        metric: what the truth is.
        params: numbers of parameters [k]; ``None`` where unknown.
        task: with data, or shapes alone, on which a proxy looks at them.
        short: epochs -> scores after so many.
        curves: (epochs, scores) of whole trainings.
        full: epochs of a whole training.
    """

    space: Space
    architectures: list[Architecture]
    truth: list[float]
    metric: str
    params: list[float] | None
    task: Any
    short: Callable[[float], list[float]]
    curves: list[tuple[list[float], list[float]]]
    full: float


def trust(
    estimator: str,
    on: str,
    *,
    k: int | None = None,
    epochs: float | None = None,
    fidelity: float | None = None,
    space: str | None = None,
    data: str | None = None,
    target: str | None = None,
    task: str | None = None,
    seed: int = 0,
    workers: int = 1,
    out: str | Path | None = None,
    on_done: OnDone = lambda *_: None,
) -> Trust:
    """Judge a cheap estimator by random architectures. The same call again goes on where it stopped.

    Args:
        estimator: a zero-cost proxy; "from-scratch", a short training; a predictor, which learns from half of the architectures and is
            judged by the other half, and the other way round; "last-value" or "learning-curve", the beginning of a whole training.
        on: a table (see `searchitect.benchmarks.benchmark_names`), or data, as `searchitect.search` takes them by name or path.
        k: architectures; default: 20 on data, where they are trained, 200 on a table.
        epochs: on data, of a whole training; default: those of the final step of a search.
        fidelity: epochs of a short training (default: a ninth of the whole one), or of the beginning of a curve (a third). On a table the
            nearest fidelity below is taken, or the smallest.
        space: on data; default: one that fits.
        data: on a table, for a proxy that looks at data: what it looks at; default: the table's own, where it is at hand.
        target, task: of the data, see `searchitect.search`.
        seed: of the architectures, the split and the trainings.
        workers: trainings at a time.
        out: folder; default runs/trust-ON.
        on_done: called after every training with what is trained, how many are done and how many there will be.

    Raises:
        SearchitectError: whatever is wrong with the arguments, the data or the table, in one sentence.
    """
    _check_name(estimator)
    if k is not None and k < 4:
        raise SettingError(f"k must be at least 4 architectures, got {k}: fewer cannot show a correlation")
    for name, value in (("epochs", epochs), ("fidelity", fidelity)):
        if value is not None and not 0 < value < float("inf"):
            raise SettingError(f"{name} must be above 0, got {value}")
    folder = Path(out) if out is not None else Path("runs") / f"trust-{Path(on).stem.replace(':', '-')}"
    if _is_table(on):
        if space is not None or epochs is not None:
            raise SettingError(f"--space and --epochs are for data: the table {on!r} has its own")
        prepare_folder(folder)
        with locked(folder):
            known = _from_table(on, k or ON_TABLE, estimator, data, seed, {"target": target, "task": task})
            return _judged(estimator, known, on, fidelity, seed, folder)
    if data is not None:
        raise SettingError(f"--data is for a table: {on!r} is looked at itself")
    from searchitect.tasks import load_task

    loaded = load_task(on, target=target, task=task, seed=seed)
    prepare_folder(folder)
    with locked(folder):
        known = _from_data(loaded, space, k or ON_DATA, epochs, seed, workers, folder, on_done)
        return _judged(estimator, known, on, fidelity, seed, folder)


def _check_name(estimator: str) -> None:
    from searchitect.predictors import predictor_names
    from searchitect.proxies import proxy_names

    known = [*proxy_names(), FROM_SCRATCH, *predictor_names(), *CURVES]
    if estimator not in known:
        raise unknown_name("estimator", estimator, known)


def _is_table(on: str) -> bool:
    from searchitect.benchmarks import BENCHMARKS

    return on.partition(":")[0] in BENCHMARKS


def _judged(estimator: str, known: _Known, on: str, fidelity: float | None, seed: int, folder: Path) -> Trust:
    share = {FROM_SCRATCH: 9, **dict.fromkeys(CURVES, 3)}.get(estimator)
    if share is None and fidelity is not None:
        raise SettingError(f"--fidelity is for {FROM_SCRATCH}, {' and '.join(CURVES)}: {estimator!r} has none")
    fidelity = fidelity if fidelity is not None or share is None else known.full / share
    estimates = _estimates(estimator, known, fidelity or known.full, seed)
    found = judge(estimates, known.truth, known.params)
    said = sentences(estimator, found, known.metric)
    record = {
        "estimator": estimator,
        "on": on,
        "space": known.space.name,
        "space_config": known.space.config(),
        "metric": known.metric,
        "epochs": known.full,
        "fidelity": fidelity,
        "seed": seed,
        **found,
        "sentences": said,
        "points": [
            {"key": a.key, "estimate": e, "truth": t}
            for a, e, t in zip(known.architectures, estimates, known.truth, strict=True)
        ],
    }
    write_json(folder / f"{estimator}.json", record)
    _draw(estimator, known, estimates, on, folder)
    return Trust(folder, record, said)


def _draw(estimator: str, known: _Known, estimates: Sequence[float], on: str, folder: Path) -> None:
    from searchitect.core import MissingPackageError
    from searchitect.reports import svg_to_png
    from searchitect.reports.scatter import draw_scatter

    points = list(zip(estimates, known.truth, strict=True))
    drawing = draw_scatter(points, estimator, known.metric, f"{estimator} on {on}")
    write_text(folder / f"{estimator}.svg", drawing)
    with suppress(MissingPackageError):  # the SVG shows the same
        svg_to_png(drawing, folder / f"{estimator}.png")


# --- estimates -----------------------------------------------------------------------------------------------------------


def _estimates(estimator: str, known: _Known, fidelity: float, seed: int) -> list[float]:
    from searchitect.predictors import predictor_names

    if estimator in predictor_names():
        return cross_predicted(estimator, known.space, known.architectures, known.truth, seed)
    if estimator == FROM_SCRATCH:
        return known.short(fidelity)
    if estimator in CURVES:
        return _from_curves(estimator, known, fidelity, seed)
    from searchitect.proxies import score_all

    if estimator == "params" and known.params is not None:
        return known.params
    return score_all(estimator, known.space, known.task, known.architectures, seed)


def cross_predicted(
    name: str, space: Space, architectures: Sequence[Architecture], truth: Sequence[float], seed: int = 0
) -> list[float]:
    """The prediction for each architecture by a predictor that learned from the half it is not in."""
    from searchitect.predictors import make_predictor

    order = list(range(len(truth)))
    random.Random(f"{seed}/halves").shuffle(order)
    found = [0.0] * len(truth)
    for fold in range(_FOLDS):
        held = order[fold::_FOLDS]
        taught = [place for place in order if place not in set(held)]
        predictor = make_predictor(name, space, seed)
        predictor.fit([architectures[p] for p in taught], [truth[p] for p in taught])
        for place, mean in zip(held, predictor.predict([architectures[p] for p in held])[0].tolist(), strict=True):
            found[place] = mean
    return found


def _from_curves(estimator: str, known: _Known, cut: float, seed: int) -> list[float]:
    """The last value at ``cut`` epochs of the whole training's own curve, or what it is extrapolated to."""
    import numpy as np

    found = []
    for epochs, values in known.curves:
        seen = [value for epoch, value in zip(epochs, values, strict=True) if epoch <= cut + 1e-9]
        if len(epochs) < 2 or not seen or cut >= known.full:
            first = f"{min(epochs):g}" if epochs else "none"
            raise SettingError(
                f"{estimator} at {cut:g} epochs: the curves are of {known.full:g} epochs with looks from {first} on; give a fidelity between"
            )
        if estimator == "last-value":
            found.append(seen[-1])
            continue
        if len(seen) < 3:
            raise SettingError(f"learning-curve at {cut:g} epochs: only {len(seen)} looks were taken until then, 3 are needed")
        from searchitect.predictors.curves import extrapolate

        looks = np.arange(2.0, 2 + len(seen))
        last = 1.0 + len(epochs)
        forecast = extrapolate(looks, np.asarray(seen), [last], np.random.default_rng(seed))
        found.append(float(forecast.weights @ forecast.samples[:, -1]))
    return found


# --- a table -------------------------------------------------------------------------------------------------------------


def _from_table(on: str, k: int, estimator: str, data: str | None, seed: int, reading: Mapping[str, Any]) -> _Known:
    from searchitect.benchmarks import find_benchmark

    table = find_benchmark(on)
    space = table.space
    drawn = _different(space, k, seed, lambda a: a.text in table.rows)
    rows = [table.row(a) for a in drawn]
    return _Known(
        space=space,
        architectures=drawn,
        truth=[table.test(a) for a in drawn],
        metric=f"test {table.metric}",
        params=table.costs["params"][rows].tolist() if "params" in table.costs else None,
        task=_table_task(on, estimator, data, seed, reading),
        short=lambda epochs: [table.query(a, max(epochs, table.fidelities[0])).metrics[table.metric] for a in drawn],
        curves=[
            ([look["epoch"] for look in curve], [look[table.metric] for look in curve])
            for curve in (table.query(a).curve for a in drawn)
        ],
        full=table.epochs[-1],
    )


def _table_task(on: str, estimator: str, data: str | None, seed: int, reading: Mapping[str, Any]) -> Any:
    """What a proxy looks at; ``None`` for other estimators."""
    from searchitect.proxies import needs_data, proxy_names

    if estimator not in proxy_names() and data is not None:
        raise SettingError(f"--data is what a proxy looks at: {estimator!r} is none")
    if data is None and any(value is not None for value in reading.values()):
        raise SettingError(f"--target and --task say how --data is read: the table {on!r} has its own")
    if estimator not in proxy_names():
        return None
    if data is None and on.partition(":")[0] == "digits-cells":
        data = "digits"
    if data is not None:
        from searchitect.tasks import load_task

        return load_task(data, seed=seed, **reading)
    if needs_data(estimator):
        raise DataError(f"{estimator} looks at data, which the table {on!r} does not hold: give them with --data")
    return TaskInfo(on, "image-classification", _IMAGES, 10, 0)


# --- data ----------------------------------------------------------------------------------------------------------------


def _from_data(
    task: Any,
    space_name: str | None,
    k: int,
    epochs: float | None,
    seed: int,
    workers: int,
    folder: Path,
    on_done: OnDone,
) -> _Known:
    """Train k random architectures, each alone, as the final step of a search does, and score them on validation data."""
    from searchitect.costs import measure_costs
    from searchitect.networks import build
    from searchitect.search.plan import usual_epochs
    from searchitect.spaces import default_space, make_space

    space = make_space(space_name, task.info) if space_name else default_space(task.info)
    full = float(epochs if epochs is not None else round(usual_epochs(task.info)))
    _check_settings(
        folder, {"data": task.fingerprint, "space": space.name, "config": space.config(), "epochs": full, "seed": seed}
    )
    metric = "accuracy" if task.info.is_classification else "r2"
    drawn = _different(space, k, seed, lambda _: True)

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
        return [rows[place]["metrics"].get(metric, float("-inf")) for place in kept]

    def params(architecture: Architecture) -> float:
        return measure_costs(lambda: build(space, architecture.spec, task.info), task.info.input_shape, ["params"])["params"]

    looks = [[look for look in whole[place]["curve"] if metric in look] for place in kept]
    return _Known(
        space=space,
        architectures=[drawn[place] for place in kept],
        truth=[whole[place]["metrics"][metric] for place in kept],
        metric=f"validation {metric}",
        params=[params(drawn[place]) for place in kept],
        task=task,
        short=short,
        curves=[([look["epoch"] for look in curve], [look[metric] for look in curve]) for curve in looks],
        full=full,
    )


def _different(space: Space, k: int, seed: int, fits: Callable[[Architecture], bool]) -> list[Architecture]:
    """k uniform draws that differ and fit; the first ones are the same for a smaller k. Fewer where the space has too few."""
    rng = random.Random(f"{seed}/trust")
    found: dict[str, Architecture] = {}
    for _ in range(_TRIES * k):
        drawn = space.sample(rng)
        if fits(drawn):
            found.setdefault(space.key(drawn), drawn)
        if len(found) == k:
            break
    return list(found.values())


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
