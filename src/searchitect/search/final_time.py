"""How long the trainings of the final step are."""

from collections.abc import Sequence
from typing import Final

from searchitect.core import Trial
from searchitect.search.loop import Loop
from searchitect.search.plan import SHORTEST, training_seconds

SAFETY: Final = 0.86
SAFETY_WITHOUT_REFIT: Final = 0.93
"""Part of the remaining time that the final trainings are planned to fill: more of it where nothing follows them, since one that is cut
short in its last steps has lost little."""
UNTIMED: Final = 0.7
"""Less of it where the final trainings are of another kind than the search's: an auxiliary classifier and small batches take longer."""
REFIT_COST: Final = 1.25
"""Of an epoch on the training and the validation part, in epochs on the training part."""
COMPARING_SHARE: Final = 2 / 3
"""Part of the time for the trainings that are compared with each other; the rest is for the winner's last training."""


def affordable_epochs(loop: Loop, sources: Sequence[Trial], workers: int, *, is_timed: bool, compares: bool) -> float:
    """As many epochs as the remaining time allows, up to the plan's; without time left, one, or what a finalist had in the search.

    Args:
        loop: of the search.
        sources: trials whose architectures are trained, all for equally many epochs.
        workers: trainings at a time.
        is_timed: the seconds per epoch that the plan knows are those of these trainings.
        compares: some are trained only to compare with: then the winner's last training has time of its own, and without time left
            there is a quarter of an epoch.
    """
    least = SHORTEST if compares else min(1.0, max(t.fidelity.epochs for t in sources))
    end = training_seconds(loop.budget)
    if end is None:
        return loop.plan.final_epochs
    typical = loop.plan.epoch_seconds
    # what the search spent says nothing where it trained nothing
    is_known = loop.estimator.builds or typical is None
    per_epoch = [_seconds_per_epoch(loop, t) if is_known or typical is None else typical for t in sources]
    # the finalists share the workers; a refit runs alone on the training and the validation part
    together = max(sum(sorted(per_epoch, reverse=True)) / min(workers, len(sources)), *per_epoch)
    one_after_the_other = together + (REFIT_COST * max(per_epoch) if loop.plan.refit else 0.0)
    if compares:
        one_after_the_other = max(one_after_the_other, together / COMPARING_SHARE)
    safety = SAFETY if loop.plan.refit else SAFETY_WITHOUT_REFIT
    left = (safety if is_timed else safety * UNTIMED) * (end - loop.clock.now())
    return _rounded(min(loop.plan.final_epochs, max(left / max(one_after_the_other, 1e-9), least)))


def longest_epochs(loop: Loop, winner: Trial) -> float:
    """As many epochs as its own training had, or more where the time that is left allows them: it says how long one takes."""
    end = training_seconds(loop.budget)
    if end is None:
        return winner.fidelity.epochs
    reached = winner.curve[-1]["epoch"] if winner.curve else winner.fidelity.epochs
    epoch_seconds = winner.seconds / max(reached, 1e-9) * (REFIT_COST if loop.plan.refit else 1.0)
    affordable = SAFETY * (end - loop.clock.now()) / max(epoch_seconds, 1e-9)
    return max(winner.fidelity.epochs, _rounded(min(loop.plan.final_epochs, affordable)))


def _rounded(epochs: float) -> float:
    return float(round(epochs)) if epochs >= 5 else float(f"{epochs:.3g}")


def _seconds_per_epoch(loop: Loop, trial: Trial) -> float:
    before = loop.trials[trial.parent].fidelity.passes if trial.resume and trial.parent in loop.trials else 0.0
    return trial.seconds / max(trial.fidelity.passes - before, 1e-9)
