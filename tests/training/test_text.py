"""Training on texts: the state carried over, and what comes out of it."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from searchitect.core import SettingError, TrialState
from searchitect.networks import build
from searchitect.networks.language_model import LanguageModel
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.tasks import Part, Task, batch_loss, load_task
from searchitect.training import Recipe, Span, default_recipe, evaluate, train
from searchitect.training.batches import Batches
from searchitect.training.checkpoint import evaluated_state, load_checkpoint
from tests.texts import sentences, write_text

SPACE = DartsRnn(hidden=12, nodes=2, drop_words=0.1, drop_embedding=0.1, drop_input=0.1, drop_hidden=0.1, drop_output=0.1)

CELL = SPACE.from_genotype([("tanh", 0), ("sigmoid", 1)]).spec


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return load_task(write_text(tmp_path_factory.mktemp("text"), sentences(150)), task="words")


def model(task: Task, seed: int = 0) -> LanguageModel:
    torch.manual_seed(seed)
    network = build(SPACE, CELL, task.info)
    assert isinstance(network, LanguageModel)
    return network


def spread(network: nn.Module) -> nn.Module:
    """With weights so large that it matters what came before."""
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network


class Fixed(nn.Module):
    """Gives the same outputs whatever it reads, and has no state."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.logits.expand(*tokens.shape, -1)


def test_every_row_goes_on_where_the_step_before_ended() -> None:
    batches = Batches(23, 4, in_order=True)
    assert batches.per_epoch == 5  # 4 columns of 5 segments, 3 are left over
    steps = torch.stack(list(batches.order(0, 0, 5)))
    assert steps[0].tolist() == [0, 5, 10, 15]
    assert (steps[1:] == steps[:-1] + 1).all()
    assert torch.equal(torch.stack(list(batches.order(7, 5, 10))), steps)  # every pass is the same
    assert [rows.tolist() for rows in batches.order(0, 3, 6)] == [steps[3].tolist(), steps[4].tolist(), steps[0].tolist()]


def test_a_uniform_model_has_the_vocabulary_as_its_perplexity(story: Task) -> None:
    found = evaluate(Fixed(torch.zeros(story.info.outputs)), story, story.valid.x, story.valid.y)
    assert found["perplexity"] == pytest.approx(story.info.outputs, rel=1e-5)


def test_a_model_of_the_token_frequencies_has_the_score_of_the_baseline(story: Task) -> None:
    counts = torch.bincount(story.train.y.flatten(), minlength=story.info.outputs) + 1.0
    found = evaluate(Fixed(counts.log()), story, story.valid.x, story.valid.y)
    assert found == pytest.approx(story.baseline_score, rel=1e-5)


def test_bits_per_character_are_the_loss_to_the_base_of_two(tmp_path: Path) -> None:
    task = load_task(write_text(tmp_path, "abcd" * 3000))
    found = evaluate(Fixed(torch.tensor([-100.0, 0, 0, 0, 0])), task, task.valid.x, task.valid.y)
    assert found == pytest.approx({"perplexity": 4, "bits_per_character": 2, "loss": math.log(4)}, rel=1e-5)


def test_evaluation_reads_a_short_text_as_one_sequence(story: Task) -> None:
    network = spread(model(story))
    tokens, following = story.valid.x[:7], story.valid.y[:7]
    with torch.no_grad():
        logits = network.eval()(tokens.reshape(1, -1))
    expected = cross_entropy(logits[0], following.flatten().long())
    assert evaluate(network, story, tokens, following)["loss"] == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("segments", [8, 17, 18, 40])
def test_evaluation_reads_a_long_text_in_columns_that_leave_no_segment_out(story: Task, segments: int) -> None:
    network = spread(model(story)).eval()
    tokens, following = story.train.x[:segments], story.train.y[:segments]
    columns = max(1, segments // 8)
    length = math.ceil(segments / columns)
    with torch.no_grad():
        losses = [
            cross_entropy(network(x.reshape(1, -1))[0], y.flatten().long(), reduction="sum")
            for x, y in zip(tokens.split(length), following.split(length), strict=True)
        ]
    found = evaluate(network, story, tokens, following)["loss"]
    assert found == pytest.approx(float(sum(losses)) / following.numel(), rel=1e-5)


def test_the_loss_of_batches_with_the_state_carried_is_that_of_one_long_text(story: Task) -> None:
    network = spread(model(story)).eval()
    loss_of, state = batch_loss(story.info), None
    losses = []
    for x, y in zip(story.train.x[:4], story.train.y[:4], strict=True):
        loss, state = loss_of(network, (x[None], y[None]), state)
        assert state is not None
        assert not any(part.requires_grad for part in state)
        losses.append(loss)
    whole = cross_entropy(network(story.train.x[:4].reshape(1, -1))[0], story.train.y[:4].flatten().long())
    torch.testing.assert_close(torch.stack(losses).mean(), whole)
    anew, _ = loss_of(network, (story.train.x[3:4], story.train.y[3:4]), None)
    assert not torch.allclose(anew, losses[3])


def test_gradients_end_where_a_segment_begins(story: Task) -> None:
    network = spread(model(story)).eval()
    loss_of = batch_loss(story.info)
    x, y = story.train.x[:2], story.train.y[:2]
    _, state = loss_of(network, (x[:1], y[:1]), None)
    assert state is not None
    before = [part.clone().requires_grad_() for part in state]
    loss, _ = loss_of(network, (x[1:], y[1:]), tuple(before))
    assert all(float(g.abs().sum()) > 0 for g in torch.autograd.grad(loss, before))  # the state does matter
    loss, _ = loss_of(network, (x[1:], y[1:]), state)
    loss.backward()  # reaches the weights through the second segment alone


def test_other_tasks_carry_nothing_on() -> None:
    task = load_task("iris")
    network = nn.Linear(4, 3)
    loss, state = batch_loss(task.info)(network, (task.train.x, task.train.y), None)
    assert state is None
    torch.testing.assert_close(loss, cross_entropy(network(task.train.x), task.train.y))


def plain_training(network: LanguageModel, task: Task, recipe: Recipe, steps: int) -> list[float]:
    """Truncated backpropagation through time, written down once more, without dropout, schedule and averages."""
    columns = recipe.batch_size
    length = len(task.train) // columns
    tokens, following = (part[: columns * length].long().reshape(columns, length, -1) for part in (task.train.x, task.train.y))
    optimizer = torch.optim.SGD(network.parameters(), recipe.learning_rate, momentum=0.0)
    state, losses = None, []
    for step in range(steps):
        if step % length == 0:
            state = None
        logits, after = network.read(tokens[:, step % length], state)
        loss = cross_entropy(logits.flatten(0, 1), following[:, step % length].flatten())
        state = tuple(part.detach() for part in after)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def test_the_loop_is_truncated_backpropagation_through_time(story: Task) -> None:
    recipe = Recipe(
        optimizer="sgd", learning_rate=0.5, weight_decay=0.0, momentum=0.0, batch_size=8, warmup=0.0, gradient_clip=0.0
    )
    ours, theirs = model(story).eval(), model(story).eval()
    for network in (ours, theirs):
        for parameter in network.parameters():
            parameter.data.mul_(5)
        network.dropout = dict.fromkeys(network.dropout, 0.0)
    per_epoch = len(story.train) // 8
    # a schedule so long that its cosine has not begun to fall
    span = Span(2.0, horizon=4000.0, looks=1)
    outcome = train(ours, story, recipe, span)
    losses = plain_training(theirs.train(), story, recipe, 2 * per_epoch)
    assert outcome.curve[-1]["train_loss"] == pytest.approx(sum(losses) / len(losses), rel=1e-4)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_a_training_learns_and_keeps_embedding_and_decoder_in_one(story: Task) -> None:
    network = model(story)
    recipe = replace(default_recipe(story.info), batch_size=8)
    outcome = train(network, story, recipe, Span(12.0, looks=4))
    assert outcome.state is TrialState.COMPLETE
    # of 8 choices in a line of 14 tokens on average: exp(8 ln 8 / 14) = 3.3 at best
    assert 3.0 < outcome.metrics["perplexity"] < 0.6 * story.baseline_score["perplexity"]
    assert outcome.metrics["perplexity"] == pytest.approx(math.exp(outcome.metrics["loss"]))
    assert network.decoder.weight is network.embedding.weight


@pytest.mark.parametrize("middle", [1.0, 1.5])
def test_a_training_goes_on_bit_by_bit_also_within_a_text(story: Task, tmp_path: Path, middle: float) -> None:
    recipe = replace(default_recipe(story.info), batch_size=8)
    whole, halves = model(story), model(story)
    train(whole, story, recipe, Span(3.0, horizon=3.0, looks=1, save=tmp_path / "whole.safetensors"))
    train(halves, story, recipe, Span(middle, horizon=3.0, looks=1, save=tmp_path / "half.safetensors"))
    assert set(load_checkpoint(tmp_path / "half.safetensors").carried) == {"0"}
    again = model(story, seed=1)  # other weights, which the checkpoint replaces
    span = Span(3.0, horizon=3.0, looks=1, start=tmp_path / "half.safetensors", save=tmp_path / "other.safetensors")
    train(again, story, recipe, span)
    for name, tensor in evaluated_state(tmp_path / "whole.safetensors").items():
        assert torch.equal(tensor, evaluated_state(tmp_path / "other.safetensors")[name]), name


def test_less_data_is_the_beginning_of_the_text(story: Task) -> None:
    short = replace(story, train=Part(story.train.x[:30], story.train.y[:30], story.train.rows[:30]))
    share = 30 / len(story.train)
    recipe = replace(default_recipe(story.info), batch_size=8)
    first, second = model(story), model(story)
    a = train(first, story, recipe, Span(2.0, data=share, looks=1))
    b = train(second, short, recipe, Span(2.0, looks=1))
    assert a.metrics == b.metrics


def test_mixing_tokens_is_refused(story: Task) -> None:
    with pytest.raises(SettingError, match=r"mixup=0.2 mixes examples, which the tokens of a text cannot be"):
        train(model(story), story, Recipe(mixup=0.2), Span(1.0))
