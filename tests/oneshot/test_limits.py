"""Decisions that keep limits: the penalty on the expected cost, and what takes the place of a derived architecture that is over one."""

import math
import random

import pytest
import torch

from searchitect.core import Constraint, Fidelity, Objective, Trial, TrialState
from searchitect.oneshot.choices import open_choices
from searchitect.oneshot.derive import log_probability
from searchitect.oneshot.derived import DRAWS, LIKELY, Derived
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel

from .tiny import OPERATIONS, SCHEDULE, Tiny, training

SPACE = Tiny()
CHOICES = open_choices(SPACE)
OPS = {c.path: [0.1, 0.2, 0.6, 0.1] for c in CHOICES if c.k is None}
OBJECTIVES = [Objective("accuracy", "max")]


def wide(decisions) -> int:
    return sum(value == "wide" for value in decisions.values())


def judged(strategy: Derived, limit: int) -> list[Trial]:
    """A loop that forbids architectures with more than ``limit`` wide layers."""
    trials: list[Trial] = []
    while (proposal := strategy.ask()) is not None:
        found = proposal.architecture
        state = TrialState.COMPLETE if wide(found.decisions) <= limit else TrialState.INFEASIBLE
        metrics = {"accuracy": 0.5} if state == TrialState.COMPLETE else {}
        trial = Trial(len(trials), found, SPACE.key(found), Fidelity(1.0), 0, state=state, metrics=metrics)
        trials.append(trial)
        strategy.tell(trial)
    return trials


def test_the_derived_architecture_leads_where_it_keeps_the_limits():
    strategy = Derived(SPACE, OBJECTIVES, probabilities=OPS)
    trials = judged(strategy, 4)
    assert wide(strategy.derived.decisions) == 4
    assert strategy.leader() == trials[0].architecture
    assert strategy.notes() == []
    assert len({t.key for t in trials}) == DRAWS + 1


def test_the_likeliest_one_within_the_limits_takes_its_place():
    strategy = Derived(SPACE, OBJECTIVES, probabilities=OPS)
    trials = judged(strategy, 2)
    first = next(t for t in trials if t.state == TrialState.COMPLETE)
    assert strategy.leader() == first.architecture
    assert "likeliest" in strategy.notes()[0]
    tried = [log_probability(CHOICES, OPS, t.architecture.decisions) for t in trials[: first.id + 1]]
    assert tried == sorted(tried, reverse=True)
    # two wide ones, and twice the likeliest other option: no architecture within the limit is any likelier
    assert tried[-1] == pytest.approx(2 * math.log(0.6) + 2 * math.log(0.2))


def test_where_none_keeps_them_it_says_so_and_ends():
    strategy = Derived(SPACE, OBJECTIVES, probabilities=OPS)
    trials = judged(strategy, -1)
    assert all(t.state == TrialState.INFEASIBLE for t in trials)
    assert "every likely one" in strategy.notes()[0]
    assert len(trials) > LIKELY / 10


def test_one_that_goes_on_looks_at_no_architecture_twice():
    before = judged(Derived(SPACE, OBJECTIVES, probabilities=OPS), 0)
    first = next(place for place, t in enumerate(before) if t.state == TrialState.COMPLETE)
    again = Derived(SPACE, OBJECTIVES, probabilities=OPS)
    for trial in before[: first // 2 + 1]:
        again.tell(trial)
    assert again.ask().architecture == before[first // 2 + 1].architecture


@pytest.mark.parametrize("probabilities", [OPS, {}])
def test_log_probabilities_leave_out_what_is_not_known(probabilities):
    drawn = SPACE.sample(random.Random(0))
    expected = sum(math.log(OPS[p][OPERATIONS.index(v)]) for p, v in drawn.decisions.items() if p in probabilities)
    assert log_probability(CHOICES, probabilities, drawn.decisions) == pytest.approx(expected)


def shares_of_wide(tmp_path, limits=(), objectives=(), cost_weight=0.1) -> float:
    """The mean probability of the option "wide" after some steps that learn from the penalties alone."""
    method = Relaxed(Softmax(), bilevel(1), SCHEDULE, learning_rate=0.1, weight_decay=0.0, cost_weight=cost_weight)
    method.limits, method.objectives = limits, objectives
    training(method, tmp_path)
    for _ in range(40):
        method.update_logits([torch.zeros_like(v) for v in method.logits.values()])
    shares = [values[OPERATIONS.index("wide")] for values in method.probabilities().values()]
    return sum(shares) / len(shares)


def test_a_limit_drives_the_expected_cost_below_it_and_no_further(tmp_path):
    assert shares_of_wide(tmp_path) == pytest.approx(0.25, abs=0.01)
    assert shares_of_wide(tmp_path, [Constraint("params", "<=", 1e6)]) == pytest.approx(0.25, abs=0.01)
    tight = shares_of_wide(tmp_path, [Constraint("params", "<=", 150)])
    assert tight < 0.15
    assert shares_of_wide(tmp_path, [Constraint("accuracy", ">=", 0.5)]) == pytest.approx(0.25, abs=0.01)


def test_a_cost_that_is_an_objective_is_driven_down_and_down(tmp_path):
    small = [Objective("accuracy", "max"), Objective("params", "min")]
    limit = [Constraint("params", "<=", 150)]
    assert shares_of_wide(tmp_path, objectives=small) < shares_of_wide(tmp_path, limit) < 0.15
    assert shares_of_wide(tmp_path, objectives=small, cost_weight=0.0) == pytest.approx(0.25, abs=0.01)
    assert shares_of_wide(tmp_path, objectives=[Objective("params", "max")]) == pytest.approx(0.25, abs=0.01)


def test_the_gradient_of_an_objective_is_the_weight_times_that_of_the_expected_cost_in_parts_of_its_reference(tmp_path):
    method = Relaxed(Softmax(), bilevel(1), SCHEDULE, cost_weight=0.3)
    method.objectives = [Objective("params", "min")]
    training(method, tmp_path)
    cost = method.costs["params"]
    assert method.reference("params") == cost.mean == pytest.approx(float(cost.expected(method_shares(method))), rel=1e-2)
    values = method.logits["normal/0/edges/0/op"]
    (slope,) = torch.autograd.grad(method._penalty(), values)
    sizes = torch.tensor([0.0, 0.0, 110.0, 32.0])  # 6 to 8 and back, 6 to 2 and back; the edge is surely there
    p = values.detach().softmax(0)
    assert slope.tolist() == pytest.approx((0.3 * p * (sizes - (p * sizes).sum()) / cost.mean).tolist(), abs=1e-6)
    method.limits = [Constraint("params", "<=", 1e6), Constraint("params", "<", 5e5)]
    assert method.reference("params") == 5e5


def method_shares(method: Relaxed) -> dict:
    return {path: values.detach().softmax(0) for path, values in method.logits.items()}


def test_costs_that_were_measured_survive_an_interruption(tmp_path):
    first, again = (Relaxed(Softmax(), bilevel(1), SCHEDULE) for _ in range(2))
    for method in (first, again):
        method.objectives = [Objective("latency", "min")]
        training(method, tmp_path)
    again.load(first.state())
    assert again.costs["latency"].parts == first.costs["latency"].parts
    assert again.reference("latency") == first.reference("latency")
