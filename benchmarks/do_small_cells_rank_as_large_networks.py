"""NASNet's transfer: cells searched small are stacked to larger networks for larger images; is the order of the cells the same?

    python benchmarks/do_small_cells_rank_as_large_networks.py

The recipe nasnet searches on CIFAR-10 at 8x8 with 8,000 training images for 4 minutes (C=8, 5 cells); eight of its cells, evenly spread over the
ranks of their scores, are rebuilt with twice the channels for images of 16x16, trained for 8 epochs from scratch and scored on test data once. One
search, so the interval of the rank correlation is over cells, not over searches. Needs SEARCHITECT_DATA. Runs are kept in
runs/do_small_cells_rank_as_large_networks: the command goes on where it stopped.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from how_good_are_random_cells import write_images
from how_good_are_the_recipes import alone
from measuring import data_folder, save

from searchitect import search
from searchitect.core import Architecture, Trial, TrialState
from searchitect.costs import count_params
from searchitect.metrics.ranks import correlation_interval, kendall
from searchitect.networks import build
from searchitect.search.folder import read_json, write_json
from searchitect.single import resized
from searchitect.spaces import make_space
from searchitect.tasks import load_task

FOLDER = Path("runs/do_small_cells_rank_as_large_networks")
BUDGET = "4m"
CELLS = 8
EPOCHS = 8.0
TIMES = 2


def images(side: int) -> str:
    """CIFAR-10 at that size: the same 8,000 images to learn from."""
    path = FOLDER / f"cifar10-{side}.npz"
    if path.exists():
        return str(path)
    FOLDER.mkdir(parents=True, exist_ok=True)
    if side == 16:
        write_images(path)
    else:
        unpack = [
            sys.executable,
            str(data_folder() / "unpack.py"),
            "cifar10",
            str(path),
            "--size",
            str(side),
            "--train",
            "8000",
        ]
        subprocess.run(unpack, check=True)
    return str(path)


def spread_over_ranks(trials: list[Trial]) -> list[Trial]:
    """Some cells from the best to the worst."""
    judged: dict[str, Trial] = {t.key: t for t in trials if t.state is TrialState.COMPLETE and t.origin != "final"}
    ranked = sorted(judged.values(), key=lambda t: -t.metrics["accuracy"])
    return [ranked[round(place * (len(ranked) - 1) / (CELLS - 1))] for place in range(CELLS)]


def large(trial: Trial, place: int, config: dict[str, Any]) -> dict[str, Any]:
    """The cell in a larger network, trained for larger images."""
    file = FOLDER / f"large-{place}.json"
    if file.exists():
        found: dict[str, Any] = read_json(file)
        return found
    task = load_task(images(16))
    small = make_space("nasnet", None, config)
    space, spec = resized(
        small, trial.architecture.spec, trial.architecture.decisions, {"channels": TIMES * config["channels"]}
    )
    scores = alone(task, space, Architecture(spec), EPOCHS, place, FOLDER / f"large-{place}.safetensors")
    row = {
        "rank when small": place + 1,
        "validation, small": trial.metrics["accuracy"],
        "validation, large": scores["validation"],
        "test, large": scores["test"],
        "parameters, small": trial.metrics["params"],
        "parameters, large": count_params(build(space, spec, task.info)),
    }
    write_json(file, row)
    print(row, flush=True)
    return row


def main() -> None:
    torch.set_num_threads(1)
    found = search(images(8), recipe="nasnet", budget=BUDGET, workers=2, out=FOLDER / "search")
    config = found.settings["space"]["config"]
    rows = [large(trial, place, config) for place, trial in enumerate(spread_over_ranks(found.trials))]
    small, big = ([row[f"validation, {size}"] for row in rows] for size in ("small", "large"))
    low, high = correlation_interval(small, big, kendall)
    order = sorted(range(CELLS), key=lambda place: -big[place])
    figures = {
        "trainings of the search": sum(t.is_trained for t in found.trials if t.origin != "final"),
        "Kendall's tau, small against large": {"value": kendall(small, big), "low": low, "high": high},
        "rank of the best small cell when large": order.index(0) + 1,
        "rows": rows,
    }
    save(
        "do_small_cells_rank_as_large_networks", "how well the order of small cells tells the order of large networks", figures
    )


if __name__ == "__main__":
    main()
