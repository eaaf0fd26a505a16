"""Our training loop against a hand-written one: same network, batch size, optimizer and thread. Interleaved, nine rounds.

The plain loop does what a careful person writes: shuffle, gather, normalise, AdamW (default implementation), cross-entropy. Ours does the default
recipe's augmentation, gradient clipping, weight averaging and schedule besides, and looks at the validation part; the plain loop looks as often.
"""

import random
import statistics
import time

import torch
from measuring import save
from torch import nn
from torch.nn.functional import cross_entropy

from searchitect.core import Architecture
from searchitect.networks import build
from searchitect.spaces import default_space
from searchitect.tasks import Task, load_task
from searchitect.training import Recipe, Span, default_recipe, predict, train


def plain_loop(network: nn.Module, task: Task, recipe: Recipe, epochs: int) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
    x, y = task.train.x, task.train.y
    network.train()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for rows in order.split(recipe.batch_size):
            if len(rows) * 2 < recipe.batch_size:
                continue
            optimizer.zero_grad()
            cross_entropy(network(task.preprocess(x[rows])), y[rows]).backward()
            optimizer.step()


def seconds_per_epoch(architecture: Architecture, task: Task, recipe: Recipe, epochs: int, ours: bool) -> float:
    torch.manual_seed(0)
    network = build(default_space(task.info), architecture.spec, task.info)
    began = time.perf_counter()
    if ours:
        train(network, task, recipe, Span(epochs=epochs))
    else:
        plain_loop(network, task, recipe, epochs)
        for _ in range(min(epochs, 8)):
            predict(network, task, task.valid.x)
    return (time.perf_counter() - began) / epochs


def main(rounds: int = 9, epochs: int = 4) -> None:
    torch.set_num_threads(1)
    task = load_task("digits")
    space = default_space(task.info)
    architectures = [space.sample(random.Random(f"network {i}")) for i in range(3)]
    recipe = default_recipe(task.info)
    found: dict[str, dict[str, float]] = {}
    for place, architecture in enumerate(architectures):
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(rounds):
            for ours in (True, False):
                times[ours].append(seconds_per_epoch(architecture, task, recipe, epochs, ours))
        ratios = [a / b for a, b in zip(times[True], times[False], strict=True)]
        found[f"network {place}"] = {
            "ours_s": statistics.median(times[True]),
            "plain_s": statistics.median(times[False]),
            "ratio": statistics.median(ratios),
        }
    found["all"] = {"ratio": statistics.median(v["ratio"] for v in found.values())}
    save("is_the_training_loop_as_fast_as_a_plain_one", "at most 1.05 times the plain loop's time per epoch", found)


if __name__ == "__main__":
    main()
