import psutil
import pytest
import torch
from torch import nn

from searchitect.core import SettingError
from searchitect.networks.mixed import Mixed
from searchitect.oneshot import memory
from searchitect.oneshot.memory import COPIES, TRANSIENT, StepMemory, check_memory, check_weights, step_memory

CPU = torch.device("cpu")


def test_what_two_linear_layers_keep_is_told_exactly():
    network = nn.Sequential(nn.Linear(10, 20, bias=False), nn.Linear(20, 5, bias=False))
    found = step_memory(network, torch.zeros(1, 10), 64)
    kept = 10 + 20  # numbers of an example: the inputs of both layers, for the gradients of their weights
    assert found == StepMemory(COPIES * 4 * (200 + 100), int(TRANSIENT * 4 * kept * 64), 64)


def test_memory_grows_with_the_batch_and_the_options_that_run():
    options = [nn.Sequential(nn.Linear(30, 30), nn.ReLU()) for _ in range(6)]
    layer = Mixed("op", list("abcdef"), options)
    network, example = nn.Sequential(nn.Linear(30, 30), layer), torch.zeros(1, 30)
    all_of_them = step_memory(network, example, 32)
    assert step_memory(network, example, 64).activations == 2 * all_of_them.activations
    layer.weights = [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]
    one = step_memory(network, example, 32)
    assert one.weights == all_of_them.weights
    assert one.activations < all_of_them.activations / 2


def test_looking_changes_neither_running_averages_nor_random_numbers():
    network = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(0.5))
    network[0].running_mean.fill_(7.0)
    state = torch.get_rng_state()
    step_memory(network, torch.ones(1, 4), 8)
    assert network[0].running_mean.tolist() == [7.0] * 4
    assert int(network[0].num_batches_tracked) == 0
    assert torch.equal(state, torch.get_rng_state())


def test_a_supernet_that_does_not_fit_is_refused_with_what_would(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda _: 5_000_000_000)
    check_memory(StepMemory(1_000_000_000, 4_000_000_000, 64), CPU, "darts")
    with pytest.raises(SettingError, match=r"about 9 GB .* 5 GB are free: lower batch_size from 64 to 32,"):
        check_memory(StepMemory(1_000_000_000, 8_000_000_000, 64), CPU, "darts")
    with pytest.raises(SettingError, match="smaller size of the space 'darts'"):
        check_memory(StepMemory(6_000_000_000, 1, 64), CPU, "darts")


def test_weights_alone_are_looked_at_before_they_are_made(monkeypatch):
    free = psutil.virtual_memory().available
    with torch.device("meta"):
        huge = nn.Linear(10**6, free // 10**6, bias=False)  # four bytes each, three times
    with pytest.raises(SettingError, match="smaller size of the space 'mine'"):
        check_weights(huge, CPU, "mine")
