"""Serial and process executors: the same measurements, and accidents that cost one trial each."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from searchitect.core import Architecture, Estimator, Fidelity, Job, Measurement, SettingError, Space, TrialState
from searchitect.search import executors
from searchitect.search.executors import Ended, Executor, ProcessExecutor, SerialExecutor
from searchitect.testing import CountOnes
from tests.search.toys import Actor, Acts, Ones

SPACE = Acts()


def job(act: str, *, time_limit: float | None = None, threads: int = 1) -> Job:
    spec = {"act": act, "variant": 3}
    return Job(SPACE, Architecture(spec), None, Fidelity(1), horizon=1, time_limit=time_limit, threads=threads)


def run(executor: Executor, jobs: list[Job], seconds: float = 60) -> dict[int, Ended]:
    """All of them, by number."""
    waiting, ended, end = list(enumerate(jobs)), dict[int, Ended](), time.monotonic() + seconds
    while len(ended) < len(jobs):
        while waiting and executor.free() > 0:
            executor.submit(*waiting.pop(0))
        ended |= {e.trial: e for e in executor.wait(0.2)}
        assert time.monotonic() < end, f"only {len(ended)} of {len(jobs)} ended"
    return ended


def workers_of(executor: ProcessExecutor) -> list[psutil.Process]:
    return [psutil.Process(slot.process.pid) for slot in executor._slots]


def children() -> set[int]:
    """Of this process, without Python's own tracker of shared resources."""
    found = psutil.Process().children(recursive=True)
    return {p.pid for p in found if "resource_tracker" not in " ".join(p.cmdline())}


@pytest.fixture
def make_executor() -> Iterator[Callable[..., ProcessExecutor]]:
    made: list[ProcessExecutor] = []

    def make(estimator: Estimator | None = None, workers: int = 1, **more: Any) -> ProcessExecutor:
        made.append(ProcessExecutor(estimator or Actor(), job("fine"), workers, **more))
        return made[-1]

    yield make
    for executor in made:
        executor.close()


def test_serial_and_processes_measure_the_same(make_executor: Callable[..., ProcessExecutor]) -> None:
    space = CountOnes(8)
    jobs = [Job(space, space.sample(random.Random(n)), None, Fidelity(1 + n / 3), horizon=9, seed=n) for n in range(6)]
    executor = ProcessExecutor(Ones(), jobs[0], 2)
    try:
        ours, theirs = run(SerialExecutor(Ones()), jobs), run(executor, jobs)
    finally:
        executor.close()
    for number in range(6):
        assert ours[number].measurement == theirs[number].measurement
        assert theirs[number].seconds >= 0


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("raise", "ValueError: a candidate that raises"),
        ("memory", "out of memory"),
        ("torch-memory", "out of memory: .*can't allocate"),
        ("quit", "SystemExit: 3"),
    ],
)
def test_what_a_candidate_raises_is_a_failed_measurement(act: str, words: str) -> None:
    import re

    ended = run(SerialExecutor(Actor()), [job(act), job("fine")])
    assert ended[0].measurement.state is TrialState.FAILED
    assert re.search(words, ended[0].measurement.reason)
    assert ended[0].measurement.metrics == {}
    assert ended[1].measurement.state is TrialState.COMPLETE


def test_the_traceback_of_a_raising_candidate_is_kept() -> None:
    assert "a candidate that raises" in run(SerialExecutor(Actor()), [job("raise")])[0].traceback


def test_an_interrupt_passes() -> None:
    class Interrupted(Estimator):
        def evaluate(self, job: Job) -> Measurement:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SerialExecutor(Interrupted()).submit(0, job("fine"))


def test_the_serial_executor_restores_the_number_of_threads() -> None:
    before = torch.get_num_threads()
    ended = run(SerialExecutor(Actor()), [job("threads", threads=2)])
    assert ended[0].measurement.metrics["score"] == 2
    assert torch.get_num_threads() == before


def test_dying_workers_cost_one_trial_each_and_the_others_go_on(make_executor: Callable[..., ProcessExecutor]) -> None:
    executor = make_executor(workers=2)
    acts = ["fine", "exit", "fine", "killed", "raise", "memory", "quit", "fine"]
    ended = run(executor, [job(act) for act in acts])
    expected = {
        "exit": "the worker process died (exit code 7)",
        "killed": "the worker process was killed (signal 9)",
        "raise": "ValueError: a candidate that raises",
        "memory": "out of memory: cannot hold it",
        "quit": "SystemExit: 3",
    }
    for number, act in enumerate(acts):
        found = ended[number].measurement
        if act == "fine":
            assert found == Measurement({"score": 0.3})
        else:
            assert found.state is TrialState.FAILED
            assert found.reason.startswith(expected[act])


def test_a_worker_killed_from_outside_is_one_failed_trial(make_executor: Callable[..., ProcessExecutor]) -> None:
    executor = make_executor()
    run(executor, [job("fine")])
    executor.submit(0, job("hang"))
    workers_of(executor)[0].kill()
    ended = executor.wait(20)
    assert [e.trial for e in ended] == [0]
    assert "signal 9" in ended[0].measurement.reason
    assert run(executor, [job("fine")])[0].measurement.state is TrialState.COMPLETE


def test_a_worker_killed_while_idle_costs_nothing(make_executor: Callable[..., ProcessExecutor]) -> None:
    executor = make_executor()
    run(executor, [job("fine")])
    [worker] = workers_of(executor)
    worker.kill()
    executor._slots[0].process.join(10)
    assert run(executor, [job("fine")])[0].measurement.state is TrialState.COMPLETE


def test_a_hanging_candidate_is_killed_at_its_time_limit(
    make_executor: Callable[..., ProcessExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executors, "GRACE_SECONDS", 0.2)
    executor = make_executor()
    ended = run(executor, [job("hang", time_limit=0.3), job("fine", time_limit=30)])
    assert ended[0].measurement.state is TrialState.FAILED
    assert ended[0].measurement.reason == "over its time limit of 0.3 s"
    assert ended[0].seconds < 30
    assert ended[1].measurement.state is TrialState.COMPLETE


def test_a_worker_over_its_memory_limit_is_killed(make_executor: Callable[..., ProcessExecutor]) -> None:
    executor = make_executor()
    run(executor, [job("fine")])
    executor._limit = workers_of(executor)[0].memory_info().rss + 100e6
    ended = run(executor, [job("greedy"), job("fine")])
    assert ended[0].measurement.state is TrialState.FAILED
    assert "out of memory: the worker needed more than" in ended[0].measurement.reason
    assert ended[1].measurement.state is TrialState.COMPLETE


def test_workers_have_one_thread_and_our_environment_stays(
    make_executor: Callable[..., ProcessExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = run(make_executor(), [job("threads")])[0].measurement.metrics
    assert found == {"score": 1, "omp": 1}
    assert os.environ["OMP_NUM_THREADS"] == "5"
    assert "MKL_NUM_THREADS" not in os.environ


def test_nothing_is_left_after_closing(make_executor: Callable[..., ProcessExecutor]) -> None:
    before = children()
    executor = make_executor(workers=2)
    run(executor, [job("fine"), job("fine")])
    executor.submit(0, job("hang"))
    assert len(children() - before) == 2
    executor.close()
    assert children() == before


def test_workers_end_with_a_searching_process_that_is_killed(tmp_path: Path) -> None:
    import subprocess

    program = (
        "import sys, time\n"
        "from tests.search.test_executors import Actor, ProcessExecutor, job\n"
        "if __name__ == '__main__':\n"
        "    executor = ProcessExecutor(Actor(), job('fine'), 1)\n"
        "    executor.submit(0, job('fine'))\n"
        "    while not executor.wait(1): pass\n"
        "    print(executor._slots[0].process.pid, flush=True)\n"
        "    executor.submit(1, job('hang'))\n"
        "    time.sleep(600)\n"
    )
    script = tmp_path / "searching.py"
    script.write_text(program)
    root = str(Path(__file__).parents[2])
    searching = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": root}
    )
    assert searching.stdout is not None
    worker = psutil.Process(int(searching.stdout.readline()))
    searching.send_signal(signal.SIGKILL)
    searching.wait(10)
    searching.stdout.close()
    assert psutil.wait_procs([worker], timeout=20)[1] == []


def test_what_cannot_be_sent_to_workers_is_refused_with_the_way_out() -> None:
    class Local(Space):
        name = "local"

        def describe(self, choose: Any) -> Any:
            return {}

    local = Job(Local(), Architecture({}), None, Fidelity(1), horizon=1)
    with pytest.raises(SettingError, match=r"workers=2.*top level of a module.*workers=1"):
        ProcessExecutor(Actor(), local, 2)
