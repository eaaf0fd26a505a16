"""Shared weights on texts: what is read in which order, and what is carried on."""

import math
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import Tensor

from searchitect.core import Fidelity, Job
from searchitect.estimators.shared_weights import SharedWeights
from searchitect.networks.language_model import CellState, LanguageModel
from searchitect.oneshot import training as loop
from searchitect.oneshot.enas import Enas, Policy
from searchitect.oneshot.feed import Batch, Feed
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.path_dropout import PathDropout
from searchitect.oneshot.relaxations.hard_gumbel import HardGumbel
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel, single_level
from searchitect.oneshot.sampled import Sampled, uniform
from searchitect.oneshot.score_rules import importance_weighted
from searchitect.oneshot.training import Progress, SupernetTraining
from searchitect.spaces.darts_rnn import DartsRnn
from searchitect.spaces.enas_rnn import EnasRnn
from searchitect.strategies import make_strategy
from searchitect.tasks import Task, load_task
from searchitect.training.normalisation import batch_statistics, recalibrate
from tests.texts import sentences, write_text

DROPOUT = {"drop_words": 0.1, "drop_embedding": 0.1, "drop_input": 0.1, "drop_hidden": 0.1, "drop_output": 0.1}
SCHEDULE = Schedule(epochs=1.5, batch_size=4, learning_rate=0.5, momentum=0.0)
WHOLE = Schedule(epochs=1.5, batch_size=6, learning_rate=0.5, train_share=1.0)
CELLS = DartsRnn(hidden=4, nodes=1, **DROPOUT)


def enas() -> Method:
    return Enas(SCHEDULE, Policy(steps=2, draws=2, hidden=8), candidates=2)


def dropping() -> Method:
    return PathDropout(lambda *found: make_strategy("random", *found), WHOLE, rate=0.3, ghost=3)


def sampled() -> Method:
    return Sampled(uniform, lambda *found: make_strategy("random", *found), WHOLE)


METHODS: dict[str, Callable[[], Method]] = {
    "darts": lambda: Relaxed(Softmax(), bilevel(1), SCHEDULE),
    "darts, second order": lambda: Relaxed(Softmax(), bilevel(2), SCHEDULE),
    "darts, all of the data for both": lambda: Relaxed(Softmax(), bilevel(1), WHOLE),
    "gdas": lambda: Relaxed(HardGumbel(10.0, 0.1), bilevel(1), SCHEDULE),
    "parsec": lambda: Relaxed(HardGumbel(10.0, 0.1), importance_weighted(2), SCHEDULE),
    "snas": lambda: Relaxed(Softmax(), single_level, WHOLE),
    "spos": sampled,
    "enas": enas,
    "adam": lambda: Relaxed(HardGumbel(10.0, 0.1), bilevel(1), replace(SCHEDULE, optimizer="adam", learning_rate=0.01)),
}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Task:
    return load_task(write_text(tmp_path_factory.mktemp("text"), sentences(90)), task="words")


@dataclass
class Reading:
    """One call of a network: at which step, what it read, from which state, and which one it left."""

    step: int
    tokens: Tensor
    before: CellState | None
    after: CellState


def training_of(method: Method, task: Task, folder: Path, name: str = "net") -> SupernetTraining:
    space = EnasRnn(hidden=4, nodes=2, **DROPOUT) if isinstance(method, Enas) else CELLS
    return SupernetTraining(space, task, method, folder / f"{name}.safetensors", device="cpu")


def readings_of(training: SupernetTraining, monkeypatch: pytest.MonkeyPatch) -> list[Reading]:
    """All that is read while it runs."""
    found: list[Reading] = []
    read = LanguageModel.read

    def log(network: LanguageModel, tokens: Tensor, state: CellState | None = None) -> tuple[Tensor, CellState]:
        outputs, after = read(network, tokens, state)
        found.append(Reading(training.step, tokens, state, after))
        return outputs, after

    monkeypatch.setattr(LanguageModel, "read", log)
    training.run()
    return found


def by_step(readings: list[Reading], feed: Feed) -> list[list[Reading]]:
    """Those of the feed's part of the text, of each step in turn."""
    mine = {tuple(row) for row in feed.x.tolist()}
    found = [r for r in readings if tuple(r.tokens[0].tolist()) in mine]
    return [[r for r in found if r.step == step] for step in sorted({r.step for r in found})]


def check_carried(steps: list[list[Reading]], feed: Feed) -> None:
    """Every step goes on where the one before ended, with the state that its last reading left, without its gradient."""
    places = {tuple(row): place for place, row in enumerate(feed.x.tolist())}
    assert len(steps) > feed.per_epoch  # a second pass was begun
    for now, after in pairwise(steps):
        where = [places[tuple(row)] for row in after[0].tokens.tolist()]
        assert all(torch.equal(r.tokens, after[0].tokens) for r in after)
        if where[0] == 0:
            assert all(r.before is None for r in after)
            continue
        assert where == [places[tuple(row)] + 1 for row in now[0].tokens.tolist()]
        for reading in after:
            assert reading.before is not None
            assert not reading.before[0].requires_grad
            assert torch.equal(reading.before[0], now[-1].after[0])
            assert now[-1].after[0].abs().sum() > 0


@pytest.mark.parametrize("name", [name for name in METHODS if name != "adam"])
def test_each_step_goes_on_where_the_one_before_ended_with_the_state_it_left(
    name: str, story: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = training_of(METHODS[name](), story, tmp_path)
    readings = readings_of(training, monkeypatch)
    is_whole = training.method.schedule.train_share == 1
    if not is_whole:
        check_carried(by_step(readings, training.feed), training.feed)
        assert training.feed.x[-1, -1] == story.train.x[len(training.feed.x) - 1, -1]
        assert torch.equal(training.held_feed.x, story.train.x[len(training.feed.x) :])  # the text's end, uncut
    if name == "enas":  # each cell is judged by itself
        held = by_step(readings, training.held_feed)
        assert len(held) == 2
        assert all(r.before is None for step in held for r in step)
    elif name == "darts, all of the data for both":  # two readings a step, each at a place of its own
        for turn, feed in enumerate([training.held_feed, training.feed]):
            check_carried([[readings[place]] for place in range(turn, len(readings), 2)], feed)
        assert not any(torch.equal(a.tokens, b.tokens) for a, b in zip(readings[::2], readings[1::2], strict=True))
    elif is_whole:
        check_carried([[reading] for reading in readings], training.feed)
    else:
        check_carried(by_step(readings, training.held_feed), training.held_feed)


def test_a_batch_in_parts_carries_on_what_the_whole_one_would(story: Task, tmp_path: Path) -> None:
    training = training_of(dropping(), story, tmp_path)
    network = training.network.eval()
    training.set_weights({path: [1.0, *[0.0] * 3] if "activation" in path else [1.0] for path in training.has_choices})
    first, second = (
        Feed(story, torch.arange(30), 6, augmented=False, seed=0),
        Feed(story, torch.arange(30), 6, augmented=False, seed=0),
    )
    for whole, cut in zip(first.go(0, 3), second.go(0, 3), strict=True):
        parts = cut.split(2)
        assert [len(part.x) for part in parts] == [3, 3]
        losses = [second.loss(network, part) for part in parts]
        assert float(first.loss(network, whole).detach()) == pytest.approx(
            sum(float(loss.detach()) for loss in losses) / 2, rel=1e-5
        )
    ours, theirs = first.carried(), second.carried()
    assert ours.keys() == theirs.keys() == {"2/0", "3/0"}
    assert all(torch.allclose(values, theirs[name], atol=1e-6) for name, values in ours.items())


def test_looking_at_a_batch_twice_or_alone_leaves_the_order_as_it_is(story: Task, tmp_path: Path) -> None:
    training = training_of(METHODS["darts"](), story, tmp_path)
    feed, network = training.held_feed, training.network.eval()
    for batch in feed.go(0, 2):
        feed.loss(network, batch)
    (ahead,) = feed.go(2, 3)  # as a guard looks at the batch of the next step
    feed.loss(network, ahead)
    (again,) = feed.go(2, 3)
    assert again.before is not None
    assert ahead.before is not None
    assert torch.equal(again.before[0], ahead.before[0])
    carried = feed.carried()
    feed.loss(network, again.alone())
    assert feed.carried().keys() == carried.keys()
    assert Batch(again.x, again.y).before is again.alone().before is None


@pytest.mark.parametrize("name", ["darts", "enas", "adam"])
def test_a_killed_training_goes_on_in_the_middle_of_a_pass_bit_for_bit(
    name: str, story: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "SAVE_EVERY", -1.0)  # after every step
    whole = training_of(METHODS[name](), story, tmp_path, "whole")
    whole.run()
    first = training_of(METHODS[name](), story, tmp_path, "cut")

    def interrupt(made: Progress) -> None:
        if made.step == 4:
            raise KeyboardInterrupt

    first.on_progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        first.run()
    again = training_of(METHODS[name](), story, tmp_path, "cut")
    assert again.step == 3
    (batch,) = again.feed.go(3, 4)
    assert batch.before is not None
    again.run()
    weights = again.network.state_dict()
    assert all(torch.equal(values, weights[key]) for key, values in whole.network.state_dict().items())
    ours, theirs = whole.method.state(), again.method.state()
    assert all(torch.equal(values, theirs[key]) for key, values in ours.items())


@pytest.mark.parametrize("normalisation", ["running", "batch", "recalibrated"])
def test_a_text_is_judged_in_one_go_whatever_its_segments(normalisation: str, story: Task, tmp_path: Path) -> None:
    """As long columns without a cut: the state is carried on."""
    training = training_of(METHODS["spos"](), story, tmp_path)
    training.run()
    text = replace(story, valid=story.train)
    architecture = CELLS.sample(random.Random(0))
    job = Job(CELLS, architecture, text, Fidelity(1.0), horizon=1.0)
    judge = SharedWeights(training.path, normalisation=normalisation, batch_size=24, rows=30)  # 3 columns of 10 segments
    found = judge.evaluate(job).metrics
    network = training.network
    training.take(architecture.decisions)
    x, y = (part[:30].reshape(3, -1) for part in (story.train.x, story.train.y))
    with torch.no_grad():
        if normalisation == "recalibrated":
            recalibrate(network, [x])
            network.eval()
            outputs = network(x)
        else:
            network.eval()
            with batch_statistics(network) if normalisation == "batch" else nullcontext():
                outputs = network(x)
    loss = torch.nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten().long())
    assert found["loss"] == pytest.approx(float(loss), rel=2e-3 if normalisation == "recalibrated" else 1e-5)
    assert found["perplexity"] == pytest.approx(math.exp(found["loss"]))
