import itertools
import math

import pytest
import torch

from searchitect.oneshot.choices import Choice
from searchitect.oneshot.draws import active, draw, gumbel, log_probability
from tests.oneshot.tiny import generator

LOGITS = torch.tensor([0.5, -0.3, 1.2, 0.0])


def test_one_option_is_drawn_by_the_softmax() -> None:
    rng = generator()
    counts = torch.zeros(4)
    for _ in range(5000):
        counts[draw(LOGITS, 1, rng)] += 1
    assert (counts / 5000).tolist() == pytest.approx(LOGITS.softmax(0).tolist(), abs=0.025)


def test_two_options_are_drawn_one_after_the_other_without_putting_back() -> None:
    rng, p = generator(), LOGITS.softmax(0).tolist()
    counts = dict.fromkeys(itertools.permutations(range(4), 2), 0)
    for _ in range(6000):
        first, second = draw(LOGITS, 2, rng)
        counts[first, second] += 1
    for (first, second), count in counts.items():
        assert count / 6000 == pytest.approx(p[first] * p[second] / (1 - p[first]), abs=0.025)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_the_probabilities_of_all_draws_sum_to_one(k: int) -> None:
    total = sum(log_probability(LOGITS, taken).exp().item() for taken in itertools.combinations(range(4), k))
    assert total == pytest.approx(1, rel=1e-5)


def test_the_probability_of_a_pair_is_that_of_both_orders() -> None:
    p = LOGITS.softmax(0).tolist()
    expected = p[0] * p[2] / (1 - p[0]) + p[2] * p[0] / (1 - p[2])
    assert log_probability(LOGITS, [2, 0]).exp().item() == pytest.approx(expected, rel=1e-5)


def test_the_score_of_one_option_is_one_hot_minus_softmax() -> None:
    logits = LOGITS.clone().requires_grad_()
    (found,) = torch.autograd.grad(log_probability(logits, [2]), logits)
    torch.testing.assert_close(found, torch.eye(4)[2] - LOGITS.softmax(0))


def test_scores_have_the_mean_nought() -> None:
    logits = LOGITS.clone().requires_grad_()
    total = torch.zeros(4)
    for taken in itertools.combinations(range(4), 2):
        value = log_probability(logits, taken)
        total += value.exp().item() * torch.autograd.grad(value, logits)[0]
    assert total.abs().max() < 1e-6


def test_gumbel_noise_is_finite_and_has_its_mean() -> None:
    noise = gumbel(20000, generator(), LOGITS)
    assert noise.isfinite().all()
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.03)  # Euler's constant
    assert float(noise.std()) == pytest.approx(math.pi / math.sqrt(6), abs=0.04)


def test_choices_inside_options_that_are_not_taken_have_no_part() -> None:
    choices = [
        Choice("edges", ("0", "1"), 1),
        Choice("edges/0/op", ("a", "b"), None, ("edges", ("0",))),
        Choice("edges/0/op/a/size", (1, 2), None, ("edges/0/op", ("a",))),
        Choice("edges/1/op", ("a", "b"), None, ("edges", ("1",))),
        Choice("free", ("a", "b")),
    ]
    taken = {"edges": [0], "edges/0/op": [1], "edges/0/op/a/size": [0], "edges/1/op": [0], "free": [0]}
    assert active(choices, taken) == ["edges", "edges/0/op", "free"]
    without = {path: places for path, places in taken.items() if path != "edges"}  # all edges are run
    assert active(choices, without) == ["edges/0/op", "edges/1/op", "free"]
