"""Where evaluations run: in this process, or in one supervised process per slot.

A worker that dies, hangs or takes too much memory costs one failed trial with its reason. Python's own process pools stop altogether when one
worker dies, which is why each slot here is a process with a pipe, restarted when needed.
"""

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
import threading
import time
import traceback
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from searchitect.core import Estimator, Job, Measurement, SearchitectError, SettingError, Trial, TrialState

POLL_SECONDS = 0.5
GRACE_SECONDS = 10.0
"""How long a worker may overrun its time limit, which it should keep by itself, before it is killed."""


@dataclass(frozen=True)
class Ended:
    """A finished evaluation: which one, what it found, how long it took, and a traceback where it raised."""

    trial: int
    measurement: Measurement
    seconds: float
    traceback: str = ""

    def fill(self, target: Trial) -> None:
        """Write what was found into the trial; costs that it has already stay."""
        found = self.measurement
        target.metrics |= {name: float(value) for name, value in found.metrics.items()}
        target.curve, target.state, target.reason, target.seconds = list(found.curve), found.state, found.reason, self.seconds


class Executor(Protocol):
    """`submit` while `free` is above 0; `wait` for what ends."""

    def free(self) -> int:
        """How many more evaluations may be submitted now."""
        ...

    def submit(self, trial: int, job: Job) -> None:
        """Start an evaluation."""
        ...

    def wait(self, timeout: float) -> list[Ended]:
        """What ended since, after at most ``timeout`` seconds."""
        ...

    def close(self) -> None:
        """End everything that runs."""
        ...


def evaluate_safely(estimator: Estimator, job: Job) -> tuple[Measurement, str]:
    """Evaluate; whatever is raised, an exit too, becomes a failed measurement and a traceback. Only an interrupt passes."""
    try:
        return estimator.evaluate(job), ""
    except MemoryError as error:
        return _failed(f"out of memory: {error}"), ""
    except SearchitectError as error:
        return _failed(str(error)), traceback.format_exc()
    except (Exception, SystemExit) as error:
        text = " ".join(str(error).split())[:300]
        if "memory" in text.lower() and ("alloc" in text.lower() or "out of" in text.lower()):
            return _failed(f"out of memory: {text}"), ""
        return _failed(f"{type(error).__name__}: {text}"), traceback.format_exc()


def _failed(reason: str) -> Measurement:
    return Measurement({}, [], TrialState.FAILED, reason)


class SerialExecutor:
    """Evaluates in this process, one at a time."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._ended: list[Ended] = []

    def free(self) -> int:
        return 0 if self._ended else 1

    def submit(self, trial: int, job: Job) -> None:
        from searchitect.costs.latency import torch_threads

        began = time.monotonic()
        with torch_threads(job.threads):
            measurement, trace = evaluate_safely(self._estimator, job)
        self._ended.append(Ended(trial, measurement, time.monotonic() - began, trace))

    def wait(self, timeout: float) -> list[Ended]:
        ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        self._ended = []


@dataclass
class _Slot:
    process: BaseProcess
    pipe: Connection
    trial: int | None = None
    began: float = 0.0
    limit: float | None = None
    is_ready: bool = False


class ProcessExecutor:
    """One process per slot on this machine.

    Args:
        estimator: sent to every worker once, with the space and the task of ``job``.
        job: a job whose space and task all others share.
        workers: slots.
        memory_limit: bytes of one worker; above it the worker is killed. ``None``: 80 % of the machine's memory, shared out.
    """

    def __init__(self, estimator: Estimator, job: Job, workers: int, memory_limit: float | None = None) -> None:
        try:
            self._payload = pickle.dumps((estimator, job.space, job.task))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise SettingError(
                f"workers={workers}: the space, the estimator or the data cannot be sent to worker processes ({error}); "
                "define them at the top level of a module, or use workers=1"
            ) from None
        import psutil

        self._psutil = psutil
        self.workers = workers
        self._limit = memory_limit or 0.8 * psutil.virtual_memory().total / workers
        self._threads = job.threads
        self._slots: list[_Slot] = []
        self._polled = 0.0

    def free(self) -> int:
        return self.workers - sum(slot.trial is not None for slot in self._slots)

    def submit(self, trial: int, job: Job) -> None:
        for slot in [s for s in self._slots if s.trial is None and not s.process.is_alive()]:
            slot.pipe.close()
            self._slots.remove(slot)  # killed while it had nothing to do: no trial pays for that
        slot = next((s for s in self._slots if s.trial is None), None) or self._start()
        slot.trial, slot.began, slot.limit = trial, time.monotonic(), job.time_limit
        with contextlib.suppress(OSError):  # it has died: wait() finds the body and says so
            slot.pipe.send_bytes(pickle.dumps(replace(job, space=None, task=None)))  # type: ignore[arg-type]

    def wait(self, timeout: float) -> list[Ended]:
        busy = [s for s in self._slots if s.trial is not None]
        if not busy:
            return []
        end = time.monotonic() + timeout
        while True:
            handles: list[Any] = [h for s in busy for h in (s.pipe, s.process.sentinel)]
            wait(handles, max(0.0, min(POLL_SECONDS, end - time.monotonic())))
            ended = [found for slot in busy if (found := self._look(slot)) is not None]
            if ended or time.monotonic() >= end:
                return ended

    def close(self) -> None:
        for slot in self._slots:
            slot.process.kill()
        for slot in self._slots:
            slot.process.join(5)
            slot.pipe.close()
        self._slots = []

    def _look(self, slot: _Slot) -> Ended | None:
        assert slot.trial is not None
        seconds = time.monotonic() - slot.began
        try:
            while slot.pipe.poll():
                message = pickle.loads(slot.pipe.recv_bytes())  # from our own worker
                if message == "ready":
                    slot.is_ready, slot.began = True, time.monotonic()
                    continue
                measurement, trace, seconds = message
                ended = Ended(slot.trial, measurement, seconds, trace)
                slot.trial = None
                return ended
        except (EOFError, OSError):
            slot.process.join(5)
        if not slot.process.is_alive():
            return self._bury(slot, _cause_of_death(slot), seconds)
        if slot.limit is not None and slot.is_ready and seconds > slot.limit + GRACE_SECONDS:
            return self._bury(slot, f"over its time limit of {slot.limit:.3g} s", seconds)
        if self._memory(slot) > self._limit:
            return self._bury(slot, f"out of memory: the worker needed more than {self._limit / 1e6:.0f} MB", seconds)
        return None

    def _memory(self, slot: _Slot) -> float:
        try:
            return float(self._psutil.Process(slot.process.pid).memory_info().rss)
        except self._psutil.Error:
            return 0.0

    def _bury(self, slot: _Slot, reason: str, seconds: float) -> Ended:
        slot.process.kill()
        slot.process.join(5)
        slot.pipe.close()
        self._slots.remove(slot)
        assert slot.trial is not None
        if not slot.is_ready and slot.process.exitcode == 1:
            raise SettingError(
                'a worker process could not start: in a script, call search(...) under `if __name__ == "__main__":`, '
                "define space and estimator at the top level, or use workers=1"
            )
        return Ended(slot.trial, _failed(reason), seconds)

    def _start(self) -> _Slot:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        before = {name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        os.environ.update(dict.fromkeys(before, str(self._threads)))  # must be in place before the worker imports torch
        try:
            process = context.Process(target=_serve, args=(theirs, self._threads, os.getpid()), daemon=True)
            process.start()
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
        theirs.close()
        with contextlib.suppress(OSError):
            ours.send_bytes(self._payload)
        slot = _Slot(process, ours)
        self._slots.append(slot)
        return slot


def _cause_of_death(slot: _Slot) -> str:
    code = slot.process.exitcode
    if code == -signal.SIGKILL:
        return "the worker process was killed (signal 9), most likely because the machine ran out of memory"
    return f"the worker process died ({f'signal {-code}' if code is not None and code < 0 else f'exit code {code}'})"


def _serve(pipe: Connection, threads: int, parent: int) -> None:
    """A worker: receives estimator, space and task once, then one job after the other."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the searching process's to handle
    threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    _keep_memory()
    import torch

    torch.set_num_threads(threads)
    estimator, space, task = pickle.loads(pipe.recv_bytes())
    pipe.send_bytes(pickle.dumps("ready"))
    while True:
        try:
            job = replace(pickle.loads(pipe.recv_bytes()), space=space, task=task)
        except (EOFError, ConnectionError):  # the searching process is gone
            return
        began = time.monotonic()
        measurement, trace = evaluate_safely(estimator, job)
        pipe.send_bytes(pickle.dumps((measurement, trace, time.monotonic() - began)))


def _keep_memory() -> None:
    """Ask glibc to keep freed memory for the next step instead of giving it back: 1.1 to 1.25 times the steps on 28x28 images."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-3, 32 * 2**20)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, 2**30)  # M_TRIM_THRESHOLD


def _follow(parent: int) -> None:
    """End with the searching process, also when that was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
