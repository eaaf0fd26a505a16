"""What training makes small."""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from searchitect.core import SettingError, TaskInfo

Targets: TypeAlias = "Tensor | tuple[Tensor, Tensor, float | Tensor]"
"""Labels or standardised values [N], or the next tokens [N, tokens] of a text; or (y_a, y_b, lam) of mixed examples: lam parts of
y_a and 1 - lam parts of y_b."""

State: TypeAlias = "tuple[Tensor, ...] | None"
"""What a network carries on from one batch to the next; ``None``: nothing, or it begins anew."""

MAX_WEIGHT_RATIO = 10.0
IMBALANCE = 10.0  # largest class over smallest, from which on classes are weighted


def loss_function(
    info: TaskInfo, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Callable[[Tensor, Targets], Tensor]:
    """The training loss of a task: a function of network outputs [N, outputs] and targets, giving a scalar.

    Classification, and texts, whose outputs are [N, tokens, outputs]: cross-entropy. Regression: mean squared error of standardised targets, without weights or smoothing.

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
        if info.is_text:
            return F.cross_entropy(outputs.flatten(0, 1), y.flatten().long(), label_smoothing=smoothing)
        return F.mse_loss(outputs[:, 0], y.to(outputs.dtype))

    def loss(outputs: Tensor, y: Targets) -> Tensor:
        if isinstance(y, Tensor):
            return plain(outputs, y)
        y_a, y_b, lam = y
        return lam * plain(outputs, y_a) + (1 - lam) * plain(outputs, y_b)

    return loss


def read_batch(info: TaskInfo, network: nn.Module, x: Tensor, state: State = None) -> tuple[Any, State]:
    """A network's outputs for a batch, and what it carries on to the next one: truncated backpropagation through time.

    Of texts the next batch goes on where this one ends, row by row, and a network that has ``read(x, state) -> (outputs, state)``, as
    `searchitect.networks.language_model.LanguageModel`, is handed the state that it gave before. Gradients end there: the state that
    is given back is detached. All other tasks and networks carry nothing on.

    Args:
        info: the task.
        network: maps ``x`` to outputs.
        x: as the network receives it.
        state: what this function gave for the batch before; ``None`` for the first one of a text.
    """
    read: Any = getattr(network, "read", None) if info.is_text else None
    if read is None:
        return network(x), None
    outputs, after = read(x, state)
    return outputs, tuple(part.detach() for part in after)


def batch_loss(
    info: TaskInfo, class_weights: Tensor | None = None, smoothing: float = 0.0
) -> Callable[[nn.Module, tuple[Tensor, Targets], State], tuple[Tensor, State]]:
    """What a network is trained by, of any task: a function ``loss(network, (x, y), state)`` that gives a scalar and the next state.

        loss_of, state = batch_loss(task.info), None
        for x, y in batches:  # of a text: those of `searchitect.training.batches.Batches` with ``in_order``
            loss, state = loss_of(network, (x, y), state)
            loss.backward()

    The state is ``None`` at the first batch of every pass over a text, and always ``None`` for other tasks.

    Args:
        info, class_weights, smoothing: as those of `loss_function`.
    """
    loss_of = loss_function(info, class_weights, smoothing)

    def loss(network: nn.Module, batch: tuple[Tensor, Targets], state: State) -> tuple[Tensor, State]:
        outputs, after = read_batch(info, network, batch[0], state)
        return loss_of(outputs, batch[1]), after

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
