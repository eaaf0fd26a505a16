"""Trials per minute of two workers against one, same architectures at the same fidelity. Three rounds each, alternating."""

import statistics
import tempfile
from pathlib import Path

from measuring import save

from searchitect import search

TRIALS = 40


def trials_per_minute(workers: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        result = search(
            "digits",
            budget=f"{TRIALS}trials",
            strategy="random",
            fidelity="epochs=3",
            workers=workers,
            baseline="none",
            out=Path(folder) / "run",
            training={"device": "cpu"},
        )
        trained = [t for t in result.trials if t.origin != "final" and t.is_trained]
        # from the end of the first trial to that of the last: the start of the worker processes is told apart
        ends = sorted(t.finished for t in trained if t.finished is not None)
        return 60 * (len(ends) - workers) / (ends[-1] - ends[workers - 1])


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
