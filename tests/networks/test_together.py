"""Cells that share work against the same cells run edge by edge, in double precision."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import TaskInfo
from searchitect.core.space import Space
from searchitect.networks import build, find_build
from searchitect.networks.darts import DartsCell
from searchitect.networks.mixed import choose_options, mixed_layers, set_weights
from searchitect.networks.together import share_work
from searchitect.recipes.cells import PartialDarts
from searchitect.spaces.darts import Darts
from searchitect.spaces.enas_micro import EnasMicro
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.spaces.nasnet import Nasnet

Weights = dict[str, Any]


def twins(space: Space, side: int = 8, **options: Any) -> tuple[nn.Module, nn.Module]:
    """One supernet twice: run edge by edge, and sharing work."""
    info = TaskInfo("tiny", "image-classification", (2, side, side), 4, 100)
    torch.manual_seed(0)
    make = space.build if isinstance(space, PartialDarts) else find_build(space)
    alone = make(space.open_spec(), info, **options).double().train()
    together = copy.deepcopy(alone)
    share_work(together)
    return alone, together


def relaxed(network: nn.Module) -> Weights:
    torch.manual_seed(1)
    tables = {path: torch.randn(len(layers[0].labels), dtype=torch.float64) for path, layers in mixed_layers(network).items()}
    return {path: table.softmax(0).requires_grad_() for path, table in tables.items()}


def run(network: nn.Module, weights: Weights, side: int = 8) -> tuple[Tensor, dict[str, Tensor]]:
    """The output, and the gradients of all parameters and weights."""
    set_weights(network, weights)
    torch.manual_seed(2)
    y = network(torch.randn(4, 2, side, side, dtype=torch.float64))
    wanted = dict(network.named_parameters()) | {k: v for k, v in weights.items() if isinstance(v, Tensor)}
    found = torch.autograd.grad(y.square().sum(), list(wanted.values()), allow_unused=True)
    zeros = {name: torch.zeros_like(value) for name, value in wanted.items()}
    return y, {name: zeros[name] if g is None else g for name, g in zip(wanted, found, strict=True)}


def assert_equal(alone: nn.Module, together: nn.Module, make: Callable[[nn.Module], Weights], side: int = 8) -> None:
    expected, gradients = run(alone, make(alone), side)
    found, others = run(together, make(together), side)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(others, gradients)
    torch.testing.assert_close(dict(together.named_buffers()), dict(alone.named_buffers()))  # the running statistics


SMALL_SPACES = [
    Darts(channels=4, layers=3, nodes=2, none=True),
    EnasMicro(channels=4, layers=1, nodes=2, dropout=0.0),
    Nasnet(
        channels=4, cells=3, blocks=2, stages=2, operations=("skip_connect", "avg_pool_3x3", "sep_conv_5x5", "max_pool_5x5")
    ),
    PartialDarts(channels=4, layers=3, nodes=2, none=True, partial=2),
    NasBench201(channels=3, cells=1),
]


@pytest.mark.parametrize("space", SMALL_SPACES, ids=lambda space: type(space).__name__)
def test_sums_gradients_and_statistics_are_those_of_edges_run_alone(space: Space) -> None:
    assert_equal(*twins(space), relaxed)


def test_convolutions_may_have_biases() -> None:
    """As those of NAS-Bench-201 while one searches."""
    assert_equal(*twins(NasBench201(channels=3, cells=1), affine=False), relaxed)


def test_partial_channels_keep_odd_sides_and_all_channels() -> None:
    assert_equal(*twins(PartialDarts(channels=4, layers=3, nodes=1, partial=4), side=7), relaxed, side=7)
    assert_equal(*twins(PartialDarts(channels=4, layers=3, nodes=1, partial=1)), relaxed)


def test_odd_sides_are_halved_and_rounded_up() -> None:
    assert_equal(*twins(Darts(channels=4, layers=3, nodes=1), side=7), relaxed, side=7)


def test_a_sampled_path_runs_nothing_else() -> None:
    space = Darts(channels=4, layers=3, nodes=2, none=True)
    alone, together = twins(space)
    decisions = space.decide(
        {
            f"{kind}/{node}/edges{rest}": value
            for kind in ("normal", "reduction")
            for node in range(2)
            for rest, value in (("", ["0", "1"]), ("/0/op", "sep_conv_3x3"), ("/1/op", "none"))
        }
    ).decisions
    for network in (alone, together):
        choose_options(network, decisions)
    weights = {path: layers[0].weights for path, layers in mixed_layers(alone).items()}
    assert_equal(alone, together, lambda _: weights)
    run_parts = {
        name
        for name, buffer in together.named_buffers()
        if name.endswith("num_batches_tracked") and buffer > 0 and ".nodes." in name
    }
    assert run_parts
    assert all(".layer.options.4." in name for name in run_parts)  # sep_conv_3x3


def test_options_that_weights_leave_out_get_no_gradient() -> None:
    _, together = twins(Darts(channels=4, layers=3, nodes=1))
    gates = {path: [0.0] * 6 + [torch.tensor(0.5, dtype=torch.float64)] for path in relaxed(together) if path.endswith("/op")}
    set_weights(together, gates)
    together(torch.randn(4, 2, 8, 8, dtype=torch.float64)).sum().backward()
    reached = [name for name, parameter in together.named_parameters() if ".nodes." in name and parameter.grad is not None]
    assert reached
    assert all(".layer.options.6." in name for name in reached)


def test_evaluated_it_is_what_it_is_without_sharing() -> None:
    alone, together = twins(SMALL_SPACES[0])
    for network in (alone.eval(), together.eval()):
        set_weights(network, relaxed(network))
    x = torch.randn(4, 2, 8, 8, dtype=torch.float64)
    assert torch.equal(together(x), alone(x))


def test_a_copy_has_weights_of_its_own() -> None:
    _, together = twins(SMALL_SPACES[0])
    second = copy.deepcopy(together)
    with torch.no_grad():
        for parameter in together.parameters():
            parameter.zero_()
    alone, _ = twins(SMALL_SPACES[0])
    assert_equal(alone, second, relaxed)


def test_a_broken_run_leaves_nothing_behind() -> None:
    alone, together = twins(SMALL_SPACES[0])
    cell = together.get_submodule("cells.0")
    assert isinstance(cell, DartsCell)
    set_weights(together, relaxed(together))
    state = torch.randn(4, 4, 8, 8, dtype=torch.float64)
    cell.nodes[0]([state, state.flip(0)])  # and never the second node
    for network in (alone, together):
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()
    assert_equal(alone, together, relaxed)


def test_the_public_build_shares_work_in_supernets_only() -> None:
    space = SMALL_SPACES[0]
    info = TaskInfo("tiny", "image-classification", (2, 8, 8), 4, 100)
    torch.manual_seed(0)
    shared = [m for m in build(space, space.open_spec(), info).modules() if "forward" in vars(m)]
    assert len(shared) == 3 * 2  # cells, nodes
    network = build(space, space.decide(next(iter(space.enumerate())).decisions).spec, info)
    assert not any("forward" in vars(module) for module in network.modules())


def test_edges_of_large_states_run_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("searchitect.networks.shared_state.LARGE", 1)
    assert_equal(*twins(SMALL_SPACES[0]), relaxed)
