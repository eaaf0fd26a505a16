"""Spaces and estimators that cost microseconds, some of them ill-behaved, and ways to run a search over them."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from searchitect import Estimator, Job, Measurement, Result, Space, Trial, TrialState, search
from searchitect.core import TaskInfo
from searchitect.core.choosing import Chooser
from searchitect.search.store import Store


class Ones(Estimator):
    """The share of ones of a `CountOnes` spec, the surer the more epochs; writes down what it judges.

    Args:
        log: a file that gets a line per evaluation, from whatever process.
        resumes_too: writes and reads weights: a text that says how far the training is.
    """

    def __init__(self, log: Path | None = None) -> None:
        self.log = log

    def evaluate(self, job: Job) -> Measurement:
        spec = job.architecture.spec
        score = sum(spec) / len(spec)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{job.architecture.text} {job.fidelity.epochs:g} {os.getpid()}\n")
        noise = (job.seed % 1000) / 1e5 / job.fidelity.epochs
        curve = [{"epoch": job.fidelity.epochs, "score": score}]
        return Measurement({"score": score + noise, "cost": float(1 + spec[0] + 2 * spec[-1])}, curve)


class OnesWithWeights(Ones):
    """Also keeps a file of weights, and notes where it went on from another one."""

    resumes: ClassVar[bool] = True

    def evaluate(self, job: Job) -> Measurement:
        found = super().evaluate(job)
        assert job.save is not None
        job.save.parent.mkdir(exist_ok=True)
        job.save.write_text(job.architecture.text)
        went_on = job.start is not None and job.start.read_text() == job.architecture.text
        return Measurement({**found.metrics, "went_on": float(went_on)}, found.curve)


def judged(log: Path) -> list[tuple[str, str]]:
    """What was judged: text and epochs."""
    lines = log.read_text().splitlines() if log.exists() else []
    return [(line.rsplit(" ", 2)[0], line.rsplit(" ", 2)[1]) for line in lines]


@dataclass(frozen=True)
class Acts(Space):
    """Each architecture behaves in its own way, when it is judged by `Actor`."""

    acts: tuple[str, ...] = ("fine", "raise")
    variants: int = 4

    name: ClassVar[str] = "acts"

    def describe(self, choose: Chooser) -> Any:
        return {"act": choose("act", list(self.acts)), "variant": choose("variant", list(range(self.variants)))}


class Actor(Estimator):
    """Does what the architecture says: the accidents of real trainings."""

    def evaluate(self, job: Job) -> Measurement:
        act = job.architecture.spec["act"]
        if act == "raise":
            raise ValueError("a candidate that raises")
        if act == "memory":
            raise MemoryError("cannot hold it")
        if act == "torch-memory":
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
        if act == "quit":
            raise SystemExit(3)
        if act == "exit":
            os._exit(7)
        if act == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if act == "hang":
            time.sleep(600)
        if act == "nan":
            return Measurement({"score": float("nan")})
        if act == "infinite":
            return Measurement({"score": float("inf")})
        if act == "greedy":
            hoard = []
            for _ in range(600):
                hoard.append(bytearray(os.urandom(1)) * 2**20)
                time.sleep(0.005)
            return Measurement({"score": float(len(hoard))})
        if act == "threads":
            return Measurement({"score": float(torch.get_num_threads()), "omp": float(os.environ.get("OMP_NUM_THREADS", "0"))})
        return Measurement({"score": job.architecture.spec["variant"] / 10})


def run_toy(folder: Path, space: Space, estimator: Estimator, budget: str = "20trials", **more: Any) -> Result:
    """A search without data."""
    return search(None, space=space, estimator=estimator, budget=budget, out=folder, **{"maximize": "score", **more})


def asked(trials: list[Trial]) -> list[tuple[Any, ...]]:
    """What was asked for, and what came of it, as far as it must not depend on chance or time."""
    return [
        (
            t.id,
            t.architecture.text,
            t.fidelity,
            t.origin,
            t.seed,
            t.parent,
            t.resume,
            t.twin,
            str(t.state),
            tuple(t.metrics.items()),
        )
        for t in trials
    ]


def assert_each_was_judged_once(log: Path) -> None:
    twice = [what for what, count in Counter(judged(log)).items() if count > 1]
    assert not twice, f"judged more than once: {twice}"


# --- kill -9 ------------------------------------------------------------------------------------------------------------


def die_at_write(count: int, *, after: bool) -> None:
    """In a process of its own: the ``count``-th write to the store is the last thing that happens (or does not, any more)."""
    left = [count]
    for name in ("add", "finish", "remember"):
        original = getattr(Store, name)

        def deadly(self: Store, *args: Any, original: Callable[..., Any] = original, **facts: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and not after:
                os.kill(os.getpid(), signal.SIGKILL)
            done = original(self, *args, **facts)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        setattr(Store, name, deadly)


def _run_until(count: int, after: bool, arguments: Mapping[str, Any]) -> None:
    torch.set_num_threads(1)
    die_at_write(count, after=after)
    run_toy(**arguments)


def killed_at(count: int, *, after: bool, **arguments: Any) -> bool:
    """Run `run_toy` in a process that is killed (signal 9) around its ``count``-th write. Whether it died; else it ended first."""
    process = get_context("fork").Process(target=_run_until, args=(count, after, arguments))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL), f"ended with {process.exitcode}"
    return process.exitcode != 0


# --- networks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Widths(Space):
    """Perceptrons with one hidden layer, for tables."""

    widths: tuple[int, ...] = (2, 4, 8, 16, 32)
    breaks: bool = False

    name: ClassVar[str] = "widths"

    def describe(self, choose: Chooser) -> Any:
        return {"width": choose("width", self.widths), "bias": choose("bias", [False, True])}

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        if self.breaks:
            raise ZeroDivisionError("the user's build is wrong")
        width = spec["width"]
        columns = info.input_shape[0]
        return nn.Sequential(nn.Linear(columns, width, bias=spec["bias"]), nn.ReLU(), nn.Linear(width, info.outputs))


def states(trials: list[Trial]) -> Counter[TrialState]:
    return Counter(t.state for t in trials if t.twin is None)
