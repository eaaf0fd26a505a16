"""One run from its settings to its result: resume, look before the leap, search, final step."""

import os
import platform
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from searchitect.core import (
    Architecture,
    Budget,
    Constraint,
    Estimator,
    Fidelity,
    Job,
    Objective,
    RunError,
    SearchitectError,
    Space,
    Strategy,
    Trial,
    TrialState,
    hash_text,
)
from searchitect.search.baseline import compare_with_random
from searchitect.search.clock import Clock
from searchitect.search.executors import Executor, ProcessExecutor, SerialExecutor
from searchitect.search.final import Choice, eligible, front_of, ranked, retrain_the_best
from searchitect.search.folder import locked, prepare_folder, write_json
from searchitect.search.loop import Loop, Status, check_estimator_gives
from searchitect.search.plan import Plan, make_plan
from searchitect.search.probe import find_feasible, time_networks
from searchitect.search.store import Store, open_store

StrategyMaker = Callable[[Space, Sequence[Objective], int, Plan], Strategy]
"""Makes the strategy for a space, objectives, seed and plan."""


@dataclass(frozen=True)
class Setup:
    """All that a run is made of.

    Attributes:
        name: for titles.
        folder: of the run.
        task: `searchitect.tasks.Task`, or ``None`` for an estimator that needs no data.
        final_estimator: trains the final candidates; ``None``: there is no final step.
        identity: JSON of every setting that must be equal for a run to go on.
        command: the command or call that repeats the run.
        time_limit: seconds of one trial; ``None``: a quarter of the search's time.
        baseline: interleave random trials.
    """

    name: str
    folder: Path
    space: Space
    make_strategy: StrategyMaker
    strategy_name: str
    estimator: Estimator
    final_estimator: Estimator | None
    task: Any
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    budget: Budget
    workers: int
    seed: int
    fidelity: Fidelity | None
    identity: Mapping[str, Any]
    command: str
    time_limit: float | None = None
    baseline: bool = True


@dataclass
class Found:
    """What a run gave.

    Attributes:
        run, result: the contents of run.json and result.json.
        trials: all trials by id.
        choice: of the final step.
        network: the winner's, with its weights, in evaluation mode.
        is_interrupted: by Ctrl-C; the same call goes on.
    """

    run: dict[str, Any]
    result: dict[str, Any]
    trials: dict[int, Trial]
    choice: Choice | None = None
    network: Any = None
    is_interrupted: bool = False
    strategy_notes: list[str] = field(default_factory=list)


def run_search(setup: Setup, on_status: Callable[[Status], None] = lambda _: None) -> Found:
    """Run, or go on with, a search, and write run.json and result.json into its folder."""
    prepare_folder(setup.folder)
    with locked(setup.folder):
        store = open_store(setup.folder)
        try:
            return _run(setup, store, on_status)
        finally:
            store.close()


def _run(setup: Setup, store: Store, on_status: Callable[[Status], None]) -> Found:
    _check_same_settings(setup, store)
    clock = Clock(store.fact("spent") or 0.0)
    sessions = [*(store.fact("sessions") or []), {"began": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "workers": setup.workers}]
    store.remember(sessions=sessions)
    on_status(Status("looking at the space", 0, 0, 0, 0, None, clock.now(), setup.budget.seconds, setup.budget.trials))
    costs_of = _cost_measurer(setup)
    plan = _plan(setup, store, clock, costs_of)
    strategy = setup.make_strategy(setup.space, setup.objectives, setup.seed, plan)
    run = _describe_run(setup, plan, strategy, sessions)
    write_json(setup.folder / "run.json", run)

    executor = _make_executor(setup, setup.estimator)
    loop = Loop(
        space=setup.space,
        strategy=strategy,
        estimator=setup.estimator,
        executor=executor,
        store=store,
        clock=clock,
        plan=plan,
        budget=setup.budget,
        objectives=setup.objectives,
        constraints=setup.constraints,
        folder=setup.folder,
        seed=setup.seed,
        fidelity=setup.fidelity or Fidelity(1.0),
        task=setup.task,
        costs_of=costs_of,
        baseline=setup.baseline,
        on_status=on_status,
        note=lambda text: _log(setup.folder, text),
    )
    choice, network, is_interrupted = None, None, False
    marks = {"search": 0.0}
    try:
        loop.resume()
        if store.fact("search_over") != str(setup.budget):
            loop.run()
            check_estimator_gives(setup.objectives, loop.trials)
            store.remember(search_over=str(setup.budget), search_seconds=clock.now())
        marks["search"] = store.fact("search_seconds") or clock.now()
        if setup.final_estimator is not None:
            choice = _final_step(setup, loop, executor)
    except KeyboardInterrupt:
        is_interrupted = True
    finally:
        executor.close()
        try:
            loop.store_clock()
        except RunError:
            if sys.exc_info()[0] is None:
                raise
    final_test: dict[str, Any] = {}
    if choice is not None:
        network, final_test = _test_once(setup, store, choice)
        _keep_only(loop, choice)
    marks["total"] = clock.now()
    result = _describe_result(setup, loop, strategy, plan, choice, final_test, marks, is_interrupted, store)
    write_json(setup.folder / "result.json", result)
    return Found(
        run, result, loop.trials | {t.id: t for t in store.trials() if t.origin == "final"}, choice, network, is_interrupted
    )


def _check_same_settings(setup: Setup, store: Store) -> None:
    known, now = store.fact("identity"), dict(setup.identity)
    if known is None:
        store.remember(identity=now, budget=str(setup.budget))
        return
    for name in sorted({*known, *now}):
        if known.get(name) != now.get(name):
            raise RunError(
                f"{str(setup.folder)!r} holds a run with {name}={known.get(name)!r}, now it is {now.get(name)!r}: "
                "give the same settings to go on with it (budget and workers may change), or another folder with --out"
            )
    if store.fact("budget") != str(setup.budget):
        store.remember(budget=str(setup.budget), final_epochs=None)


def _cost_measurer(setup: Setup) -> Callable[[Architecture, Sequence[str]], Mapping[str, float]] | None:
    if setup.task is None or setup.final_estimator is None:
        return None
    from searchitect.costs import measure_costs
    from searchitect.networks import build

    info = setup.task.info

    def costs_of(architecture: Architecture, names: Sequence[str]) -> Mapping[str, float]:
        return measure_costs(lambda: build(setup.space, architecture.spec, info), info.input_shape, names)

    return costs_of


def _plan(setup: Setup, store: Store, clock: Clock, costs_of: Any) -> Plan:
    recorded = store.fact("plan")
    if recorded is not None:
        plan = Plan(**recorded)
        # a longer budget lengthens the search; the fidelities stay, so that scores stay comparable
        fresh = make_plan(
            setup.budget, setup.task.info if setup.task else None, [], setup.workers, 0.0, setup.time_limit or plan.time_limit
        )
        plan = replace(
            plan, search_seconds=fresh.search_seconds, time_limit=setup.time_limit or plan.time_limit, finalists=fresh.finalists
        )
    else:
        seconds: list[float] = []
        if costs_of is not None:
            feasible = find_feasible(setup.space, setup.constraints, costs_of, setup.seed)
            if setup.estimator.builds:
                job = Job(setup.space, feasible.architectures[0], setup.task, Fidelity(1.0), horizon=1.0)
                sizes = {a: costs_of(a, ["params"])["params"] for a in feasible.architectures}
                seconds = time_networks(setup.estimator, job, feasible.architectures, sizes.__getitem__)
                scale = setup.fidelity.data * setup.fidelity.resolution**2 if setup.fidelity else 1.0
                seconds = [s * scale for s in seconds]
        info = setup.task.info if setup.task is not None else None
        plan = make_plan(setup.budget, info, seconds, setup.workers, clock.now(), setup.time_limit)
        if setup.fidelity is not None and setup.identity.get("fidelity_epochs"):
            epochs = setup.fidelity.epochs
            plan = replace(plan, base_epochs=epochs, single_epochs=epochs, max_epochs=epochs * plan.eta**2)
    store.remember(plan=plan.to_json())
    return plan


def _make_executor(setup: Setup, estimator: Estimator) -> Executor:
    if setup.workers == 1:
        return SerialExecutor(estimator)
    sample = Job(setup.space, setup.space.sample(random.Random(0)), setup.task, Fidelity(1.0), horizon=1.0)
    return ProcessExecutor(estimator, sample, setup.workers)


def _final_step(setup: Setup, loop: Loop, executor: Executor) -> Choice | None:
    assert setup.final_estimator is not None
    if setup.final_estimator is setup.estimator:
        return retrain_the_best(loop, executor, setup.workers)
    other = _make_executor(setup, setup.final_estimator)
    try:
        return retrain_the_best(loop, other, setup.workers)
    finally:
        other.close()


def load_network(space: Space, spec: Any, info: Any, weights: Path) -> Any:
    """The network of a spec with the weights of a file, in evaluation mode."""
    from searchitect.networks import build
    from searchitect.training.checkpoint import evaluated_state

    network = build(space, spec, info)
    network.load_state_dict(evaluated_state(weights))
    return network.eval()


def _test_once(setup: Setup, store: Store, choice: Choice) -> tuple[Any, dict[str, Any]]:
    """Score the winner on the test part: once, then the recorded scores are used."""
    from searchitect.tasks import measure
    from searchitect.training import predict

    task, winner = setup.task, choice.winner
    network = load_network(setup.space, winner.architecture.spec, task.info, choice.weights)
    recorded = store.fact("test") or {}
    if str(choice.weights.name) in recorded:
        return network, recorded[choice.weights.name]
    outputs = predict(network, task, task.test.x)
    found: dict[str, Any] = {"metrics": measure(task.info, outputs, task.test.y, task.target_mean, task.target_std)}
    if task.info.is_classification:
        size, answers, truth = task.info.outputs, outputs.argmax(1), task.test.y
        counts = (truth * size + answers).bincount(minlength=size * size).reshape(size, size).tolist()
        found["confusion"] = {"labels": list(task.info.classes), "counts": counts} if size <= 60 else None
    else:
        predicted = outputs.squeeze(1) * task.target_std + task.target_mean
        step = max(1, len(predicted) // 2000)
        found["residuals"] = {"actual": task.test.y[::step].tolist(), "predicted": predicted[::step].tolist()}
    store.remember(test={**recorded, choice.weights.name: found})
    return network, found


def _keep_only(loop: Loop, choice: Choice) -> None:
    """The winner's weights stay; those of the search are not needed any more, and of the best a longer budget goes on with."""
    for path in (loop.folder / "weights").glob("*.safetensors"):
        trial = loop.trials.get(int(path.stem)) if path.stem.isdigit() else None
        if path != choice.weights and trial is not None and trial.fidelity.epochs >= loop.plan.max_epochs:
            path.unlink(missing_ok=True)


def _log(folder: Path, text: str) -> None:
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")


# --- what is written down ----------------------------------------------------------------------------------------------


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in ("searchitect", "torch", "numpy", "sqlalchemy", "scikit-learn"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _machine() -> dict[str, Any]:
    import psutil

    processor = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text(errors="replace").splitlines()
            if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    return {
        "system": platform.platform(),
        "processor": processor or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
    }


def _describe_run(setup: Setup, plan: Plan, strategy: Strategy, sessions: list[Any]) -> dict[str, Any]:
    task = setup.task
    size = setup.space.size()
    described: dict[str, Any] = {
        "name": setup.name,
        "command": setup.command,
        "created": sessions[0]["began"],
        "sessions": sessions,
        "settings": {**setup.identity, "budget": str(setup.budget), "workers": setup.workers},
        "space": {
            "name": setup.space.name,
            "size": size if size is None or size < 2**53 else f"{size:.3g}",
            "config": setup.space.config(),
            "paper": setup.space.paper,
        },
        "strategy": {"name": setup.strategy_name, "class": type(strategy).__name__},
        "plan": plan.to_json(),
        "versions": _versions(),
        "machine": _machine(),
    }
    if task is not None:
        described["task"] = task.info.to_json() | {
            "valid_rows": len(task.valid.y),
            "test_rows": len(task.test.y),
            "fingerprint": task.fingerprint,
            "notes": list(task.notes),
            "baseline_score": dict(task.baseline_score),
        }
    return described


def _describe_result(
    setup: Setup,
    loop: Loop,
    strategy: Strategy,
    plan: Plan,
    choice: Choice | None,
    tested: Mapping[str, Any],
    marks: Mapping[str, float],
    is_interrupted: bool,
    store: Store,
) -> dict[str, Any]:
    searched = [t for t in loop.trials.values() if t.origin != "final"]
    usable = eligible(loop.trials, loop.constraints)
    states = Counter(str(t.state) for t in searched if t.twin is None)
    counts = {name: states.get(name, 0) for name in ("complete", "pruned", "failed", "infeasible")}
    counts["duplicates"] = sum(t.twin is not None for t in searched)
    counts["distinct"] = len({t.key for t in searched if t.is_trained and t.state in (TrialState.COMPLETE, TrialState.PRUNED)})
    objective = setup.objectives[0]
    winner = None
    best = next(iter(ranked(usable, setup.objectives)), None)
    if choice is not None:
        trial = choice.winner
        winner = {
            "trial": trial.id,
            "search_trial": trial.parent,
            "key": trial.key,
            "spec": trial.architecture.spec,
            "validation": {k: v for k, v in trial.metrics.items() if k not in ("params", "macs", "memory", "latency")},
            "test": tested.get("metrics", {}),
            "refit": choice.is_refit,
            "epochs": trial.fidelity.epochs,
            **{k: trial.metrics[k] for k in ("params", "macs", "memory", "latency") if k in trial.metrics},
        }
    notes: list[str] = list(getattr(strategy, "notes", list)())
    baseline = compare_with_random(loop.trials, objective, "this search") if setup.baseline else None
    result: dict[str, Any] = {
        "winner": winner,
        "best_trial": best.id if best is not None else None,
        "finalists": [
            {"trial": t.id, "key": t.key, "from_trial": t.parent, "state": str(t.state), "validation": t.metrics}
            for t in (choice.finalists if choice else [])
        ],
        "front": [t.id for t in front_of(usable, setup.objectives)] if len(setup.objectives) > 1 else [],
        "objectives": [{"metric": o.metric, "direction": o.direction} for o in setup.objectives],
        "constraints": [str(c) for c in setup.constraints],
        "baseline": baseline,
        "confusion": tested.get("confusion"),
        "residuals": tested.get("residuals"),
        "notes": [*(setup.task.notes if setup.task is not None else [])],
        "strategy_notes": notes,
        "counts": counts,
        "seconds": {
            "search": marks["search"],
            "final": max(0.0, marks.get("total", 0.0) - marks["search"]),
            "total": marks.get("total", 0.0),
        },
        "is_interrupted": is_interrupted,
        "failures": Counter(t.reason for t in searched if t.state == TrialState.FAILED and t.twin is None).most_common(20),
    }
    result["sentence"] = _sentence(setup, result, best)
    result["protocol"] = _protocol(setup, loop, plan, result, store)
    return result


def _sentence(setup: Setup, result: Mapping[str, Any], best: Trial | None) -> str:
    counts, winner, leading = result["counts"], result["winner"], setup.objectives[0].metric
    tried = f"{counts['distinct']} architectures of the space {setup.space.name!r} were trained in {result['seconds']['search']:.0f} s"
    if winner is not None:
        score = winner["test"].get(leading)
        shown = (
            f"{leading} {score:.4f} on test data it had never seen"
            if score is not None
            else f"{leading} {winner['validation'].get(leading, float('nan')):.4f} on validation data"
        )
        size = f", {winner['params']:,.0f} parameters" if "params" in winner else ""
        refit = ", then trained once more on training and validation part together" if winner["refit"] else ""
        return f"{tried}; the best {len(result['finalists'])} were retrained for {winner['epochs']:g} epochs. The winner, chosen on validation data{refit}, reaches {shown}{size}."
    if best is None:
        why = f"; the most frequent reason: {result['failures'][0][0]}" if result["failures"] else ""
        return f"{tried}; none of them is complete and within the limits{why}."
    value = best.metrics.get(leading, float("nan"))
    ending = (
        "The search was interrupted before its final step: the same command goes on."
        if result["is_interrupted"]
        else "There was no final step."
    )
    return f"{tried}; the best so far has {leading} {value:.4f} on validation data (trial {best.id}). {ending}"


def _protocol(setup: Setup, loop: Loop, plan: Plan, result: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """The fields that make a claim checkable (Lindauer and Hutter 2020; Yang et al. 2020)."""
    task = setup.task
    size = setup.space.size()
    searched = [t for t in loop.trials.values() if t.origin != "final"]
    fields: dict[str, Any] = {
        "code.version": _versions()["searchitect"],
        "env": {**_versions(), **_machine(), "threads_per_worker": 1, "workers": setup.workers},
        "space.id": f"{setup.space.name} {hash_text(str(sorted(setup.space.config().items())))}",
        "space.size": "unknown" if size is None else f"{size:.6g}",
        "strategy": setup.identity.get("strategy"),
        "estimator": setup.identity.get("estimator"),
        "hp_tuning": "none for this run: defaults, or the settings listed under settings",
        "budget": {
            "given": str(setup.budget),
            **result["seconds"],
            "epochs": round(sum(t.fidelity.passes for t in searched if t.is_trained), 2),
        },
        "search.runs": 1,
        "final.runs": len(result["finalists"]),
        "baseline.random": (result["baseline"] or {}).get("sentence", "too few random trials for a statement"),
        "equal_protocol": True,
        "anytime": "best so far against trials and time: see the chart",
        "costs": "params: trained parameters; macs: multiply-adds of convolutions and linear layers, one example; latency: this machine, batch 1, one thread",
        "failures": {k: result["counts"][k] for k in ("failed", "pruned", "infeasible")},
        "weights_init": "final networks: from scratch; promoted trials of the search: from their own weights",
        "selection_rule": f"{setup.objectives[0]} on validation data after retraining; ties by loss",
        "test_access": len(store.fact("test") or {}),
        "deviation": "not a published recipe",
    }
    if task is not None:
        fields |= {
            "data.name": task.info.name,
            "data.hash": task.fingerprint,
            "data.splits": {
                "train": len(task.train.y),
                "valid": len(task.valid.y),
                "test": len(task.test.y),
                "seed": setup.seed,
            },
            "baseline.fixed": {"trivial predictor, validation": task.baseline_score},
        }
        if isinstance(getattr(setup.final_estimator, "settings", None), Mapping):
            from searchitect.estimators.from_scratch import recipe_for

            fields["training.protocol"] = recipe_for(task, {}, setup.final_estimator.settings).to_json()  # type: ignore[union-attr]
    draws = [t for t in searched if t.origin in ("random", "baseline") and not t.resume and t.state == TrialState.COMPLETE]
    values = [t.metrics[setup.objectives[0].metric] for t in draws if setup.objectives[0].metric in t.metrics]
    if values:
        fields["baseline.untuned"] = (
            f"mean {setup.objectives[0].metric} of {len(values)} random architectures at the base fidelity: {sum(values) / len(values):.4f}"
        )
    return fields


__all__ = ["Found", "RunError", "SearchitectError", "Setup", "load_network", "run_search"]
