"""What each recipe that shares weights finds, random search and random search with shared weights beside it: one space, equal search time.

    python benchmarks/how_good_are_the_recipes.py [digits cifar10]

All search the cells of DARTS (C=8, 3 cells), with one thread: 1 minute on digits, 90 seconds on CIFAR-10 at 16x16 (8,000 training images, see
how_good_are_random_cells.py; needs SEARCHITECT_DATA), everything included: training the supernet and judging with it. What a search ends with is
then trained alone, from scratch, for 30 and 6 epochs, and scored on test data once. Ten random cells of the space are trained alone in the
same way: the relative improvement is over these, and shared weights score these, to be compared with what they reach alone. Random search trains
its networks for 5 and 2 epochs. Runs are kept in runs/how_good_are_the_recipes: the command goes on where it stopped. ``--search`` only searches,
which is what is timed and wants a core for itself; ``--train`` only trains what was found; ``--summary`` only writes down what is there.
"""

import random
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from how_good_are_random_cells import write_images
from measuring import save, spread

from searchitect.core import Architecture, Budget, Fidelity, Job, Objective, Space, Strategy
from searchitect.costs import count_params
from searchitect.estimators.from_scratch import FromScratch
from searchitect.metrics.intervals import relative_improvement
from searchitect.metrics.ranks import kendall
from searchitect.networks import build
from searchitect.recipes import find_recipe
from searchitect.recipes.cells import cells_for
from searchitect.recipes.shared_weights import SharedWeightsRecipe
from searchitect.search.folder import read_json, write_json
from searchitect.search.plan import Plan, final_share
from searchitect.search.run import load_network, run_search, test_scores
from searchitect.search.setup import Setup
from searchitect.search.supernet import SupernetRun
from searchitect.strategies import make_strategy
from searchitect.tasks import Task, load_task

FOLDER = Path("runs/how_good_are_the_recipes")
RECIPES = ["random-ws", "darts", "gdas", "snas", "proxylessnas", "parsec", "drnas", "pc-darts", "enas", "one-shot", "spos"]
RANDOM = "random"
SEEDS = 3
DRAWN = 10
ACCURACY = Objective("accuracy", "max")


@dataclass(frozen=True)
class Data:
    """Seconds of a search, epochs of a training alone, and those of random search's trainings."""

    seconds: float
    epochs: float
    short: float


SETS = {"digits": Data(60, 30, 5), "cifar10": Data(90, 6, 2)}


def load(name: str) -> Task:
    """The task; its split is the same for all seeds."""
    if name != "cifar10":
        return load_task(name)
    path = FOLDER / "cifar10.npz"
    if not path.exists():
        write_images(path)
    return load_task(str(path))


def alone(task: Task, space: Space, architecture: Architecture, epochs: float, seed: int, weights: Path) -> dict[str, float]:
    """A training from scratch: validation and test accuracy."""
    job = Job(space, architecture, task, Fidelity(epochs), horizon=epochs, seed=seed, save=weights)
    measured = FromScratch().evaluate(job)
    if "accuracy" not in measured.metrics:
        raise SystemExit(f"a training alone failed: {measured.reason}")
    network = load_network(space, architecture.spec, task.info, weights)
    weights.unlink()
    return {"validation": measured.metrics["accuracy"], "test": test_scores(network, task)["metrics"]["accuracy"]}


def drawn(space: Space) -> list[Architecture]:
    """Random architectures, the same for all recipes."""
    return [space.sample(random.Random(f"drawn {place}")) for place in range(DRAWN)]


def search(name: str, task: Task, space: Space, data: Data, seed: int, folder: Path) -> tuple[Architecture, Any, int]:
    """What a recipe, or random search, ends with; what judges with its shared weights; how many architectures were judged."""
    made: list[Strategy] = []
    shared = judge = None
    if name != RANDOM:
        recipe = find_recipe(name)
        assert isinstance(recipe, SharedWeightsRecipe)
        shared = SupernetRun(recipe.make({}), recipe.open_space(space, {}), task, folder, seed)
        judge = recipe.estimator(shared)

    def make(space: Space, objectives: Sequence[Objective], seed: int, plan: Plan) -> Strategy:
        strategy = (
            shared.make_strategy(space, objectives, seed, plan) if shared else make_strategy("random", space, objectives, seed)
        )
        made.append(strategy)
        return strategy

    found = run_search(
        Setup(
            name=name,
            folder=folder,
            space=space,
            make_strategy=make,
            strategy_name=name,
            estimator=judge or FromScratch(),
            final_estimator=None,
            task=task,
            objectives=[ACCURACY],
            constraints=[],
            budget=Budget(seconds=data.seconds / (1 - final_share(task.info))),  # all of the search's part is used
            workers=1,
            seed=seed,
            fidelity=None if shared else Fidelity(data.short),
            sets_epochs=shared is None,
            identity={"recipe": name, "seed": seed},
            command="",
            baseline=False,
            prepare=shared.prepare if shared else None,
        )
    )
    judged = [t for t in found.trials.values() if ACCURACY.metric in t.metrics]
    best = max(judged, key=lambda t: ACCURACY.value(t.metrics))
    return made[0].leader() or best.architecture, judge, len(judged)


def searched(name: str, seed: int, task: Task, space: Space, data: Data, folder: Path) -> dict[str, Any]:
    """One search: what it ends with, and what shared weights say of the random architectures."""
    began = time.monotonic()
    architecture, judge, judged = search(name, task, space, data, seed, folder / f"{name}-{seed}")
    row: dict[str, Any] = {"recipe": name, "seed": seed, "seconds": time.monotonic() - began, "judged": judged}
    if judge is not None:
        jobs = [Job(space, a, task, Fidelity(1.0), horizon=1.0) for a in drawn(space)]
        row["shared"] = [judge.evaluate(job).metrics["accuracy"] for job in jobs]
    row["params"] = count_params(build(space, architecture.spec, task.info))
    return row | {"decisions": dict(architecture.decisions)}


def go(name: str, does_search: bool, does_train: bool) -> None:
    """All searches and trainings on a data set that are not there yet."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    task, data = load(name), SETS[name]
    space = cells_for(task.info)
    for place, architecture in enumerate(drawn(space)):
        file = folder / f"drawn-{place}.json"
        if does_train and not file.exists():
            write_json(file, alone(task, space, architecture, data.epochs, place, folder / "drawn.safetensors"))
            print(name, file.stem, read_json(file), flush=True)
    for seed in range(SEEDS):
        for recipe in [RANDOM, *RECIPES]:
            file, found = folder / f"{recipe}-{seed}.json", folder / f"{recipe}-{seed}.found.json"
            if does_search and not (file.exists() or found.exists()):
                write_json(found, searched(recipe, seed, task, space, data, folder))
                print(name, recipe, seed, "found", flush=True)
            if does_train and found.exists() and not file.exists():
                row = read_json(found)
                weights = folder / f"{recipe}-{seed}" / "alone.safetensors"
                write_json(file, row | alone(task, space, space.decide(row["decisions"]), data.epochs, seed, weights))
                print(name, recipe, seed, read_json(file)["test"], flush=True)


def summary(name: str, folder: Path) -> list[dict[str, Any]]:
    """One row per recipe of which there are runs."""
    random_ones = [read_json(folder / f"drawn-{place}.json") for place in range(DRAWN)]
    tests = [one["test"] for one in random_ones]
    rows = [
        {
            "data": name,
            "recipe": f"{DRAWN} random cells",
            "search": "",
            "judged": "",
            "params": "",
            **shown(tests),
            "improvement": "",
            "trust": "",
        }
    ]
    for recipe in [RANDOM, *RECIPES]:
        runs = [read_json(file) for seed in range(SEEDS) if (file := folder / f"{recipe}-{seed}.json").exists()]
        if not runs:
            continue
        found = [run["test"] for run in runs]
        taus = [kendall(run["shared"], [one["validation"] for one in random_ones]) for run in runs if "shared" in run]
        rows.append(
            {
                "data": name,
                "recipe": recipe,
                "search": f"{statistics.median(run['seconds'] for run in runs):.0f} s",
                "judged": statistics.median(run["judged"] for run in runs),
                "params": statistics.median(run["params"] for run in runs),
                **shown(found),
                "improvement": over(found, tests),
                "trust": f"{statistics.median(taus):.2f} [{min(taus):.2f}, {max(taus):.2f}]" if taus else "",
            }
        )
    return rows


def over(found: Sequence[float], drawn: Sequence[float]) -> str:
    """The relative improvement with its interval; one search has none that tells of searches."""
    if len(found) < 2:
        return ""
    gain = relative_improvement(found, drawn)
    return f"{gain.value:+.2f} % [{gain.low:+.2f}, {gain.high:+.2f}]"


def shown(values: Sequence[float]) -> dict[str, Any]:
    """Median, lowest, highest and number, rounded to what the test part can tell."""
    return {key: value if key == "runs" else round(value, 4) for key, value in spread(values).items()}


def main() -> None:
    torch.set_num_threads(1)
    flags = {given for given in sys.argv[1:] if given.startswith("--")}
    for name in [given for given in sys.argv[1:] if given not in flags] or list(SETS):
        if "--summary" not in flags:
            go(name, does_search="--train" not in flags, does_train="--search" not in flags)
    done = [
        row for name in SETS if (FOLDER / name / f"drawn-{DRAWN - 1}.json").exists() for row in summary(name, FOLDER / name)
    ]
    save(
        "how_good_are_the_recipes",
        "what each system finds in equal time, beside random search; median, lowest and highest of the runs",
        {"rows": done},
    )


if __name__ == "__main__":
    main()
