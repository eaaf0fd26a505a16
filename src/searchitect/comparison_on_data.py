"""A comparison with real trainings: one ordinary search per strategy and seed, all with one budget, space and final step.

Searches of one seed share their split of the data, so that differences are paired by seed. Beside them, one random architecture per seed is
trained as the final step trains, without any choice: what a search has to add to (Yang, Esperanca, Carlucci 2020,
https://arxiv.org/abs/1912.12522).
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from searchitect.api import Result, load_result, search
from searchitect.benchmarks.compare import RANDOM, Arm, Row, fitting, read_rows
from searchitect.benchmarks.evidence import curve_of, results_of
from searchitect.benchmarks.record import code_state, make_record
from searchitect.core import (
    Fidelity,
    Job,
    Objective,
    RunError,
    SearchitectError,
    Space,
    TrialState,
    canonical_json,
    parse_budget,
)
from searchitect.search.folder import write_text
from searchitect.strategies import make_strategy, strategy_options
from searchitect.strategies.suggested import with_suggestions

UNTUNED_FILE = "random_architectures.jsonl"


@dataclass(frozen=True)
class DataSettings:
    """What all searches of a comparison on data share.

    Attributes:
        data: names or paths.
        budget: of one search, its final step included.
        seeds: searches of each strategy.
        where, space, target, task: as `searchitect.search` takes them.
        workers: trainings at a time.
    """

    data: tuple[str, ...]
    budget: str
    seeds: int
    where: tuple[str, ...] = ()
    space: str | None = None
    target: str | None = None
    task: str | None = None
    workers: int = 1

    def identity(self) -> dict[str, Any]:
        """What must be equal for a comparison to go on."""
        found = asdict(self)
        del found["seeds"], found["workers"]
        return {**found, "on": found.pop("data"), "budget": str(parse_budget(self.budget))}


def compare_on_data(
    settings: DataSettings, arms: Sequence[Arm], is_all: bool, folder: Path, command: str, on_progress: Any = None
) -> dict[str, Any]:
    """Search with every strategy and seed on every data set, and describe what came of it.

    Returns:
        The content of comparison.json; empty where it was interrupted.
    """
    spaces = [_space(data, settings) for data in settings.data]
    taking_part, refused = fitting(arms, is_all, lambda arm: _refusal(arm, spaces))
    jobs = [(seed, data, arm) for seed in range(settings.seeds) for data in settings.data for arm in taking_part]
    version, is_dirty = code_state()
    rows: list[Row] = []
    untuned: list[Row] = []
    results: dict[str, Result] = {}
    for done, (seed, data, arm) in enumerate(jobs, start=1):
        place = folder / (Path(data).stem if len(settings.data) > 1 else "") / f"{arm.name}-{seed}"
        row: Row = {"task": data, "strategy": arm.name, "seed": seed, "version": version, "trace": []}
        try:
            has_untuned = any(r["task"] == data and r["seed"] == seed for r in read_rows(folder / UNTUNED_FILE))
            found = _search(settings, data, arm, seed, place, arm.name == RANDOM and not has_untuned)
            if found.is_interrupted:
                return {}
            results[data] = found
            row |= _row(found)
            if arm.name == RANDOM:
                untuned.append(_train_untuned(found, settings, data, seed, folder))
        except KeyboardInterrupt:
            return {}
        except Exception as error:  # whatever a strategy raises
            if not rows:
                raise  # the first search of all: a mistake in what was asked for
            row["error"] = str(error) if isinstance(error, SearchitectError) else f"{type(error).__name__}: {error}"
        rows.append(row)
        if on_progress is not None:
            on_progress(done, len(jobs), row)
    missing = [data for data in settings.data if data not in results]
    if missing:
        why = next(row["error"] for row in rows if row["task"] == missing[0])
        raise RunError(f"no search on {missing[0]!r} has ended, the first one because: {why}")
    tasks = [
        _evidence(data, results[data], [r for r in rows if r["task"] == data], [u for u in untuned if u["task"] == data])
        for data in settings.data
    ]
    return make_record(
        title=f"{len(taking_part)} strategies on {', '.join(settings.data)}",
        command=command,
        created=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        settings={**settings.identity(), "seeds": settings.seeds, "workers": settings.workers},
        strategies={arm.name: _options(arm, results) for arm in taking_part},
        refused=refused,
        tasks=tasks,
        rows=rows,
        fields=_fields(settings, results, tasks),
        is_dirty=is_dirty,
    )


def _space(data: str, settings: DataSettings) -> Space:
    """What is searched for a data set."""
    from searchitect.spaces import default_space, make_space
    from searchitect.tasks import load_task

    info = load_task(data, target=settings.target, task=settings.task, seed=0).info
    return make_space(settings.space, info) if settings.space else default_space(info)


def _refusal(arm: Arm, spaces: Sequence[Space]) -> str:
    """Why a strategy cannot search the spaces; empty where it can."""
    objectives = (Objective("accuracy", "max"),)
    try:
        for space in spaces:
            if isinstance(arm.strategy, str):
                make_strategy(arm.strategy, space, objectives, 0, **arm.options)
            else:
                arm.strategy(space, objectives, seed=0, **arm.options)
    except (SearchitectError, TypeError) as error:
        return str(error)
    return ""


def _search(settings: DataSettings, data: str, arm: Arm, seed: int, place: Path, is_needed: bool) -> Result:
    """Search, go on, or read what has ended already; where ``is_needed``, with the space, which only a search knows."""
    if (place / "result.json").exists() and not is_needed:
        known = load_result(place)
        asked = known.settings["settings"]
        is_same = asked["budget"] == str(parse_budget(settings.budget)) and asked["strategy_options"] == canonical_json(
            dict(arm.options)
        )
        if is_same and known.summary.get("winner") and not known.is_interrupted:
            return known
    return search(
        data,
        budget=settings.budget,
        where=settings.where,
        space=settings.space,
        target=settings.target,
        task=settings.task,
        strategy=arm.strategy,
        strategy_options=arm.options,
        workers=settings.workers,
        seed=seed,
        out=place,
        name=f"{arm.name}-{seed}",
        baseline="none",
    )


def _sign(found: Result) -> float:
    return -1.0 if found.summary["objectives"][0]["direction"] == "min" else 1.0


def _row(found: Result) -> Row:
    """What the report needs of a search: scores so that higher is better."""
    objective, sign = found.summary["objectives"][0]["metric"], _sign(found)
    best, highest, passes = -float("inf"), 0.0, 0.0
    trace: list[list[float]] = []
    searched = [t for t in found.trials if t.origin != "final" and t.finished is not None and t.twin is None]
    before = {t.id: t.fidelity.passes for t in searched}
    for trial in sorted(searched, key=lambda t: (t.finished, t.id)):
        if trial.is_trained:
            began = before.get(trial.parent, 0.0) if trial.resume and trial.parent is not None else 0.0
            passes += trial.fidelity.passes - began
        score = trial.metrics.get(objective)
        if trial.state is not TrialState.COMPLETE or score is None or trial.fidelity.passes < highest:
            continue
        if trial.fidelity.passes > highest or sign * score > best:
            highest, best = trial.fidelity.passes, sign * score
            trace.append([round(passes, 3), round(trial.finished or 0.0, 2), best, best])
    winner = found.summary.get("winner")
    if winner is None or objective not in winner["test"]:
        return {"error": found.summary.get("sentence") or "the search ended without a network"}
    counts = found.summary["counts"]
    return {
        "trace": trace,
        "spent": round(passes, 2),
        "seconds": found.summary["seconds"]["search"],
        "counts": {k: counts[k] for k in ("complete", "pruned", "failed", "infeasible", "duplicates")},
        "test": sign * winner["test"][objective],
        "score": sign * winner["validation"].get(objective, float("nan")),
        "key": winner["key"],
        "params": winner.get("params"),
        "notes": found.summary.get("strategy_notes", []),
    }


def _train_untuned(found: Result, settings: DataSettings, data: str, seed: int, folder: Path) -> Row:
    """Train the first architecture that random search drew as its final step trained the winner, and score it once on test data."""
    file = folder / UNTUNED_FILE
    rows = read_rows(file)
    known = next((row for row in rows if row["task"] == data and row["seed"] == seed), None)
    if known is not None:
        return known
    from searchitect.estimators import make_estimator
    from searchitect.search.run import load_network, test_scores
    from searchitect.tasks import load_task

    row: Row = {"task": data, "strategy": "untuned", "seed": seed}
    winner = found.summary.get("winner")
    drawn = next((t for t in found.trials if t.origin == "random" and t.state is TrialState.COMPLETE), None)
    if winner is None or drawn is None or found._space is None:
        return row
    task = load_task(data, target=settings.target, task=settings.task, seed=seed)
    weights = folder / f"random-architecture-{seed}.safetensors"
    job = Job(
        space=found._space,
        architecture=drawn.architecture,
        task=task,
        fidelity=Fidelity(winner["epochs"]),
        horizon=winner["epochs"],
        seed=drawn.seed,
        save=weights,
        refit=winner["refit"],
    )
    measured = make_estimator("from-scratch", {}).evaluate(job)
    if measured.state is TrialState.FAILED:
        row["why"] = measured.reason
    else:
        scores = test_scores(load_network(found._space, drawn.architecture.spec, task.info, weights), task)["metrics"]
        row |= {
            "test": _sign(found) * scores[found.summary["objectives"][0]["metric"]],
            "key": drawn.key,
            "epochs": winner["epochs"],
        }
    weights.unlink(missing_ok=True)
    write_text(file, "".join(json.dumps(known) + "\n" for known in [*rows, row]))
    return row


def _evidence(data: str, found: Result, rows: Sequence[Row], untuned: Sequence[Row]) -> dict[str, Any]:
    metric, sign = found.summary["objectives"][0]["metric"], _sign(found)
    runs: dict[str, list[dict[str, Any]]] = {}
    kept: dict[str, list[Row]] = {}
    for row in rows:
        if "error" not in row:
            kept.setdefault(row["strategy"], []).append(row)
            runs.setdefault(row["strategy"], []).append({k: row[k] for k in ("seed", "score", "test", "key", "params")})
    drawn = [row["test"] for row in untuned if "test" in row]
    axes: dict[str, dict[str, Any]] = {
        "passes": {"label": "passes over the training data", "kind": "count", "place": 0},
        "time": {"label": "time of the search", "kind": "seconds", "place": 1},
    }
    size = found.settings["space"]["size"]
    return {
        "name": data,
        "kind": "data",
        "metric": metric,
        "sign": sign,
        "score": "valid",
        "space": {
            "name": found.settings["space"]["name"],
            "config": found.settings["space"]["config"],
            "size": size or "unknown",
        },
        "reported": f"test {metric} of the network that each search ended with, looked at once",
        "axes": axes,
        "anytime": {
            axis: {
                # each curve ends where the searches of its strategy ended
                name: curve_of(
                    [r | {"seconds": r["spent" if axis == "passes" else "seconds"]} for r in mine], s["place"], float, None
                )
                for name, mine in kept.items()
            }
            for axis, s in axes.items()
        },
        "runs": runs,
        # smaller is better: relative improvement is of errors, which it would turn round
        "results": results_of(
            {name: [run["test"] for run in mine] for name, mine in runs.items()},
            drawn if sign > 0 else [],
            metric,
            is_paired=_pairs(runs),
        ),
        "drawn": {
            "n": len(drawn),
            "mean": float(np.mean(drawn)) if drawn else None,
            "tests": drawn,
            "what": f"{len(drawn)} first draws of random search, trained as its final step trains",
        },
    }


def _pairs(runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Whether all strategies have searches of the same seeds."""
    return len({tuple(run["seed"] for run in mine) for mine in runs.values()}) == 1


def _options(arm: Arm, results: Mapping[str, Result]) -> dict[str, Any]:
    """All options of a strategy; what follows from the plan of a search is that of the last one, those of other seeds may differ."""
    if not isinstance(arm.strategy, str):
        return dict(arm.options)
    options = dict(arm.options)
    if results:
        plan = next(iter(results.values())).settings["plan"]
        known = {k: plan[k] for k in ("base_epochs", "max_epochs", "eta")}
        options = with_suggestions(arm.strategy, options, expected_trials=plan["expected_trials"], **known)
    return {**strategy_options(arm.strategy), **options}


def _fields(settings: DataSettings, results: Mapping[str, Result], tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of the protocol that follow from the runs."""
    protocols = {data: found.summary["protocol"] for data, found in results.items()}
    first = next(iter(protocols.values()))
    return {
        "data.name": list(results),
        "data.hash": {data: protocol.get("data.hash") for data, protocol in protocols.items()},
        "data.splits": {
            data: {**protocol["data.splits"], "seed": f"that of the search: 0 to {settings.seeds - 1}"}
            for data, protocol in protocols.items()
        },
        "test_access": {data: protocol.get("test_access") for data, protocol in protocols.items()},
        "space.id": sorted({protocol["space.id"] for protocol in protocols.values()}),
        "space.size": first.get("space.size"),
        "estimator": "from-scratch: validation scores, at the fidelities of the plan",
        "budget": {
            "search": f"{settings.budget} each, final step included; {settings.workers} trainings at a time",
            "final": "part of the budget; the random architectures beside it are not",
        },
        "final.runs": 1,
        "training.protocol": first.get("training.protocol"),
        "costs": first.get("costs"),
        "weights_init": first.get("weights_init"),
        "selection_rule": first.get("selection_rule"),
        "deviation": first.get("deviation"),
        "hp_tuning": "none for this comparison: defaults, values that each search's plan suggests, and those given",
        "baseline.fixed": "",
        "baseline.untuned": {
            task["name"]: {k: task["drawn"][k] for k in ("n", "mean", "what")} for task in tasks if task["drawn"]["n"]
        },
    }
