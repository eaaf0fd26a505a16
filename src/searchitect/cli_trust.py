"""``searchitect trust``: may a cheap estimator be relied on here?"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from searchitect.cli_arguments import split_pair
from searchitect.core.errors import SettingError


def trust(
    estimator: Annotated[
        str,
        typer.Argument(
            metavar="ESTIMATOR",
            help="A proxy (synflow, ...), from-scratch, a predictor (trees, ...), last-value, learning-curve or one-shot.",
            show_default=False,
        ),
    ],
    on: Annotated[
        str, typer.Option(help="Data, as for search, or a table, see `searchitect benchmarks list`.", show_default=False)
    ],
    k: Annotated[
        int | None, typer.Option(help="Random architectures; default: 20 on data, 200 on a table.", show_default=False)
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="On data: of a whole training; default: 20 to 100.", show_default=False)
    ] = None,
    fidelity: Annotated[
        str | None,
        typer.Option(help="epochs=1: of a short training, the beginning of a curve, or a supernet.", show_default=False),
    ] = None,
    space: Annotated[str | None, typer.Option(help="On data; default: one that fits.", show_default=False)] = None,
    data: Annotated[str | None, typer.Option(help="On a table: the data that a proxy looks at.", show_default=False)] = None,
    target: Annotated[str | None, typer.Option(help="Column of a table of data to predict.", show_default=False)] = None,
    task: Annotated[str | None, typer.Option(help="classification or regression.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="Of everything random.")] = 0,
    workers: Annotated[int, typer.Option(help="Trainings at a time.")] = 1,
    tables: Annotated[
        Path | None, typer.Option(help="Folder of the tables' files; default: see benchmarks list.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default: runs/trust-ON.", show_default=False)] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Judge a cheap estimator by random architectures whose scores are known. The same command again goes on."""
    from searchitect.trust import trust as run

    def show(what: str, done: int, of: int) -> None:
        if not quiet:
            print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)

    try:
        found = run(
            estimator,
            on,
            k=k,
            epochs=epochs,
            fidelity=_epochs(fidelity),
            space=space,
            data=data,
            target=target,
            task=task,
            seed=seed,
            workers=workers,
            tables=tables,
            out=out,
            on_done=show,
        )
    except KeyboardInterrupt:
        typer.echo("stopped: the same command goes on", err=True)
        raise typer.Exit(130) from None
    if quiet:
        return
    for sentence in found.sentences:
        typer.echo(sentence)
    typer.echo(f"figures: {found.folder / f'{estimator}.json'}")
    typer.echo(f"picture: {found.folder / f'{estimator}.svg'}")


def _epochs(text: str | None) -> float | None:
    """``epochs=1`` -> 1.0."""
    if text is None:
        return None
    name, number = split_pair("--fidelity", text, "epochs=1")
    try:
        if name == "epochs":
            return float(number)
    except ValueError:
        pass
    raise SettingError(f"--fidelity {text!r} is not understood: write epochs=1")
