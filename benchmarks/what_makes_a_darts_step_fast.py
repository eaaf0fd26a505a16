"""What each measure gives that makes a search step of DARTS fast on a CPU; see how_fast_is_a_darts_step.py.

python benchmarks/what_makes_a_darts_step_fast.py [--sizes 8,5,32] [--orders 1 2] [--rounds 5]
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest import mock

import torch
from darts_reference import Batch
from how_fast_is_a_darts_step import Step, compare, named, own_step, plain_network, plain_step, size, supernet, warm_up
from measuring import save
from torch import Tensor

from searchitect.networks import separable
from searchitect.networks.depthwise import _convolution_gradients
from searchitect.oneshot import gradients

CLAIM = "none; CPU seconds of one thread, each line with all the measures of the lines above it"


def native_gradients() -> Any:
    """Our depthwise convolutions with the gradients that torch has for them."""

    def by_input(gradient: Tensor, kernel: Tensor, like: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        return _convolution_gradients(gradient, like, kernel, stride, dilation, of_input=True)

    def by_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        return _convolution_gradients(gradient, x, kernel, stride, dilation, of_input=False)

    return mock.patch.multiple(separable, depthwise_input_gradient=by_input, depthwise_weight_gradient=by_kernel)


@contextmanager
def unused_gradients() -> Iterator[None]:
    """Nothing says that the weights get no gradient where only that of the logits is used."""
    with mock.patch.object(gradients, "constant", return_value=nullcontext()):
        yield


def within(context: Any, step: Step) -> Step:
    def run(train: Batch, held: Batch, order: int) -> None:
        with context():
            step(train, held, order)

    return run


@contextmanager
def both() -> Iterator[None]:
    with native_gradients(), unused_gradients():
        yield


def measures(channels: int, layers: int) -> dict[str, Step]:
    return {
        "plain": plain_step(plain_network(channels, layers)),
        "gradients of the logits only, where autograd can": own_step(
            supernet(channels, layers, shares_work=False), torch.contiguous_format
        ),
        "channels-last order": own_step(supernet(channels, layers, shares_work=False)),
        "edges of one state together": within(both, own_step(supernet(channels, layers))),
        "gradients of depthwise convolutions": within(unused_gradients, own_step(supernet(channels, layers))),
        "gradients of the logits only, everywhere": own_step(supernet(channels, layers)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=size, default=[(8, 5, 32)], help="channels,layers,batch")
    parser.add_argument("--orders", nargs="+", type=int, default=[1, 2], choices=(1, 2))
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for place in given.sizes:
        channels, layers, count = place
        steps = measures(channels, layers)
        warm_up(steps, count)
        for order in given.orders:
            taken = compare(steps, count, order, given.rounds)
            rows += [
                {
                    "supernet": named(place),
                    "order": order,
                    "measure": name,
                    "seconds": seconds,
                    "of plain": seconds / taken["plain"],
                }
                for name, seconds in taken.items()
            ]
    save("what_makes_a_darts_step_fast", CLAIM, {"rows": rows})


if __name__ == "__main__":
    main()
