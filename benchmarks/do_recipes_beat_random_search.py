"""Every recipe of the reinforcement-learning and evolution systems, and random search in the same space at the same budget beside it.

    python benchmarks/do_recipes_beat_random_search.py [digits=5m cifar10=15m] [--only NAME ...] [--seeds 3] [--summary]

Both search as a user's command does, with two workers, the final training included in the budget; what each ends with is scored on test data once.
CIFAR-10 is at 16x16 with 8,000 training images (how_good_are_random_cells.py; needs SEARCHITECT_DATA). Random search trains its candidates for as
many epochs as the recipe does, or, beside one that shares weights, for 5 and 2; NEAT's networks are not trained. Runs are kept in
runs/do_recipes_beat_random_search: the command goes on where it stopped. ``--summary`` only writes down what is there.

Beside the final networks stands whether the search learned: the median accuracy on validation data of the first and of the second half of what was
trained, and of all that random search trained, for as many epochs (where a recipe shares weights, its scores are with these, and not to be compared);
and for how many epochs the winner was trained in the end. A recipe that shares weights trains random networks in its final step too, to tell whether the shared
weights can be trusted, and so has less time for each. So for these the two winners are trained once more, alone and from scratch, for 30 epochs on digits and 8 on CIFAR-10.
"""

import argparse
import csv
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from how_good_are_random_cells import write_images
from how_good_are_the_recipes import alone
from measuring import save

from searchitect import search
from searchitect.core import Architecture
from searchitect.metrics.intervals import relative_improvement
from searchitect.recipes import find_recipe
from searchitect.recipes.composed import ComposedRecipe
from searchitect.search.folder import read_json, write_json
from searchitect.spaces import make_space
from searchitect.tasks import load_task

FOLDER = Path("runs/do_recipes_beat_random_search")
BUDGETS = {"digits": "5m", "cifar10": "15m"}
SHORT = {"digits": 5.0, "cifar10": 2.0}
"""Epochs of random search's candidates beside a recipe that shares weights."""
EQUAL = {"digits": 30.0, "cifar10": 8.0}
"""Epochs for which the winners of both are trained once more, where a recipe shares weights."""
RECIPES = [
    "nas-rl",
    "nasnet",
    "metaqnn",
    "blockqnn",
    "enas",
    "enas-macro",
    "mnasnet",
    "efficientnet",
    "monas",
    "dpp-net",
    "nemo",
    "large-scale-evolution",
    "genetic-cnn",
    "cgp-cnn",
    "hierarchical-evolution",
    "amoebanet",
    "nsga-net",
    "neat",
    "pnas",
    "random-asha",
    "random-ws",
    "randwire",
]
WORKERS = 2


def data_of(name: str) -> str:
    """What `search` takes."""
    if name != "cifar10":
        return name
    path = FOLDER / "cifar10.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_images(path)
    return str(path)


def row_of(found: Any) -> dict[str, Any]:
    """What the table needs of a search."""
    winner = found.summary.get("winner")
    if found.is_interrupted:
        raise SystemExit("interrupted: the same command goes on")
    row = {
        "trials": sum(t.is_trained for t in found.trials if t.origin != "final"),
        "epochs": found.settings["plan"]["single_epochs"],
        "seconds": found.summary["seconds"],
        "first": min(t.started for t in found.trials),
    }
    if winner is None:
        return row | {"error": found.summary.get("sentence") or "no network"}
    return row | {"test": winner["test"]["accuracy"], "params": winner.get("params"), "macs": winner.get("macs")}


def with_recipe(name: str, data: str, budget: str, seed: int, out: Path) -> dict[str, Any]:
    """The recipe, as its command has it, without the random trials between its own."""
    return row_of(search(data_of(data), recipe=name, budget=budget, seed=seed, workers=WORKERS, out=out, baseline="none"))


def at_random(name: str, data: str, budget: str, seed: int, out: Path, epochs: float) -> dict[str, Any]:
    """Random search in the recipe's space, its candidates judged as the recipe judges them."""
    recipe, info = find_recipe(name), load_task(data_of(data)).info
    given: dict[str, Any] = {"fidelity": f"epochs={epochs:g}"}
    if isinstance(recipe, ComposedRecipe):
        given |= {"training": recipe.make({}).training, "estimator": recipe.estimator}
    space = recipe.own_space(info)
    found = search(
        data_of(data),
        space=space,
        strategy="random",
        budget=budget,
        seed=seed,
        workers=WORKERS,
        out=out,
        baseline="none",
        **given,
    )
    return row_of(found)


def equally_long(data: str, seed: int, out: Path) -> float:
    """Accuracy on test data of a run's winner, trained from scratch for a fixed number of epochs."""
    run, winner = read_json(out / "run.json"), read_json(out / "result.json")["winner"]
    space = make_space(run["space"]["name"], None, run["space"]["config"])
    weights = out.with_name(f"{out.name}.safetensors")
    return alone(load_task(data_of(data)), space, Architecture(winner["spec"]), EQUAL[data], seed, weights)["test"]


def go(data: str, budget: str, names: Sequence[str], seed: int) -> None:
    """The runs of one seed that are not there yet."""
    folder = FOLDER / f"{data}-{budget}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        file = folder / f"{name}-{seed}.json"
        row = read_json(file) if file.exists() else {}
        is_shared = not isinstance(find_recipe(name), ComposedRecipe)
        for way in ("recipe", "random"):
            if way in row:
                continue
            out = folder / f"{name}-{seed}-{way}"
            try:
                if way == "recipe":
                    row[way] = with_recipe(name, data, budget, seed, out)
                else:
                    epochs = SHORT[data] if is_shared else row["recipe"]["epochs"]
                    row[way] = at_random(name, data, budget, seed, out, epochs)
            except Exception as error:  # whatever a system raises: the others go on
                row[way] = {"error": f"{type(error).__name__}: {error}"}
            print(data, name, seed, way, row[way], flush=True)
            write_json(file, row)
        if is_shared and "alone" not in row and all("test" in row[way] for way in ("recipe", "random")):
            row["alone"] = [equally_long(data, seed, folder / f"{name}-{seed}-{way}") for way in ("recipe", "random")]
            print(data, name, seed, "alone", row["alone"], flush=True)
            write_json(file, row)


def candidates(out: Path) -> list[float]:
    """The accuracies on validation data of a run's candidates, in the order in which they were proposed."""
    with open(out / "trials.csv", newline="", encoding="utf-8") as file:
        trials = [row for row in csv.DictReader(file) if row["origin"] != "final" and row["state"] == "complete"]
    return [float(row["accuracy"]) for row in trials if row["accuracy"] and not row["twin"]]  # no score twice


def winner_epochs(out: Path) -> float:
    """Epochs of the winner's last training, for which the retrained ones share what is left of the budget."""
    return float(read_json(out / "result.json")["winner"].get("epochs") or 0)


def halves(own: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> dict[str, float | None]:
    """Medians over seeds of the median candidate: of the first half, of the second half, and of random search; nothing where a run has less than two."""
    if min(map(len, own)) < 2 or min(map(len, other)) < 1:
        return {"first half": None, "second half": None, "random's candidates": None}
    middles = [(statistics.median(run[: len(run) // 2]), statistics.median(run[len(run) // 2 :])) for run in own]
    first, second = (statistics.median(pair[half] for pair in middles) for half in (0, 1))
    random = statistics.median(statistics.median(run) for run in other)
    return {"first half": round(first, 4), "second half": round(second, 4), "random's candidates": round(random, 4)}


def rows(data: str, budget: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """The table of a data set."""
    csv.field_size_limit(sys.maxsize)  # a specification is one cell
    folder, table = FOLDER / f"{data}-{budget}", []
    for name in names:
        files = [(file, read_json(file)) for file in sorted(folder.glob(f"{name}-[0-9]*.json"))]
        done = [(file.stem, run) for file, run in files if all("test" in run.get(way, {}) for way in ("recipe", "random"))]
        runs = [[candidates(folder / f"{stem}-{way}") for stem, _ in done] for way in ("recipe", "random")]
        equal = [run["alone"] for _, run in done if "alone" in run]
        finals = [[winner_epochs(folder / f"{stem}-{way}") for stem, _ in done] for way in ("recipe", "random")]
        whole = [(run["recipe"], run["random"]) for _, run in done]
        if not whole:
            continue
        own, other = ([pair[side]["test"] for pair in whole] for side in (0, 1))
        gain = relative_improvement(own, other) if len(whole) > 2 else None
        table.append(
            {
                "data": data,
                "budget": budget,
                "recipe": name,
                "seeds": len(whole),
                "test": spread_text(own),
                "random search": spread_text(other),
                "relative improvement, %": f"{gain.value:+.2f} [{gain.low:+.2f}, {gain.high:+.2f}]"
                if gain
                else f"{100 * (statistics.median(own) / statistics.median(other) - 1):+.2f}",
                **halves(*runs),
                "params": statistics.median(pair[0]["params"] for pair in whole),
                "random's": statistics.median(pair[1]["params"] for pair in whole),
                "trials": statistics.median(pair[0]["trials"] for pair in whole),
                "random's trials": statistics.median(pair[1]["trials"] for pair in whole),
                "epochs": statistics.median(pair[0]["epochs"] for pair in whole),
                "winner's epochs": statistics.median(finals[0]),
                "random's winner's": statistics.median(finals[1]),
                "trained equally long": spread_text([pair[0] for pair in equal]) if equal else None,
                "random's, equally long": spread_text([pair[1] for pair in equal]) if equal else None,
                "first trial after, s": statistics.median(pair[0]["first"] for pair in whole),
            }
        )
    return table


def spread_text(values: Sequence[float]) -> str:
    """Median, lowest and highest."""
    middle = f"{statistics.median(values):.4f}"
    return middle if len(values) == 1 else f"{middle} [{min(values):.4f}, {max(values):.4f}]"


def main() -> None:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", default=[f"{name}={budget}" for name, budget in BUDGETS.items()])
    parser.add_argument("--only", nargs="+", default=RECIPES, choices=RECIPES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--summary", action="store_true")
    given = parser.parse_args()
    sets = dict(part.split("=") if "=" in part else (part, BUDGETS[part]) for part in given.data)
    if not given.summary:
        for seed in range(given.seeds):
            for data, budget in sets.items():
                go(data, budget, given.only, seed)
    kept = [place.name.rsplit("-", 1) for place in sorted(FOLDER.iterdir()) if place.is_dir()]
    save(
        "do_recipes_beat_random_search",
        "what each system ends with, and random search in the same space at the same budget: median, lowest and highest of the seeds",
        {"rows": [row for data, budget in kept for row in rows(data, budget, RECIPES)]},
    )


if __name__ == "__main__":
    main()
