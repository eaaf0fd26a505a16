"""The final step: retrain the best at full fidelity, choose on validation, and look at the test part once."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from searchitect.core import COSTS, METRICS, QUALITIES, Fidelity, Job, Objective, Trial, TrialState
from searchitect.search.executors import Executor
from searchitect.search.final_time import affordable_epochs, longest_epochs
from searchitect.search.finalists import finalists as best_of
from searchitect.search.finalists import random_draws
from searchitect.search.loop import Loop
from searchitect.search.plan import training_seconds

LEFT_SHARE = 0.65
"""Of the time that is left, a finalist takes no more, so that some is left for what follows it."""
LEAST_SECONDS = 5.0
"""That a training is given, even where the time is over."""


@dataclass(frozen=True)
class Choice:
    """What the final step found.

    Attributes:
        winner: the final trial whose architecture won on validation data.
        weights: the file with the network's weights: the winner's, or those of its last training.
        is_refit: trained on training and validation part together.
        epochs: of the training that the weights are from.
        finalists: all final trials of architectures that the search chose.
        drawn: final trials of random architectures, trained in the same way, to compare with; one that was chosen too is in both.
    """

    winner: Trial
    weights: Path
    is_refit: bool
    epochs: float
    finalists: list[Trial]
    drawn: list[Trial]


def retrain_the_best(loop: Loop, executor: Executor, workers: int, *, is_timed: bool = True, drawn: int = 0) -> Choice | None:
    """Retrain the finalists, choose, train the winner once more. Goes on where an interrupted final step stopped.

    Args:
        loop: of the search.
        executor: trains.
        workers: trainings at a time.
        is_timed: the seconds per epoch that the plan knows are those of these trainings.
        drawn: random architectures of the search that are trained beside the finalists, to compare with; they cannot win. All these
            trainings are equally long; then the winner is trained for as long as the time allows, so that it does not pay for the
            comparison.

    Returns:
        ``None`` where no trial is eligible or every final training failed.
    """
    ordered = best_of(loop)
    if not ordered:
        return None
    chosen = ordered[: loop.plan.finalists]
    compared = random_draws(loop)[:drawn]
    sources = list({t.id: t for t in [*chosen, *compared]}.values())
    epochs = loop.store.fact("final_epochs")
    if epochs is None:
        epochs = affordable_epochs(loop, sources, workers, is_timed=is_timed, compares=drawn > 0)
        loop.store.remember(final_epochs=epochs)
    before = [t for t in loop.store.trials() if t.origin == "final" and (t.resume or t.fidelity.epochs == epochs)]
    done = {t.parent: t for t in before if t.state.is_finished and not t.resume}
    open_before = {t.parent: t for t in before if not t.state.is_finished and not t.resume}
    trained = {t.id: done.get(t.id) or open_before.get(t.id) or _final_trial(loop, t, epochs) for t in sources}
    waiting = [t for t in trained.values() if not t.state.is_finished]
    spares = loop.plan.refit or drawn > 0
    _run_all(loop, executor, waiting, list(open_before.values()), epochs, share=LEFT_SHARE if spares else 1.0)
    finalists, others = ([trained[t.id] for t in trials] for trials in (chosen, compared))
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
    last = _train_once_more(loop, executor, winner, before, is_longer=drawn > 0)
    is_better = last is not None and (loop.plan.refit or leading.value(last.metrics) >= leading.value(winner.metrics))
    if last is None or not is_better:
        return Choice(winner, loop.weights_path(winner.id), False, winner.fidelity.epochs, finalists, others)
    length = last.fidelity.epochs / _share(winner, drawn > 0)
    return Choice(winner, loop.weights_path(last.id), loop.plan.refit, length, finalists, others)


def _train_once_more(
    loop: Loop, executor: Executor, winner: Trial, before: Sequence[Trial], *, is_longer: bool
) -> Trial | None:
    """The winner's last training: on training and validation part together where the plan has it so, else as before but longer.

    Returns:
        The trial; ``None`` where there is none, or it did not come to its end.
    """
    share = _share(winner, is_longer)
    if share <= 0 or not (loop.plan.refit or is_longer):  # cut short before its first step: there is nothing to repeat
        return None
    last = next((t for t in before if t.resume and t.parent == winner.id), None)
    if last is None:
        longest = longest_epochs(loop, winner) if is_longer else winner.fidelity.epochs
        if longest <= winner.fidelity.epochs and not loop.plan.refit:
            return None
        last = _final_trial(loop, winner, share * longest, is_last=True)
    if not last.state.is_finished:
        known = [t for t in loop.store.unfinished() if t.id == last.id]
        _run_all(loop, executor, [last], known, last.fidelity.epochs / share)
    return last if last.state == TrialState.COMPLETE and loop.weights_path(last.id).exists() else None


def _share(winner: Trial, is_longer: bool) -> float:
    """Part of its schedule after which the winner had the weights that it kept: there its last training ends, too.

    A longer one goes to the end where the winner's own was cut short.
    """
    if is_longer and winner.state == TrialState.PRUNED:
        return 1.0
    return next((row["epoch"] for row in winner.curve if "kept" in row), winner.fidelity.epochs) / winner.fidelity.epochs


def _final_trial(loop: Loop, source: Trial, epochs: float, *, is_last: bool = False) -> Trial:
    """A final trial of ``source``'s architecture; of the winner's last one, ``resume`` is set, which no other final trial has.

    Where ``source`` inherited weights, so does this trial: what it scored is owed to the trainings of its whole line.
    """
    trial = Trial(
        id=loop.next_id(),
        architecture=source.architecture,
        key=source.key,
        fidelity=Fidelity(epochs),
        seed=loop.seed_of(source.key, "final"),
        origin="final",
        parent=source.id,
        resume=is_last,
        inherit=source.inherit,
        metrics={k: v for k, v in source.metrics.items() if k in COSTS},
        started=loop.clock.now(),
    )
    loop.reserve(trial)
    return trial


def _inherited(loop: Loop, trial: Trial) -> Path | None:
    """The weights that a final training begins with: those that the trial of the search ended with, if it inherited its own.

    The winner's last training begins as the one before it.
    """
    if not trial.inherit or trial.parent is None:
        return None
    finals = {t.id: t.parent for t in loop.store.trials() if t.origin == "final"}
    source = finals.get(trial.parent, trial.parent)
    path = None if source is None else loop.weights_of(source)
    return path if path is not None and path.exists() else None


def _leading(loop: Loop, finalists: Sequence[Trial]) -> Objective:
    """What the finalists are chosen by: the leading objective, or, where only the search's own estimator measures that, the task's quality."""
    metrics = {name for t in finalists for name in t.metrics}
    usual = [Objective(name, METRICS[name]) for name in QUALITIES]
    return next((o for o in [*loop.objectives[:1], *usual] if o.metric in metrics), loop.objectives[0])


def _run_all(
    loop: Loop, executor: Executor, trials: Sequence[Trial], known: Sequence[Trial], horizon: float, *, share: float = 1.0
) -> None:
    """Train them, each in at most ``share`` of the time that is left when it begins."""
    recorded = {t.id for t in known}
    waiting, running = list(trials), dict[int, Trial]()
    while waiting or running:
        while waiting and executor.free() > 0:
            trial = waiting.pop(0)
            if trial.id not in recorded:
                loop.store.add(trial)
            end = training_seconds(loop.budget)
            left = None if end is None else max(end - loop.clock.now(), LEAST_SECONDS) * share
            job = Job(
                space=loop.space,
                architecture=trial.architecture,
                task=loop.task,
                fidelity=trial.fidelity,
                horizon=horizon,
                seed=trial.seed,
                inherit=_inherited(loop, trial),
                save=loop.weights_path(trial.id),
                deadline=None if left is None else time.time() + left,
                refit=trial.resume and loop.plan.refit,
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
