"""The command line: a thin skin over `searchitect.api`."""

import contextlib
import sys
import traceback
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.cli_arguments import default_workers, read_settings, read_shape, read_sizes, spread_pairs
from searchitect.cli_benchmarks import benchmarks
from searchitect.cli_compare import compare
from searchitect.cli_trust import trust
from searchitect.core.errors import SearchitectError, SettingError

if TYPE_CHECKING:
    from searchitect.api import Result
    from searchitect.single import Subject

app = typer.Typer(
    name="searchitect",
    help="Neural architecture search that ends with a trained, exported network and honest evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(benchmarks, name="benchmarks")
app.command(name="compare")(compare)
app.command(name="trust")(trust)

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run, such as runs/digits.", show_default=False)]
Channels = Annotated[int | None, typer.Option(help="Of the first stage.", show_default=False)]
Layers = Annotated[int | None, typer.Option(help="Cells or layers in all, where the space counts them so.", show_default=False)]
Cells = Annotated[int | None, typer.Option(help="Cells per stage, where the space counts them so.", show_default=False)]
Sizes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A further size of the architecture.", show_default=False),
]
INTERRUPTED = 130
TRAINING_FILE = "training.json"  # in the folder of a single training
ABILITIES = ("sample", "mutate", "crossover", "edit", "enumerate", "open", "grow")


@app.command()
def search(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="A name (digits), a folder of class folders, an .npz, .csv or .parquet file, a text (.txt), an environment (gym:CartPole-v1).",
            show_default=False,
        ),
    ],
    budget: Annotated[str, typer.Option(help="90s, 10m, 2h, 50trials, 200epochs, or several with commas.")] = "10m",
    target: Annotated[str | None, typer.Option(help="Column of a table to predict.", show_default=False)] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression; of a text words or characters; default: told from the data.", show_default=False
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A hard limit, such as params<=100k or latency<=2ms. May be repeated.", show_default=False),
    ] = None,
    maximize: Annotated[
        list[str] | None,
        typer.Option(
            help="An objective; default: accuracy or r2, of a text perplexity (minimised), of an environment return.",
            show_default=False,
        ),
    ] = None,
    minimize: Annotated[
        list[str] | None, typer.Option(help="A further objective, such as latency.", show_default=False)
    ] = None,
    space: Annotated[
        str | None, typer.Option(help="See `searchitect list spaces`; default: one that fits the data.", show_default=False)
    ] = None,
    strategy: Annotated[str, typer.Option(help="See `searchitect list strategies`.")] = "auto",
    estimator: Annotated[str, typer.Option(help="See `searchitect list estimators`.")] = "from-scratch",
    recipe: Annotated[
        str | None,
        typer.Option(help="A published system: see `searchitect list recipes`.", show_default=False),
    ] = None,
    preset: Annotated[str, typer.Option(help="Of a recipe: small, for a CPU, or paper, its own settings and sizes.")] = "small",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Option of the recipe or strategy; space.KEY=VALUE, estimator.KEY=VALUE and training.KEY=VALUE of those.",
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
    final: Annotated[
        str, typer.Option(help="How the best are retrained: usual, or paper (the final evaluation of the cell papers).")
    ] = "usual",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find the best network for DATA. The same command again goes on where it stopped."""
    settings = read_settings(set_, "space", "estimator", "training")
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
            strategy_options=settings[""] if recipe is None else None,
            recipe=recipe,
            recipe_options=settings[""] if recipe is not None else None,
            preset=preset,
            estimator=estimator,
            space_options=settings["space"],
            estimator_options=settings["estimator"],
            training=settings["training"],
            fidelity=fidelity,
            workers=workers if workers is not None else default_workers(),
            seed=seed,
            out=out,
            name=name,
            time_limit=time_limit,
            baseline=baseline,
            final=final,
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
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A run folder, a published architecture, a space, or a recipe.", show_default=False
        ),
    ],
    trial: Annotated[int | None, typer.Option(help="A run's trial by its id; default: the best.", show_default=False)] = None,
    channels: Channels = None,
    layers: Layers = None,
    cells: Cells = None,
    set_: Sizes = None,
    input_: Annotated[
        str | None, typer.Option("--input", metavar="CxHxW", help="Shape of an input.", show_default=False)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Outputs of the network.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of the random architecture that is shown of a space.")] = 0,
    svg: Annotated[Path | None, typer.Option(help="Write a drawing to this file.", show_default=False)] = None,
    png: Annotated[Path | None, typer.Option(help="Write a drawing to this file.", show_default=False)] = None,
) -> None:
    """An architecture of a run, a paper or a space: what it is, what it costs, and a drawing. Of a recipe: its settings."""
    sizes = read_sizes(channels, layers, cells, set_)
    if not (Path(what) / "run.json").exists() and _show_recipe(what):
        return
    if (Path(what) / "run.json").exists():
        if sizes or input_ is not None or classes is not None:
            raise SettingError(
                f"sizes and --input are for papers and spaces; another size of {what!r} makes: searchitect rebuild"
            )
        spec, info = _show_trial(Path(what), trial)
    else:
        if trial is not None:
            raise SettingError(f"--trial {trial} is for the folder of a run, {what!r} is none")
        from searchitect.single import find

        subject = find(what, sizes, read_shape(input_), classes, seed)
        spec, info = subject.spec, subject.info
        _describe(subject)
    if svg is not None or png is not None:
        from searchitect.reports import draw_architecture, svg_to_png
        from searchitect.search.folder import write_text

        drawing = draw_architecture(spec, info)
        if svg is not None:
            write_text(svg, drawing)
            typer.echo(f"drawing: {svg}")
        if png is not None:
            svg_to_png(drawing, png)
            typer.echo(f"drawing: {png}")


def _show_recipe(name: str) -> bool:
    """Print a recipe. Whether that is all: the name is of nothing else."""
    from searchitect.recipes import recipe_summaries
    from searchitect.spaces import space_names

    if name not in recipe_summaries():
        return False
    from searchitect.cli_recipes import describe_recipe

    for line in describe_recipe(name):
        typer.echo(line)
    if name not in space_names():
        return True
    typer.echo("")
    return False


def _show_trial(run: Path, trial: int | None) -> tuple[Any, Any]:
    """Print a trial of a run; its spec and its task's shape."""
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
    info = result.settings.get("task")
    shape = {k: v for k, v in info.items() if k in TaskInfo.__dataclass_fields__} if info else None
    return found.architecture.spec, TaskInfo.from_json(shape) if shape else None


def _describe(subject: "Subject") -> None:
    from searchitect.single import costs, decisions_of, key_of

    space, found = subject.space, costs(subject)
    plain = {name: value for name, value in space.config().items() if not isinstance(value, (tuple, list, dict))}
    settings = ", ".join(f"{name}={value}" for name, value in plain.items()) or "no settings"
    fewest, most = decisions_of(space)
    shape = "x".join(map(str, subject.input_shape))
    typer.echo(f"{subject.title}: {subject.about}")
    typer.echo(f"space:      {space.name} with {settings}{'; ' + space.paper if space.paper else ''}")
    typer.echo(f"            {size_text(space.size())}, {_decisions_text(fewest, most)}")
    typer.echo(f"for inputs: {shape}, {subject.outputs} outputs")
    typer.echo(f"parameters: {found['params']:,.0f}")
    if found["auxiliary"]:
        typer.echo(f"            {found['params'] + found['auxiliary']:,.0f} with the auxiliary classifier, while training")
    typer.echo(f"multiply-adds: {found['macs']:,.0f}")
    typer.echo(f"memory:     {found['memory']:.3g} MB of activations at most, one input")
    typer.echo(f"key:        {key_of(subject)}")


@app.command()
def train(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="A published architecture, or the folder of a run or a rebuilt one.", show_default=False
        ),
    ],
    data: Annotated[str, typer.Argument(metavar="DATA", help="As for search.", show_default=False)],
    channels: Channels = None,
    layers: Layers = None,
    cells: Cells = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the data; default: 20 to 100, fewer for more data.", show_default=False)
    ] = None,
    final: Annotated[str, typer.Option(help="paper (the final evaluation of the cell papers), or usual.")] = "paper",
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Size of the architecture, or training.KEY=VALUE of the training recipe.",
            show_default=False,
        ),
    ] = None,
    inherit: Annotated[bool, typer.Option("--inherit", help="Begin with the weights of WHAT, where shapes allow.")] = False,
    target: Annotated[str | None, typer.Option(help="Column of a table to predict.", show_default=False)] = None,
    task: Annotated[
        str | None,
        typer.Option(
            help="classification or regression; of a text words or characters; default: told from the data.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder; default: runs/WHAT-DATA.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train one architecture, score it once on test data, and export it. The same command again goes on where it stopped."""
    from searchitect.search.progress import steps_bar
    from searchitect.single import train as run

    given = read_settings(set_, "training")
    with steps_bar(quiet=quiet) as on_step:
        done = run(
            what,
            data,
            settings={**read_sizes(channels, layers, cells, None), **given[""]},
            epochs=epochs,
            final=final,
            training=given["training"],
            inherit=inherit,
            target=target,
            task=task,
            seed=seed,
            out=out,
            on_step=on_step,
        )
    if done.is_interrupted:
        typer.echo(f"stopped at epoch {done.record['reached']:g}: the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    if quiet:
        return
    record, folder = done.record, done.folder
    seen = "" if any("weights of another training" in note for note in record["notes"]) else " it had never seen"
    scores = ", ".join(f"{name} {value:.4f}" for name, value in record["test"]["metrics"].items())
    typer.echo(
        f"{record['architecture']}: {scores} on test data{seen}, after {record['reached']:g} epochs in "
        f"{record['seconds']:.0f} s; {record['costs']['params']:,.0f} parameters"
    )
    for note in record["notes"]:
        typer.echo(f"note:   {note}")
    _say_model(folder)


@app.command()
def rebuild(
    what: Annotated[
        str,
        typer.Argument(metavar="RUN", help="The folder of a finished run, or a published architecture.", show_default=False),
    ],
    channels: Channels = None,
    layers: Layers = None,
    cells: Cells = None,
    set_: Sizes = None,
    input_: Annotated[
        str | None, typer.Option("--input", metavar="CxHxW", help="Shape of the new inputs.", show_default=False)
    ] = None,
    classes: Annotated[int | None, typer.Option(help="Outputs of the new network.", show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(help="New folder; default: runs/RUN-rebuilt.", show_default=False)] = None,
) -> None:
    """Stack the cells of an architecture anew, larger or smaller, with its weights where shapes allow."""
    from searchitect.single import rebuild as run

    folder, subject, share = run(
        what, read_sizes(channels, layers, cells, set_), input_shape=read_shape(input_), outputs=classes, out=out
    )
    _describe(subject)
    typer.echo(f"weights:    {share:.1%} of the parameters are copied, the others are newly drawn")
    typer.echo(f"next:   searchitect train {folder} DATA{' --inherit' if share else ''}")


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

    if (run / TRAINING_FILE).exists():
        from searchitect.export import export_model, load_deployment

        folder = run if out is None else out
        folder.mkdir(parents=True, exist_ok=True)
        typer.echo(f"model: {export_model(load_deployment(run), folder, format)}")
    else:
        typer.echo(f"model: {load_result(run).export(format, out)}")


@app.command()
def predict(
    run: RunFolder,
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA",
            help="Rows or images: .csv, .parquet, .npz, an image, or a folder of images; a text to go on with, or a .txt file of it.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write: CSV, or of a text the text; default: print.", show_default=False)
    ] = None,
) -> None:
    """Answer raw rows or images with the winner of a run, or go on with a text."""
    from searchitect.api import load_result

    if (run / TRAINING_FILE).exists():
        from searchitect.export import load_deployment
        from searchitect.export import predict as answer

        answers = answer(load_deployment(run), data)
    else:
        answers = load_result(run).predict(data)
    if out is None:
        typer.echo(str(answers), nl=False)
    else:
        answers.write(out)
        typer.echo(f"predictions: {out}")


@app.command(name="list")
def list_(
    what: Annotated[
        str,
        typer.Argument(metavar="spaces|published|strategies|estimators|recipes", help="What to list.", show_default=False),
    ],
) -> None:
    """List what is there by name."""
    rows: list[tuple[str, str]]
    if what == "spaces":
        _list_spaces()
        return
    if what == "published":
        from searchitect.spaces import find_published, published_names

        rows = [(n, f"{found.summary} ({found.source})") for n in published_names() for found in [find_published(n)]]
    elif what == "strategies":
        from searchitect.strategies import strategy_summaries

        rows = list(strategy_summaries().items())
    elif what == "estimators":
        from searchitect.estimators import estimator_summaries

        rows = list(estimator_summaries().items())
    elif what == "recipes":
        from searchitect.recipes import recipe_listing

        rows = [(n, f"{of.title} ({of.year}) · {of.task} · {of.cost}\n{'':24} {of.line}") for n, of in recipe_listing().items()]
    else:
        from searchitect.core.errors import unknown_name

        raise unknown_name("list", what, ["spaces", "published", "strategies", "estimators", "recipes"])
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
        app(spread_pairs(sys.argv[1:]))


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


def _list_spaces() -> None:
    """Each space at its published size: what it is, how large, what can be done with it."""
    from searchitect.single import decisions_of
    from searchitect.spaces import make_space, space_names

    for name in space_names():
        space = make_space(name)
        fewest, most = decisions_of(space)
        typer.echo(f"{name:24} {space.summary}{f' ({space.paper})' if space.paper else ''}")
        abilities = space.abilities()
        offered = [ability for ability in ABILITIES if ability in abilities]
        typer.echo(f"{'':24} {size_text(space.size())} · {_decisions_text(fewest, most)} · {', '.join(offered)}")


def _decisions_text(fewest: int, most: int) -> str:
    return f"{fewest} decisions" if fewest == most else f"{fewest} to {most} decisions in a few draws"


def size_text(size: float | None) -> str:
    """The size of a space in words."""
    if size is None:
        return "too many architectures to count"
    if size == float("inf"):
        return "continuous"
    return f"{size:,.0f} architectures" if size < 1e9 else f"{Decimal(size):.2e} architectures"


def _best_so_far(result: "Result") -> str | None:
    """One line about the best trial of a search that has not ended; ``None`` before the first one."""
    from searchitect.core import parse_objectives
    from searchitect.search.finalists import eligible, ranked

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
    task = result.settings.get("task") or {}
    if task.get("kind") == "language-modelling":
        typer.echo(task["notes"][0])  # words or characters
    typer.echo(result.summary["sentence"])
    for sentence in (result.summary.get("shared_weights") or {}).get("sentences", ()):
        typer.echo(sentence)
    baseline = result.summary.get("baseline")
    if baseline and baseline.get("sentence"):
        typer.echo(baseline["sentence"])
    if baseline and baseline.get("full"):
        typer.echo(baseline["full"]["sentence"])
    typer.echo(f"report: {folder / 'report.html'}")
    if result.is_interrupted:
        typer.echo(f"go on: {result.settings['command']}")
    elif result.summary.get("winner"):
        _say_model(folder)


def _say_model(folder: Path) -> None:
    typer.echo(f"model:  {', '.join(str(folder / f) for f in ('model.onnx', 'model.py') if (folder / f).exists())}")
    typer.echo(f"next:   searchitect predict {folder} NEW_DATA")


if __name__ == "__main__":
    main()
