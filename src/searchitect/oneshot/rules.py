"""Rules: what one step of a relaxed search learns from what."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor

from searchitect.oneshot.gradients import constant, first_order, second_order

if TYPE_CHECKING:
    from searchitect.oneshot.feed import Batch
    from searchitect.oneshot.relaxed import Relaxed, Rule
    from searchitect.oneshot.training import SupernetTraining


def bilevel(order: int, every: int = 1) -> Rule:
    """Logits from held-out data, then weights from training data (Liu et al. 2019, https://arxiv.org/abs/1806.09055, algorithm 1).

    Args:
        order: 1, or 2: through a virtual step of the weights, with their present learning rate.
        every: steps of the weights per step of the logits (5 in ProxylessNAS).
    """
    return partial(_bilevel, order, every)


def _bilevel(order: int, every: int, method: Relaxed, training: SupernetTraining, batch: Batch, held: Batch) -> float:
    if is_due(method, training, every):
        state = training.generator.get_state()

        def loss_on(part: Batch) -> Tensor:
            training.generator.set_state(state)  # the same draw for every loss of the step
            method.relax(training)
            return training.loss(part)

        logits = list(method.logits.values())
        if order == 1:
            gradients = first_order(training.parameters, logits, partial(loss_on, held))
        else:
            schedule = training.method.schedule
            gradients = second_order(
                training.parameters,
                logits,
                partial(loss_on, batch),
                partial(loss_on, held),
                rate=training.rate,
                momentum=schedule.momentum,
                buffers=training.momentum_buffers(),
                weight_decay=schedule.weight_decay,
            )
        method.update_logits(gradients)
    return learn_weights(method, training, batch)


def is_due(method: Relaxed, training: SupernetTraining, every: int) -> bool:
    """Whether the logits learn in this step, of which every ``every``-th one is theirs."""
    return method.is_warm(training) and training.step % every == 0


def learn_weights(method: Relaxed, training: SupernetTraining, batch: Batch) -> float:
    """Draw weights of the options, and one step of the network's weights. The logits get no gradient."""
    with constant(list(method.logits.values())):
        method.relax(training)
        loss = training.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    training.update_weights()
    return float(loss.detach())


def single_level(method: Relaxed, training: SupernetTraining, batch: Batch, _held: Batch) -> float:
    """Weights and logits from one backward pass on the same batch (Xie et al. 2019, https://arxiv.org/abs/1812.09926, section 2.2)."""
    method.relax(training)
    loss = training.loss(batch)
    loss.backward()  # type: ignore[no-untyped-call]
    if method.is_warm(training):
        gradients = [values.grad if values.grad is not None else values.detach() * 0 for values in method.logits.values()]
        method.update_logits(gradients)
    for values in method.logits.values():
        values.grad = None
    training.update_weights()
    return float(loss.detach())
