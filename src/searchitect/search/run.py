"""One run from its settings to its result: resume, look before the leap, search, final step."""

import contextlib
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from searchitect.core import (
    Estimator,
    Fidelity,
    Job,
    RunError,
    Space,
    Trial,
)
from searchitect.search.clock import Clock
from searchitect.search.executors import Executor, ProcessExecutor, SerialExecutor
from searchitect.search.final import Choice, retrain_the_best
from searchitect.search.finalists import draw_more
from searchitect.search.folder import locked, prepare_folder, write_json
from searchitect.search.foresight import foresight
from searchitect.search.loop import Loop, Status, check_estimator_gives
from searchitect.search.plan import Plan, architecture_epochs, make_plan, most_macs, without_training
from searchitect.search.probe import RANDOM_ONES, CostsOf, Feasible, cost_measurer, counted, find_feasible, time_networks
from searchitect.search.record import describe_result, describe_run
from searchitect.search.setup import Setup
from searchitect.search.store import Store, open_store
from searchitect.strategies.rungs import rungs


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

    def say(note: str = "") -> None:
        budget = setup.budget
        on_status(Status("looking at the space", 0, 0, 0, 0, None, clock.now(), budget.seconds, budget.trials, note))

    say()
    if setup.notice is not None and (note := setup.notice()):
        say(note)
    costs_of = _cost_measurer(setup)
    plan = _plan(setup, store, clock, costs_of)
    strategy = setup.make_strategy(setup.space, setup.objectives, setup.seed, plan)
    # not before: a folder of a run that could not be planned stays free for other settings
    store.remember(identity=dict(setup.identity), budget=str(setup.budget), plan=plan.to_json())
    for note in foresight(setup, plan, clock.now()):
        say(note)
    run = describe_run(setup, plan, strategy, sessions)
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
        measured=setup.measured,
        on_status=on_status,
        note=lambda text: _log(setup.folder, text),
    )
    choice, network, is_interrupted = None, None, False
    marks = {"search": 0.0}
    try:
        if setup.prepare is not None:
            left = None if plan.search_seconds is None else plan.search_seconds - clock.now()
            setup.prepare(left, lambda phase: on_status(loop.status(phase)))
            loop.store_clock()
        loop.resume()
        if store.fact("search_over") != str(setup.budget):
            loop.run()
            draw_more(loop, setup.drawn_finalists)
            check_estimator_gives(setup.objectives, loop.trials)
            store.remember(search_over=str(setup.budget), search_seconds=clock.now())
        marks["search"] = store.fact("search_seconds") or clock.now()
        if setup.final_estimator is not None:
            choice = _final_step(setup, loop, executor)
    except KeyboardInterrupt:
        is_interrupted = True
        marks["search"] = marks["search"] or clock.now()
    finally:
        executor.close()
        with contextlib.suppress(RunError):  # a full disk must not hide what went wrong before
            loop.store_clock()
    final_test: dict[str, Any] = {}
    if choice is not None:
        network, final_test = _test_once(setup, store, choice)
        _keep_only(loop, choice)
    marks["total"] = clock.now()
    result = describe_result(setup, loop, strategy, choice, final_test, marks, is_interrupted, store)
    write_json(setup.folder / "result.json", result)
    return Found(
        run, result, loop.trials | {t.id: t for t in store.trials() if t.origin == "final"}, choice, network, is_interrupted
    )


def _check_same_settings(setup: Setup, store: Store) -> None:
    known, now = store.fact("identity"), dict(setup.identity)
    if known is None:
        return
    for name in sorted(
        {*known, *now}, key=lambda name: (name != "seed", name)
    ):  # another seed splits the data in another way too
        if known.get(name) != now.get(name):
            raise RunError(
                f"{str(setup.folder)!r} holds a run with {name}={known.get(name)!r}, now it is {now.get(name)!r}: "
                "give the same settings to go on with it (budget and workers may change), or another folder with --out"
            )
    if store.fact("budget") != str(setup.budget):
        store.remember(budget=str(setup.budget), final_epochs=None)


def _cost_measurer(setup: Setup) -> CostsOf | None:
    if setup.task is None or setup.final_estimator is None:
        return None
    return cost_measurer(setup.space, setup.task.info)


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
        slowest: float | None = None
        if costs_of is not None:
            feasible = find_feasible(setup.space, setup.constraints, costs_of, setup.seed)
            if setup.estimator.builds or setup.prepare is not None:
                seconds, slowest = _probe(setup, feasible, costs_of)
        info = setup.task.info if setup.task is not None else None
        plan = make_plan(setup.budget, info, seconds, setup.workers, clock.now(), setup.time_limit, setup.wished_trials)
        plan = replace(plan, most_macs=slowest)
        if setup.fidelity is not None and setup.sets_epochs:
            epochs = setup.fidelity.epochs
            longest = setup.max_epochs or epochs * plan.eta**2
            each = architecture_epochs(rungs(epochs, longest, setup.promotes), setup.promotes) if setup.promotes else epochs
            plan = replace(
                plan,
                base_epochs=epochs,
                single_epochs=epochs,
                max_epochs=longest,
                final_epochs=max(plan.final_epochs, longest),
                expected_trials=max(
                    1, min(round(plan.expected_trials * plan.single_epochs / each), setup.budget.trials or 10**9)
                ),
            )
    if not setup.estimator.trains:
        plan = without_training(plan, setup.budget)
    return plan


def _probe(setup: Setup, feasible: Feasible, costs_of: CostsOf) -> tuple[list[float], float | None]:
    """Seconds per epoch of a few networks that the budget allows, and the most multiply-adds that it allows."""
    job = Job(setup.space, feasible.architectures[0], setup.task, Fidelity(1.0), horizon=1.0)
    macs = counted(feasible.architectures, lambda a: costs_of(a, ["macs"])["macs"])
    trains = setup.estimator if setup.estimator.builds else setup.final_estimator
    assert trains is not None
    timed = time_networks(trains, job, list(macs), macs.__getitem__)
    limit = most_macs(setup.budget, setup.task.info, [(seconds, macs[a]) for a, seconds in timed.items()])
    if limit is not None and min(macs.values()) > limit:
        limit = None  # nothing would be left: then the final step has fewer epochs
    if limit is None or max(macs.values()) <= limit:
        seconds = list(timed.values())[:RANDOM_ONES]
    else:
        rate = statistics.median(seconds / macs[a] for a, seconds in timed.items())
        seconds = [rate * m for m in macs.values() if m <= limit]
    scale = setup.fidelity.data * setup.fidelity.resolution**2 if setup.fidelity else 1.0
    return [s * scale for s in seconds], limit


def _make_executor(setup: Setup, estimator: Estimator) -> Executor:
    if setup.workers == 1:
        return SerialExecutor(estimator)
    sample = Job(setup.space, setup.space.sample(random.Random(0)), setup.task, Fidelity(1.0), horizon=1.0)
    return ProcessExecutor(estimator, sample, setup.workers)


def _final_step(setup: Setup, loop: Loop, executor: Executor) -> Choice | None:
    assert setup.final_estimator is not None
    if setup.final_estimator is setup.estimator:
        return retrain_the_best(loop, executor, setup.workers)
    executor.close()  # its workers would only wait, with the data in their memory
    other = _make_executor(setup, setup.final_estimator)
    try:
        # beside a supernet, it is the final training that was timed before the search
        is_timed = setup.prepare is not None
        return retrain_the_best(loop, other, setup.workers, is_timed=is_timed, drawn=setup.drawn_finalists)
    finally:
        other.close()


def load_network(space: Space, spec: Any, info: Any, weights: Path) -> Any:
    """The network of a spec with the weights of a file, in evaluation mode."""
    import torch

    from searchitect.networks import build
    from searchitect.training.checkpoint import evaluated_state

    with torch.random.fork_rng(devices=[]):  # the initial weights, which are replaced, are drawn
        network = build(space, spec, info)
    state = evaluated_state(weights)
    # an auxiliary classifier only helps training: what is evaluated is built without it
    network.load_state_dict({name: state[name] for name in network.state_dict() if name in state})
    return network.eval()


def _test_once(setup: Setup, store: Store, choice: Choice) -> tuple[Any, dict[str, Any]]:
    """Score the winner on the test part: once, then the recorded scores are used."""
    task, winner = setup.task, choice.winner
    network = load_network(setup.space, winner.architecture.spec, task.info, choice.weights)
    recorded = store.fact("test") or {}
    if str(choice.weights.name) in recorded:
        return network, recorded[choice.weights.name]
    found = test_scores(network, task)
    store.remember(test={**recorded, choice.weights.name: found})
    return network, found


def test_scores(network: Any, task: Any) -> dict[str, Any]:
    """Metrics on the test part, and its confusion matrix, where there are few classes, or its residuals; of texts and control tasks, metrics alone."""
    from searchitect.tasks import measure
    from searchitect.training import evaluate, predict

    if task.info.is_text or task.info.is_control:
        return {"metrics": evaluate(network, task, task.test.x, task.test.y)}
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
    return found


def _keep_only(loop: Loop, choice: Choice) -> None:
    """The winner's weights stay; those of the search are not needed any more, and of the best a longer budget goes on with."""
    for path in (loop.folder / "weights").glob("*.safetensors"):
        trial = loop.trials.get(int(path.stem)) if path.stem.isdigit() else None
        if path != choice.weights and trial is not None and trial.fidelity.epochs >= loop.plan.max_epochs:
            path.unlink(missing_ok=True)


def _log(folder: Path, text: str) -> None:
    with (folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
