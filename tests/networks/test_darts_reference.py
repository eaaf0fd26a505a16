"""The supernet against the plain one of the benchmarks, which runs every operation of every edge by itself."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from searchitect.core import TaskInfo
from searchitect.networks import build
from searchitect.networks.mixed import set_weights
from searchitect.oneshot.gradients import second_order
from searchitect.spaces.darts import Darts

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "darts_reference.py"


@pytest.fixture(scope="module")
def plain() -> ModuleType:
    spec = importlib.util.spec_from_file_location("darts_reference", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def both(plain: ModuleType) -> tuple[nn.Module, dict[str, torch.Tensor], nn.Module]:
    torch.manual_seed(0)
    space = Darts(channels=4, layers=3, none=True)
    network = build(space, space.open_spec(), TaskInfo("tiny", "image-classification", (3, 8, 8), 10, 100)).double()
    reference = plain.Reference(4, 3).double()
    plain.load_supernet(reference, network)
    with torch.no_grad():
        for table in reference.logits.values():
            table.mul_(1000)  # as if they had been trained
    logits = {kind: table.detach().clone().requires_grad_() for kind, table in reference.logits.items()}
    return network, logits, reference


def loss_of(
    plain: ModuleType, network: nn.Module, logits: dict[str, torch.Tensor], batch: tuple[torch.Tensor, torch.Tensor]
) -> torch.Tensor:
    rows = {kind: table.softmax(-1) for kind, table in logits.items()}
    set_weights(
        network,
        {f"{kind}/{node}/edges/{state}/op": rows[kind][i] for kind in rows for i, (node, state) in enumerate(plain.EDGES)},
    )
    return cross_entropy(network(batch[0]), batch[1])


def a_batch(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    return torch.randn(4, 3, 8, 8, dtype=torch.float64), torch.randint(10, (4,))


def test_loss_and_gradients_are_those_of_the_plain_supernet(plain: ModuleType) -> None:
    network, logits, reference = both(plain)
    batch = a_batch(1)
    ours = loss_of(plain, network, logits, batch)
    theirs = plain.loss_on(reference, batch)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0)
    ours.backward()
    theirs.backward()
    for kind, table in logits.items():
        torch.testing.assert_close(table.grad, reference.logits[kind].grad, rtol=1e-4, atol=1e-9)
    expected = dict(reference.named_parameters())
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[plain.reference_name(name)].grad, rtol=1e-4, atol=1e-9)
    buffers = dict(reference.named_buffers())
    for name, buffer in network.named_buffers():
        torch.testing.assert_close(buffer, buffers[plain.reference_name(name)])


def test_the_second_order_gradient_is_that_of_the_plain_supernet(plain: ModuleType) -> None:
    network, logits, reference = both(plain)
    train, held = a_batch(1), a_batch(2)
    settings = {"rate": 0.025, "momentum": 0.9, "weight_decay": 3e-4}
    weights = dict(network.named_parameters())
    buffers = {plain.reference_name(name): torch.randn_like(value) * 0.01 for name, value in weights.items()}
    found = second_order(
        list(weights.values()),
        list(logits.values()),
        lambda: loss_of(plain, network, logits, train),
        lambda: loss_of(plain, network, logits, held),
        buffers=[buffers[plain.reference_name(name)] for name in weights],
        **settings,
    )
    names = [name for name, _ in reference.named_parameters() if not name.startswith("logits")]
    plain.second_order_step(reference, train, held, buffers=[buffers[name] for name in names], **settings)
    for kind, ours in zip(logits, found, strict=True):
        torch.testing.assert_close(ours, reference.logits[kind].grad, rtol=1e-4, atol=1e-9)
