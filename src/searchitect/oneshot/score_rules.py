"""Rules for networks that are drawn and run one at a time: the logits learn from how well each drawn network did, by its score function."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from searchitect.oneshot.draws import active, log_probability
from searchitect.oneshot.relaxation import Weights
from searchitect.oneshot.rules import is_due, learn_weights

if TYPE_CHECKING:
    from searchitect.oneshot.feed import Batch
    from searchitect.oneshot.relaxed import Relaxed, Rule
    from searchitect.oneshot.training import SupernetTraining

BASELINE_STEP = 0.99
"""Of the baseline towards the mean reward of a step, as in ProxylessNAS's code: it follows the last step almost fully."""


def importance_weighted(samples: int = 4, sharpness: float = 1.0) -> Rule:
    """Networks drawn from the prior, weighted by how likely they make the data.

    Casale, Gordon, Fusi 2019, "Probabilistic Neural Architecture Search", https://arxiv.org/abs/1902.05116, section 3: the gradient of the log
    marginal likelihood is that of log p(y | a) + log p(a), averaged over the posterior of the architecture a, and the posterior is
    estimated by self-normalised importance sampling. The network's weights learn with the importance weights of the training batch, the
    logits with those of the held-out batch.

    Args:
        samples: networks of a step, K; with 1 the logits walk at random.
        sharpness: the importance weights are the softmax of ``sharpness`` times the mean log-likelihood of the batch's examples. The
            number of examples would be the batch's likelihood itself, with which one network takes all the weight.
    """
    return partial(_importance_weighted, samples, sharpness)


def _importance_weighted(
    samples: int, sharpness: float, method: Relaxed, training: SupernetTraining, batch: Batch, held: Batch
) -> float:
    drawn = [method.relax(training) for _ in range(samples)]
    if method.is_warm(training):
        weights = importance_weights([-loss for loss in _losses(training, drawn, held)], sharpness)
        method.update_logits(_score_gradients(method, drawn, weights))
    return _learn_weighted(training, drawn, batch, sharpness)


def importance_weights(log_likelihoods: Sequence[float], sharpness: float) -> Tensor:
    """Non-negative, with the sum 1: the softmax of ``sharpness`` times the mean log-likelihoods."""
    return (sharpness * torch.tensor(log_likelihoods, dtype=torch.float64)).softmax(0)


def _learn_weighted(
    training: SupernetTraining, drawn: Sequence[Mapping[str, Weights]], batch: Batch, sharpness: float
) -> float:
    """One step of the weights with the importance-weighted gradient, one network after the other; gives the loss weighted alike.

    The softmax is known only after the last network, so gradients are added up in proportion to the largest likelihood so far.
    """
    largest, norm, total = float("-inf"), 0.0, 0.0
    for weights in drawn:
        training.set_weights(weights)
        loss = training.loss(batch)
        value = float(loss.detach())
        before, largest = largest, max(largest, -sharpness * value)
        shrink, share = math.exp(before - largest), math.exp(-sharpness * value - largest)
        _scale_gradients(training, shrink)
        (share * loss).backward()  # type: ignore[no-untyped-call]
        norm, total = shrink * norm + share, shrink * total + share * value
    _scale_gradients(training, 1 / norm)
    training.update_weights()
    return total / norm


def _scale_gradients(training: SupernetTraining, factor: float) -> None:
    if factor != 1:
        for parameter in training.parameters:
            if parameter.grad is not None:
                parameter.grad.mul_(factor)


def score_function(samples: int = 10, every: int = 1, cost_weight: float = 0.0) -> Rule:
    """REINFORCE: networks drawn by the softmax of the logits; one whose held-out loss is low becomes more likely.

    Cai, Zhu, Han 2019, "ProxylessNAS", https://arxiv.org/abs/1812.00332, section 3.3.2 and its code: the gradients of ``samples`` networks on one
    batch are averaged, and the baseline follows the mean reward, accuracy * (reference / cost) ** w. The reward here is the logarithm of that,
    with the likelihood exp(-loss) in the place of the accuracy, for any task: -loss - w * log(cost / reference).

    Args:
        samples: networks per step of the logits.
        every: steps of the weights per step of the logits.
        cost_weight: w, of each cost that is an objective of the run (`Relaxed.wanted_costs`).
    """
    return partial(_score_function, samples, every, cost_weight)


def _score_function(
    samples: int, every: int, cost_weight: float, method: Relaxed, training: SupernetTraining, batch: Batch, held: Batch
) -> float:
    if is_due(method, training, every):
        drawn = [method.relax(training) for _ in range(samples)]
        costs = torch.tensor([_log_cost(method, network) for network in drawn], dtype=torch.float64)
        rewards = -torch.tensor(_losses(training, drawn, held), dtype=torch.float64) - cost_weight * costs
        before = method.kept.get("baseline", rewards.mean())
        baseline = before + BASELINE_STEP * (rewards.mean() - before)
        method.kept["baseline"] = baseline
        method.update_logits(_score_gradients(method, drawn, (rewards - baseline) / samples))
    return learn_weights(method, training, batch)


def _log_cost(method: Relaxed, network: Mapping[str, Weights]) -> float:
    """The sum of log(cost / reference) of a drawn network, whose weights are 0 or 1, over the costs that are to be small."""
    taken = {path: torch.tensor([float(w) for w in weights]) for path, weights in network.items()}
    shares = (float(method.costs[kind].expected(taken)) / method.reference(kind) for kind in method.wanted_costs)
    return sum(math.log(max(share, 1e-9)) for share in shares)


@torch.no_grad()
def _losses(training: SupernetTraining, drawn: Sequence[Mapping[str, Weights]], held: Batch) -> list[float]:
    found = []
    for weights in drawn:
        training.set_weights(weights)
        found.append(float(training.loss(held)))
    return found


def _score_gradients(method: Relaxed, drawn: Sequence[Mapping[str, Weights]], weights: Tensor) -> list[Tensor]:
    """Minus the gradient of the weighted sum of the log-probabilities of the drawn networks, one per choice's logits.

    Choices inside options that a network does not take have no part in its probability.
    """
    totals = {path: torch.zeros_like(values) for path, values in method.logits.items()}
    for network, weight in zip(drawn, weights.tolist(), strict=True):
        taken = {path: [i for i, w in enumerate(network[path]) if w == 1] for path in method.logits}
        for path in active(method.choices, taken):
            values = method.logits[path]
            (slope,) = torch.autograd.grad(log_probability(values, taken[path]), values)
            totals[path] -= weight * slope
    return list(totals.values())
