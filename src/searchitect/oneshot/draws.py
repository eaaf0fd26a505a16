"""Draws of options from logits, and how likely a draw was."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Final

import torch
from torch import Tensor

from searchitect.oneshot.choices import Choice

_SMALLEST: Final = 1e-10
"""Uniform numbers are kept that far from 0, whose logarithm is infinite."""


def gumbel(options: int, generator: torch.Generator, like: Tensor) -> Tensor:
    """Standard Gumbel noise [options], -log(-log u)."""
    uniform = torch.rand(options, generator=generator).clamp_min(_SMALLEST)
    return -(-uniform.log()).log().to(like)


def draw(logits: Tensor, k: int, generator: torch.Generator) -> list[int]:
    """``k`` different options, in the order drawn: each by the softmax over those that are left.

    These are the k largest of logits plus Gumbel noise (the Gumbel-max identity; for k > 1 Vieira 2014, "Gumbel-max trick and weighted
    reservoir sampling", https://timvieira.github.io/blog/post/2014/08/01/gumbel-max-trick-and-weighted-reservoir-sampling/).

    Args:
        logits: [n].
        k: in [1, n].
        generator: of the noise.
    """
    noisy = logits.detach() + gumbel(len(logits), generator, logits)
    return [int(place) for place in noisy.topk(k).indices]


def log_probability(logits: Tensor, taken: Sequence[int]) -> Tensor:
    """The logarithm of how likely `draw` takes these options, in whatever order: a scalar, differentiable.

    Of one option, its gradient by the logits is one-hot minus softmax. The cost grows with the factorial of how many are taken.
    """
    log_p = logits.log_softmax(0)
    if len(taken) == 1:
        return log_p[taken[0]]
    orders = []
    for order in permutations(taken):
        total, left = logits.new_zeros(()), list(range(len(logits)))
        for place in order:
            total = total + log_p[place] - log_p[left].logsumexp(0)
            left.remove(place)
        orders.append(total)
    return torch.stack(orders).logsumexp(0)


def active(choices: Sequence[Choice], taken: Mapping[str, Sequence[int]]) -> list[str]:
    """The paths among ``taken`` whose options count: those of choices that do not lie inside an option that was not taken.

    Args:
        choices: of the supernet, outer ones first.
        taken: places of the options, by path; of a choice without an entry every option is run.
    """
    left_out: set[str] = set()
    labels = {c.path: {c.labels[place] for place in taken[c.path]} for c in choices if c.path in taken}
    for choice in choices:
        if choice.outer is None:
            continue
        path, there = choice.outer
        if path in left_out or (path in labels and not labels[path] & set(there)):
            left_out.add(choice.path)
    return [path for path in taken if path not in left_out]
