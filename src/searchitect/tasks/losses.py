"""What training makes small."""

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from searchitect.core import SettingError, TaskInfo

Targets: TypeAlias = "Tensor | tuple[Tensor, Tensor, float | Tensor]"
"""Labels or standardised values [N]; or (y_a, y_b, lam) of mixed examples: lam parts of y_a and 1 - lam parts of y_b."""

MAX_WEIGHT_RATIO = 10.0
IMBALANCE = 10.0  # largest class over smallest, from which on classes are weighted


def loss_function(
    info: TaskInfo, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Callable[[Tensor, Targets], Tensor]:
    """The training loss of a task: a function of network outputs [N, outputs] and targets, giving a scalar.

    Classification: cross-entropy. Regression: mean squared error of standardised targets, without weights or smoothing.

    Args:
        info: the task.
        class_weights: [classes]; ``None`` weighs all examples equally.
        smoothing: label smoothing, in [0, 1).
    """
    if not 0 <= smoothing < 1:
        raise SettingError(f"smoothing must lie in [0, 1), got {smoothing}; 0.1 is usual, 0 switches it off")

    def plain(outputs: Tensor, y: Tensor) -> Tensor:
        if info.is_classification:
            weights = None if class_weights is None else class_weights.to(outputs)
            return F.cross_entropy(outputs, y, weight=weights, label_smoothing=smoothing)
        return F.mse_loss(outputs[:, 0], y.to(outputs.dtype))

    def loss(outputs: Tensor, y: Targets) -> Tensor:
        if isinstance(y, Tensor):
            return plain(outputs, y)
        y_a, y_b, lam = y
        return lam * plain(outputs, y_a) + (1 - lam) * plain(outputs, y_b)

    return loss


def imbalance_weights(labels: Tensor, classes: int) -> Tensor | None:
    """Weights [classes] with mean 1 over the examples; ``None`` where no class is more than 10 times as frequent as another.

    A weight is proportional to the square root of the inverse frequency: half way between plain accuracy, which full weights
    lower, and balanced accuracy, which no weights lower. The largest is at most 10 times the smallest.
    """
    counts = torch.bincount(labels, minlength=classes).double().clamp(min=1)
    if counts.max() <= IMBALANCE * counts.min():
        return None
    weights = (counts.max() / counts).sqrt().clamp(max=MAX_WEIGHT_RATIO)
    return (weights * counts.sum() / (weights * counts).sum()).float()
