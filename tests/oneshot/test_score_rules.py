"""Rules of drawn networks, on a search whose losses are looked up in a table."""

import itertools
from collections.abc import Mapping
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import Objective
from searchitect.oneshot.choices import Choice
from searchitect.oneshot.method import Schedule
from searchitect.oneshot.option_costs import ExpectedCost
from searchitect.oneshot.relaxation import Weights
from searchitect.oneshot.relaxations.categorical import Categorical
from searchitect.oneshot.relaxed import Relaxed, Rule
from searchitect.oneshot.score_rules import importance_weighted, importance_weights, score_function
from searchitect.oneshot.training import SupernetTraining

LOSSES = torch.tensor([[2.0, 1.0, 0.5], [0.7, 1.5, 3.0]])
"""Of the six networks of two choices, with two and three options."""
CHOICES = [Choice("a", ("x", "y")), Choice("b", ("x", "y", "z"))]
HELD, OWN = cast(Any, "held"), cast(Any, "own")


class Looked:
    """In the place of a `SupernetTraining`: each network's loss on training data is its own parameter."""

    def __init__(self, seed: int = 0) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.seed, self.step, self.progress, self.device = seed, 0, 0.5, torch.device("cpu")
        self.choices, self.has_choices = CHOICES, {"a", "b"}
        self.table = nn.Parameter(LOSSES.clone())
        self.parameters = [self.table]
        self.learned: list[Tensor] = []

    def set_weights(self, weights: Mapping[str, Weights]) -> None:
        self.taken = tuple(list(weights[c.path]).index(1.0) for c in CHOICES)

    def loss(self, batch: object) -> Tensor:
        return self.table[self.taken] if batch == "own" else LOSSES[self.taken] + 0 * self.table.sum()

    def update_weights(self) -> None:
        assert self.table.grad is not None
        self.learned.append(self.table.grad.clone())
        self.table.grad = None


def searched(rule: Rule, seed: int = 0) -> tuple[Relaxed, Looked, list[list[Tensor]]]:
    """A method whose updates of the logits are only written down."""
    method = Relaxed(Categorical(), rule, Schedule())
    training = Looked(seed)
    method.begin(cast(SupernetTraining, training))
    with torch.no_grad():
        method.logits["a"].copy_(torch.tensor([0.2, -0.1]))
        method.logits["b"].copy_(torch.tensor([0.0, 0.5, -0.3]))
    told: list[list[Tensor]] = []
    method.update_logits = lambda gradients: told.append([g.clone() for g in gradients])  # type: ignore[method-assign, assignment]
    return method, training, told


def marginal_gradient(method: Relaxed, sharpness: float) -> list[Tensor]:
    """Of minus the logarithm of the likelihood of the data, all networks enumerated, by the logits."""
    a, b = method.logits["a"], method.logits["b"]
    joint = a.log_softmax(0)[:, None] + b.log_softmax(0)[None, :] - sharpness * LOSSES
    return list(torch.autograd.grad(-joint.flatten().logsumexp(0), [a, b]))


def test_importance_weights_are_shares_that_no_constant_changes() -> None:
    weights = importance_weights([-1.0, -2.0, -0.5], 3.0)
    assert weights.min() >= 0
    assert weights.sum().item() == pytest.approx(1)
    assert weights.tolist() == pytest.approx(importance_weights([-1001.0, -1002.0, -1000.5], 3.0).tolist())
    assert importance_weights([-1e6, -2e6], 3.0).tolist() == [1, 0]


def test_the_gradient_of_many_networks_is_that_of_the_marginal_likelihood() -> None:
    method, training, told = searched(importance_weighted(1500, 2.0))
    method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    for found, exact in zip(told[0], marginal_gradient(method, 2.0), strict=True):
        assert found.tolist() == pytest.approx(exact.tolist(), abs=0.05)
        assert exact.abs().max() > 0.05


def test_the_more_networks_the_smaller_the_bias() -> None:
    def error(samples: int, steps: int) -> float:
        method, training, told = searched(importance_weighted(samples, 2.0))
        for _ in range(steps):
            method.rule(method, cast(SupernetTraining, training), OWN, HELD)
        exact = marginal_gradient(method, 2.0)
        means = [torch.stack(parts).mean(0) for parts in zip(*told, strict=True)]
        return max(float((m - e).abs().max()) for m, e in zip(means, exact, strict=True))

    assert error(2, 400) > 2 * error(16, 50)


def test_one_network_tells_the_prior_nothing() -> None:
    """Its weight is 1 whatever its loss: the gradient is softmax minus one-hot, whose mean is nought."""
    method, training, told = searched(importance_weighted(1, 2.0))
    for _ in range(1000):
        method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    mean = torch.stack([b for _, b in told]).mean(0)
    assert mean.abs().max() < 0.05
    assert torch.stack([b for _, b in told]).abs().mean() > 0.3  # each alone is none
    assert max(g.abs().max().item() for g in marginal_gradient(method, 2.0)) > 0.1


def test_weights_learn_with_the_importance_weights_of_the_training_batch() -> None:
    method, training, _ = searched(importance_weighted(5, 1.5))
    drawn: list[tuple[int, ...]] = []
    set_weights = training.set_weights

    def note(weights: Mapping[str, Weights]) -> None:
        set_weights(weights)
        drawn.append(training.taken)

    training.set_weights = note  # type: ignore[method-assign]
    loss = method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    networks = drawn[-5:]
    shares = importance_weights([-LOSSES[n].item() for n in networks], 1.5)
    expected = torch.zeros(2, 3)
    for network, share in zip(networks, shares.tolist(), strict=True):
        expected[network] += share
    torch.testing.assert_close(training.learned[0], expected)
    assert loss == pytest.approx(sum(s * LOSSES[n].item() for n, s in zip(networks, shares.tolist(), strict=True)))


def test_the_score_function_has_the_gradient_of_the_expected_loss() -> None:
    method, training, told = searched(score_function(10))
    for _ in range(400):
        method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    a, b = method.logits["a"], method.logits["b"]
    expected = (a.softmax(0)[:, None] * b.softmax(0)[None, :] * LOSSES).sum()
    exact = torch.autograd.grad(expected, [a, b])
    for place, slope in enumerate(exact):
        found = torch.stack([gradients[place] for gradients in told]).mean(0)
        # the baseline follows the same networks, so that a tenth of each network's own reward is taken from it
        assert found.tolist() == pytest.approx((0.9 * slope).tolist(), abs=0.025)
        assert slope.abs().max() > 0.06


def test_a_cost_multiplies_the_reward() -> None:
    """The gradient is that of the expected logarithm of likelihood * (reference / cost) ** w, enumerated."""
    method, training, told = searched(score_function(10, cost_weight=0.5))
    method.objectives = [Objective("accuracy", "max"), Objective("params", "min")]
    method.costs = {
        "params": ExpectedCost({(): 1.0, (("a", (1,)),): 9.0, (("b", (2,)),): 3.0}, {c.path: (c.labels, None) for c in CHOICES})
    }
    assert method.reference("params") == 1 + 4.5 + 1
    sizes = torch.tensor([[1.0, 1.0, 4.0], [10.0, 10.0, 13.0]])
    for _ in range(400):
        method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    a, b = method.logits["a"], method.logits["b"]
    expected = (a.softmax(0)[:, None] * b.softmax(0)[None, :] * (LOSSES + 0.5 * (sizes / 6.5).log())).sum()
    plain = (a.softmax(0)[:, None] * b.softmax(0)[None, :] * LOSSES).sum()
    exact, without = (torch.autograd.grad(value, [a, b]) for value in (expected, plain))
    for place, slope in enumerate(exact):
        found = torch.stack([gradients[place] for gradients in told]).mean(0)
        assert found.tolist() == pytest.approx((0.9 * slope).tolist(), abs=0.03)
    assert (exact[0] - without[0]).abs().max() > 0.1


def test_the_baseline_follows_the_mean_reward_almost_fully_and_is_saved() -> None:
    method, training, _ = searched(score_function(3))
    method.kept["baseline"] = torch.tensor(-100.0, dtype=torch.float64)
    method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    baseline = method.kept["baseline"].item()
    mean = (baseline + 100 * 0.01) / 0.99
    sums = [-sum(c) / 3 for c in itertools.combinations_with_replacement(LOSSES.flatten().tolist(), 3)]
    assert any(mean == pytest.approx(s, abs=1e-6) for s in sums)
    assert torch.equal(method.state()["kept/baseline"], method.kept["baseline"])
    other, _, _ = searched(score_function(3))
    other.load(method.state())
    assert torch.equal(other.kept["baseline"], method.kept["baseline"])


def test_logits_learn_in_every_so_many_steps_and_not_while_it_warms_up() -> None:
    method, training, told = searched(score_function(2, every=3))
    for step in range(7):
        training.step = step
        method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    assert len(told) == 3  # steps 0, 3, 6
    assert len(training.learned) == 7
    method.warm_up = 0.6  # the search stands at 0.5
    for rule in (score_function(2), importance_weighted(2)):
        method.rule = rule
        training.step = 9
        method.rule(method, cast(SupernetTraining, training), OWN, HELD)
    assert len(told) == 3
