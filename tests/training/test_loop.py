"""The training loop: closed forms, resuming bit by bit, every option with its effect, and how a training ends."""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SettingError, TrialState
from searchitect.networks.operations import DropPath
from searchitect.tasks import Task
from searchitect.training import Outcome, Recipe, Span, default_recipe, predict, train
from searchitect.training.batches import Batches
from searchitect.training.checkpoint import evaluated_state, load_checkpoint
from searchitect.training.loop import Average, learning_rate_at, make_optimizer, pick_device
from tests.training.examples import assert_same_state, images, line, network_for, poisoned, state_of, table

PLAIN = Recipe(batch_size=16)
RICH = Recipe(
    batch_size=16, crop=1, flip=True, cutout=3, mixup=0.3, ema=0.9, recalibrate=5, label_smoothing=0.1, learning_rate=0.01
)


@pytest.mark.parametrize(
    ("progress", "warmup", "expected"),
    [
        (0.0, 0.2, 0.0),
        (0.1, 0.2, 0.5),
        (0.2, 0.2, 1.0),
        (0.4, 0.2, 0.5 * (1 + math.cos(math.pi / 4))),
        (0.6, 0.2, 0.5),
        (1.0, 0.2, 0.0),
        (0.0, 0.0, 1.0),
        (0.25, 0.0, 0.5 * (1 + math.sqrt(0.5))),
        (1.5, 0.1, 0.0),
    ],
)
def test_the_learning_rate_rises_linearly_and_falls_as_half_a_cosine(progress: float, warmup: float, expected: float) -> None:
    assert learning_rate_at(progress, warmup) == pytest.approx(expected, abs=1e-12)


def test_a_training_step_uses_the_scheduled_learning_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    task, rates = table(), []
    step = torch.optim.SGD.step

    def watched(self: torch.optim.SGD, *args: Any) -> Any:
        rates.append({group["lr"] for group in self.param_groups})
        return step(self, *args)

    monkeypatch.setattr(torch.optim.SGD, "step", watched)
    recipe = Recipe(optimizer="sgd", learning_rate=0.2, warmup=0.25, batch_size=12)
    train(network_for(task), task, recipe, Span(2, horizon=4))
    steps = 4 * len(task.train) // 12
    assert rates == [{0.2 * learning_rate_at((k + 1) / steps, 0.25)} for k in range(steps // 2)]


def test_everything_is_decayed_where_the_recipe_says_so() -> None:
    optimizer = make_optimizer(network_for(images()), Recipe(weight_decay=0.07, decay_all=True), torch.device("cpu"))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.07]


@pytest.mark.parametrize(("nesterov", "expected"), [(True, -0.19), (False, -0.1)])
def test_the_first_step_of_sgd_with_and_without_nesterov(nesterov: bool, expected: float) -> None:
    """From rest with gradient 1 and momentum 0.9: lr (1 + 0.9) ahead, or lr."""
    weight = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(weight.weight)
    recipe = Recipe(optimizer="sgd", learning_rate=0.1, weight_decay=0.0, nesterov=nesterov)
    optimizer = make_optimizer(weight, recipe, torch.device("cpu"))
    weight(torch.ones(1, 1)).sum().backward()
    optimizer.step()
    assert weight.weight.item() == pytest.approx(expected)


class WithAuxiliary(nn.Module):
    """A pair of outputs while training; an auxiliary classifier that sees half of the columns."""

    def __init__(self, columns: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Linear(columns, outputs)
        self.auxiliary = nn.Linear(columns, outputs)
        self.path = DropPath()
        self.rates: list[float] = []

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        self.rates.append(self.path.rate)
        y: Tensor = self.path(self.main(x))
        return (y, self.auxiliary(x)) if self.training else y


def test_the_auxiliary_loss_has_its_weight_and_does_not_leave_the_training(tmp_path: Path) -> None:
    task, states = table(), {}
    for weight in (0.0, 0.4):
        torch.manual_seed(0)
        network = WithAuxiliary(4, 2)
        before = network.auxiliary.weight.detach().clone()
        plain = Recipe(batch_size=16, gradient_clip=0.0, weight_decay=0.0, auxiliary=weight)
        outcome = train(network, task, plain, Span(2, save=tmp_path / f"{weight}.safetensors"))
        assert outcome.state == TrialState.COMPLETE
        assert torch.equal(before, network.auxiliary.weight) == (weight == 0)
        states[weight] = network.main.weight.detach().clone()
    assert torch.equal(states[0.0], states[0.4])  # two classifiers that share nothing


def test_drop_path_rises_linearly_over_the_whole_schedule() -> None:
    task = table()
    network = WithAuxiliary(4, 2)
    steps: list[tuple[int, int]] = []
    train(network, task, Recipe(batch_size=16, drop_path=0.3), Span(2, horizon=4, looks=1), lambda *at: steps.append(at))
    total = steps[-1][1]
    assert [step for step, _ in steps] == list(range(1, total // 2 + 1))
    assert network.rates[: total // 2] == pytest.approx([0.3 * step / total for step in range(total // 2)])


def test_matrices_are_decayed_and_vectors_are_not() -> None:
    network = network_for(images())
    optimizer = make_optimizer(network, Recipe(weight_decay=0.07), torch.device("cpu"))
    decay = {id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]}
    assert {p.ndim > 1: decay[id(p)] for p in network.parameters()} == {True: 0.07, False: 0.0}
    assert len(decay) == len(list(network.parameters()))


# --- resuming ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make_task", [table, images, line])
@pytest.mark.parametrize("stops", [[1.0], [0.4, 1.0, 1.7], [2.0]])
@pytest.mark.parametrize(
    "recipe", [PLAIN, RICH, replace(RICH, optimizer="sgd", mixup=0.0, ema=0.0)], ids=["plain", "rich", "sgd"]
)
def test_a_training_in_parts_is_the_training_at_one_go_bit_by_bit(
    make_task: Any, stops: list[float], recipe: Recipe, tmp_path: Path
) -> None:
    task = make_task()
    whole = network_for(task, dropout=0.3)
    outcome = train(whole, task, recipe, Span(3, horizon=4, seed=5))
    start = None
    for number, epochs in enumerate([*stops, 3]):
        part = network_for(task, dropout=0.3, seed=number)  # its own weights are replaced
        if start is None:
            part = network_for(task, dropout=0.3)
        save = tmp_path / f"{number}.safetensors"
        resumed = train(part, task, recipe, Span(epochs, horizon=4, seed=5, start=start, save=save))
        start = save
    assert_same_state(whole, part)
    assert resumed.metrics == outcome.metrics
    assert resumed.curve[-1]["epoch"] == outcome.curve[-1]["epoch"] == 3


def test_the_same_seed_gives_the_same_and_another_seed_another_result() -> None:
    task = images()
    found = [network_for(task, dropout=0.3) for _ in range(3)]
    for network, seed in zip(found, [1, 1, 2], strict=True):
        train(network, task, RICH, Span(1, seed=seed))
    assert_same_state(found[0], found[1])
    with pytest.raises(AssertionError, match="differ"):
        assert_same_state(found[0], found[2])


def test_the_global_generator_is_left_as_it_was() -> None:
    task, before = images(), torch.get_rng_state()
    train(network_for(task, dropout=0.3), task, RICH, Span(1, seed=1))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_global_generator_has_no_influence() -> None:
    task = images()
    found = [network_for(task, dropout=0.3) for _ in range(2)]
    for number, network in enumerate(found):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(number)
            train(network, task, RICH, Span(1, seed=1))
    assert_same_state(*found)


def test_the_loader_trains_what_memory_trains() -> None:
    task = images()
    memory, loader = network_for(task), network_for(task)
    train(memory, task, RICH, Span(1.5))
    train(loader, task, replace(RICH, loader_bytes=0), Span(1.5))
    assert_same_state(memory, loader)


# --- every option has its effect ---------------------------------------------------------------------------------------

CHANGES: dict[str, dict[str, Any]] = {
    "optimizer": {"optimizer": "sgd"},
    "learning_rate": {"learning_rate": 0.02},
    "weight_decay": {"weight_decay": 0.5},
    "decay_all": {"weight_decay": 0.5, "decay_all": True},
    "momentum": {"optimizer": "sgd", "momentum": 0.5},
    "nesterov": {"optimizer": "sgd", "nesterov": False},
    "batch_size": {"batch_size": 8},
    "warmup": {"warmup": 0.6},
    "label_smoothing": {"label_smoothing": 0.2},
    "crop": {"crop": 2},
    "flip": {"flip": True},
    "cutout": {"cutout": 4},
    "mixup": {"mixup": 0.5},
    "ema": {"ema": 0.9},
    "recalibrate": {"recalibrate": 100},
    "gradient_clip": {"gradient_clip": 0.01},
    "balance": {"balance": True},
    "precision": {"precision": "bfloat16"},
}


@pytest.mark.parametrize("name", list(CHANGES))
def test_every_option_changes_what_is_trained(name: str) -> None:
    task = replace(images(), class_weights=torch.tensor([0.2, 1.8]))
    changed = CHANGES[name]
    without = Recipe(**{"batch_size": 16, **{k: v for k, v in changed.items() if k != name}})
    before, after = network_for(task), network_for(task)
    train(before, task, without, Span(2))
    train(after, task, without.with_settings(changed), Span(2))
    with pytest.raises(AssertionError, match="differ"):
        assert_same_state(before, after)


def test_every_option_is_tried_here_or_elsewhere() -> None:
    assert {*CHANGES, "keep_best", "close_looks", "restarts", "loader_bytes", "device", "auxiliary", "drop_path"} == set(
        Recipe().to_json()
    )


def test_an_unknown_device_is_refused_by_name() -> None:
    with pytest.raises(SettingError, match="device='tpu-7'"):
        pick_device("tpu-7")
    assert pick_device("cpu") == torch.device("cpu")


def test_a_shift_by_half_of_the_image_is_refused() -> None:
    task = images(side=8)
    with pytest.raises(SettingError, match="crop must lie below half of the image side, got 4 with 8"):
        train(network_for(task), task, Recipe(crop=4), Span(1))


@pytest.mark.parametrize(
    "other", [Span(2, data=0.5), Span(2, resolution=0.5), Span(2, horizon=4), Span(2, seed=9), Span(1.5, horizon=2)]
)
def test_every_part_of_the_span_changes_what_is_trained(other: Span) -> None:
    task = images()
    span = Span(2, horizon=2)
    before, after = network_for(task), network_for(task)
    train(before, task, PLAIN, span)
    train(after, task, PLAIN, other)
    with pytest.raises(AssertionError, match="differ"):
        assert_same_state(before, after)


class Watching(nn.Module):
    """Remembers what it is given."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.inner = network_for(task)
        self.seen: list[tuple[bool, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append((self.training, x.detach().clone()))
        found: Tensor = self.inner(x)
        return found


def test_a_fraction_of_the_data_is_the_same_rows_for_every_training() -> None:
    task = table()
    rows = []
    for seed in (1, 2):
        network = Watching(task)
        train(network, task, PLAIN, Span(1, data=0.5, seed=seed))
        rows.append({tuple(row.tolist()) for is_training, x in network.seen if is_training for row in x})
    assert rows[0] == rows[1]
    assert len(rows[0]) == round(len(task.train) * 0.5)


def test_resolution_is_the_side_that_the_network_sees_in_training_and_validation() -> None:
    task = images(side=8)
    network = Watching(task)
    train(network, task, PLAIN, Span(1, resolution=0.5))
    assert {tuple(x.shape[-2:]) for _, x in network.seen} == {(4, 4)}
    assert {is_training for is_training, _ in network.seen} == {True, False}


def test_looks_may_take_a_part_of_the_validation_rows_the_same_for_every_training() -> None:
    task, rows = table(), []
    for seed in (1, 2):
        network = Watching(task)
        train(network, task, PLAIN, Span(1, seed=seed, valid_rows=5, looks=1))
        rows.append([tuple(row.tolist()) for is_training, x in network.seen if not is_training for row in x])
    assert rows[0] == rows[1]
    assert len(rows[0]) == 5
    assert set(rows[0]) <= {tuple(row.tolist()) for row in task.preprocess(task.valid.x)}


@pytest.mark.parametrize("looks", [1, 2, 4, 8])
def test_it_looks_as_often_as_asked_but_not_more_than_once_an_epoch(looks: int) -> None:
    task = images()
    outcome = train(network_for(task), task, PLAIN, Span(4, looks=looks))
    assert len(outcome.curve) == min(looks, 4)


@pytest.mark.parametrize(
    ("part", "epochs"),
    [(0.0, [5, 10]), (0.1, [5, 10]), (0.3, [5, 8, 9, 10]), (0.5, [5, 6, 7, 8, 9, 10]), (1.0, [*range(1, 11)])],
)
def test_the_last_part_of_a_training_can_be_looked_at_after_every_epoch(part: float, epochs: list[int]) -> None:
    task = images()
    outcome = train(network_for(task), task, replace(PLAIN, close_looks=part), Span(10, looks=2))
    assert [look["epoch"] for look in outcome.curve] == epochs


@pytest.mark.parametrize("resumable", [True, False])
def test_the_optimizer_is_kept_only_where_the_training_goes_on(resumable: bool, tmp_path: Path) -> None:
    task = images()
    train(network_for(task), task, PLAIN, Span(1, save=tmp_path / "w.safetensors", resumable=resumable))
    assert bool(load_checkpoint(tmp_path / "w.safetensors").optimizer) == resumable


def test_an_epoch_shows_every_row_once() -> None:
    task = table()
    network = Watching(task)
    train(network, task, Recipe(batch_size=12), Span(1))
    shown = sorted(tuple(row.tolist()) for is_training, x in network.seen if is_training for row in x)
    assert shown == sorted(tuple(row.tolist()) for row in task.preprocess(task.train.x))


# --- closed forms of the loss ------------------------------------------------------------------------------------------


class Constant(nn.Module):
    """Answers the same logits to everything."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.logits.expand(len(x), -1)


def answer_after(task: Task, recipe: Recipe) -> Tensor:
    """What a network settles on that cannot see its input."""
    network = Constant(task.info.outputs)
    train(network, task, replace(recipe, learning_rate=0.05, batch_size=2**20, gradient_clip=0), Span(200))
    return network.logits.detach().softmax(0)


def test_class_weights_are_used_when_the_classes_are_to_be_balanced() -> None:
    task = table()
    share = task.train.y.float().mean().item()
    task = replace(task, class_weights=torch.tensor([1 / (1 - share), 3 / share]))  # so that class 1 weighs three times class 0
    assert answer_after(task, Recipe(balance=True))[1].item() == pytest.approx(0.75, abs=0.02)
    assert answer_after(task, Recipe())[1].item() == pytest.approx(share, abs=0.02)


def test_label_smoothing_spreads_its_mass_over_all_classes() -> None:
    task = table(classes=2)
    task = replace(task, train=replace(task.train, y=torch.ones_like(task.train.y)))
    assert answer_after(task, Recipe(label_smoothing=0.4))[1].item() == pytest.approx(0.8, abs=0.02)


def test_regression_learns_standardised_values_and_is_measured_in_the_users_units() -> None:
    task = line()
    network = network_for(task)
    outcome = train(network, task, replace(default_recipe(task.info), learning_rate=0.02), Span(60))
    assert outcome.metrics["r2"] > 0.9
    assert 0 < outcome.metrics["rmse"] < 0.4 * task.target_std
    outputs = predict(network, task, task.valid.x)
    assert float(outputs.mean().abs()) < 1  # not around 1000


def test_mixup_of_an_example_with_itself_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import searchitect.training.loop as module

    monkeypatch.setattr(module, "mix", lambda x, alpha: (x, torch.arange(len(x)), 0.7))
    task = table()
    mixed, plain = network_for(task), network_for(task)
    recipe = replace(PLAIN, optimizer="sgd")  # adaptive steps would enlarge the last bit's rounding
    train(mixed, task, replace(recipe, mixup=1.0), Span(1))
    train(plain, task, recipe, Span(1))
    for name, tensor in state_of(plain).items():
        assert torch.allclose(mixed.state_dict()[name], tensor, atol=1e-5)


# --- the moving average ------------------------------------------------------------------------------------------------


def test_the_average_follows_its_closed_form() -> None:
    network = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        network.weight.fill_(1.0)
    average, expected = Average(network, 0.9), 1.0
    for step in range(1, 200):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average.update(step)
        decay = min(0.9, step / (step + 9))
        expected = decay * expected + (1 - decay) * step
        assert average.state["weight"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("recalibrate", [0, 1000])
def test_the_average_is_what_is_measured_kept_and_left_in_the_network(recalibrate: int, tmp_path: Path) -> None:
    task = images()
    network = network_for(task)
    recipe = replace(PLAIN, ema=0.95, learning_rate=0.05, recalibrate=recalibrate)
    outcome = train(network, task, recipe, Span(2, save=tmp_path / "w.safetensors"))
    kept = evaluated_state(tmp_path / "w.safetensors")
    assert all(torch.equal(kept[name], tensor) for name, tensor in network.state_dict().items())
    from searchitect.tasks import measure

    again = measure(task.info, predict(network, task, task.valid.x), task.valid.y)
    assert again == outcome.metrics
    plain = network_for(task)
    train(plain, task, replace(PLAIN, learning_rate=0.05), Span(2))
    with pytest.raises(AssertionError, match="differ"):
        assert_same_state(network, plain)


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_first_looks_see_the_statistics_of_training_data_not_their_running_averages(ema: float, tmp_path: Path) -> None:
    """Of rows that are all seen, the statistics of the first layer have a closed form."""
    task, save = images(), tmp_path / "w.safetensors"
    network = network_for(task)
    train(network, task, replace(PLAIN, ema=ema, recalibrate=1000), Span(2, save=save))
    convolution, norm = network[0], network[1]
    with torch.no_grad():
        inside = convolution(task.preprocess(task.train.x))
    assert torch.allclose(norm.running_mean, inside.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(norm.running_var, inside.var((0, 2, 3)), rtol=1e-4)
    averages = network_for(task)
    train(averages, task, replace(PLAIN, ema=ema), Span(2))
    assert not torch.allclose(norm.running_mean, averages[1].running_mean, atol=1e-3)
    # what is learned is not touched
    assert torch.equal(convolution.weight, averages[0].weight)


def test_a_training_goes_on_with_the_running_averages_and_its_last_looks_see_them(tmp_path: Path) -> None:
    task = images()
    steps = Batches(len(task.train), PLAIN.batch_size).per_epoch
    recipe, save = replace(PLAIN, ema=0.9, recalibrate=2 * steps), tmp_path / "w.safetensors"
    train(network_for(task), task, recipe, Span(1, horizon=3, save=save))
    gone_on, never = network_for(task), network_for(task)
    train(gone_on, task, recipe, Span(3, start=save))
    train(never, task, replace(recipe, recalibrate=0), Span(3))
    assert_same_state(gone_on, never)


def test_counters_are_copied_not_averaged() -> None:
    task = images()
    network = network_for(task)
    train(network, task, replace(PLAIN, ema=0.99), Span(2))
    assert int(network.get_submodule("1").get_buffer("num_batches_tracked")) == 2 * (len(task.train) // 12)


def scores(monkeypatch: pytest.MonkeyPatch, values: list[float]) -> None:
    """What the looks at the validation part find, one after the other."""
    import searchitect.training.loop as module

    left = iter(values)
    monkeypatch.setattr(module, "evaluate", lambda *_, **__: {"accuracy": next(left), "loss": 1.0})


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_the_best_look_is_kept_with_its_weights_and_its_score(
    ema: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task, recipe = images(), replace(PLAIN, ema=ema, crop=1)
    until = network_for(task)
    train(until, task, recipe, Span(2, horizon=4))
    scores(monkeypatch, [0.3, 0.8, 0.8, 0.5])
    network, save = network_for(task), tmp_path / "w.safetensors"
    outcome = train(network, task, replace(recipe, keep_best=True), Span(4, save=save))
    assert [look["accuracy"] for look in outcome.curve] == [0.3, 0.8, 0.8, 0.5]
    assert outcome.metrics["accuracy"] == 0.8
    assert [look["epoch"] for look in outcome.curve if "kept" in look] == [2]
    assert_same_state(network, until)
    assert all(torch.equal(tensor, until.state_dict()[name]) for name, tensor in evaluated_state(save).items())


def test_the_best_look_is_remembered_when_the_training_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    task, recipe = images(), replace(PLAIN, keep_best=True)
    plain = network_for(task)
    train(plain, task, PLAIN, Span(4))
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    scores(monkeypatch, [0.3, 0.9, 0.5, 0.6])
    early = network_for(task)
    train(early, task, recipe, Span(2, horizon=4, save=first))
    network = network_for(task)
    outcome = train(network, task, recipe, Span(4, start=first, save=second))
    assert outcome.metrics["accuracy"] == 0.9
    assert_same_state(network, early)
    going_on = load_checkpoint(second).network  # what would be trained on is not what is kept
    assert all(torch.equal(going_on[name], tensor) for name, tensor in plain.state_dict().items())


def test_without_it_the_last_look_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    task = images()
    scores(monkeypatch, [0.3, 0.9, 0.5])
    assert train(network_for(task), task, PLAIN, Span(3)).metrics["accuracy"] == 0.5


# --- how it ends -------------------------------------------------------------------------------------------------------


class Broken(nn.Module):
    """Answers with a number that is none: in training, or only in evaluation."""

    def __init__(self, task: Task, *, in_training: bool) -> None:
        super().__init__()
        self.inner, self.in_training = network_for(task), in_training

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.inner(x)
        return found * math.nan if self.training == self.in_training else found


@pytest.mark.parametrize(("in_training", "words"), [(True, "diverged: the loss became nan"), (False, "not finite")])
def test_a_number_that_is_none_is_a_failure(in_training: bool, words: str, tmp_path: Path) -> None:
    task = table()
    outcome = train(Broken(task, in_training=in_training), task, PLAIN, Span(2, save=tmp_path / "w.safetensors"))
    assert outcome.state is TrialState.FAILED
    assert words in outcome.reason
    assert not list(tmp_path.iterdir())


def test_a_hopeless_training_stops_half_way() -> None:
    task = table()
    task = replace(task, baseline_score={"accuracy": 1.0, "loss": 0.0})  # nothing is better than that
    outcome = train(network_for(task), task, PLAIN, Span(8))
    assert outcome.state is TrialState.PRUNED
    assert "hopeless" in outcome.reason
    assert 4 <= outcome.curve[-1]["epoch"] < 8
    assert outcome.metrics


def test_a_good_training_is_not_hopeless() -> None:
    task = table(200)
    task = replace(task, baseline_score={"accuracy": 0.55, "loss": 0.69})
    outcome = train(network_for(task), task, replace(PLAIN, learning_rate=0.02), Span(16))
    assert (outcome.state, outcome.reason) == (TrialState.COMPLETE, "")
    assert outcome.metrics["accuracy"] > 0.8


def test_a_short_look_at_a_long_training_is_not_judged_hopeless() -> None:
    task = table()
    task = replace(task, baseline_score={"accuracy": 1.0, "loss": 0.0})
    assert train(network_for(task), task, PLAIN, Span(2, horizon=18)).state is TrialState.COMPLETE


def slow(network: nn.Module, seconds: float) -> nn.Module:
    network.register_forward_pre_hook(lambda module, _: time.sleep(seconds) if module.training else None)
    return network


def test_over_its_time_limit_it_fails_and_names_the_limit() -> None:
    task = table()
    outcome = train(slow(network_for(task), 0.02), task, PLAIN, Span(1000, time_limit=0.1))
    assert outcome.state is TrialState.FAILED
    assert "time limit of 0.1 s" in outcome.reason


def test_when_the_budget_ends_it_keeps_what_it_has_reached(tmp_path: Path) -> None:
    task = table()
    save = tmp_path / "w.safetensors"
    span = Span(1000, deadline=time.time() + 0.15, save=save)
    outcome = train(slow(network_for(task), 0.02), task, PLAIN, span)
    assert outcome.state is TrialState.PRUNED
    assert "budget ended" in outcome.reason
    assert 0 <= outcome.metrics["accuracy"] <= 1
    assert 0 < outcome.curve[-1]["epoch"] < 1000
    assert save.exists()


def test_a_refit_trains_on_training_and_validation_rows_and_measures_nothing() -> None:
    task = table()
    network = Watching(task)
    outcome = train(network, task, Recipe(batch_size=2), Span(1, refit=True))
    assert (outcome.state, outcome.metrics) == (TrialState.COMPLETE, {})
    shown = {tuple(row.tolist()) for is_training, x in network.seen for row in x}
    wanted = {tuple(row.tolist()) for part in (task.train, task.valid) for row in task.preprocess(part.x)}
    assert shown == wanted
    assert all(is_training for is_training, _ in network.seen)


@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("make_task", [table, images, line])
def test_the_test_part_is_never_touched(make_task: Any, refit: bool) -> None:
    task = poisoned(make_task(), "test")
    outcome = train(network_for(task), task, PLAIN, Span(1, data=0.6, refit=refit))
    assert outcome.state is TrialState.COMPLETE


def test_validation_rows_are_not_trained_on() -> None:
    task = table()
    network = Watching(task)
    train(network, task, PLAIN, Span(2))
    shown = {tuple(row.tolist()) for is_training, x in network.seen if is_training for row in x}
    assert not shown & {tuple(row.tolist()) for row in task.preprocess(task.valid.x)}


def test_the_curve_ends_where_the_training_ends() -> None:
    task = images()
    outcome: Outcome = train(network_for(task), task, PLAIN, Span(3))
    epochs = [look["epoch"] for look in outcome.curve]
    assert epochs == sorted(set(epochs))
    assert epochs[-1] == 3
    assert len(epochs) <= 8
    assert {k: v for k, v in outcome.curve[-1].items() if k in outcome.metrics} == outcome.metrics


def test_it_learns() -> None:
    task = images(200)
    outcome = train(network_for(task), task, default_recipe(task.info), Span(8))
    assert outcome.metrics["accuracy"] > 0.9
