import random

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from searchitect.core import SettingError, TaskInfo
from searchitect.costs import count_macs, count_params, measure_costs, peak_memory
from searchitect.networks import build
from searchitect.spaces import default_space

IMAGE = TaskInfo("images", "image-classification", (1, 28, 28), 10, 1000)
TABLE = TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9))


def small_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 5),
    )


def test_a_net_counted_by_hand() -> None:
    net = small_net()
    assert count_params(net) == 3 * 8 * 9 + 16 + (8 * 9 + 8) + (8 * 5 + 5)
    # first convolution: 10*10 places; second, one channel per group: 5*5 places; linear
    assert count_macs(net, (3, 10, 10)) == 27 * 8 * 100 + 9 * 8 * 25 + 8 * 5
    # the largest: the normalisation reads and writes 8*10*10 float32 numbers
    assert peak_memory(net, (3, 10, 10)) == pytest.approx(2 * 8 * 100 * 4 / 1e6)


class Forked(nn.Module):
    """Keeps its input until the end: x + relu(relu(x * 2))."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(torch.relu(x * 2))


def test_memory_counts_what_a_later_operation_still_reads() -> None:
    # at the second relu: x, what it reads, what it writes; the sum reuses nothing but needs no more than three either
    assert peak_memory(Forked(), (100,)) == pytest.approx(3 * 400 / 1e6)
    chain = nn.Sequential(nn.ReLU(), nn.ReLU(), nn.ReLU(), nn.ReLU())
    assert peak_memory(chain, (100,)) == pytest.approx(2 * 400 / 1e6)  # each is freed after its last use


def test_memory_shares_views_and_results_in_place() -> None:
    chain = nn.Sequential(nn.Flatten(), nn.ReLU(inplace=True), nn.Unflatten(1, (4, 25)))
    assert peak_memory(chain, (100,)) == pytest.approx(400 / 1e6)


def test_frozen_and_shared_parameters() -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    net[1].weight = net[0].weight
    assert count_params(net) == 16 + 4 + 4
    net[0].bias.requires_grad_(False)
    assert count_params(net) == 16 + 4


@pytest.mark.parametrize("info", [IMAGE, TABLE], ids=["convnet", "mlp"])
def test_counts_agree_with_torch_and_with_a_run_on_real_numbers(info: TaskInfo) -> None:
    """Nothing is lost by counting on the meta device, with its shortcuts."""
    space = default_space(info)
    rng = random.Random(0)
    for _ in range(8):
        spec = space.sample(rng).spec
        net = build(space, spec, info).eval()
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            net(torch.zeros(1, *info.input_shape))
        costs = measure_costs(lambda spec=spec: build(space, spec, info), info.input_shape, ["params", "macs", "memory"])
        assert costs["macs"] == counter.get_total_flops() / 2
        assert costs["params"] == sum(p.numel() for p in net.parameters())
        needs_numbers = measure_costs(lambda net=net: NeedsNumbers(net), info.input_shape, ["params", "macs", "memory"])
        assert needs_numbers == costs


class NeedsNumbers(nn.Module):
    """Cannot be built on the meta device."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.scale = torch.ones(1).item()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.inner(x)
        return y


class UsesItsInputAsIndex(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.ones(1).item()  # cannot be built on the meta device
        self.table = nn.Embedding(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.table(x.long())
        return y


def test_the_example_that_is_run_holds_no_leftovers_of_earlier_memory() -> None:
    torch.use_deterministic_algorithms(True)  # fills what is allocated and not written with NaN
    try:
        assert measure_costs(UsesItsInputAsIndex, (5,), ["params", "macs"]) == {"params": 12, "macs": 0}
    finally:
        torch.use_deterministic_algorithms(False)


def test_the_module_stays_as_it_was() -> None:
    net = small_net().train()
    net[1].eval()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    count_macs(net, (3, 10, 10))
    peak_memory(net, (3, 10, 10))
    assert net.training
    assert not net[1].training
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


def test_only_what_is_asked_for_is_measured() -> None:
    assert measure_costs(small_net, (3, 10, 10), ["macs"]).keys() == {"macs"}
    assert measure_costs(small_net, (3, 10, 10), []) == {}
    costs = measure_costs(small_net, (3, 10, 10), ["latency", "params"])
    assert list(costs) == ["latency", "params"]
    assert costs["latency"] > 0


def test_an_unknown_cost_is_refused() -> None:
    with pytest.raises(SettingError, match="did you mean 'params'"):
        measure_costs(small_net, (3, 10, 10), ["parms"])


def test_the_random_state_stays_as_it_was() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    measure_costs(small_net, (3, 10, 10), ["params", "macs", "memory", "latency"])
    assert torch.equal(torch.get_rng_state(), before)
