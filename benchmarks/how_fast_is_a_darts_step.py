"""One search step of DARTS (logits, then weights) on its convolutional supernet: ours against the plain one of darts_reference.py.

Both do the same: the gradient of the logits by first or second order and a step of Adam, the gradient of the weights, clipped, and a step of SGD
with momentum. They start from the same weights and take turns in one process; the figure is the ratio of the medians of the CPU time. Memory is
the largest resident set of a process that does three steps, less that of one that builds the network and does none.

    python benchmarks/how_fast_is_a_darts_step.py [--sizes 8,5,32 16,8,64] [--threads 1] [--rounds 5] [--levers]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from darts_reference import EDGES, Batch, Reference, first_order_step, load_supernet, loss_on, second_order_step
from measuring import save
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.networks import build, separable
from searchitect.networks.darts import build as build_alone
from searchitect.networks.depthwise import _convolution_gradients
from searchitect.networks.mixed import set_weights
from searchitect.oneshot.gradients import first_order, second_order
from searchitect.spaces.darts import Darts

RATE, MOMENTUM, DECAY, CLIP = 0.025, 0.9, 3e-4, 5.0
INFO = TaskInfo("images", "image-classification", (3, 32, 32), 10, 100)
CLAIM = (
    "a step of first order takes at most 1/3 of the time of the plain supernet, one of second order at most 1/2.5, "
    "and at most half of the memory"
)

Step = Callable[[Batch, Batch, int], None]


def plain_step(network: Reference) -> Step:
    logits = list(network.logits.values())
    adam = torch.optim.Adam(logits, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(network.weights(), RATE, MOMENTUM, weight_decay=DECAY)

    def step(train: Batch, held: Batch, order: int) -> None:
        adam.zero_grad()
        if order == 1:
            first_order_step(network, held)
        else:
            buffers = [sgd.state[p]["momentum_buffer"] for p in network.weights()] if sgd.state else []
            second_order_step(network, train, held, RATE, MOMENTUM, buffers, DECAY)
        adam.step()
        sgd.zero_grad()
        loss_on(network, train).backward()
        nn.utils.clip_grad_norm_(network.weights(), CLIP)
        sgd.step()

    return step


def own_step(network: nn.Module, layout: torch.memory_format = torch.channels_last) -> Step:
    network.to(memory_format=layout)  # type: ignore[call-overload]
    weights = list(network.parameters())
    kinds = {kind: (1e-3 * torch.randn(len(EDGES), 8)).requires_grad_() for kind in ("normal", "reduction")}
    logits = list(kinds.values())
    adam = torch.optim.Adam(logits, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(weights, RATE, MOMENTUM, weight_decay=DECAY, fused=True)

    def loss(batch: Batch) -> Tensor:
        rows = {kind: table.softmax(-1).unbind() for kind, table in kinds.items()}
        shares = {f"{kind}/{node}/edges/{state}/op": rows[kind][i] for kind in kinds for i, (node, state) in enumerate(EDGES)}
        set_weights(network, shares)
        return loss_on(network, (batch[0].contiguous(memory_format=layout), batch[1]))

    def step(train: Batch, held: Batch, order: int) -> None:
        if order == 1:
            found = first_order(logits, lambda: loss(held))
        else:
            buffers = [sgd.state[p].get("momentum_buffer") for p in weights]
            found = second_order(
                weights,
                logits,
                lambda: loss(train),
                lambda: loss(held),
                rate=RATE,
                momentum=MOMENTUM,
                buffers=buffers,
                weight_decay=DECAY,
            )
        for table, slope in zip(logits, found, strict=True):
            table.grad = slope
        adam.step()
        for weight, slope in zip(weights, torch.autograd.grad(loss(train), weights), strict=True):
            weight.grad = slope
        nn.utils.clip_grad_norm_(weights, CLIP)
        sgd.step()

    return step


def supernet(channels: int, layers: int, shares_work: bool = True) -> nn.Module:
    torch.manual_seed(0)
    space = Darts(channels=channels, layers=layers, none=True)
    network = build(space, space.open_spec(), INFO) if shares_work else build_alone(space.open_spec(), INFO)
    return network.train()


def plain_network(channels: int, layers: int) -> Reference:
    network = Reference(channels, layers)
    load_supernet(network, supernet(channels, layers))
    return network.train()


def batches(size: int) -> tuple[Batch, Batch]:
    generator = torch.Generator().manual_seed(1)
    train, held = (
        (torch.randn(size, 3, 32, 32, generator=generator), torch.randint(10, (size,), generator=generator)) for _ in range(2)
    )
    return train, held


def cpu_seconds(step: Step, size: int, order: int) -> float:
    train, held = batches(size)
    began = time.process_time()
    step(train, held, order)
    return time.process_time() - began


def compare(steps: dict[str, Step], size: int, order: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each, which take turns; the first round warms up."""
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(rounds + 1):
        for name, step in steps.items():
            seconds = cpu_seconds(step, size, order)
            if turn > 0:
                taken[name].append(seconds)
    return taken


def measure_memory(who: str, channels: int, layers: int, size: int, order: int) -> float:
    """MB that the steps need, each measurement in a process of its own."""
    peaks = []
    for count in (0, 3):
        command = [
            sys.executable,
            __file__,
            "--peak",
            who,
            "--sizes",
            f"{channels},{layers},{size}",
            "--order",
            str(order),
            "--rounds",
            str(count),
        ]
        peaks.append(float(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    return peaks[1] - peaks[0]


def print_peak(who: str, channels: int, layers: int, size: int, order: int, count: int) -> None:
    step = plain_step(plain_network(channels, layers)) if who == "plain" else own_step(supernet(channels, layers))
    for _ in range(count):
        step(*batches(size), order)
    # not getrusage, whose figure begins with that of the process that started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024)


def native_gradients() -> Any:
    """Our depthwise convolutions with the gradients that torch has for them."""

    def by_input(gradient: Tensor, kernel: Tensor, like: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        return _convolution_gradients(gradient, like, kernel, stride, dilation, of_input=True)

    def by_kernel(gradient: Tensor, x: Tensor, kernel: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        return _convolution_gradients(gradient, x, kernel, stride, dilation, of_input=False)

    return mock.patch.multiple(separable, depthwise_input_gradient=by_input, depthwise_weight_gradient=by_kernel)


def measure_levers(channels: int, layers: int, size: int, rounds: int) -> dict[str, float]:
    """First order: median CPU seconds, each line with all the levers of the lines above it."""
    patched = own_step(supernet(channels, layers))

    def with_native_gradients(train: Batch, held: Batch, order: int) -> None:
        with native_gradients():
            patched(train, held, order)

    steps = {
        "plain": plain_step(plain_network(channels, layers)),
        "only the gradients that are used": own_step(supernet(channels, layers, shares_work=False), torch.contiguous_format),
        "channels-last order": own_step(supernet(channels, layers, shares_work=False)),
        "edges of one state together": with_native_gradients,
        "gradients of depthwise convolutions": own_step(supernet(channels, layers)),
    }
    return {name: statistics.median(taken) for name, taken in compare(steps, size, 1, rounds).items()}


def measure(channels: int, layers: int, size: int, orders: Sequence[int], rounds: int) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for order in orders:
        steps = {"plain": plain_step(plain_network(channels, layers)), "ours": own_step(supernet(channels, layers))}
        taken = {name: statistics.median(seconds) for name, seconds in compare(steps, size, order, rounds).items()}
        memory = {who: measure_memory(who, channels, layers, size, order) for who in ("plain", "ours")}
        figures[f"order {order}"] = {
            "CPU seconds": taken,
            "times as fast": taken["plain"] / taken["ours"],
            "MB": memory,
            "share of the memory": memory["ours"] / memory["plain"],
        }
        print(f"C={channels}, {layers} layers, batch {size}, order {order}:", json.dumps(figures[f"order {order}"]), flush=True)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", default=["8,5,32", "16,8,64"], help="channels,layers,batch")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--order", type=int, choices=(1, 2), help="default: both")
    parser.add_argument("--levers", action="store_true", help="what each lever gives, instead")
    parser.add_argument("--peak", choices=("plain", "ours"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    sizes = [tuple(int(number) for number in size.split(",")) for size in given.sizes]
    if given.peak:
        print_peak(given.peak, *sizes[0], given.order, given.rounds)
        return
    orders = [given.order] if given.order else [1, 2]
    figures: dict[str, Any] = {"threads": given.threads}
    for channels, layers, size in sizes:
        name = f"C={channels}, {layers} layers, batch {size}"
        if given.levers:
            figures[name] = measure_levers(channels, layers, size, given.rounds)
        else:
            figures[name] = measure(channels, layers, size, orders, given.rounds)
    suffix = ("_levers" if given.levers else "") + (f"_{given.threads}_threads" if given.threads > 1 else "")
    save(f"how_fast_is_a_darts_step{suffix}", CLAIM, figures)


if __name__ == "__main__":
    main()
