"""``searchitect benchmarks``: which tables there are, importing published ones, making one of one's own."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from searchitect.core.errors import DataError, SettingError, unknown_name

if TYPE_CHECKING:
    from searchitect.benchmarks.importers import Imported, OnStep

benchmarks = typer.Typer(
    help="Tables of trained architectures, on which strategies are compared.", no_args_is_help=True, rich_markup_mode=None
)

Folder = Annotated[
    Path | None,
    typer.Option(help="Folder of tables; default: the user's own (see `benchmarks list`).", show_default=False),
]
FORMATS: Final = ("nats-bench", "nasbench101", "hw-nas-bench", "nas-bench-macro", "nas-bench-graph")
INTERRUPTED: Final = 130
_EVERY: Final = 10.0
"""Seconds between two lines of progress, where there is no terminal."""


@benchmarks.command(name="list")
def list_(folder: Folder = None) -> None:
    """The tables: what they hold, whether they are at hand, and how to get those that are not."""
    from searchitect.benchmarks import BENCHMARKS, at_hand, own_tables, tables_folders

    for name, entry in BENCHMARKS.items():
        typer.echo(f"{name:20} {entry.summary} ({entry.source})")
        typer.echo(f"{'':20} space {entry.space} · {entry.architectures:,} architectures · {entry.fidelities}")
        if len(entry.datasets) > 1:
            typer.echo(f"{'':20} {', '.join(f'{name}:{dataset}' for dataset in entry.datasets)}")
        there = [dataset for dataset in entry.datasets if not entry.file or at_hand(name, dataset, folder) is not None]
        hand = "at hand" if len(there) == len(entry.datasets) else f"at hand: {', '.join(there)}" if there else "not at hand"
        typer.echo(f"{'':20} licence {entry.licence} · {hand}")
        if len(there) < len(entry.datasets):
            typer.echo(f"{'':20} {entry.get}")
    for path in own_tables(folder):
        typer.echo(f"{path.stem:20} a table of your own: {path}")
    typer.echo(f"looked for in: {', '.join(map(str, tables_folders(folder)))}")


@benchmarks.command(name="import")
def import_(
    format: Annotated[str, typer.Argument(metavar="FORMAT", help=f"What FILE is: {', '.join(FORMATS)}.", show_default=False)],
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="As its authors publish it: a file or a folder.", show_default=False)
    ],
    folder: Folder = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Turn the files of a published benchmark into tables, so that they are found by name."""
    if format not in FORMATS:
        raise unknown_name("format of a benchmark", format, FORMATS)
    if not file.exists():
        raise DataError(f"{str(file)!r} does not exist: searchitect benchmarks list says where to get it")
    if file.is_dir() and format not in ("nats-bench", "nas-bench-graph"):
        raise DataError(f"{str(file)!r} is a folder: name the file itself")
    from searchitect.benchmarks import user_folder

    with _progress("reading", quiet=quiet) as on_step:
        found = _import(format, file, folder or user_folder(), on_step)
    for warning in found.warnings:
        typer.echo(f"warning: {warning}", err=True)
    if not quiet:
        typer.echo(f"{found.architectures:,} architectures")
        for path in found.files:
            typer.echo(f"table: {path}")


def _import(format: str, file: Path, folder: Path, on_step: "OnStep | None") -> "Imported":
    if format == "nats-bench":
        from searchitect.benchmarks.importers.nats_bench import import_nats_bench

        return import_nats_bench(file, folder, on_step)
    if format == "nasbench101":
        from searchitect.benchmarks.importers.nasbench101 import import_nasbench101

        return import_nasbench101(file, folder, on_step)
    if format == "nas-bench-macro":
        from searchitect.benchmarks.importers.nas_bench_macro import import_nas_bench_macro

        return import_nas_bench_macro(file, folder)
    if format == "nas-bench-graph":
        from searchitect.benchmarks.importers.nas_bench_graph import import_nas_bench_graph

        return import_nas_bench_graph(file, folder)
    from searchitect.benchmarks.importers.hw_nas_bench import import_hw_nas_bench

    return import_hw_nas_bench(file, folder)


@benchmarks.command()
def make(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="See `searchitect list spaces`.", show_default=False)],
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="A name (digits), a folder of class folders, or a file, as in a search.", show_default=False
        ),
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Setting of the space, or training.KEY=VALUE of the recipe.", show_default=False
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each architecture.")] = 3,
    epochs: Annotated[int, typer.Option(help="Of each training; the table has a score after each.")] = 10,
    target: Annotated[str | None, typer.Option(help="Column of a table to predict.", show_default=False)] = None,
    valid: Annotated[
        str | None, typer.Option(help="Fraction that validates of what does not test; default: 0.2.", show_default=False)
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Fraction that tests, such as 1/3; default: 0.25.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Trainings at a time; default: one per core, at most 8.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder to write to; default: tables/NAME.", show_default=False)] = None,
    name: Annotated[str | None, typer.Option(help="Of the table; default: SPACE-DATA.", show_default=False)] = None,
    licence: Annotated[str, typer.Option(help="Of the numbers, for whoever gets the table.", show_default=False)] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train every architecture of a small space and write a table. The same command again goes on where it stopped."""
    from searchitect.benchmarks.collected import figures
    from searchitect.benchmarks.make import make_table
    from searchitect.cli_arguments import default_workers, read_settings
    from searchitect.spaces import find_space, make_space

    given = read_settings(set_, "training")
    defaults = find_space(space)().config()
    # a list may be written with commas
    sizes = {
        key: value.split(",") if isinstance(value, str) and isinstance(defaults.get(key), (tuple, list)) else value
        for key, value in given[""].items()
    }
    name = name or f"{space}-{Path(data).stem}"
    folder = out or Path("tables") / name
    with _progress("training", quiet=quiet) as on_step:
        made = make_table(
            make_space(space, None, sizes),
            data,
            out=folder,
            name=name,
            seeds=seeds,
            epochs=epochs,
            training=given["training"],
            target=target,
            valid=_fraction("valid", valid),
            test=_fraction("test", test),
            workers=workers if workers is not None else default_workers(),
            licence=licence,
            on_step=on_step,
        )
    if made.table is None:
        typer.echo(f"interrupted after {made.done:,} of {made.wanted:,} trainings; the same command goes on", err=True)
        raise typer.Exit(INTERRUPTED)
    if not quiet:
        found = figures(made.table)
        typer.echo(
            f"{found['architectures']:,.0f} architectures, test {made.table.metric}: mean {found['mean']:.4f}, median {found['median']:.4f}, "
            f"best {found['best']:.4f}"
        )
        typer.echo(
            f"Spearman's correlation: seed to seed {found['seed to seed']:.3f}, validation to test {found['validation to test']:.3f}"
        )
        typer.echo(f"table: {made.path}")


def _fraction(name: str, text: str | None) -> float | None:
    """0.25, or 1/4."""
    if text is None:
        return None
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        raise SettingError(f"--{name} {text!r} is no fraction: write 0.25 or 1/4") from None


@contextmanager
def _progress(what: str, *, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Something to call with what is done and what there is: a bar on a terminal, a line now and then elsewhere."""
    if quiet:
        yield None
        return
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), TextColumn("{task.completed:,} of {task.total:,}"), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task: Any = None

            def move(done: int, total: int) -> None:
                nonlocal task
                if task is None:
                    task = bar.add_task(what, total=total)
                bar.update(task, completed=done, total=total)

            yield move
        return
    last = 0.0

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _EVERY or done == total:
            last = now
            print(f"{what}: {done:,} of {total:,}", file=sys.stderr, flush=True)

    yield show
