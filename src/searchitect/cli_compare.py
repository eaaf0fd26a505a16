"""``searchitect compare``: strategies under one protocol."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from searchitect.cli_arguments import default_workers, read_settings
from searchitect.core.errors import SettingError, unknown_name

if TYPE_CHECKING:
    from searchitect.comparison import Comparison

INTERRUPTED = 130
PRINT_EVERY = 15.0
"""Seconds between lines where the output is no terminal."""


def compare(
    on: Annotated[
        list[str],
        typer.Option(
            help="A table (nasbench201:cifar100) or data, as for search. May be repeated, or several with commas.",
            show_default=False,
        ),
    ],
    strategies: Annotated[
        str, typer.Option(help="Names with commas, or all. Random and local search are always in.")
    ] = "random,local-search,auto",
    queries: Annotated[
        int | None, typer.Option(help="On tables: full trainings of each search; default: 300.", show_default=False)
    ] = None,
    budget: Annotated[str | None, typer.Option(help="On data: of each search; default: 5m.", show_default=False)] = None,
    seeds: Annotated[
        int | None, typer.Option(help="Searches of each strategy; default: 30 on tables, 5 on data.", show_default=False)
    ] = None,
    score: Annotated[str, typer.Option(help="On tables: what drives the search, valid or test.")] = "valid",
    noisy: Annotated[bool, typer.Option("--noisy", help="On tables: one training answers, not the mean of several.")] = False,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A hard limit, such as params<=1M. May be repeated.", show_default=False),
    ] = None,
    fidelity: Annotated[
        float | None, typer.Option(help="On tables: epochs of every training; default: the full one.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="STRATEGY.KEY=VALUE", help="Option of a strategy. May be repeated.", show_default=False),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Searches at a time on tables, trainings at a time on data; default: one per core, at most 8.",
            show_default=False,
        ),
    ] = None,
    simulated_workers: Annotated[int, typer.Option(help="On tables: trainings at a time on the simulated clock.")] = 1,
    space: Annotated[str | None, typer.Option(help="On data: see `searchitect list spaces`.", show_default=False)] = None,
    target: Annotated[str | None, typer.Option(help="On data: column of a table to predict.", show_default=False)] = None,
    task: Annotated[str | None, typer.Option(help="On data: classification or regression.", show_default=False)] = None,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of the tables' files; default: see benchmarks list.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: runs/compare-NAME.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Compare strategies under one protocol, on tables with known answers or on data. The same command again goes on."""
    from searchitect.comparison import compare as run

    options = _options(set_)
    with _progress(quiet=quiet) as show:
        found = run(
            on,
            strategies,
            queries=queries,
            budget=budget,
            seeds=seeds,
            score=score,
            noisy=noisy,
            where=where or (),
            fidelity=fidelity,
            workers=workers if workers is not None else default_workers(),
            simulated_workers=simulated_workers,
            options=options,
            space=space,
            target=target,
            task=task,
            tables=tables,
            out=out,
            on_progress=show,
            command=_command(),
        )
    if found.is_interrupted:
        typer.echo("stopped: the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    if not quiet:
        _say(found)


def _command() -> str:
    import shlex

    return shlex.join(["searchitect", *sys.argv[1:]])


def _options(pairs: list[str] | None) -> dict[str, dict[str, Any]]:
    """Strategy -> its options, of ``STRATEGY.OPTION=VALUE``."""
    from searchitect.strategies import strategy_names, strategy_options

    found = read_settings(pairs, *strategy_names())
    for key in found.pop(""):
        strategy, _, option = key.partition(".")
        if not option:
            raise SettingError(f"--set {key!r} is not understood: write STRATEGY.OPTION=VALUE")
        raise unknown_name(f"strategy in --set {key!r}:", strategy, strategy_names())
    for strategy, options in found.items():
        for option in options:
            if not (known := strategy_options(strategy)):
                raise SettingError(f"--set {strategy}.{option}: the strategy {strategy!r} has no options")
            if option not in known:
                raise unknown_name(f"option of the strategy {strategy!r}", option, known)
    return {strategy: options for strategy, options in found.items() if options}


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[int, int, dict[str, Any]], None] | None]:
    """Something to call after each search: a bar on a terminal, a line now and then elsewhere, nothing when quiet."""
    import time

    if quiet:
        yield None
        return
    failed = 0

    def line(done: int, total: int, row: dict[str, Any]) -> str:
        return f"{done} of {total} searches{f', {failed} failed' if failed else ''}, last {row['strategy']} seed {row['seed']}"

    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        with Progress(
            BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn(), console=Console(stderr=True)
        ) as bar:
            what = bar.add_task("starting", total=None)

            def move(done: int, total: int, row: dict[str, Any]) -> None:
                nonlocal failed
                failed += "error" in row
                bar.update(what, completed=done, total=total, description=line(done, total, row))

            yield move
    else:
        last = time.monotonic()

        def show(done: int, total: int, row: dict[str, Any]) -> None:
            nonlocal last, failed
            failed += "error" in row
            now = time.monotonic()
            if now - last >= PRINT_EVERY or done == total:
                last = now
                print(f"comparing: {line(done, total, row)}", file=sys.stderr, flush=True)

        yield show


def _say(found: "Comparison") -> None:
    """The tables, one sentence per strategy, where the report lies, and what to do next."""
    from rich.console import Console
    from rich.table import Table

    from searchitect.benchmarks.evidence import format_score

    console = Console(soft_wrap=not sys.stdout.isatty())
    record = found.record
    for task in record["tasks"]:
        table = Table(title=f"{task['name']}: {task['reported']}", title_justify="left")
        table.add_column("strategy", no_wrap=True)
        for head in ("runs", "mean", "95 % interval", "median", "p"):
            table.add_column(head, justify="right", no_wrap=True)
        results, metric = task["results"], task["metric"]
        for name in sorted(results, key=lambda name: -results[name]["summary"]["mean"]):
            summary, against = results[name]["summary"], results[name].get("against_random")
            ends = [format_score(metric, summary[end]) for end in ("mean_low", "mean_high")]
            p = "–" if against is None else "< 0.001" if against["p_holm"] < 0.001 else f"{against['p_holm']:.3f}"
            shown = [format_score(metric, summary[what]) for what in ("mean", "median")]
            table.add_row(name, str(summary["n"]), shown[0], "–".join(ends), shown[1], p)
        console.print(table)
        for said in record["sentences"][task["name"]]:
            typer.echo(said)
    for name, why in record["refused"].items():
        typer.echo(f"left out: {name}: {why}")
    for failure in record["failures"][:10]:
        typer.echo(f"failed: {failure['strategy']} seed {failure['seed']} on {failure['task']}: {failure['error']}")
    for note in record["notes"]:
        typer.echo(f"note:   {note}")
    for problem in record["problems"]:
        if problem["forbids_claims"] and not record["claims"]:
            typer.echo(f"no claim is made: {problem['why']}")
    typer.echo(f"report: {found.folder / 'report.html'}")
    if not record["claims"]:
        typer.echo(f"next:   {record['command']}   (with a larger --seeds it goes on)")
    else:
        typer.echo("next:   searchitect search DATA --strategy NAME")
