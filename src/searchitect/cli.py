"""The command line: a thin skin over `searchitect.api`."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.core.errors import SearchitectError, SettingError

if TYPE_CHECKING:
    from searchitect.api import Result

app = typer.Typer(
    name="searchitect",
    help="Neural architecture search that ends with a trained, exported network and honest evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, such as runs/digits.", show_default=False)]
INTERRUPTED = 130


@app.command()
def search(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A name (digits), a folder of class folders, an .npz, .csv or .parquet file.",
            show_default=False,
        ),
    ],
    budget: Annotated[str, typer.Option(help="90s, 10m, 2h, 50trials, 200epochs, or several with commas.")] = "10m",
    target: Annotated[str | None, typer.Option(help="Column of a table to predict.", show_default=False)] = None,
    task: Annotated[
        str | None, typer.Option(help="classification or regression; default: told from the target.", show_default=False)
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A hard limit, such as params<=100k or latency<=2ms. May be repeated.", show_default=False),
    ] = None,
    maximize: Annotated[
        list[str] | None, typer.Option(help="An objective; default: accuracy, or r2.", show_default=False)
    ] = None,
    minimize: Annotated[
        list[str] | None, typer.Option(help="A further objective, such as latency.", show_default=False)
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="See `searchitect list spaces`; default: one that fits the data.", show_default=False)
    ] = None,
    strategy: Annotated[str, typer.Option(help="See `searchitect list strategies`.")] = "auto",
    estimator: Annotated[str, typer.Option(help="See `searchitect list estimators`.")] = "from-scratch",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option of the strategy, or training.KEY=VALUE of the training recipe.",
            show_default=False,
        ),
    ] = None,
    fidelity: Annotated[
        str | None,
        typer.Option(
            help="First look at each architecture: epochs=2,data=0.5,resolution=0.5; default: set by the budget.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Evaluations at a time; default: one per core, at most 8.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Run folder; default: runs/NAME.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="Of the run; default: told from the data.", show_default=False)] = None,
    time_limit: Annotated[
        float | None, typer.Option(help="Seconds of one trial; default: a quarter of the search.", show_default=False)
    ] = None,
    baseline: Annotated[
        str, typer.Option(help="Random search beside it: interleaved, full (equal budget), or none.")
    ] = "interleaved",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find the best network for DATA. The same command again goes on where it stopped."""
    strategy_options, training = _settings(set_ or [])
    from searchitect.api import search as run
    from searchitect.api import shell_command
    from searchitect.search.progress import progress

    with progress(quiet=quiet) as show:
        result = run(
            data,
            budget=budget,
            target=target,
            task=task,
            where=where or (),
            maximize=maximize or (),
            minimize=minimize or (),
            space=space,
            strategy=strategy,
            strategy_options=strategy_options,
            estimator=estimator,
            training=training,
            fidelity=fidelity,
            workers=workers if workers is not None else _default_workers(),
            seed=seed,
            out=out,
            name=name,
            time_limit=time_limit,
            baseline=baseline,
            on_status=show,
            command=shell_command(sys.argv[1:]),
        )
    if not quiet:
        _say(result)
    if result.is_interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command()
def status(run: RunFolder) -> None:
    """How a run stands: trials, best so far, time."""
    from searchitect.api import load_result
    from searchitect.core import TrialState

    result = load_result(run)
    searched = [t for t in result.trials if t.origin != "final"]
    states = {state: sum(t.state == state and t.twin is None for t in searched) for state in TrialState}
    counted = ", ".join(f"{count} {state}" for state, count in states.items() if count)
    typer.echo(f"{result.settings['name']}: {counted or 'no trials yet'}")
    typer.echo(
        f"settings: budget {result.settings['settings']['budget']}, strategy {result.settings['strategy']['name']}, space {result.settings['space']['name']}"
    )
    if result.summary.get("sentence"):
        typer.echo(result.summary["sentence"])
        return
    best = _best_so_far(result)
    if best is not None:
        typer.echo(best)
    typer.echo(f"The search has not ended: go on with  {result.settings['command']}")


@app.command()
def show(
    run: RunFolder,
    trial: Annotated[int | None, typer.Option(help="A trial's id; default: the best.", show_default=False)] = None,
    svg: Annotated[
        Path | None, typer.Option(help="Write a drawing of the architecture to this file.", show_default=False)
    ] = None,
) -> None:
    """An architecture of a run, with its scores."""
    import json

    from searchitect.api import load_result
    from searchitect.core import TaskInfo

    result = load_result(run)
    known = {t.id: t for t in result.trials}
    winner = result.summary.get("winner") or {}
    chosen = trial if trial is not None else winner.get("trial", result.summary.get("best_trial"))
    if chosen not in known:
        raise SettingError(
            f"trial={chosen}: the run {str(run)!r} has the trials 0 to {max(known, default=-1)}; name one with --trial"
        )
    found = known[chosen]
    typer.echo(f"trial {found.id} · {found.origin} · {found.state} · {found.fidelity.epochs:g} epochs · key {found.key}")
    for metric, value in found.metrics.items():
        typer.echo(f"  {metric:18} {value:,.6g}")
    if winner.get("trial") == found.id:
        for metric, value in winner["test"].items():
            typer.echo(f"  {'test ' + metric:18} {value:,.6g}")
    typer.echo(json.dumps(found.architecture.spec, indent=2))
    if svg is not None:
        from searchitect.reports import draw_architecture
        from searchitect.search.folder import write_text

        info = result.settings.get("task")
        shape = {k: v for k, v in info.items() if k in TaskInfo.__dataclass_fields__} if info else None
        write_text(svg, draw_architecture(found.architecture.spec, TaskInfo.from_json(shape) if shape else None))
        typer.echo(f"drawing: {svg}")


@app.command()
def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="Where to write it; default: RUN/report.html.", show_default=False)] = None,
) -> None:
    """Write the HTML report of a run anew."""
    from searchitect.api import load_result

    typer.echo(f"report: {load_result(run).report(out)}")


@app.command()
def export(
    run: RunFolder,
    format: Annotated[str, typer.Option(help="onnx, torch or python.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default: RUN.", show_default=False)] = None,
) -> None:
    """Write the winner, preprocessing included, for use elsewhere."""
    from searchitect.api import load_result

    typer.echo(f"model: {load_result(run).export(format, out)}")


@app.command()
def predict(
    run: RunFolder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="Rows or images: .csv, .parquet, .npz, an image, or a folder of images.", show_default=False
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="CSV file to write; default: print.", show_default=False)] = None,
) -> None:
    """Answer raw rows or images with the winner of a run."""
    from searchitect.api import load_result

    answers = load_result(run).predict(data)
    if out is None:
        typer.echo(answers.to_csv(), nl=False)
    else:
        answers.write(out)
        typer.echo(f"predictions: {out}")


@app.command(name="list")
def list_(
    what: Annotated[str, typer.Argument(metavar="spaces|strategies|estimators", help="What to list.", show_default=False)],
) -> None:
    """List what is there by name."""
    rows: list[tuple[str, str]]
    if what == "spaces":
        from searchitect.spaces import find_space, make_space, space_names

        rows = []
        for space_name in space_names():
            kind = find_space(space_name)
            size = make_space(space_name).size()
            counted = (
                "size unknown"
                if size is None
                else "continuous"
                if size == float("inf")
                else f"{size:,} architectures"
                if size < 1e9
                else f"{size:.2g} architectures"
            )
            rows.append((space_name, f"{kind.summary} ({counted}{'; ' + kind.paper if kind.paper else ''})"))
    elif what == "strategies":
        from searchitect.strategies import find_strategy, strategy_names

        rows = [(n, find_strategy(n).summary) for n in strategy_names()]
    elif what == "estimators":
        from searchitect.estimators import estimator_summaries

        rows = list(estimator_summaries().items())
    else:
        from searchitect.core.errors import unknown_name

        raise unknown_name("list", what, ["spaces", "strategies", "estimators"])
    for row_name, text in rows:
        typer.echo(f"{row_name:24} {text}")


@app.callback(invoke_without_command=True)
def _top(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"searchitect {installed('searchitect')}")
        raise typer.Exit


def main() -> None:
    """The entry point: mistakes of users end with one sentence, others with a pointer to the log."""
    with _one_sentence():
        app()


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except SearchitectError as error:
        typer.echo(f"searchitect: {error}", err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        typer.echo("searchitect: interrupted before there was anything to keep", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        typer.echo(f"searchitect: {error.strerror or error}: {error.filename or ''}", err=True)
        sys.exit(2)
    except Exception:
        traceback.print_exc()
        typer.echo("searchitect: this is a fault of searchitect, not of yours; please report it with the lines above", err=True)
        sys.exit(1)


def _default_workers() -> int:
    import os

    return max(1, min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 8))


def _settings(pairs: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """``key=value`` pairs: those of the strategy, and those that begin with "training."."""
    import json

    strategy: dict[str, Any] = {}
    training: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            raise SettingError(f"--set {pair!r} is not understood: write KEY=VALUE")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if key.startswith("training."):
            training[key.removeprefix("training.")] = value
        else:
            strategy[key] = value
    return strategy, training


def _best_so_far(result: "Result") -> str | None:
    """One line about the best trial of a search that has not ended; ``None`` before the first one."""
    from searchitect.core import parse_objectives
    from searchitect.search.final import eligible, ranked

    pairs = [text.split() for text in result.settings["settings"]["objectives"]]
    larger, smaller = ([metric for verb, metric in pairs if verb == wanted] for wanted in ("maximize", "minimize"))
    objectives = parse_objectives(larger, smaller)
    best = next(iter(ranked(eligible({t.id: t for t in result.trials}, []), objectives)), None)
    if best is None:
        return None
    leading = objectives[0].metric
    return f"best so far: {leading} {best.metrics.get(leading, float('nan')):.4f} on validation data (trial {best.id})"


def _say(result: "Result") -> None:
    folder = result.folder
    typer.echo(result.summary["sentence"])
    baseline = result.summary.get("baseline")
    if baseline and baseline.get("sentence"):
        typer.echo(baseline["sentence"])
    if baseline and baseline.get("full"):
        typer.echo(baseline["full"]["sentence"])
    typer.echo(f"report: {folder / 'report.html'}")
    if result.is_interrupted:
        typer.echo(f"go on: {result.settings['command']}")
    elif result.summary.get("winner"):
        typer.echo(f"model:  {', '.join(str(folder / f) for f in ('model.onnx', 'model.py') if (folder / f).exists())}")
        typer.echo(f"next:   searchitect predict {folder} NEW_DATA")


if __name__ == "__main__":
    main()
