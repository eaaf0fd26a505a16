"""Searches by gradient on a tiny supernet: what learns, what does not, and going on after an interruption."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from searchitect.core import Objective
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Schedule
from searchitect.oneshot.relaxation import Relaxation
from searchitect.oneshot.relaxations.binary_gates import BinaryGates
from searchitect.oneshot.relaxations.categorical import Categorical
from searchitect.oneshot.relaxations.dirichlet import Dirichlet
from searchitect.oneshot.relaxations.gumbel_softmax import GumbelSoftmax
from searchitect.oneshot.relaxations.hard_gumbel import HardGumbel
from searchitect.oneshot.relaxations.sigmoid import Sigmoid
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed, Rule
from searchitect.oneshot.rules import bilevel, single_level
from searchitect.oneshot.score_rules import importance_weighted, score_function
from searchitect.oneshot.training import SupernetTraining
from tests.oneshot.tiny import SCHEDULE, Tiny, training
from tests.training.examples import table

METHODS: dict[str, tuple[Callable[[], Relaxation], Rule, bool]] = {
    "darts": (Softmax, bilevel(1), False),
    "darts-2": (Softmax, bilevel(2), False),
    "pc-darts": (Softmax, bilevel(1), True),
    "snas": (GumbelSoftmax, single_level, False),
    "gdas": (HardGumbel, bilevel(1), False),
    "gates": (BinaryGates, bilevel(1, every=2), False),
    "reinforce": (Categorical, score_function(2, every=2), False),
    "parsec": (Categorical, importance_weighted(2, 5.0), True),
    "drnas": (Dirichlet, bilevel(1), False),
    "fair": (Sigmoid, bilevel(1), False),
}


def method(name: str, schedule: Schedule = SCHEDULE) -> Relaxed:
    relaxation, rule, weighs_edges = METHODS[name]
    is_gates = name in ("gates", "reinforce")
    return Relaxed(
        relaxation(),
        rule,
        schedule,
        learning_rate=0.02,
        betas=(0.0, 0.999) if is_gates else (0.5, 0.999),
        weight_decay=0.0 if is_gates else 1e-3,
        weighs_edges=weighs_edges,
    )


def state(made: SupernetTraining) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in {**made.network.state_dict(), **made.method.state()}.items()}


@pytest.mark.parametrize("name", METHODS)
def test_a_search_that_was_broken_off_ends_as_one_that_was_not(name: str, tmp_path: Path) -> None:
    whole = training(method(name), tmp_path)
    found = whole.run()
    assert whole.step == 12
    assert len(whole.history) == 3

    class Broken(Exception):
        pass

    def break_off(progress: object) -> None:
        if first.step == 7:
            first._save()  # as the loop does every so many seconds
            raise Broken

    first = training(method(name), tmp_path, name="broken")
    first.on_progress = break_off
    with pytest.raises(Broken):
        first.run()
    second = training(method(name), tmp_path, name="broken")
    assert second.step == 7
    again = second.run()
    one, other = state(whole), state(second)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert [row["derived"] for row in whole.history] == [row["derived"] for row in second.history]
    assert found.found == again.found
    moved = [values for key, values in one.items() if key.startswith("logits/")]
    assert len(moved) == (7 if METHODS[name][2] else 5)
    assert max(v.abs().max().item() for v in moved) > 0.01  # they learned


@pytest.mark.parametrize("name", ["gdas", "gates", "reinforce", "parsec"])
def test_only_what_was_drawn_learns(name: str, tmp_path: Path) -> None:
    """Weights of other options get neither gradient nor decay nor momentum."""
    made = training(method(name), tmp_path)
    made.method.warm_up = 0.99  # type: ignore[attr-defined]
    before = {k: v.clone() for k, v in made.network.named_parameters()}
    ran: set[str] = set()
    for key, module in made.network.named_modules():
        if hasattr(module, "source") and hasattr(module, "layers"):
            module.register_forward_hook(lambda *_, key=key: ran.add(key))
    made.network.train()
    made._seed_step()
    made.method.step(made, next(made.feed.go(0, 1)), next(made.held_feed.go(0, 1)))
    moved = {
        k.split(".layers")[0] for k, v in made.network.named_parameters() if ".layers" in k and not torch.equal(v, before[k])
    }
    assert moved <= ran
    all_of_them = {k.split(".layers")[0] for k in before if ".layers" in k}
    assert ran < all_of_them


def test_while_it_warms_up_only_the_weights_learn(tmp_path: Path) -> None:
    for name in METHODS:
        searched = method(name)
        searched.warm_up = 0.9
        made = training(searched, tmp_path, name=name)
        logits = {path: values.detach().clone() for path, values in searched.logits.items()}
        made.network.train()
        for step in range(2):
            made.step = step
            made._seed_step()
            searched.step(made, next(made.feed.go(step, step + 1)), next(made.held_feed.go(step, step + 1)))
        assert all(torch.equal(values, logits[path]) for path, values in searched.logits.items())


def test_the_logits_learn_from_held_out_data_and_the_weights_from_the_rest(tmp_path: Path) -> None:
    made = training(method("darts"), tmp_path)
    own = {tuple(row) for row in made.feed.x.tolist()}
    held = {tuple(row) for row in made.held_feed.x.tolist()}
    assert not own & held
    assert len(own) + len(held) == len(made.task.train)


def test_a_step_of_the_first_order_is_that_of_the_second_with_a_rate_of_nought(tmp_path: Path) -> None:
    """At the end of the cosine the learning rate, which is the length of the virtual step, is 0."""
    schedule = Schedule(epochs=1, batch_size=8, learning_rate_min=0.0)
    ends = []
    for name in ("darts", "darts-2"):
        made = training(method(name, schedule), tmp_path, name=name)
        made.network.train()
        made.step = made.steps
        made._seed_step()
        made.method.step(made, next(made.feed.go(0, 1)), next(made.held_feed.go(0, 1)))
        ends.append(state(made))
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])


def test_single_level_learns_both_from_one_batch(tmp_path: Path) -> None:
    """The gradients of weights and logits are those of the loss of one draw on the training batch; the other batch is not looked at."""
    made = training(method("snas", Schedule(epochs=1, batch_size=8, train_share=1.0, momentum=0.0)), tmp_path)
    searched = made.method
    assert isinstance(searched, Relaxed)
    batch, weight, logits = next(made.feed.go(0, 1)), made.network.head.weight, list(searched.logits.values())
    made.network.train()
    made._seed_step()
    searched.relax(made)
    by_weight, *by_logits = torch.autograd.grad(made.loss(batch), [weight, *logits])
    expected = weight.detach() - made.rate * (by_weight + made.method.schedule.weight_decay * weight.detach())
    told: list[list[torch.Tensor]] = []
    searched.update_logits = lambda gradients: told.append(list(gradients))  # type: ignore[method-assign, assignment]
    made._seed_step()
    searched.step(made, batch, Batch(batch.x + torch.nan, batch.y))
    torch.testing.assert_close(weight.detach(), expected)
    assert all(torch.equal(found, exact) for found, exact in zip(told[0], by_logits, strict=True))


def test_the_derived_architecture_is_proposed_first_and_never_has_none(tmp_path: Path) -> None:
    searched = method("darts")
    made = training(searched, tmp_path)
    with torch.no_grad():
        for path, values in searched.logits.items():
            values.copy_(torch.tensor([5.0, 0.0, 1.0, 0.5]) if "/0/op" in path else torch.tensor([1.0, 0.2, 0.3, 0.6]))
    made.step = made.steps  # nothing is left to train
    made.history.append({"epoch": 1})
    outcome = made.run()
    strategy = searched.candidates(Tiny(), [Objective("accuracy", "max")], 0, outcome)
    proposal = strategy.ask()
    assert proposal is not None
    # of the three states that node 1 may read, the edge from state 0 is the weakest: its best option but "none" has little left
    assert proposal.architecture.decisions == {
        "normal/0/edges": ["0", "1"],
        "normal/0/edges/0/op": "wide",
        "normal/0/edges/1/op": "narrow",
        "normal/1/edges": ["1", "2"],
        "normal/1/edges/1/op": "narrow",
        "normal/1/edges/2/op": "narrow",
    }


@pytest.mark.parametrize("name", ["darts", "snas", "gdas", "gates", "reinforce", "drnas"])
def test_the_only_operation_that_lets_the_input_through_is_found(name: str, tmp_path: Path) -> None:
    searched = method(name, Schedule(epochs=25, batch_size=16, learning_rate=0.2, train_share=1.0))
    made = SupernetTraining(Tiny(nodes=1), table(160), searched, tmp_path / "net.safetensors", device="cpu")
    for key, values in made.network.named_parameters():
        if ".layers.2" in key:  # "wide" and "narrow" give nought, as "none" does
            values.detach().zero_()
            values.requires_grad_(False)
    made.run()
    probabilities = [searched.probabilities()[f"normal/0/edges/{state}/op"] for state in (0, 1)]
    assert all(p[1] == max(p) for p in probabilities), probabilities
