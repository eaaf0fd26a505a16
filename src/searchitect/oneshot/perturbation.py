"""Selection by perturbation: an option is as strong as the loss of the supernet is high without it.

Wang, Cheng, Chen, Tang, Hsieh 2021, "Rethinking Architecture Selection in Differentiable NAS" (DARTS-PT), https://arxiv.org/abs/2108.04392,
algorithm 1.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from searchitect.core import SettingError
from searchitect.oneshot.derive import Probabilities, most_likely
from searchitect.oneshot.rules import learn_weights

if TYPE_CHECKING:
    from searchitect.oneshot.choices import Choice
    from searchitect.oneshot.feed import Batch
    from searchitect.oneshot.relaxation import Weights
    from searchitect.oneshot.relaxed import Relaxed, Selection
    from searchitect.oneshot.training import SupernetTraining


def perturbation(tune: float = 0.2) -> Selection:
    """Decide the choices one by one, in random order; of a choice, keep the option without which the held-out loss is the highest.

    Then, of each choice of several, again in random order, leave out one option after the other: the one without which the loss is the
    lowest. After each decision the supernet is trained on. As in the authors' code, its normalisations use the statistics of the batch.

    Where the training has a limit of time, each decision takes at most its even share of what is left; those for which nothing is left take
    the likeliest options, and it is said.

    Args:
        tune: steps of this training in all, as a share of those of the search, at least 0; the paper has 5 epochs after each decision.
    """
    if not 0 <= tune <= 100:
        raise SettingError(f"tune must lie in [0, 100], got {tune:g}")
    return partial(_select, tune)


def _select(tune: float, method: Relaxed, training: SupernetTraining) -> Mapping[str, Any]:
    rng = random.Random(training.seed)
    single = [choice for choice in training.choices if choice.path in method.logits and choice.k is None]
    several = [choice for choice in training.choices if choice.k is not None and choice.path in training.has_choices]
    rng.shuffle(single)
    rng.shuffle(several)
    steps = int(tune * training.steps / max(1, len(single) + len(several)))
    (held,) = training.held_feed.go(training.steps, training.steps + 1)
    training.network.train()
    made, order = 0, [*single, *several]
    for choice in order:
        left = training.seconds_left()
        if left is not None and left <= 0:
            break
        kept = _strongest(method, training, choice, held) if choice.k is None else _pruned(method, training, choice, held)
        method.fixed[choice.path] = [float(place in kept) for place in range(len(choice.labels))]
        first = training.steps + made * steps
        enough = None if left is None else left * (1 - 1 / (len(order) - made))  # for the decisions that follow
        for batch in training.feed.go(first, first + steps):
            if enough is not None and (training.seconds_left() or 0.0) < enough:
                break
            learn_weights(method, training, batch)
        made += 1
    decided = _decided(method, training, order[made:])
    decisions = dict(most_likely(training.space, training.choices, decided, method.never).decisions)
    if made == len(order):
        return {"decisions": decisions}
    note = f"the time ended after {made} of {len(order)} decisions by perturbation: the others took the likeliest options"
    return {"decisions": decisions, "notes": [note]}


def _decided(method: Relaxed, training: SupernetTraining, open_: Collection[Choice]) -> Probabilities:
    """What was decided, and how likely options are where nothing was."""
    decided = {path: [float(w) for w in weights] for path, weights in method.fixed.items()}
    likely = method.probabilities()
    usual = most_likely(training.space, training.choices, likely, method.never).decisions
    for choice in open_:
        if choice.k is None:
            decided[choice.path] = list(likely[choice.path])
        elif choice.path in usual:  # by the strength that its options had before any of them was decided
            decided[choice.path] = [float(label in usual[choice.path]) for label in choice.labels]
    return decided


def _strongest(method: Relaxed, training: SupernetTraining, choice: Choice, held: Batch) -> list[int]:
    allowed = [i for i, label in enumerate(choice.labels) if label not in method.never] or list(range(len(choice.labels)))
    losses = [_loss_without(method, training, choice, {place}, held) for place in allowed]
    return [allowed[max(range(len(allowed)), key=lambda i: losses[i])]]


def _pruned(method: Relaxed, training: SupernetTraining, choice: Choice, held: Batch) -> list[int]:
    assert choice.k is not None
    left = list(range(len(choice.labels)))
    while len(left) > choice.k:
        gone = set(range(len(choice.labels))) - set(left)
        left.remove(min(left, key=lambda place: _loss_without(method, training, choice, gone | {place}, held)))
    return left


@torch.no_grad()
def _loss_without(method: Relaxed, training: SupernetTraining, choice: Choice, places: Collection[int], held: Batch) -> float:
    """The loss without some options of a choice; the others keep the weights that they have."""
    training.generator.manual_seed(training.seed)  # the same draw, where the relaxation draws
    weights = method.relax(training).get(choice.path, [1.0] * len(choice.labels))
    training.set_weights({choice.path: _masked(weights, places)})
    return float(training.loss(held))


def _masked(weights: Weights, places: Collection[int]) -> Sequence[Any]:
    return [0.0 if place in places else weights[place] for place in range(len(weights))]
