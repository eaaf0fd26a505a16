"""Trials per minute of two workers against one: the same 40 digits networks, three epochs each. Three rounds each, alternating.

Both run in worker processes, and the clock starts when every worker has ended its first trial: starting processes is not counted.
"""

import random
import statistics
import time

from measuring import save

from searchitect.core import Fidelity, Job, TrialState
from searchitect.estimators import make_estimator
from searchitect.search.executors import ProcessExecutor
from searchitect.spaces import default_space
from searchitect.tasks import load_task

TRIALS = 40


def trials_per_minute(workers: int) -> float:
    task = load_task("digits")
    space = default_space(task.info)
    rng = random.Random("networks")
    jobs = [Job(space, space.sample(rng), task, Fidelity(3.0), horizon=9.0) for _ in range(TRIALS)]
    executor = ProcessExecutor(make_estimator("from-scratch", {}), jobs[0], workers)
    waiting, ends = list(enumerate(jobs)), list[float]()
    try:
        while len(ends) < TRIALS:
            while waiting and executor.free():
                executor.submit(*waiting.pop(0))
            for ended in executor.wait(1.0):
                assert ended.measurement.state == TrialState.COMPLETE, ended.measurement.reason
                ends.append(time.monotonic())
    finally:
        executor.close()
    return 60 * (TRIALS - workers) / (ends[-1] - ends[workers - 1])


def main(rounds: int = 3) -> None:
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(rounds):
        for workers in (1, 2):
            found[workers].append(trials_per_minute(workers))
            print(workers, found[workers][-1], flush=True)
    ratios = [b / a for a, b in zip(found[1], found[2], strict=True)]
    save(
        "do_two_workers_pay",
        "two workers give at least 1.75 times the trials per minute of one",
        {
            "one": statistics.median(found[1]),
            "two": statistics.median(found[2]),
            "ratio": statistics.median(ratios),
            "ratios": ratios,
        },
    )


if __name__ == "__main__":
    main()
