"""How good a network's outputs are: the names of `searchitect.core.METRICS`."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from searchitect.core import TaskInfo

MOST_NATS = 700.0  # the exponential of more is no number
AUC_CLASSES = 20  # with more classes the mean of one-against-rest curves costs much and says little


def measure(info: TaskInfo, outputs: Tensor, y: Tensor, target_mean: float = 0.0, target_std: float = 1.0) -> dict[str, float]:
    """Metrics of network outputs against the truth; all are NaN where an output is not finite.

    Classification: accuracy, balanced_accuracy (mean recall of the classes that occur), f1 (macro), loss (cross-entropy, nats),
    auc (two classes: area under the ROC curve; up to 20: mean of one against the rest; absent where a class does not occur).
    Regression: r2, rmse and mae in the user's units, and loss (mean squared error of standardised targets).

    Args:
        info: the task.
        outputs: [N, classes] logits, or [N, 1] standardised values.
        y: [N] labels, or values in the user's units.
        target_mean: of the training targets (regression).
        target_std: of the training targets (regression).
    """
    outputs, y = outputs.detach().cpu().double(), y.detach().cpu()
    is_finite = bool(torch.isfinite(outputs).all())
    if info.is_classification:
        names = ["accuracy", "balanced_accuracy", "f1", "loss"]
        return _classification(outputs, y.long()) if is_finite else dict.fromkeys(names, math.nan)
    if not is_finite:
        return dict.fromkeys(["r2", "rmse", "mae", "loss"], math.nan)
    return _regression(outputs[:, 0], y.double(), target_mean, target_std)


def text_metrics(loss: float, unit: str) -> dict[str, float]:
    """Of predicting a text: loss (nats per token), perplexity (its exponential), and of characters bits_per_character.

    Args:
        loss: mean cross-entropy of the tokens, in nats.
        unit: "words" or "characters".
    """
    if not math.isfinite(loss):
        return dict.fromkeys(["perplexity", "loss"], math.nan)
    bits = {"bits_per_character": loss / math.log(2)} if unit == "characters" else {}
    return {"perplexity": math.exp(min(loss, MOST_NATS)), **bits, "loss": loss}


def _classification(outputs: Tensor, y: Tensor) -> dict[str, float]:
    classes = outputs.shape[1]
    guess = outputs.argmax(dim=1)
    hits = torch.bincount(y[guess == y], minlength=classes).double()
    actual = torch.bincount(y, minlength=classes).double()
    guessed = torch.bincount(guess, minlength=classes).double()
    occurs, seen = actual > 0, actual + guessed > 0
    metrics = {
        "accuracy": (hits.sum() / len(y)).item(),
        "balanced_accuracy": (hits[occurs] / actual[occurs]).mean().item(),
        "f1": (2 * hits[seen] / (actual[seen] + guessed[seen])).mean().item(),
        "loss": F.cross_entropy(outputs, y).item(),
    }
    if classes <= AUC_CLASSES and bool(occurs.all()):
        scores = torch.softmax(outputs, dim=1)
        which = [1] if classes == 2 else range(classes)
        metrics["auc"] = sum(_auc(scores[:, k], y == k) for k in which) / len(which)
    return metrics


def _auc(scores: Tensor, is_positive: Tensor) -> float:
    """Probability that a positive scores above a negative, ties counting half: the Mann-Whitney statistic from mean ranks."""
    _, place, counts = torch.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = counts.cumsum(0).double() - (counts.double() - 1) / 2  # of equal scores, ranks from 1
    positives = int(is_positive.sum())
    negatives = len(scores) - positives
    above = mean_rank[place][is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _regression(outputs: Tensor, y: Tensor, mean: float, std: float) -> dict[str, float]:
    error = outputs * std + mean - y
    squares = error.square().mean().item()
    variance = (y - y.mean()).square().mean().item()
    # Of constant targets r2 has no meaning: 1 when all are hit, else 0, as scikit-learn has it.
    r2 = 1 - squares / variance if variance > 0 else float(squares == 0)
    return {"r2": r2, "rmse": math.sqrt(squares), "mae": error.abs().mean().item(), "loss": squares / std**2}
