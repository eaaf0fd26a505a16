"""Is a cheap estimator to be trusted here? It judges random architectures whose scores are known, or made known by training them."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from searchitect.benchmarks import find_benchmark, names_table
from searchitect.benchmarks.reliability import judge, sentences
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import SettingError, Space, TaskInfo
from searchitect.search.folder import locked, prepare_folder, write_json, write_text
from searchitect.trust.estimates import CURVES, FROM_SCRATCH, check_estimator, make_estimates
from searchitect.trust.known import Known
from searchitect.trust.on_data import OnDone, known_from_data
from searchitect.trust.on_table import known_from_table
from searchitect.trust.one_shot import EPOCHS, ONE_SHOT

__all__ = ["Trust", "trust"]

ON_DATA: Final = 20
ON_TABLE: Final = 200


@dataclass(frozen=True)
class Trust:
    """What was found; all of it is also in ``folder``.

    Attributes:
        folder: with ESTIMATOR.json, ESTIMATOR.svg, and, on data, the trainings.
        record: the content of ESTIMATOR.json: see `searchitect.benchmarks.reliability.judge`, and settings and points beside it. An
            estimate is the better the higher: one of a perplexity is times -1; the truth is in the metric itself.
        sentences: the same in words.
    """

    folder: Path
    record: dict[str, Any]
    sentences: list[str]


def trust(
    estimator: str,
    on: str | TabularBenchmark,
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
    tables: str | Path | None = None,
    out: str | Path | None = None,
    on_done: OnDone = lambda *_: None,
) -> Trust:
    """Judge a cheap estimator by random architectures. The same call again goes on where it stopped.

    Args:
        estimator: a zero-cost proxy; "from-scratch", a short training; a predictor, which learns from half of the architectures and is
            judged by the other half, and the other way round; "last-value" or "learning-curve", the beginning of a whole training;
            "one-shot", the weights of one supernet, which is trained on the same data.
        on: a table: one of `searchitect.benchmarks.benchmark_names`, one of your own by its name or its path, or a `TabularBenchmark`; or
            data, as `searchitect.search` takes them by name or path.
        k: architectures; default: 20 on data, where they are trained, 200 on a table.
        epochs: on data, of a whole training; default: those of the final step of a search.
        fidelity: epochs of a short training (default: a ninth of the whole one), or of the beginning of a curve (a third). On a table the
            nearest fidelity below is taken, or the smallest. Of a supernet (default: those of a whole training, at most 50).
        space: on data; default: one that fits.
        data: on a table, for a proxy that looks at data, or a supernet: what it looks at; default: the table's own, where it is at hand.
        target, task: of the data, see `searchitect.search`.
        seed: of the architectures, the split and the trainings.
        workers: trainings at a time.
        tables: a further folder in which a table's file is looked for.
        out: folder; default runs/trust-ON.
        on_done: called after every training with what is trained, how many are done and how many there will be.

    Raises:
        SearchitectError: whatever is wrong with the arguments, the data or the table, in one sentence.
    """
    check_estimator(estimator)
    if k is not None and k < 4:
        raise SettingError(f"k must be at least 4 architectures, got {k}: fewer cannot show a correlation")
    for name, value in (("epochs", epochs), ("fidelity", fidelity)):
        if value is not None and not 0 < value < float("inf"):
            raise SettingError(f"{name} must be above 0, got {value}")
    title = on if isinstance(on, str) else on.name
    folder = Path(out) if out is not None else Path("runs") / f"trust-{Path(title).stem.replace(':', '-')}"
    if isinstance(on, TabularBenchmark) or names_table(on, tables):
        if space is not None or epochs is not None:
            raise SettingError(f"--space and --epochs are for data: the table {title!r} has its own")
        table = on if isinstance(on, TabularBenchmark) else find_benchmark(on, folder=tables)
        prepare_folder(folder)
        with locked(folder):
            known = known_from_table(table, k or ON_TABLE, estimator, data, seed, {"target": target, "task": task})
            if estimator == ONE_SHOT:
                _check_supernet(known.space, known.task.info)
            return _judged(estimator, known, table.name, fidelity, seed, folder, on_done)
    if data is not None:
        raise SettingError(f"--data is for a table: {on!r} is looked at itself")
    from searchitect.spaces import default_space, make_space
    from searchitect.tasks import load_task

    loaded = load_task(on, target=target, task=task, seed=seed)
    drawn_from = make_space(space, loaded.info) if space else default_space(loaded.info)
    if estimator == ONE_SHOT:
        _check_supernet(drawn_from, loaded.info)  # refused now, not after the trainings
    prepare_folder(folder)
    with locked(folder):
        known = known_from_data(loaded, drawn_from, k or ON_DATA, epochs, seed, workers, folder, on_done)
        return _judged(estimator, known, on, fidelity, seed, folder, on_done)


def _check_supernet(space: Space, info: TaskInfo) -> None:
    from searchitect.oneshot.supernets import check_supernet

    check_supernet(space, info)


def _judged(estimator: str, known: Known, on: str, fidelity: float | None, seed: int, folder: Path, on_done: OnDone) -> Trust:
    share: float | None = {FROM_SCRATCH: 9, **dict.fromkeys(CURVES, 3)}.get(estimator)
    if estimator == ONE_SHOT:
        share = max(1.0, known.full / EPOCHS)
    if share is None and fidelity is not None:
        raise SettingError(f"--fidelity is for {FROM_SCRATCH}, {ONE_SHOT}, {' and '.join(CURVES)}: {estimator!r} has none")
    fidelity = fidelity if fidelity is not None or share is None else known.full / share
    estimates = make_estimates(estimator, known, fidelity or known.full, seed, folder, on_done)
    truth = [known.sign * value for value in known.truth]
    found = judge(estimates, truth, known.costs.get("params"), direction=known.direction)
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
            {"key": a.key, "estimate": e, "truth": t} for a, e, t in zip(known.architectures, estimates, truth, strict=True)
        ],
    }
    write_json(folder / f"{estimator}.json", record)
    _draw(estimator, known, estimates, on, folder)
    return Trust(folder, record, said)


def _draw(estimator: str, known: Known, estimates: Sequence[float], on: str, folder: Path) -> None:
    from searchitect.core import MissingPackageError
    from searchitect.reports import svg_to_png
    from searchitect.reports.scatter import draw_scatter

    points = [(e, known.sign * t) for e, t in zip(estimates, known.truth, strict=True)]
    label = estimator if known.sign > 0 else f"{estimator} (higher is better)"
    drawing = draw_scatter(points, label, known.metric, f"{estimator} on {on}")
    write_text(folder / f"{estimator}.svg", drawing)
    with suppress(MissingPackageError):  # the SVG shows the same
        svg_to_png(drawing, folder / f"{estimator}.png")
