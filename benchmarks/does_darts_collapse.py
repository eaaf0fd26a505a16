"""Does first-order DARTS collapse towards skip connections on NAS-Bench-201, and does a safeguard prevent it?

A supernet of the cells of NAS-Bench-201 learns CIFAR-10 at 16x16; after every epoch the derived cell is looked up in the published table: its
test accuracy after 200 epochs of the large network, and how many of its six edges are skip connections. The supernet has 8 channels and one cell per
stage where the paper has 16 and 5, and 2,000 images where it has 50,000; the schedule is that of DARTS (50 epochs, rate 0.025 to 0.001, decay
0.0003, clip 5; Adam with betas 0.5 and 0.999, decay 0.001) but for batches of 32, so that there are 1,500 steps, and for the rate of the logits, 0.003, which
is the default of the recipes: ten times the paper's, in a thirteenth of its steps. As in the paper's search, normalisations have no scale and
shift.

    python benchmarks/does_darts_collapse.py [SEARCH ...]     # goes on where it stopped; the searches are named in SEARCHES
    python benchmarks/does_darts_collapse.py --figure         # writes the results of what there is, and draws docs/images/darts-collapse.svg

Selection by perturbation acts after the last step only, so that one search gives both what plain DARTS derives and what perturbation derives.
Needs SEARCHITECT_DATA, for nasbench201.parquet and for unpack.py, which writes the images.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import torch
from measuring import data_folder, save
from torch import nn

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import TaskInfo
from searchitect.networks.nasbench201 import build as build_nasbench201
from searchitect.oneshot.guards import SKIP
from searchitect.oneshot.training import SupernetTraining
from searchitect.recipes import find_recipe
from searchitect.reports.comparison_drawings import LIGHT, spread
from searchitect.reports.png import in_one_scheme
from searchitect.reports.style import paper, svg, text
from searchitect.spaces.nasbench201 import NasBench201, cell_string
from searchitect.tasks import Task, load_task

SEEDS = range(3)
EPOCHS, BATCH = 50, 32
IMAGES = 2000
FOLDER = Path("runs/does_darts_collapse")
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "darts-collapse.svg"
PLAIN = "darts"
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "perturbation": ("darts", {"select": "perturbation"}),
    "stop at skips": ("darts", {"early_stop": "skips"}),
    "stop at eigenvalue": ("darts", {"early_stop": "eigenvalue"}),
    "weight decay": ("darts", {"weight_decay": 0.0243}),
    "drnas": ("drnas", {}),
    "gdas": ("gdas", {}),
}
"""Name -> recipe and settings. Plain DARTS is what the search of "perturbation" derives from its logits."""

DRAWN = (PLAIN, "stop at skips", "stop at eigenvalue", "perturbation")
LABELS = {PLAIN: "DARTS, first order", "stop at skips": "early_stop=skips", "stop at eigenvalue": "early_stop=eigenvalue"}
LABELS |= {"perturbation": "select=perturbation"}
GRID = "#d5dce3"
CLAIM = (
    "first-order DARTS on a small supernet of NAS-Bench-201 drifts towards skip connections, in the extreme to the cell of six that scores "
    "54.30 % in the table; early stops and selection by perturbation end above it on each seed measured"
)


@dataclass(frozen=True)
class SearchedCells(NasBench201):
    """The space with the supernet of the authors' searches, whose normalisations have no scale and shift."""

    def build(self, spec: Any, info: TaskInfo) -> nn.Module:
        return build_nasbench201(spec, info, affine=False)


def images() -> Task:
    """The first 200 images of each class. A search learns from 95 % of them: weights from one half, logits from the other."""
    path = FOLDER / f"cifar10-{IMAGES}.npz"
    if not path.exists():
        unpack = [
            sys.executable,
            str(data_folder() / "unpack.py"),
            "cifar10",
            str(path),
            "--size",
            "16",
            "--train",
            str(IMAGES),
        ]
        subprocess.run(unpack, check=True)
    return load_task(str(path), valid=0.05)


def looked_up(table: TabularBenchmark, decisions: Mapping[str, Any]) -> dict[str, Any]:
    """A derived cell: the authors' string, skip connections, test accuracy in the table."""
    cell = table.space.decide(decisions)
    skips = sum(label == SKIP for label in decisions.values())
    return {"cell": cell_string(cell.spec), "skips": skips, "accuracy": table.test(cell)}


def search(name: str, seed: int, task: Task, table: TabularBenchmark) -> dict[str, Any]:
    """One search, or what is kept of it."""
    place = FOLDER / f"{name.replace(' ', '-')}-{seed}"
    result = place.with_suffix(".json")
    if result.exists():
        found: dict[str, Any] = json.loads(result.read_text())
        return found
    recipe, settings = SEARCHES[name]
    method = find_recipe(recipe).make({"epochs": float(EPOCHS), "batch_size": BATCH, **settings})
    space = SearchedCells(channels=8, cells=1)
    training = SupernetTraining(space, task, method, place.with_suffix(".safetensors"), seed=seed)
    outcome = training.run()
    record = training.record()
    epochs = []
    for row in record["history"]:
        weights = {c["path"]: dict(zip(c["labels"], row["probabilities"][c["path"]], strict=True)) for c in record["choices"]}
        epochs.append(
            {
                **looked_up(table, row["derived"]),
                "loss": row["loss"],
                "mean weights": {op: statistics.mean(w[op] for w in weights.values()) for op in space.operations},
                "strongest": [max(w, key=w.__getitem__) for w in weights.values()],
                **({"eigenvalue": row["eigenvalue"]} if "eigenvalue" in row else {}),
            }
        )
    derived = outcome.found.get("decisions", record["history"][-1]["derived"])
    found = {
        "epochs": epochs,
        "end": looked_up(table, derived),
        **{key: record[key] for key in ("stopped", "seconds", "steps")},
    }
    result.write_text(json.dumps(found))
    return found


def kept(name: str) -> list[dict[str, Any]]:
    """The finished searches of a name; those of plain DARTS are those of "perturbation", before that acts."""
    stem = ("perturbation" if name == PLAIN else name).replace(" ", "-")
    found = [json.loads(path.read_text()) for seed in SEEDS if (path := FOLDER / f"{stem}-{seed}.json").exists()]
    return [{**run, "end": run["epochs"][-1]} for run in found] if name == PLAIN else found


def summary(name: str) -> dict[str, Any]:
    """One row: what the searches of a name ended with, seed by seed."""
    runs = kept(name)
    ends = [run["end"] for run in runs]
    return {
        "search": name,
        "seeds": len(runs),
        "skips of 6": ", ".join(str(end["skips"]) for end in ends),
        "table accuracy": ", ".join(f"{100 * end['accuracy']:.2f}" for end in ends),
        "median": 100 * statistics.median(end["accuracy"] for end in ends),
        "epochs": ", ".join(str(len(run["epochs"])) for run in runs),
        "weight of skip": statistics.median(run["epochs"][-1]["mean weights"][SKIP] for run in runs),
        "seconds": statistics.median(run["seconds"] for run in runs),
    }


def lines(name: str, value: Any) -> list[list[float]]:
    """One list per seed, a value per epoch; a search that ended early keeps what it derived."""
    found = []
    for run in kept(name):
        own = [value(row) for row in run["epochs"]]
        end = value(run["end"])
        # what derives in a way of its own does so after the last epoch
        found.append([*own[:-1], *[end] * (EPOCHS - len(own) + 1)])
    return found


def panel(title: str, value: Any, low: float, high: float, ticks: Sequence[float]) -> str:
    """Epochs to the right; each seed a thin line, their median a bold one. Equal lines are set a little apart."""
    left, right, top, bottom = 70.0, 560.0, 46.0, 250.0

    def x(epoch: float) -> float:
        return left + (right - left) * (epoch - 1) / (EPOCHS - 1)

    def y(number: float) -> float:
        return bottom - (bottom - top) * (number - low) / (high - low)

    marks = [text(left, 24, title, "b", anchor="start")]
    for tick in ticks:
        marks += [
            f'<path d="M{left} {y(tick):.1f}H{right}" stroke="{GRID}"/>',
            text(left - 8, y(tick) + 4, f"{tick:g}", "d", anchor="end"),
        ]
    for epoch in (1, 10, 20, 30, 40, 50):
        marks += [f'<path class="wire" d="M{x(epoch):.1f} {bottom}v5"/>', text(x(epoch), bottom + 19, str(epoch), "d")]
    names: list[tuple[float, str, str]] = []
    for place, name in enumerate(DRAWN):
        apart, colour = 1.6 * (place - 1), LIGHT[place + 3 if place else 7]
        seeds = lines(name, value)
        middle = [statistics.median(values) for values in zip(*seeds, strict=True)]
        for values, is_middle in [*((seed, False) for seed in seeds), (middle, True)]:
            if name == "perturbation":  # it acts after the last epoch
                radius, fill = (5, colour) if is_middle else (3.5, "none")
                marks.append(f'<circle cx="{right}" cy="{y(values[-1]):.1f}" r="{radius}" fill="{fill}" stroke="{colour}"/>')
                continue
            path = "L".join(f"{x(epoch):.1f} {y(number) + apart:.1f}" for epoch, number in enumerate(values, 1))
            style = 'stroke-width="3"' if is_middle else 'stroke-width="1" opacity="0.6"'
            marks.append(f'<path d="M{path}" fill="none" stroke="{colour}" {style}/>')
        names.append((y(middle[-1]) + apart, name, colour))
    names.sort()
    for (at, name, colour), level in zip(names, spread([at for at, _, _ in names], 16.0, top, bottom), strict=True):
        marks.append(f'<path d="M{right + 7} {at:.1f}L{right + 15} {level:.1f}" stroke="{colour}" fill="none"/>')
        marks.append(
            f'<text class="n" x="{right + 19}" y="{level + 4:.1f}" style="fill:{colour}">{escape(LABELS.get(name, name))}</text>'
        )
    return "".join(marks)


def draw() -> None:
    """Both panels, one below the other."""
    width, step = 760, 280
    skips = panel(
        "skip connections among the six edges of the derived cell", lambda row: row["skips"], 0, 6, (0, 1, 2, 3, 4, 5, 6)
    )
    accuracy = panel(
        "test accuracy of the derived cell in the table, in percent (CIFAR-10, 200 epochs)",
        lambda row: 100 * row["accuracy"],
        50,
        95,
        (54.3, 60, 70, 80, 90),
    )
    marks = f'<rect width="{width}" height="{2 * step + 20}" fill="{paper("light")}"/>{skips}'
    marks += f'<g transform="translate(0 {step})">{accuracy}{text(315, 289, "epochs of the search", "d")}</g>'
    label = "Skip connections and accuracy of the derived cell over the epochs of the search: plain DARTS and with safeguards"
    FIGURE.write_text(in_one_scheme(svg(marks, width, 2 * step + 20, label), "light") + "\n")


def main() -> None:
    if "--figure" in sys.argv:
        write()
        draw()
        return
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    task = images()
    table = find_benchmark("nasbench201:cifar10", folder=data_folder())
    for seed in SEEDS:
        for name in sys.argv[1:] or SEARCHES:
            found = search(name, seed, task, table)
            end = found["end"]
            print(name, seed, f"{len(found['epochs'])} epochs,", end, found["stopped"], f"{found['seconds']:.0f} s", flush=True)
    write()


def write() -> None:
    rows = [summary(name) for name in (PLAIN, *SEARCHES) if kept(name)]
    save("does_darts_collapse", CLAIM, {"rows": rows})


if __name__ == "__main__":
    main()
