"""Do short trainings pay? Halving, Hyperband, BOHB and learning curves against random search with full trainings, at equal simulated cost.

On tables with fidelities, 30 seeds each: the median regret (test score) of the architecture chosen after so many full trainings' worth of
epochs. The choice is the best validation score at the highest fidelity reached. The last table is an adversary: the shorter a
training, the more its ranks are turned upside down; there the bracket s = 0 of Hyperband protects, and ASHA does not.

    python benchmarks/do_short_trainings_pay.py [TABLE ...]
    python benchmarks/do_short_trainings_pay.py --figure      # only draws docs/images/short-trainings.svg, from the same searches
"""

import random
import statistics
import sys
from pathlib import Path
from typing import Any

import numpy as np
from measuring import save

from searchitect.benchmarks import find_benchmark
from searchitect.benchmarks.replay import replay
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import DataError, Objective, SearchitectError, Trial
from searchitect.reports.comparison_drawings import draw_curves
from searchitect.reports.png import in_one_scheme
from searchitect.reports.style import paper, svg
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.strategies import make_strategy

SEEDS = 30
AFTER = (5, 10, 20, 40)
TABLES = ("digits-cells", "nasbench201:cifar10", "nasbench201:cifar100", "nasbench201:imagenet16-120")
FIGURE = Path(__file__).parents[1] / "docs" / "images" / "short-trainings.svg"
DRAWN = ("nasbench201:cifar100", "digits-cells")
LINES = ("random", "asha", "hyperband", "bohb")


def adversary() -> TabularBenchmark:
    """729 cells with drawn scores after 1, 3, 9 and 27 epochs: full scores q, short ones fall with q."""
    space = NasBench201(channels=8, cells=1, operations=("none", "skip_connect", "nor_conv_3x3"), merges=False)
    rows = {architecture.text: row for row, architecture in enumerate(space.enumerate())}
    rng = np.random.default_rng(0)
    full = rng.random(len(rows))
    short = [np.clip(1 - full + 0.05 * rng.standard_normal(len(rows)), 0, 1) * scale for scale in (0.5, 0.6, 0.7)]
    valid = np.stack([*short, full], axis=1)[:, :, None]
    return TabularBenchmark("adversary", space, rows, (1.0, 3.0, 9.0, 27.0), valid, full[:, None])


def contenders(table: TabularBenchmark) -> dict[str, dict[str, Any]]:
    halving: dict[str, Any] = table.halving()
    found = {name: dict(halving) for name in ("asha", "successive-halving", "hyperband", "bohb")}
    found["random"] = {}
    if len(table.fidelities) >= 8:  # a curve of two points is none
        for method in ("least-squares", "last-value", "median"):
            # one look, as soon as there are five points
            found[f"learning-curve {method}"] = {
                "max_epochs": halving["max_epochs"],
                "first": table.fidelities[4] / halving["max_epochs"],
                "method": method,
            }
    return found


def steps(table: TabularBenchmark, trials: list[Trial]) -> list[tuple[float, float]]:
    """After each trial: the cost so far, in full trainings, and the regret of the architecture that would be chosen."""
    full, spent, best = table.fidelities[-1], 0.0, (0.0, -1.0, -1)
    found = [(0.0, table.optimum())]
    epochs = {trial.id: table.fidelities[table.fidelity(trial.fidelity.epochs)] for trial in trials}
    for trial in trials:
        before = epochs.get(trial.parent, 0.0) if trial.resume and table.is_prefix and trial.parent is not None else 0.0
        spent += (epochs[trial.id] - before) / full
        best = max(best, (epochs[trial.id], trial.metrics[table.metric], table.row(trial.architecture)))
        found.append((spent, table.optimum() - float(table.test_scores[best[2]])))
    return found


def regret_at(found: list[tuple[float, float]], mark: float) -> float:
    """Regret when the next trial would cost more than ``mark`` in all."""
    return next(regret for spent, regret in reversed(found) if spent <= mark + 1e-9)


def runs_of(table: TabularBenchmark, name: str, options: dict[str, Any]) -> list[list[tuple[float, float]]]:
    found = []
    for seed in range(SEEDS):
        strategy = make_strategy(name.split(maxsplit=1)[0], table.space, [Objective(table.metric, "max")], seed, **options)
        found.append(steps(table, replay(strategy, table, evaluations=AFTER[-1], seed=1000 * seed)))
    return found


def measure(table: TabularBenchmark) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, options in contenders(table).items():
        runs = runs_of(table, name, options)
        found[name] = {str(mark): _summary([regret_at(run, mark) for run in runs]) for mark in AFTER}
        print(table.name, name, {mark: round(s["median"], 5) for mark, s in found[name].items()}, flush=True)
    return found


def _summary(values: list[float]) -> dict[str, float]:
    """Median and its 95 % bootstrap interval."""
    rng = random.Random(0)
    medians = sorted(statistics.median(rng.choices(values, k=len(values))) for _ in range(1000))
    return {"median": statistics.median(values), "low": medians[25], "high": medians[974]}


def panel(table: TabularBenchmark) -> str:
    """Median and quartiles of the regret against the cost, one line for each strategy. Where the optimum is found the line lies on the lower edge."""
    gaps = table.optimum() - table.test_scores
    floor = float(gaps[gaps > 1e-9].min()) / 2
    marks = [mark / 2 for mark in range(2, 2 * AFTER[-1] + 1)]
    options = contenders(table)
    layers: list[dict[str, Any]] = []
    for place, name in enumerate(LINES):
        runs = runs_of(table, name, options[name])
        rows = [[100 * max(regret_at(run, mark), floor) for run in runs] for mark in marks]
        quartiles = [statistics.quantiles(row, n=4, method="inclusive") for row in rows]
        common = {"name": name, "tone": f"s{place}"}
        band = [[mark, low, high] for mark, (low, _, high) in zip(marks, quartiles, strict=True)]
        line = [[mark, middle] for mark, (_, middle, _) in zip(marks, quartiles, strict=True)]
        layers.insert(place, {**common, "type": "band", "opacity": 0.12, "rows": band})
        layers.append({**common, "type": "line", "step": True, "rows": line})
    view = {
        "x": {"label": "simulated cost, in full trainings", "kind": "count", "log": False, "low": 0},
        "y": {"label": "regret of the test accuracy in percentage points, logarithmic", "kind": "number", "log": True},
        "layers": layers,
    }
    return draw_curves(view, table.name, f"median and quartiles of {SEEDS} searches each")


def draw() -> None:
    """The panels one below the other, as one drawing."""
    drawings = [panel(find_benchmark(name)) for name in DRAWN]
    width, step = 760, 440
    marks = f'<rect width="{width}" height="{step * len(drawings)}" fill="{paper("light")}"/>'
    marks += "".join(f'<g transform="translate(0 {step * place})">{drawing}</g>' for place, drawing in enumerate(drawings))
    label = "Regret against simulated cost: " + ", ".join(LINES)
    FIGURE.write_text(in_one_scheme(svg(marks, width, step * len(drawings), label), "light") + "\n")


def main() -> None:
    if "--figure" in sys.argv:
        draw()
        return
    figures: dict[str, Any] = {}
    for name in sys.argv[1:] or TABLES:
        try:
            table = find_benchmark(name)
        except (DataError, SearchitectError, FileNotFoundError) as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        figures[name] = measure(table)
    figures["adversary"] = measure(adversary())
    save(
        "do_short_trainings_pay",
        "at equal simulated cost ASHA, Hyperband and BOHB have a lower median regret than random search with full trainings: true on "
        "NAS-Bench-201 after 5 to 40 full trainings; on digits-cells not after 5, and after 40 of ASHA and BOHB only",
        {"regret after full trainings (median of 30 seeds, bootstrap interval of the median)": figures},
    )


if __name__ == "__main__":
    main()
