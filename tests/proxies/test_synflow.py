import pytest
import torch
from torch import nn

from searchitect.core import TaskInfo
from searchitect.proxies.given import Given
from searchitect.proxies.synflow import flows, log_synflow, synflow
from tests.proxies.nets import IMAGE, ROW, convolutions, given, perceptron, seeded


def test_every_layer_carries_the_same_flow() -> None:
    """Tanaka et al. 2020, theorem 1, for a chain of ReLU layers without biases: sum |w dR/dw| = R in each of them."""
    network = perceptron().double()
    magnitudes = [layer.weight.detach().abs() for layer in network if isinstance(layer, nn.Linear)]
    total = float((magnitudes[2] @ magnitudes[1] @ magnitudes[0] @ torch.ones(5, dtype=torch.float64)).sum())
    assert [float(flow.sum()) for flow in flows(network, given())] == pytest.approx([total] * 3, rel=1e-12)
    assert synflow(perceptron().double(), given()) == pytest.approx(3 * total)


def test_it_does_not_depend_on_data_signs_or_labels() -> None:
    negative = perceptron()
    with torch.no_grad():
        for parameter in negative.parameters():
            parameter.neg_()
    assert synflow(negative, given(batches=2)) == synflow(perceptron(), Given(ROW, 4, 9))


def test_a_layer_scaled_up_and_the_next_one_down_leave_it_as_it_is() -> None:
    network = perceptron()
    with torch.no_grad():
        network[0].weight *= 16
        network[2].weight /= 16
    assert synflow(network, given()) == pytest.approx(synflow(perceptron(), given()), rel=1e-12)


def test_normalisations_are_passed_by_in_modules_and_in_functions() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(5, 7, bias=False), nn.Linear(7, 3, bias=False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = nn.functional.layer_norm(self.first(x), (7,))
            return self.second(nn.functional.relu(nn.functional.batch_norm(x, None, None, training=True)))

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        functional = Functional()
    plain = nn.Sequential(functional.first, nn.ReLU(), functional.second)
    expected = synflow(plain, given())
    normed = nn.Sequential(functional.first, nn.BatchNorm1d(7), nn.LayerNorm(7), nn.ReLU(), functional.second)
    assert synflow(normed, given()) == pytest.approx(expected)
    assert synflow(functional, given()) == pytest.approx(expected)


def test_a_deep_network_does_not_overflow() -> None:
    deep = seeded(*[nn.Linear(40, 40, bias=False) for _ in range(150)])
    info = TaskInfo("rows", "table-classification", (40,), 40, 100)
    assert 1e50 < synflow(deep, Given(info, 4, 0)) < float("inf")
    assert 0 < log_synflow(deep, Given(info, 4, 0)) < 1e9


def test_the_logarithms_are_those_of_each_weight() -> None:
    expected = sum(float(flow.log1p().sum()) for flow in flows(convolutions(), given(IMAGE)))
    assert log_synflow(convolutions(), given(IMAGE)) == pytest.approx(expected)
    assert expected < synflow(convolutions(), given(IMAGE))
