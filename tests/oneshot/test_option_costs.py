import random

import pytest
import torch
from torch import nn

from searchitect.core import SettingError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import build
from searchitect.networks.darts import build as build_darts
from searchitect.networks.mixed import Mixed, choose_options
from searchitect.networks.open_layers import OpenRepeat
from searchitect.oneshot.option_costs import above, additive, expected_cost
from searchitect.spaces.darts import Darts

from .tiny import Tiny

IMAGES = TaskInfo("images", "image-classification", (3, 8, 8), 10, 100)
TABLE = TaskInfo("table", "table-classification", (4,), 2, 100)


def chain() -> nn.Module:
    """Two choices one after the other, the first twice: options of 3 and of 12, of 12 and of 24 parameters; 6 are always there."""
    first = [
        Mixed("a", ["thin", "thick"], [nn.Linear(3, 3, bias=False), nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))])
        for _ in range(2)
    ]
    second = Mixed(
        "b", [1, 2], [nn.Linear(3, 4, bias=False), nn.Sequential(nn.Linear(3, 4, bias=False), nn.Linear(4, 4, bias=False))]
    )
    return nn.Sequential(*first, second, nn.Linear(4, 1, bias=False))


@pytest.mark.parametrize("kind", ["params", "macs"])
def test_the_cost_of_decisions_is_that_of_the_network_alone(kind):
    network = chain()
    found = expected_cost(network, torch.zeros(1, 3), kind)
    thick = 24 if kind == "params" else 18
    assert found.of({"a": "thin", "b": 1}) == 2 * 9 + 12 + 4
    assert found.of({"a": "thick", "b": 1}) == 2 * thick + 12 + 4
    assert found.of({"a": "thick", "b": 2}) == 2 * thick + 28 + 4


@pytest.mark.parametrize("seed", range(3))
def test_multiply_adds_of_cells_are_those_of_the_decided_network(seed):
    space = Darts(channels=4, layers=3, nodes=2, none=True)
    drawn = space.sample(random.Random(seed))
    network = build(space, space.open_spec(), IMAGES)
    found = expected_cost(network, torch.zeros(1, 3, 8, 8), "macs")
    assert found.of(drawn.decisions) == count_macs(build(space, drawn.spec, IMAGES), (3, 8, 8))


@pytest.mark.parametrize("seed", range(3))
def test_parameters_of_cells_are_those_of_the_network_that_is_searched(seed):
    space = Darts(channels=4, layers=3, nodes=2, none=True)
    drawn = space.sample(random.Random(seed))
    found = expected_cost(build(space, space.open_spec(), IMAGES), torch.zeros(1, 3, 8, 8), "params")
    assert found.of(drawn.decisions) == count_params(build_darts(drawn.spec, IMAGES, searching=True))


def test_the_expected_cost_is_the_mean_over_draws():
    space = Tiny()
    found = expected_cost(build(space, space.open_spec(), TABLE), torch.zeros(1, 4), "params")
    rng = random.Random(0)
    mean = sum(found.of(space.sample(rng).decisions) for _ in range(4000)) / 4000
    assert float(found.expected({})) == pytest.approx(mean, rel=0.02)


def test_the_gradient_by_a_logit_is_p_times_the_cost_above_the_mean():
    found = expected_cost(chain(), torch.zeros(1, 3), "params")
    logits = torch.tensor([0.3, -0.5], requires_grad=True)
    p = logits.softmax(0)
    found.expected({"a": p, "b": torch.tensor([1.0, 0.0])}).backward()
    costs = torch.tensor([18.0, 48.0])
    with torch.no_grad():
        assert torch.allclose(logits.grad, p * (costs - (p * costs).sum()))


def test_it_is_linear_in_each_choice_and_nested_choices_multiply():
    inner = Mixed("outer/deep/inner", [0, 1], [nn.Identity(), nn.Linear(3, 3, bias=False)])
    outer = Mixed("outer", ["none", "deep"], [nn.Identity(), nn.Sequential(nn.Linear(3, 3, bias=False), inner)])
    found = expected_cost(nn.Sequential(outer), torch.zeros(1, 3), "params")
    p, q = torch.tensor([0.25, 0.75]), torch.tensor([0.6, 0.4])
    assert float(found.expected({"outer": p, "outer/deep/inner": q})) == pytest.approx(0.75 * (9 + 0.4 * 9))
    ends = [float(found.expected({"outer": torch.tensor(e), "outer/deep/inner": q})) for e in ([1.0, 0.0], [0.0, 1.0])]
    assert float(found.expected({"outer": p, "outer/deep/inner": q})) == pytest.approx(0.25 * ends[0] + 0.75 * ends[1])


def test_a_block_counts_under_all_lengths_that_reach_it():
    repeat = OpenRepeat("depth", 1, [nn.Linear(3, 3, bias=False) for _ in range(3)], [nn.Identity() for _ in range(3)])
    found = expected_cost(nn.Sequential(repeat), torch.zeros(1, 3), "macs")
    assert [found.of({"depth": length}) for length in (1, 2, 3)] == [9, 18, 27]
    assert float(found.expected({"depth": torch.tensor([0.5, 0.25, 0.25])})) == pytest.approx(0.5 * 9 + 0.25 * 18 + 0.25 * 27)


def test_latencies_are_measured_and_the_network_is_afterwards_as_before():
    network = chain().train()
    choose_options(network, {"a": "thin", "b": 2})
    found = expected_cost(network, torch.zeros(1, 3), "latency")
    assert 0 < found.of({"a": "thin", "b": 1}) < found.of({"a": "thick", "b": 2})
    assert network[0].weights == [1.0, 0.0]
    assert network.training
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    with pytest.raises(SettingError, match="must be one of params, macs, latency"):
        expected_cost(network, torch.zeros(1, 3), "memory")


def test_penalties_by_hand():
    cost = torch.tensor(150.0)
    assert float(additive(cost, 0.1, 100.0)) == pytest.approx(0.05)
    assert float(additive(cost / 3, 0.1, 100.0)) == pytest.approx(-0.05)
    assert float(above(cost, 100.0)) == pytest.approx(0.5)
    assert float(above(cost, 200.0)) == 0


def test_what_was_measured_is_kept_in_the_place_of_another_measurement():
    found = expected_cost(chain(), torch.zeros(1, 3), "params")
    assert found.mean == pytest.approx((9 + 24) + (12 + 28) / 2 + 4)
    found.load(2 * found.state())
    assert found.of({"a": "thick", "b": 2}) == 2 * (48 + 28 + 4)
