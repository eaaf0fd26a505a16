"""How good a network is on some rows of a task, and what it answers."""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from searchitect.tasks import State, Task, TextEncoder, mean_return, measure, read_batch, text_metrics

EVALUATION_BATCH = 512
TEXT_COLUMNS = 64
COLUMN_SEGMENTS = 8
"""A text is read in up to so many columns at a time, none of them shorter than so many segments: each begins without a state."""


def evaluate(network: nn.Module, task: Task, x: Tensor, y: Tensor, *, side: int | None = None) -> dict[str, float]:
    """The metrics of a network on encoded rows, in evaluation mode.

    Args:
        network: on any device.
        task: gives the preprocessing.
        x: encoded rows; of a text, segments in their order; of a control task, seeds of episodes, which are played.
        y: what is to be answered, as in `searchitect.tasks.Part`.
        side: pixels to which images are shrunk first.
    """
    if task.info.is_control:
        return {"return": mean_return(task.environment, x, lambda seen: predict(network, task, seen))}
    if isinstance(task.encoder, TextEncoder):
        return text_metrics(mean_token_loss(network, task, x, y), task.encoder.unit)
    return measure(task.info, predict(network, task, x, side=side), y, task.target_mean, task.target_std)


def predict(network: nn.Module, task: Task, x: Tensor, *, side: int | None = None) -> Tensor:
    """Raw outputs, (N, outputs), of encoded rows in evaluation mode, on the CPU.

    Args:
        network: on any device.
        task: gives the preprocessing; not one of texts, whose outputs are too many to be kept.
        x: encoded rows; of a control task, observations.
        side: pixels to which images are shrunk first.
    """
    device = _device_of(network)
    preprocess = task.preprocess.to(device)
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        found = [
            network(prepared(preprocess, rows.to(device), task, side)).float().cpu()
            for rows in torch.split(x, EVALUATION_BATCH)
        ]
    network.train(was_training)
    return torch.cat(found) if len(x) else torch.empty(0, task.info.outputs)


def mean_token_loss(network: nn.Module, task: Task, x: Tensor, y: Tensor) -> float:
    """Cross-entropy in nats per token of a text that is read from its beginning to its end, the state carried on.

    Args:
        network: on any device; evaluated, not trained.
        task: of a text.
        x: (N, tokens), segments in their order.
        y: (N, tokens), the token after each.
    """
    device = _device_of(network)
    columns = max(1, min(TEXT_COLUMNS, len(x) // COLUMN_SEGMENTS))
    length = -(-len(x) // columns)  # segments of a column; the last column may be shorter, or lacking
    starts = torch.arange(0, len(x), length)
    state: State = None
    total = 0.0
    was_training = network.training
    network.eval()
    with torch.inference_mode():
        for place in range(length):
            rows = (starts + place)[starts + place < len(x)]
            before = None if state is None else tuple(part[: len(rows)] for part in state)
            logits, state = read_batch(task.info, network, x[rows].to(device).long(), before)
            following = y[rows].to(device).long()
            total += float(cross_entropy(logits.flatten(0, 1).float(), following.flatten(), reduction="sum"))
    network.train(was_training)
    return total / y.numel()


def prepared(preprocess: nn.Module, x: Tensor, task: Task, side: int | None) -> Tensor:
    """Encoded rows as the network receives them: preprocessed, images shrunk to ``side`` and channels last in memory."""
    x = preprocess(x)
    if side is not None:
        x = interpolate(x, size=(side, side), mode="area")
    return x.contiguous(memory_format=torch.channels_last) if task.info.is_image else x


def _device_of(network: nn.Module) -> torch.device:
    return next(network.parameters(), torch.empty(0)).device
