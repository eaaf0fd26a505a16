"""The progress line of a search."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from searchitect.core import QUALITIES
from searchitect.search.loop import Status

PRINT_EVERY = 15.0
"""Seconds between lines where the output is no terminal."""


def describe(status: Status) -> str:
    """One line: phase, trials done and running, best, failures and limits, time left."""
    parts = [f"{status.done} trials", f"{status.running} running"]
    if status.best is not None:
        metrics = status.best.metrics
        name = next((n for n in QUALITIES if n in metrics), next(iter(metrics), ""))
        size = f", {_short(metrics['params'])} parameters" if "params" in metrics else ""
        parts.append(f"best {name} {metrics.get(name, float('nan')):.4f} (trial {status.best.id}{size})")
    if status.infeasible:
        parts.append(f"{status.infeasible} over a limit")
    if status.failed:
        parts.append(f"{status.failed} failed")
    if status.trials_left is not None:
        parts.append(f"{status.trials_left} trials left")
    if status.seconds_left is not None:
        parts.append(f"{_clock(status.seconds_left)} left")
    return f"{status.phase}: {' · '.join(parts)}"


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[Status], None]]:
    """Something to call with every status: a live line on a terminal, a line now and then elsewhere, nothing when quiet."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        from rich.console import Console

        console = Console(stderr=True)
        with console.status("starting") as live:

            def update(status: Status) -> None:
                if status.note:
                    console.print(status.note, markup=False, highlight=False)
                live.update(describe(status))

            yield update
    else:
        last_time, last_phase = -PRINT_EVERY, ""

        def show(status: Status) -> None:
            nonlocal last_time, last_phase
            if status.note:
                print(status.note, file=sys.stderr, flush=True)
            now = time.monotonic()
            phase = status.phase.partition(":")[0]  # what follows changes with every step
            if now - last_time >= PRINT_EVERY or phase != last_phase:
                last_time, last_phase = now, phase
                print(describe(status), file=sys.stderr, flush=True)

        yield show


@contextmanager
def steps_bar(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Something to call with the steps made and the steps in all: a bar on a terminal, a line now and then elsewhere."""
    if quiet:
        yield None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task("training", total=None)
            yield lambda step, total: bar.update(task, completed=step, total=total)
    else:
        began, last = time.monotonic(), 0.0
        first: int | None = None

        def show(step: int, total: int) -> None:
            nonlocal last, first
            now = time.monotonic()
            first = step - 1 if first is None else first
            if now - last >= PRINT_EVERY or step == total:
                last = now
                left = (now - began) / max(1, step - first) * (total - step)
                print(f"training: step {step} of {total} · {_clock(left)} left", file=sys.stderr, flush=True)

        yield show


def _short(count: float) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g}{unit}"
    return f"{count:.0f}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
