"""The final step: retrain the best at full fidelity, choose on validation, and look at the test part once."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from searchitect.core import (
    COSTS,
    METRICS,
    QUALITIES,
    Constraint,
    Fidelity,
    Job,
    Objective,
    Trial,
    TrialState,
    objective_values,
)
from searchitect.metrics.pareto import best_first, non_dominated
from searchitect.search.executors import Executor
from searchitect.search.loop import Loop
from searchitect.search.plan import training_seconds

SAFETY = 0.86
SAFETY_WITHOUT_REFIT = 0.93
"""Part of the remaining time that the final trainings are planned to fill: more of it where nothing follows them, since one that is cut
short in its last steps has lost little."""
UNTIMED = 0.7
"""Less of it where the final trainings are of another kind than the search's: an auxiliary classifier and small batches take longer."""


@dataclass(frozen=True)
class Choice:
    """What the final step found.

    Attributes:
        winner: the final trial whose architecture won on validation data.
        weights: the file with the network's weights: the winner's, or those of its refit.
        is_refit: trained on training and validation part together.
        finalists: all final trials of architectures that the search chose.
        drawn: final trials of random architectures, trained in the same way, to compare with.
    """

    winner: Trial
    weights: Path
    is_refit: bool
    finalists: list[Trial]
    drawn: list[Trial]


def eligible(trials: Mapping[int, Trial], constraints: Sequence[Constraint]) -> list[Trial]:
    """Complete search trials within all limits, one per architecture: the one at the highest fidelity.

    Where no trial is complete, those that the end of the budget cut short.
    """
    searched = [t for t in trials.values() if t.origin != "final" and t.twin is None]
    usable = [t for t in searched if t.state == TrialState.COMPLETE] or [
        t for t in searched if t.state == TrialState.PRUNED and t.metrics
    ]
    found: dict[str, Trial] = {}
    for trial in usable:
        if all(c.is_met(trial.metrics) for c in constraints) and (
            trial.key not in found or trial.fidelity.passes > found[trial.key].fidelity.passes
        ):
            found[trial.key] = trial
    return list(found.values())


def ranked(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """Best first: those judged at the highest fidelity before the others, since their scores are the most reliable."""
    order: list[Trial] = []
    for passes in sorted({t.fidelity.passes for t in trials}, reverse=True):
        level = [t for t in trials if t.fidelity.passes == passes]
        level.sort(key=lambda t: t.metrics.get("loss", 0.0))  # breaks ties of the objective
        order += [level[place] for place in best_first([objective_values(objectives, t.metrics) for t in level])]
    return order


def front_of(trials: Sequence[Trial], objectives: Sequence[Objective]) -> list[Trial]:
    """The trials that no other one dominates, best in the leading objective first."""
    values = [objective_values(objectives, t.metrics) for t in trials]
    members = [trials[place] for place in non_dominated(values)] if trials else []
    return sorted(members, key=lambda t: objectives[0].value(t.metrics), reverse=True)


def retrain_the_best(loop: Loop, executor: Executor, workers: int, *, is_timed: bool = True, drawn: int = 0) -> Choice | None:
    """Retrain the finalists, choose, refit. Goes on where an interrupted final step stopped.

    Args:
        loop: of the search.
        executor: trains.
        workers: trainings at a time.
        is_timed: the search trained in the same way, so that its seconds per epoch hold.
        drawn: random architectures of the search that are trained beside the finalists, to compare with; they cannot win.

    Returns:
        ``None`` where no trial is eligible or every final training failed.
    """
    ordered = ranked(eligible(loop.trials, loop.constraints), loop.objectives)
    if not ordered:
        return None
    leader = loop.strategy.leader()
    ordered.sort(key=lambda t: t.architecture != leader)  # the order stays otherwise
    chosen = ordered[: loop.plan.finalists]
    known = {t.id for t in chosen}
    compared = [t for t in sorted(ordered, key=lambda t: t.id) if t.origin in ("baseline", "random") and t.id not in known][
        :drawn
    ]
    epochs = loop.store.fact("final_epochs")
    if epochs is None:
        epochs = _affordable_epochs(loop, [*chosen, *compared], workers, is_timed)
        loop.store.remember(final_epochs=epochs)
    before = [t for t in loop.store.trials() if t.origin == "final" and (t.resume or t.fidelity.epochs == epochs)]
    done = {t.parent: t for t in before if t.state.is_finished and not t.resume}
    open_before = {t.parent: t for t in before if not t.state.is_finished and not t.resume}
    trained = [done.get(t.id) or open_before.get(t.id) or _final_trial(loop, t, epochs) for t in [*chosen, *compared]]
    finalists, others = trained[: len(chosen)], trained[len(chosen) :]
    waiting = [t for t in trained if not t.state.is_finished]
    _run_all(loop, executor, waiting, list(open_before.values()), epochs)
    leading = _leading(loop, finalists)
    usable = [
        t
        for t in finalists
        if t.state in (TrialState.COMPLETE, TrialState.PRUNED)
        and leading.value(t.metrics) > -math.inf
        and loop.weights_path(t.id).exists()
        and all(c.is_met(t.metrics) for c in loop.constraints if c.metric in t.metrics)
    ]
    if not usable:
        return None
    winner = max(usable, key=lambda t: (leading.value(t.metrics), -t.metrics.get("loss", 0.0)))
    weights = loop.weights_path(winner.id)
    if not loop.plan.refit or _kept_epochs(winner) <= 0:  # cut short before its first step: there is nothing to repeat
        return Choice(winner, weights, False, finalists, others)
    refit = next((t for t in before if t.resume and t.parent == winner.id), None)
    if refit is None:
        refit = _final_trial(loop, winner, _kept_epochs(winner), refit=True)
    if not refit.state.is_finished:
        _run_all(loop, executor, [refit], [t for t in loop.store.unfinished() if t.id == refit.id], winner.fidelity.epochs)
    is_refit = refit.state == TrialState.COMPLETE and loop.weights_path(refit.id).exists()
    return Choice(winner, loop.weights_path(refit.id) if is_refit else weights, is_refit, finalists, others)


def _affordable_epochs(loop: Loop, chosen: Sequence[Trial], workers: int, is_timed: bool) -> float:
    """As many epochs as the remaining time allows, up to the plan's; without time left, one, or what a finalist had in the search."""
    least = max(t.fidelity.epochs for t in chosen)
    end = training_seconds(loop.budget)
    if end is None:
        return loop.plan.final_epochs
    typical = loop.plan.epoch_seconds
    # what the search spent says nothing where it trained nothing
    is_known = loop.estimator.builds or typical is None
    per_epoch = [_seconds_per_epoch(loop, t) if is_known or typical is None else typical for t in chosen]
    # the finalists share the workers; a refit runs alone on the training and the validation part
    rounds = sum(sorted(per_epoch, reverse=True)) / min(workers, len(chosen))
    one_after_the_other = max(rounds, *per_epoch) + (1.25 * max(per_epoch) if loop.plan.refit else 0.0)
    safety = SAFETY if loop.plan.refit else SAFETY_WITHOUT_REFIT
    left = (safety if is_timed else safety * UNTIMED) * (end - loop.clock.now())
    affordable = left / max(one_after_the_other, 1e-9)
    epochs = min(loop.plan.final_epochs, max(affordable, min(least, 1.0)))
    return float(round(epochs)) if epochs >= 5 else float(f"{epochs:.3g}")


def _seconds_per_epoch(loop: Loop, trial: Trial) -> float:
    before = loop.trials[trial.parent].fidelity.passes if trial.resume and trial.parent in loop.trials else 0.0
    return trial.seconds / max(trial.fidelity.passes - before, 1e-9)


def _final_trial(loop: Loop, source: Trial, epochs: float, *, refit: bool = False) -> Trial:
    """A final trial of ``source``'s architecture; of a refit, ``resume`` is set, which no other final trial has."""
    trial = Trial(
        id=loop.next_id(),
        architecture=source.architecture,
        key=source.key,
        fidelity=Fidelity(epochs),
        seed=loop.seed_of(source.key, "final"),
        origin="final",
        parent=source.id,
        resume=refit,
        metrics={k: v for k, v in source.metrics.items() if k in COSTS},
        started=loop.clock.now(),
    )
    loop.reserve(trial)
    return trial


def _leading(loop: Loop, finalists: Sequence[Trial]) -> Objective:
    """What the finalists are chosen by: the leading objective, or, where only the search's own estimator measures that, the task's quality."""
    metrics = {name for t in finalists for name in t.metrics}
    usual = [Objective(name, METRICS[name]) for name in QUALITIES]
    return next((o for o in [*loop.objectives[:1], *usual] if o.metric in metrics), loop.objectives[0])


def _kept_epochs(trial: Trial) -> float:
    """Passes after which the trial's training had the weights that it kept."""
    return next((row["epoch"] for row in trial.curve if "kept" in row), trial.fidelity.epochs)


def _run_all(loop: Loop, executor: Executor, trials: Sequence[Trial], known: Sequence[Trial], horizon: float) -> None:
    recorded = {t.id for t in known}
    waiting, running = list(trials), dict[int, Trial]()
    while waiting or running:
        while waiting and executor.free() > 0:
            trial = waiting.pop(0)
            if trial.id not in recorded:
                loop.store.add(trial)
            end = training_seconds(loop.budget)
            left = None if end is None else max(end - loop.clock.now(), 5.0)
            # a finalist leaves time for the refit that follows it
            share = left if left is None or trial.resume or not loop.plan.refit else left * 0.65
            job = Job(
                space=loop.space,
                architecture=trial.architecture,
                task=loop.task,
                fidelity=trial.fidelity,
                horizon=horizon,
                seed=trial.seed,
                save=loop.weights_path(trial.id),
                deadline=None if share is None else time.time() + share,
                refit=trial.resume,
            )
            running[trial.id] = trial
            executor.submit(trial.id, job)
        loop.on_status(loop.status(f"retraining the best: {len(waiting) + len(running)} to go"))
        for ended in executor.wait(0.25):
            trial = running.pop(ended.trial)
            ended.fill(trial)
            trial.finished = loop.clock.now()
            loop.store.finish(trial)
            if ended.traceback:
                loop.note(f"final trial {trial.id}: {trial.reason}\n{ended.traceback}")
        loop.store_clock()
