"""What a look at a short training tells with statistics of batch normalisation computed anew, and with their running averages.

    python benchmarks/do_fresh_statistics_help_short_trainings.py

Random networks of two spaces on digits (1,077 training rows, 17 steps an epoch), the usual training, one thread. Their validation accuracy after
1 to 4 epochs is compared with that after 20 (Kendall's tau). A training ends after its first half where it is no better than ignoring the input,
which a look without fresh statistics says of most, so the CPU time is of a step: of all trainings, by the steps that they made.
"""

import random
import statistics
import time
from typing import Any

import torch
from measuring import save

from searchitect.core import Architecture, Fidelity, Job, Space
from searchitect.estimators.from_scratch import FromScratch
from searchitect.metrics.ranks import correlation_interval, kendall
from searchitect.spaces import make_space
from searchitect.tasks import Task, load_task
from searchitect.training.recipe import UNSETTLED

SPACES = ("convnet", "mnasnet")
NETWORKS = 20
SHORT = (1.0, 2.0, 4.0)
LONG = 20.0
WAYS = {"anew": UNSETTLED, "running averages": 0}


def score(
    space: Space, architecture: Architecture, task: Task, epochs: float, recalibrate: int, seed: int
) -> tuple[float, float, float]:
    """Validation accuracy, epochs made, and CPU seconds."""
    began = time.process_time()
    job = Job(space, architecture, task, Fidelity(epochs), horizon=epochs, seed=seed)
    found = FromScratch(recalibrate=recalibrate).evaluate(job)
    return found.metrics["accuracy"], found.curve[-1]["epoch"], time.process_time() - began


def main() -> None:
    torch.set_num_threads(1)
    task = load_task("digits")
    rows: list[dict[str, Any]] = []
    for name in SPACES:
        space = make_space(name, task.info)
        drawn = [space.sample(random.Random(f"network {place}")) for place in range(NETWORKS)]
        long = [score(space, a, task, LONG, UNSETTLED, place)[0] for place, a in enumerate(drawn)]
        for epochs in SHORT:
            for way, recalibrate in WAYS.items():
                found = [score(space, a, task, epochs, recalibrate, place) for place, a in enumerate(drawn)]
                short = [accuracy for accuracy, _, _ in found]
                made = [made for _, made, _ in found]
                low, high = correlation_interval(short, long, kendall)
                rows.append(
                    {
                        "space": name,
                        "epochs": epochs,
                        "statistics": way,
                        "median accuracy": statistics.median(short),
                        "Kendall's tau": kendall(short, long),
                        "low": low,
                        "high": high,
                        "ended half-way": sum(m < 0.9 * epochs for m in made),
                        "CPU seconds an epoch": sum(seconds for _, _, seconds in found) / sum(made),
                    }
                )
                print(rows[-1], flush=True)
    save(
        "do_fresh_statistics_help_short_trainings",
        "with statistics of batch normalisation computed anew, a look at a short training sees what was learned; that it ranks better is not shown",
        {"networks of each space": NETWORKS, "rows": rows},
    )


if __name__ == "__main__":
    main()
