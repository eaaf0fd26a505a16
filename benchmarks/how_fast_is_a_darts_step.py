"""One search step of DARTS (logits, then weights) on its convolutional supernet: ours against the plain one of darts_reference.py.

Both do the same: the gradient of the logits by first or second order and a step of Adam, the gradient of the weights, clipped, and a step of SGD
with momentum. They start from the same weights and take turns in one process; the figure is the ratio of the medians. One thread is measured in
CPU time, several in elapsed time: nothing else should run then.

    python benchmarks/how_fast_is_a_darts_step.py [--sizes 8,5,32 16,8,64] [--orders 1 2] [--threads 1] [--rounds 5]

Rows of other sizes, orders and threads stay from earlier runs.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from darts_reference import EDGES, Batch, Reference, first_order_step, load_supernet, loss_on, second_order_step
from measuring import RESULTS, save
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.networks import build
from searchitect.networks.darts import build as build_alone
from searchitect.networks.mixed import mixed_layers, set_weights
from searchitect.oneshot.gradients import constant, first_order, second_order
from searchitect.spaces.darts import Darts

RATE, MOMENTUM, DECAY, CLIP = 0.025, 0.9, 3e-4, 5.0
INFO = TaskInfo("images", "image-classification", (3, 32, 32), 10, 100)
NAME = "how_fast_is_a_darts_step"
CLAIM = "a step of first order takes at most 1/3 of the time of the plain supernet, one of second order at most 1/2.5"

Step = Callable[[Batch, Batch, int], None]
Size = tuple[int, ...]
"""Channels, layers, images of a batch."""


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
    weights, layers = list(network.parameters()), mixed_layers(network)
    kinds = {kind: (1e-3 * torch.randn(len(EDGES), 8)).requires_grad_() for kind in ("normal", "reduction")}
    logits = list(kinds.values())
    adam = torch.optim.Adam(logits, 3e-4, betas=(0.5, 0.999), weight_decay=1e-3)
    sgd = torch.optim.SGD(weights, RATE, MOMENTUM, weight_decay=DECAY, fused=True)

    def loss(batch: Batch) -> Tensor:
        rows = {kind: table.softmax(-1).unbind() for kind, table in kinds.items()}
        shares = {f"{kind}/{node}/edges/{state}/op": rows[kind][i] for kind in kinds for i, (node, state) in enumerate(EDGES)}
        set_weights(network, shares, layers)
        return loss_on(network, (batch[0].contiguous(memory_format=layout), batch[1]))

    def step(train: Batch, held: Batch, order: int) -> None:
        if order == 1:
            found = first_order(weights, logits, lambda: loss(held))
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
        with constant(logits):
            value = loss(train)
        for weight, slope in zip(weights, torch.autograd.grad(value, weights), strict=True):
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


def batches(count: int) -> tuple[Batch, Batch]:
    generator = torch.Generator().manual_seed(1)
    train, held = (
        (torch.randn(count, 3, 32, 32, generator=generator), torch.randint(10, (count,), generator=generator)) for _ in range(2)
    )
    return train, held


def size(text: str) -> Size:
    """Of an argument: channels,layers,batch."""
    return tuple(int(number) for number in text.split(","))


def named(place: Size) -> str:
    return "C={}, {} layers, batch {}".format(*place)


def compare(steps: dict[str, Step], count: int, order: int, rounds: int) -> dict[str, float]:
    """Median seconds of each; they take turns."""
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    train, held = batches(count)
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = clock()
            step(train, held, order)
            taken[name].append(clock() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def warm_up(steps: dict[str, Step], count: int) -> None:
    """The first step is slower than the others. Optimizers keep nothing before it, too."""
    compare(steps, count, 1, 1)


def kept_rows(changed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of earlier runs that this one does not replace."""
    path = RESULTS / f"{NAME}.json"
    rows = json.loads(path.read_text())["figures"]["rows"] if path.exists() else []
    keys = ("supernet", "order", "threads")
    return [row for row in rows if not any(all(row[key] == new[key] for key in keys) for new in changed)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=size, default=[(8, 5, 32), (16, 8, 64)], help="channels,layers,batch")
    parser.add_argument("--orders", nargs="+", type=int, default=[1, 2], choices=(1, 2))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rows: list[dict[str, Any]] = []
    for place in given.sizes:
        channels, layers, count = place
        steps = {"plain": plain_step(plain_network(channels, layers)), "ours": own_step(supernet(channels, layers))}
        warm_up(steps, count)
        for order in given.orders:
            taken = compare(steps, count, order, given.rounds)
            rows.append(
                {
                    "supernet": named(place),
                    "order": order,
                    "threads": given.threads,
                    "rounds": given.rounds,
                    "plain seconds": taken["plain"],
                    "ours seconds": taken["ours"],
                    "times as fast": taken["plain"] / taken["ours"],
                }
            )
            order_of = ("threads", "supernet", "order")
            save(NAME, CLAIM, {"rows": sorted(kept_rows(rows) + rows, key=lambda row: [row[key] for key in order_of])})


if __name__ == "__main__":
    main()
