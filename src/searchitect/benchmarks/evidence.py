"""What the searches of a comparison show, as plain JSON data: the content of comparison.json. Every number of the report is in it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from searchitect.benchmarks import statistics as st
from searchitect.benchmarks.by_hand import made_by_hand
from searchitect.benchmarks.compare import RANDOM, Row
from searchitect.benchmarks.protocol import Contrast, sentence, verdict
from searchitect.benchmarks.tabular import TabularBenchmark
from searchitect.core import METRICS, Constraint
from searchitect.metrics.ranks import correlation_interval, kendall, spearman

SHARES: Final = frozenset(("accuracy", "balanced_accuracy", "f1"))
"""Metrics that are shown in percent, and whose differences are percentage points."""
MORE_TASKS: Final = 5
"""Above so many tasks a rank is over tasks; up to it over the searches on each task, and says nothing of other tasks."""
_GRID: Final = 160
_POINTS: Final = 500
_DRAWN: Final = 1000

Json = dict[str, Any]
_Array = NDArray[np.float64]


def feasible_rows(table: TabularBenchmark, constraints: Sequence[Constraint]) -> NDArray[np.int64]:
    """The rows of a table that are within limits and have a score and a test score."""
    known = np.isfinite(table.test_scores) & np.isfinite(table.mean_scores[:, -1])
    for constraint in constraints:
        values = table.costs[constraint.metric]
        known &= np.array([constraint.is_met({constraint.metric: float(value)}) for value in values])
    return np.flatnonzero(known)


def table_evidence(
    name: str, table: TabularBenchmark, rows: Sequence[Row], evaluations: int, constraints: Sequence[Constraint]
) -> Json:
    """What the searches on one table show.

    Args:
        name: of the task.
        table: with the answers.
        rows: of the searches that ended, `random` among them.
        evaluations: the budget of each.
        constraints: within which the optimum is sought.
    """
    within = feasible_rows(table, constraints)
    tests, best = table.test_scores, table.optimum(within)
    order = np.sort(tests[within])
    by_strategy = _by_strategy(rows)
    counts = _grid(evaluations)
    counts = counts[counts <= (0 if table.noisy else len(within))]  # exact where the score is no matter of luck
    chosen = st.expected_choice(table.mean_scores[within, -1], tests[within], counts.tolist()) if len(counts) else []
    gaps = best - tests[within]
    floor = float(gaps[gaps > 1e-9].min()) / 2 if (gaps > 1e-9).any() else 1e-6
    drawn = tests[np.random.default_rng(0).choice(within, min(_DRAWN, len(within)), replace=False)]
    runs = {
        strategy: [_table_run(row, table, order, best) for row in found if row["trace"]]
        for strategy, found in by_strategy.items()
    }
    axes: Json = {"evaluations": {"label": "evaluations (full trainings)", "kind": "count", "place": 0}}
    if table.seconds is not None or any(row["seconds"] != row["spent"] * table.fidelities[-1] for row in rows):
        axes["time"] = {
            "label": "simulated time" if table.seconds is not None else "simulated time, in epochs: the table has no seconds",
            "kind": "seconds" if table.seconds is not None else "count",
            "place": 1,
        }
    anytime = {
        axis: {
            strategy: curve_of(
                found, settings["place"], lambda row: float(tests[row]), evaluations if axis == "evaluations" else None
            )
            for strategy, found in by_strategy.items()
        }
        for axis, settings in axes.items()
    }
    return {
        "name": name,
        "kind": "table",
        "metric": table.metric,
        "score": table.score,
        "space": {
            "name": table.space.name,
            "config": table.space.config(),
            "size": len(table.rows),
            "within_limits": len(within),
        },
        "fidelities": list(table.fidelities),
        "source": table.source,
        "licence": table.licence,
        "reported": "test score of the architecture with the best score seen",
        "optimum": {"test": best, "mean": float(tests[within].mean()), "median": float(np.median(tests[within]))},
        "axes": axes,
        "anytime": anytime,
        "regret": {"floor": floor, "optimum": best},
        "expected_random": {"n": counts.tolist(), "test": chosen},
        "correlations": _correlations(table, within),
        "runs": runs,
        "results": results_of(
            {name: [run["test"] for run in found] for name, found in runs.items()}, drawn.tolist(), table.metric
        ),
        "drawn": {
            "n": len(drawn),
            "mean": float(drawn.mean()),
            "what": f"{len(drawn)} random architectures of the table"
            if len(drawn) < len(within)
            else f"all {len(within)} architectures",
        },
        "by_hand": made_by_hand(table),
    }


def _table_run(row: Row, table: TabularBenchmark, order: _Array, best: float) -> Json:
    """The end of one search."""
    place = int(row["trace"][-1][3])
    test = float(table.test_scores[place])
    above = len(order) - int(np.searchsorted(order, test + 1e-9, side="right"))
    found = next((step[0] for step in row["trace"] if table.test_scores[int(step[3])] >= best - 1e-9), None)
    return {
        "seed": row["seed"],
        "score": row["trace"][-1][2],
        "test": test,
        "regret": best - test,
        "rank": above + 1,
        "evaluations_to_optimum": found,
        "row": place,
    }


def _correlations(table: TabularBenchmark, within: NDArray[np.int64]) -> list[Json]:
    """Do the scores that a search sees put architectures in the order of their test scores? At each fidelity, and among the best tenth."""
    sample = np.random.default_rng(0).choice(within, min(_POINTS, len(within)), replace=False)
    found = []
    for place in sorted({0, len(table.fidelities) // 2, len(table.fidelities) - 1}):
        scores, tests = table.mean_scores[:, place], table.test_scores
        if table.score == "test" and place == len(table.fidelities) - 1:
            continue  # the same numbers
        some = [row for row in sample if math.isfinite(scores[row])]
        known = within[np.isfinite(scores[within])]
        if len(some) < 10:
            continue
        low, high = correlation_interval(scores[some], tests[some], spearman, draws=500)
        top = known[tests[known] >= np.quantile(tests[known], 0.9)]
        found.append(
            {
                "what": f"{'validation' if table.score == 'valid' else 'score'} after {table.fidelities[place]:g} epoch"
                + ("" if table.fidelities[place] == 1 else "s"),
                "n": len(known),
                "spearman": spearman(scores[known], tests[known]),
                "kendall": kendall(scores[some], tests[some]),
                "low": low,
                "high": high,
                "sample": len(some),
                "spearman_best_tenth": spearman(scores[top], tests[top]) if len(top) > 2 else math.nan,
                "points": [[float(scores[row]), float(tests[row])] for row in some],
            }
        )
    return found


def results_of(
    scores: Mapping[str, Sequence[float]], drawn: Sequence[float], metric: str, *, is_paired: bool = False
) -> dict[str, Json]:
    """Each strategy's summary, and its contrasts with random search and with the strategy of the highest mean.

    Args:
        scores: of the searches of each strategy, in the order of seeds; a strategy without any is left out.
        drawn: scores of random architectures; empty where there are none.
        metric: what the scores are; where smaller is better, they come negated.
        is_paired: the searches of one seed share their split.
    """
    known = {name: list(values) for name, values in scores.items() if values}
    if not known:
        return {}
    leading = max(known, key=lambda name: float(np.mean(known[name])))
    found: dict[str, Json] = {name: {"summary": st.summarise(values).to_json()} for name, values in known.items()}
    for against in dict.fromkeys((RANDOM, leading)):
        if against not in known:
            continue
        others = [name for name in known if name != against]
        corrected = st.holm([st.mann_whitney(known[name], known[against]) for name in others])
        for name, p in zip(others, corrected, strict=True):
            gap = st.difference(known[name], known[against], is_paired=is_paired and len(known[name]) == len(known[against]))
            entry = {
                "against": against,
                "difference": asdict(gap),
                "p": st.mann_whitney(known[name], known[against]),
                "p_holm": p,
                "effect": st.vargha_delaney(known[name], known[against]),
                "runs": min(len(known[name]), len(known[against])),
            }
            if against == RANDOM:
                found[name]["against_random"] = entry
            if against == leading:
                found[name]["against_best"] = entry
    if drawn and np.mean(drawn) > 0:
        for name, values in known.items():
            found[name]["relative_improvement"] = asdict(st.relative_improvement(values, drawn))
    for entry in found.values():
        entry["unit"] = (
            "points" if metric in SHARES else f"{metric} (less counts as +)" if METRICS.get(metric) == "min" else metric
        )
    return found


def contrast_of(name: str, result: Json, which: str = "against_random") -> Contrast | None:
    """The contrast that a result of `results_of` holds, in percentage points where the metric is a share."""
    entry = result.get(which)
    if entry is None:
        return None
    scale = 100.0 if result["unit"] == "points" else 1.0
    gap = st.Interval(*(scale * entry["difference"][part] for part in ("value", "low", "high")))
    return Contrast(name, entry["against"], gap, entry["p_holm"], entry["effect"], entry["runs"], result["unit"])


def sentences_of(task: Json, forbidden_by: Sequence[str]) -> tuple[list[str], list[str]]:
    """One honest sentence per strategy of a task, and those of them that make a claim. Adds each verdict to the task's results."""
    said, claims = [], []
    for name, result in task["results"].items():
        contrast = contrast_of(name, result)
        if contrast is None:
            summary = result["summary"]
            reached = format_score(task["metric"], summary["mean"])
            said.append(f"{name} is the baseline: {summary['n']} searches, which reach {reached} on average.")
            result["verdict"] = "baseline"
            continue
        result["verdict"] = verdict(contrast, forbidden_by)
        said.append(sentence(contrast, forbidden_by))
        if result["verdict"] in ("better", "worse"):
            claims.append(said[-1])
    return said, claims


def ranks_of(tasks: Sequence[Json]) -> Json:
    """Average ranks over all tasks, of the strategies that have as many searches on each."""
    names = [n for n in tasks[0]["runs"] if all(task["runs"].get(n) for task in tasks)] if tasks else []
    if len(names) < 2:
        return {}
    by_task = len(tasks) > MORE_TASKS
    blocks: list[list[float]] = []
    for task in tasks:
        seeds = [{run["seed"]: run["test"] for run in task["runs"][name]} for name in names]
        if by_task:
            blocks.append([float(np.mean(list(found.values()))) for found in seeds])
        else:
            shared = sorted(set.intersection(*(set(found) for found in seeds)))
            blocks += [[found[seed] for found in seeds] for seed in shared]
    if not blocks:
        return {}
    found = st.rank_over_blocks(blocks)
    return {
        "strategies": names,
        "ranks": list(found.ranks),
        "blocks": found.blocks,
        "of": "tasks" if by_task else "searches",
        "p": found.p,
        "critical_difference": found.critical_difference,
    }


def curve_of(found: Sequence[Row], place: int, value: Callable[[Any], float], end: float | None) -> Json:
    """Median and quartiles of what the searches of one strategy had reached, as steps.

    Args:
        found: rows with a ``trace`` each, and ``seconds``.
        place: of the column of the trace that is the axis.
        value: of the last column of the trace.
        end: of the axis; ``None``: the median time at which the searches ended.
    """
    traces = [row["trace"] for row in found if row["trace"]]
    if not traces:
        return {"x": [], "median": [], "lower": [], "upper": []}
    last = end if end is not None else float(np.median([row["seconds"] for row in found]))
    first = max(trace[0][place] for trace in traces)
    grid = _grid(last) if end is not None and place == 0 else np.linspace(first, last, _GRID)
    grid = grid[(grid >= first - 1e-9) & (grid <= last + 1e-9)]
    if not len(grid):
        grid = np.array([first])
    reached = np.stack(
        [
            np.array([value(step[3]) for step in trace])[
                np.maximum(np.searchsorted([step[place] for step in trace], grid + 1e-9, side="right") - 1, 0)
            ]
            for trace in traces
        ]
    )  # (searches, grid)
    lower, median, upper = np.quantile(reached, [0.25, 0.5, 0.75], axis=0)
    return {"x": grid.tolist(), "median": median.tolist(), "lower": lower.tolist(), "upper": upper.tolist()}


def _grid(last: float) -> NDArray[np.int64]:
    """Whole numbers from 1 to ``last``: all of the first ones, then evenly spread."""
    most = max(1, int(last))
    return np.unique(np.concatenate([np.arange(1, min(most, 40) + 1), np.linspace(1, most, _GRID).round().astype(np.int64)]))


def _by_strategy(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if "error" not in row:
            found.setdefault(row["strategy"], []).append(row)
    return found


def failures_of(rows: Sequence[Row]) -> list[Json]:
    """The searches that failed, with their reasons."""
    return [{k: row[k] for k in ("task", "strategy", "seed", "error")} for row in rows if "error" in row]


def counts_of(rows: Sequence[Row]) -> Json:
    """Trials by fate, summed over the searches of each strategy."""
    summed: Json = {}
    for row in rows:
        for what, count in row.get("counts", {}).items():
            mine = summed.setdefault(row["strategy"], {})
            mine[what] = mine.get(what, 0) + count
    return summed


def format_score(metric: str, value: float) -> str:
    """A score for people: a share in percent, others with four significant digits."""
    return f"{100 * value:.2f} %" if metric in SHARES else f"{-value if METRICS.get(metric) == 'min' else value:.4g}"


def plain(value: Any) -> Any:
    """The same JSON data without numpy's numbers, and with ``None`` for what is not finite: JSON has no word for it."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool, type(None))) else str(value)
