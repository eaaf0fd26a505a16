"""Guards: they look at the derived architecture after every epoch, and stop a search that collapses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot.curvature import dominant_eigenvalue

if TYPE_CHECKING:
    from searchitect.oneshot.relaxed import Guard, Relaxed
    from searchitect.oneshot.training import SupernetTraining

SKIP: Final = "skip_connect"
WINDOW: Final = 5
"""Epochs over which eigenvalues are averaged, in the code of R-DARTS."""
FACTOR: Final = 1.3
"""Growth of the average within a window that ends the search."""


def skips(at_most: int = 1, not_before: float = 0.2) -> Guard:
    """Stop after the epoch in which the derived normal cell holds more than ``at_most`` skip connections.

    Liang et al. 2019, "DARTS+: Improved Differentiable Architecture Search with Early Stopping", https://arxiv.org/abs/1909.06035, section 3.2:
    two or more. In a space without a choice named "normal/..." all choices count.

    Args:
        at_most: skip connections of a cell that is not stopped at.
        not_before: part of the search that is never cut off, in [0, 1]: what is derived from the first logits is a random cell.
    """
    return partial(_skips, at_most, not_before)


def _skips(
    at_most: int, not_before: float, _method: Relaxed, training: SupernetTraining, told: Mapping[str, Any]
) -> dict[str, Any]:
    derived: Mapping[str, Any] = told["derived"]
    normal = [path for path in derived if path.startswith("normal/")] or list(derived)
    count = sum(derived[path] == SKIP for path in normal)
    if count > at_most and training.progress >= not_before:
        training.stop(f"the derived normal cell holds {count} skip connections")
    return {"skips": count}


def eigenvalue(first_epoch: int = 10) -> Guard:
    """Stop when the loss on held-out data bends sharply in the logits, and derive the architecture of before that.

    Zela et al. 2020, "Understanding and Robustifying Differentiable Architecture Search", https://arxiv.org/abs/1909.09656, section 4.1, with the
    numbers of its code (automl/RobustDARTS): after each epoch the dominant eigenvalue is measured on one batch and averaged over the last
    5 epochs; when the average is more than 1.3 times that of 4 epochs before, the search ends with the architecture of 4 epochs before.

    Args:
        first_epoch: before its end the search is never stopped.
    """
    if first_epoch < 1:
        raise SettingError(f"first_epoch must be at least 1, got {first_epoch}")
    return partial(_eigenvalue, first_epoch)


def _eigenvalue(first_epoch: int, method: Relaxed, training: SupernetTraining, _told: Mapping[str, Any]) -> dict[str, Any]:
    state = training.generator.get_state()
    (batch,) = training.held_feed.go(training.step, training.step + 1)

    def held_loss() -> Tensor:
        training.generator.set_state(state)
        method.relax(training)
        return training.loss(batch)

    found = dominant_eigenvalue(held_loss, list(method.logits.values()), seed=training.seed)
    values = [row["eigenvalue"] for row in training.history] + [found]
    row: dict[str, Any] = {"eigenvalue": found}
    if len(values) >= first_epoch and has_grown(values):
        training.stop(f"the dominant eigenvalue of the loss in the logits grew to {found:.3g}")
        row["keep"] = training.history[-(WINDOW - 1)]["derived"]
    return row


def has_grown(eigenvalues: Sequence[float]) -> bool:
    """Whether the average over the last window is more than the allowed factor above that of `WINDOW` - 1 epochs before.

    Both windows must be full, and the eigenvalues of the earlier one above 0 on average.
    """
    if len(eigenvalues) < 2 * WINDOW - 1:
        return False
    now = sum(eigenvalues[-WINDOW:]) / WINDOW
    before = sum(eigenvalues[-2 * WINDOW + 1 : -WINDOW + 1]) / WINDOW
    return before > 0 and now > FACTOR * before
