"""Closed forms and published facts of the relaxations."""

import pytest
import torch
from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot.draws import draw
from searchitect.oneshot.relaxation import Relaxation, Weights
from searchitect.oneshot.relaxations.binary_gates import BinaryGates
from searchitect.oneshot.relaxations.categorical import Categorical
from searchitect.oneshot.relaxations.dirichlet import Dirichlet
from searchitect.oneshot.relaxations.gumbel_softmax import GumbelSoftmax
from searchitect.oneshot.relaxations.hard_gumbel import HardGumbel
from searchitect.oneshot.relaxations.sigmoid import Sigmoid
from searchitect.oneshot.relaxations.softmax import Softmax
from tests.oneshot.tiny import generator

SHARES = torch.tensor([0.1, 0.2, 0.7])


def values(weights: Weights) -> Tensor:
    return torch.stack([torch.as_tensor(w, dtype=torch.float32) for w in weights])


def run(relaxation: Relaxation, draws: int, progress: float, logits: Tensor | None = None) -> Tensor:
    """Many draws of the weights [draws, n]."""
    rng = generator()
    logits = SHARES.log() if logits is None else logits
    return torch.stack([values(relaxation.weigh(logits, rng, progress)).detach() for _ in range(draws)])


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_the_largest_gumbel_weight_is_drawn_by_the_softmax_at_every_temperature(progress: float) -> None:
    found = run(GumbelSoftmax(), 4000, progress).argmax(1).bincount(minlength=3) / 4000
    assert found.tolist() == pytest.approx(SHARES.tolist(), abs=0.025)


@pytest.mark.parametrize(("temperature", "largest"), [(5, 0.43), (1, 0.71), (0.5, 0.84), (0.1, 0.968), (0.03, 0.990)])
def test_gumbel_weights_move_from_the_middle_to_the_corners_as_the_temperature_falls(
    temperature: float, largest: float
) -> None:
    found = run(GumbelSoftmax(temperature, temperature), 2000, 0.0)
    assert found.sum(1).sub(1).abs().max() < 1e-5
    assert float(found.max(1).values.mean()) == pytest.approx(largest, abs=0.015)


def test_the_mean_of_gumbel_weights_is_the_softmax_in_the_cold_only() -> None:
    assert run(GumbelSoftmax(1.0, 1.0), 4000, 0.0).mean(0).tolist() == pytest.approx([0.155, 0.252, 0.594], abs=0.015)
    assert run(GumbelSoftmax(0.01, 0.01), 4000, 0.0).mean(0).tolist() == pytest.approx(SHARES.tolist(), abs=0.025)
    assert run(GumbelSoftmax(1000, 1000), 100, 0.0).mean(0).tolist() == pytest.approx([1 / 3] * 3, abs=0.01)


def test_temperatures_fall_as_published() -> None:
    snas, gdas = GumbelSoftmax(), HardGumbel()
    assert [snas.temperature(p) for p in (0.0, 1.0)] == pytest.approx([1, 0.03])
    assert snas.temperature(0.75) / snas.temperature(0.5) == pytest.approx(snas.temperature(0.5) / snas.temperature(0.25))
    assert [gdas.temperature(p) for p in (0.0, 0.5, 1.0)] == pytest.approx([10, 5.05, 0.1])


@pytest.mark.parametrize("make", [GumbelSoftmax, HardGumbel])
@pytest.mark.parametrize(("hot", "cold"), [(1.0, 0.0), (0.1, 1.0)])
def test_a_temperature_that_does_not_fall_to_above_nought_is_refused(make: type, hot: float, cold: float) -> None:
    with pytest.raises(SettingError, match="temperature must fall"):
        make(hot, cold)


def test_a_hard_gumbel_weight_is_exactly_one_and_the_others_are_not_run() -> None:
    logits = SHARES.log().requires_grad_()
    rng = generator()
    counts = torch.zeros(3)
    for _ in range(3000):
        weights = HardGumbel().weigh(logits, rng, 0.5)
        run_ones = [i for i, w in enumerate(weights) if isinstance(w, Tensor) or w != 0]
        assert len(run_ones) == 1
        assert values(weights)[run_ones[0]].item() == 1.0
        counts[run_ones[0]] += 1
    assert (counts / 3000).tolist() == pytest.approx(SHARES.tolist(), abs=0.03)


def test_a_hard_gumbel_weight_has_the_gradient_of_the_soft_one() -> None:
    logits = SHARES.log().requires_grad_()
    weights = HardGumbel().weigh(logits, generator(1), 0.9)
    (place,) = [i for i, w in enumerate(weights) if isinstance(w, Tensor)]
    taken = weights[place]
    assert isinstance(taken, Tensor)
    (found,) = torch.autograd.grad(taken, logits)
    soft = GumbelSoftmax(1.09, 1.09).weigh(logits, generator(1), 0.0)  # 10 - 9.9 * 0.9
    (exact,) = torch.autograd.grad(soft[place], logits)
    torch.testing.assert_close(found, exact)


def test_several_options_are_taken_of_a_choice_of_several() -> None:
    logits = torch.zeros(5, requires_grad=True)
    for relaxation in (HardGumbel(), Categorical(), BinaryGates()):
        for seed in range(20):
            assert values(relaxation.weigh(logits, generator(seed), 0.5, 2)).sum().item() == 2
            assert values(relaxation.weigh(logits[:2], generator(seed), 0.5, 2)).sum().item() == 2


def outputs() -> Tensor:
    return torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 2.0], [-1.0, 0.25]])  # of four options


def test_gates_give_the_gradient_of_the_mixture_where_the_network_is_linear_behind_the_edge() -> None:
    """ProxylessNAS, equation 4: dL/da_i = sum_j dL/dg_j p_j ([i = j] - p_i), with p the softmax over the two drawn options."""
    behind = torch.tensor([0.7, -1.3])
    for seed in range(10):
        logits = torch.tensor([0.3, -0.2, 0.9, 0.1], requires_grad=True)
        weights = BinaryGates().weigh(logits, generator(seed), 0.5)
        pair = [i for i, w in enumerate(weights) if isinstance(w, Tensor)]
        assert len(pair) == 2
        assert sorted(values(weights)[pair].tolist()) == [0.0, 1.0]
        loss = sum(weights[i] * (behind @ outputs()[i]) for i in pair)
        assert isinstance(loss, Tensor)
        (found,) = torch.autograd.grad(loss, logits)
        (exact,) = torch.autograd.grad((behind @ (logits[pair].softmax(0) @ outputs()[pair])), logits)
        torch.testing.assert_close(found, exact)
        assert float(found.sum()) == pytest.approx(0, abs=1e-6)
        assert found[[i for i in range(4) if i not in pair]].tolist() == [0, 0]


def test_the_active_gate_of_a_pair_is_drawn_by_the_softmax_over_all() -> None:
    """Of two options, the pair is always both: the first has the weight 1 as often as its probability says."""
    logits = torch.tensor([0.0, 1.0], requires_grad=True)
    rng = generator()
    share = sum(values(BinaryGates().weigh(logits, rng, 0.5))[1].item() for _ in range(3000)) / 3000
    assert share == pytest.approx(logits.softmax(0)[1].item(), abs=0.03)


def test_where_the_weights_learn_one_gate_is_open_and_the_others_are_not_run() -> None:
    found = run(BinaryGates(), 3000, 0.5)
    assert BinaryGates().weigh(SHARES.log(), generator(), 0.5).count(0.0) == 2  # type: ignore[union-attr]
    assert found.mean(0).tolist() == pytest.approx(SHARES.tolist(), abs=0.03)


def test_an_update_of_two_gates_leaves_the_probabilities_of_the_others() -> None:
    before = torch.tensor([0.3, -0.2, 0.9, 0.1, -1.0])
    after = before.clone()
    after[[1, 3]] += torch.tensor([0.7, -0.1])
    BinaryGates().after_update(after, before)
    old, new = before.softmax(0), after.softmax(0)
    torch.testing.assert_close(new[[0, 2, 4]], old[[0, 2, 4]])
    assert float(after[1] - after[3]) == pytest.approx(0.5)  # -0.2 + 0.7 - (0.1 - 0.1)
    assert after[[0, 2, 4]].tolist() == before[[0, 2, 4]].tolist()


@pytest.mark.parametrize(
    "relaxation", [Softmax(), GumbelSoftmax(), HardGumbel(), BinaryGates()], ids=lambda r: type(r).__name__
)
def test_gradients_by_the_logits_of_a_softmax_sum_to_nought(relaxation: Relaxation) -> None:
    logits = torch.tensor([0.3, -0.2, 0.9, 0.1], requires_grad=True)
    weights = relaxation.weigh(logits, generator(), 0.2)
    loss = sum(w * float(o) for w, o in zip(weights, outputs()[:, 0], strict=True))
    assert isinstance(loss, Tensor)
    (found,) = torch.autograd.grad(loss, logits)
    assert float(found.abs().max()) > 1e-4
    assert float(found.sum()) == pytest.approx(0, abs=1e-6)


def test_drawn_costs_have_the_gradient_of_the_expected_cost() -> None:
    """SNAS: d E[cost] / d log a_k = p_k (c_k - sum_j p_j c_j); with the score function of hard draws, by Monte Carlo."""
    logits, costs, rng = SHARES.log(), torch.tensor([5.0, 1.0, 2.0]), generator()
    counts = torch.zeros(3)
    for _ in range(8000):
        counts[draw(logits, 1, rng)] += 1
    estimate = ((counts / 8000 * costs)[:, None] * (torch.eye(3) - SHARES)).sum(0)
    exact = SHARES * (costs - SHARES @ costs)
    assert estimate.tolist() == pytest.approx(exact.tolist(), abs=0.06)


def test_dirichlet_weights_have_the_mean_and_variance_of_the_distribution() -> None:
    logits = torch.tensor([-1.0, 0.0, 2.0])  # concentrations exp(-1), 1, 3
    concentrations = torch.tensor([0.36788, 1.0, 3.0])
    found = run(Dirichlet(), 4000, 0.0, logits)
    mean = concentrations / concentrations.sum()
    variance = mean * (1 - mean) / (concentrations.sum() + 1)
    assert found.sum(1).sub(1).abs().max() < 1e-5
    assert found.mean(0).tolist() == pytest.approx(mean.tolist(), abs=0.015)
    assert found.var(0).tolist() == pytest.approx(variance.tolist(), abs=0.01)
    assert Dirichlet().probabilities(logits).tolist() == pytest.approx(mean.tolist(), abs=1e-4)


def test_the_gradient_through_dirichlet_draws_is_that_of_their_mean() -> None:
    """The loss c . x has the expectation c . mean; its pathwise gradient, averaged over draws, is the gradient of that."""
    logits, costs, rng = torch.tensor([-0.5, 0.0, 1.0], requires_grad=True), torch.tensor([1.0, -2.0, 3.0]), generator()
    draws = torch.stack([values(Dirichlet().weigh(logits, rng, 0.0)) for _ in range(3000)])
    (found,) = torch.autograd.grad((draws @ costs).mean(), logits)
    (exact,) = torch.autograd.grad(Dirichlet().probabilities(logits) @ costs, logits)
    assert found.tolist() == pytest.approx(exact.tolist(), abs=0.05)


def test_the_anchor_is_the_symmetric_dirichlet() -> None:
    penalty = Dirichlet(anchor=1e-3).penalty
    flat = [torch.zeros(4, requires_grad=True), torch.zeros(3, requires_grad=True)]
    at_rest = penalty(flat)
    assert at_rest is not None
    assert at_rest.item() == pytest.approx(0, abs=1e-8)
    assert all(g.abs().max() < 1e-8 for g in torch.autograd.grad(at_rest, flat))
    away = torch.tensor(
        [1.0, 0.0], requires_grad=True
    )  # concentrations (2, 1): the density 2x, whose divergence is log 2 - 1/2
    found = penalty([away])
    assert found is not None
    assert found.item() == pytest.approx(1e-3 * (torch.log(torch.tensor(2.0)).item() - 0.5), rel=1e-5)
    assert float(torch.autograd.grad(found, away)[0][0]) > 0  # back
    assert Dirichlet(anchor=0).penalty(flat) is None
    with pytest.raises(SettingError, match="anchor must be at least 0, got -1"):
        Dirichlet(-1)


def test_dirichlet_draws_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    Dirichlet().weigh(torch.zeros(3), generator(), 0.0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_sigmoids_do_not_compete() -> None:
    logits = torch.tensor([2.0, 2.0, -2.0])
    weights = values(Sigmoid().weigh(logits, generator(), 0.0))
    assert weights.tolist() == pytest.approx([0.8808, 0.8808, 0.1192], abs=1e-4)
    assert torch.equal(weights, Sigmoid().probabilities(logits))


def test_the_zero_one_loss_rests_at_a_half_and_pushes_outwards_elsewhere() -> None:
    """L01 = -mean((s - 0.5)^2): dL/ds = -2 (s - 0.5) / N, times s (1 - s) by the logit."""
    logits = [torch.tensor([0.0, 1.0], requires_grad=True), torch.tensor([-1.0, 0.0], requires_grad=True)]
    penalty = Sigmoid(pull=10.0).penalty(logits)
    assert penalty is not None
    first, second = torch.autograd.grad(penalty, logits)
    s = torch.tensor(1.0).sigmoid().item()
    slope = -10 * 2 * (s - 0.5) / 4 * s * (1 - s)
    assert first.tolist() == pytest.approx([0, slope])
    assert second.tolist() == pytest.approx([-slope, 0])
    assert Sigmoid(pull=0).penalty(logits) is None
    with pytest.raises(SettingError, match="pull must be at least 0, got -2"):
        Sigmoid(-2)


@pytest.mark.parametrize(
    "relaxation",
    [Softmax(), GumbelSoftmax(), HardGumbel(), BinaryGates(), Dirichlet(), Sigmoid(), Categorical()],
    ids=lambda r: type(r).__name__,
)
def test_the_same_generator_gives_the_same_weights(relaxation: Relaxation) -> None:
    logits = SHARES.log()
    first, second = (values(relaxation.weigh(logits, generator(4), 0.3)) for _ in range(2))
    assert torch.equal(first, second)
    assert relaxation.initial(8, generator()).abs().max() < 0.01
