import math

import numpy as np
import pytest
import torch
from torch import nn

from searchitect.proxies.activations import activation_kernel, eigenvalue_score, jacob_cov, naswot
from searchitect.proxies.given import Given
from tests.proxies.nets import IMAGE, ROW, convolutions, given, perceptron, seeded


def test_the_kernel_counts_equal_states() -> None:
    network = nn.ReLU()
    x = torch.tensor([[1.0, -1.0, 2.0], [1.0, 1.0, -2.0], [-1.0, -1.0, 0.5]])
    assert activation_kernel(network, x).tolist() == [[3, 1, 2], [1, 3, 0], [2, 0, 3]]


def test_its_diagonal_is_the_number_of_units() -> None:
    kernel = activation_kernel(convolutions(), given(IMAGE).x)
    assert np.diag(kernel).tolist() == [4 * 36 + 5 * 9] * 8


def test_two_complementary_codes() -> None:
    """K = N I for two examples that share no state: log det = 2 log N."""
    x = torch.tensor([[1.0, -1.0, 1.0, -1.0], [-1.0, 1.0, -1.0, 1.0]])
    data = Given(ROW, 2, 0, ((x, torch.zeros(2)),))
    assert naswot(nn.ReLU(), data) == pytest.approx(2 * math.log(4))


def test_equal_examples_cannot_be_told_apart() -> None:
    x, y = given().batches[0]
    x = torch.cat([x[:4], x[:4]])
    assert naswot(perceptron(), Given(ROW, 8, 0, ((x, y),))) == -math.inf


def test_rescaled_weights_change_nothing_without_biases() -> None:
    network = perceptron()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8)
    assert naswot(network, given()) == naswot(perceptron(), given())


class InFunctions(nn.Module):
    def __init__(self, inner: nn.Sequential) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.inner[0](x))
        return self.inner[4](torch.relu_(self.inner[2](x)))


def test_activations_are_found_in_functions_and_in_place() -> None:
    assert naswot(InFunctions(perceptron()), given()) == naswot(perceptron(), given())


@pytest.mark.parametrize("kind", [nn.SiLU, nn.GELU, nn.Hardswish, nn.ELU, nn.LeakyReLU])
def test_other_activations_are_on_above_zero(kind) -> None:
    network, relu = (seeded(nn.Linear(5, 20), act(), nn.Linear(20, 3)) for act in (kind, nn.ReLU))
    assert naswot(network, given()) == naswot(relu, given())


def test_gradients_that_do_not_correlate_score_highest() -> None:
    rows = np.kron(np.eye(4), [1.0, -1.0])  # mean 0, orthogonal: correlations are the identity
    highest = -4 * (math.log(1 + 1e-5) + 1 / (1 + 1e-5))
    assert eigenvalue_score(rows) == pytest.approx(highest)
    assert eigenvalue_score(np.random.default_rng(0).normal(size=(4, 8))) < highest
    assert eigenvalue_score(np.ones((4, 8)) * np.arange(8)) < -1e5  # all the same: eigenvalues of 0


def test_gradients_of_all_outputs_to_the_inputs() -> None:
    """Of y = x W' the gradient of each example is the sum of the rows of W: all correlate; through ReLU they differ."""
    x = given().x
    slopes = torch.stack([torch.autograd.functional.jacobian(perceptron(), row).sum(0) for row in x])
    assert jacob_cov(perceptron(), given()) == pytest.approx(eigenvalue_score(slopes.double().numpy()), rel=1e-3)


def test_an_example_without_gradient_has_no_score() -> None:
    dead = seeded(nn.Linear(5, 3))
    with torch.no_grad():
        dead[0].weight.zero_()
    assert math.isnan(jacob_cov(dead, given()))
