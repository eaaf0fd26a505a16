from pathlib import Path

import pytest
import torch

from searchitect.core import Fidelity, Objective, Proposal, SettingError, Strategy, Trial, TrialState
from searchitect.networks.mixed import mixed_layers
from searchitect.oneshot.enas import ControllerDraws, Enas, Policy
from searchitect.oneshot.method import Method, Schedule
from searchitect.oneshot.path_dropout import PathDropout, dropped_paths
from searchitect.oneshot.sampled import Sampled, uniform
from searchitect.oneshot.training import Progress, SupernetTraining
from searchitect.oneshot.two_stage import TwoStage
from tests.oneshot.blocks import Blocks
from tests.training.examples import images

TASK = images(80)
SCHEDULE = Schedule(epochs=2, batch_size=10, learning_rate=0.05)
OBJECTIVE = [Objective("accuracy", "max")]


def make_strategy(space, objectives, seed, found):  # type: ignore[no-untyped-def]
    return TwoStage(space, objectives, seed=seed, candidates=found["steps"])


def sampled() -> Method:
    return Sampled(uniform, make_strategy, SCHEDULE)


def dropping() -> Method:
    return PathDropout(make_strategy, SCHEDULE, rate=0.5, ghost=5)


def enas() -> Enas:
    return Enas(SCHEDULE, Policy(steps=2, draws=4, hidden=8, learning_rate=0.05), candidates=4)


def training_of(method: Method, folder: Path, name: str = "net") -> SupernetTraining:
    return SupernetTraining(Blocks(), TASK, method, folder / f"{name}.safetensors", device="cpu")


def weights_of(training: SupernetTraining) -> dict[str, torch.Tensor]:
    return {name: values.clone() for name, values in training.network.state_dict().items()}


def one_step(training: SupernetTraining) -> None:
    training.network.train()
    training._seed_step()
    (batch,), (held,) = (
        training.feed.go(training.step, training.step + 1),
        training.held_feed.go(training.step, training.step + 1),
    )
    training.method.step(training, batch, held)
    training.step += 1


@pytest.mark.parametrize("make", [sampled, enas])
def test_only_the_drawn_path_changes_and_the_others_keep_their_momentum(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    training = training_of(make(), tmp_path)
    for _ in range(6):
        before = weights_of(training)
        momenta = [None if b is None else b.clone() for b in training.momentum_buffers()]
        one_step(training)
        after = weights_of(training)
        taken = {path: layers[0].weights for path, layers in mixed_layers(training.network).items()}
        for i in range(2):
            for place in range(3):
                names = [
                    name for name in before if name.startswith(f"blocks.{i}.options.{place}.") and "num_batches" not in name
                ]
                is_taken = taken[f"block/{i}"][place] == 1  # type: ignore[index]
                assert all(torch.equal(before[n], after[n]) != is_taken for n in names)
        for name, old, new in zip(dict(training.network.named_parameters()), momenta, training.momentum_buffers(), strict=True):
            if torch.equal(before[name], after[name]) and old is not None:
                assert new is not None
                assert torch.equal(old, new)


@pytest.mark.parametrize("make", [sampled, dropping, enas])
def test_an_interrupted_training_ends_bit_for_bit_the_same(make, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    whole = training_of(make(), tmp_path, "whole")
    whole.run()
    first = training_of(make(), tmp_path, "cut")

    def interrupt(made: Progress) -> None:
        if made.step == first.feed.per_epoch + 2:
            raise KeyboardInterrupt

    first.on_progress = interrupt
    with pytest.raises(KeyboardInterrupt):
        first.run()
    again = training_of(make(), tmp_path, "cut")
    assert again.step == first.feed.per_epoch
    again.run()
    assert all(torch.equal(values, weights_of(again)[name]) for name, values in weights_of(whole).items())
    ours, theirs = whole.method.state(), again.method.state()
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(values, theirs[name]) for name, values in ours.items())
    assert whole.history == again.history


def test_what_the_training_leaves_reaches_the_strategy(tmp_path: Path) -> None:
    training = training_of(sampled(), tmp_path)
    strategy = training.method.candidates(Blocks(), OBJECTIVE, 0, training.run())
    assert isinstance(strategy, TwoStage)
    assert strategy.candidates == training.steps
    assert training.run().found["validation_rows"] == len(TASK.valid)


# --- path dropout ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_all_paths_are_dropped_with_the_rate_and_each_by_itself(rate: float, tmp_path: Path) -> None:
    layer = mixed_layers(training_of(dropping(), tmp_path).network)["block/0"][0]
    generator = torch.Generator().manual_seed(0)
    draws = [dropped_paths(layer, rate, 1.0, generator) for _ in range(6000)]
    gone = [all(not isinstance(w, float) or w == 0 for w in draw) for draw in draws]
    assert abs(sum(gone) / 6000 - rate) < 4 * (rate * (1 - rate) / 6000) ** 0.5
    single = rate ** (1 / 3)
    for place in range(3):
        share = sum(isinstance(draw[place], torch.Tensor) or draw[place] == 0 for draw in draws) / 6000
        assert abs(share - single) < 4 * (single * (1 - single) / 6000) ** 0.5


def test_the_dropout_of_a_path_grows_linearly_from_none(tmp_path: Path) -> None:
    layer = mixed_layers(training_of(dropping(), tmp_path).network)["block/0"][0]
    generator = torch.Generator().manual_seed(0)
    assert dropped_paths(layer, 0.5, 0.0, generator) == [1.0, 1.0, 1.0]
    for progress in (0.25, 0.5):
        draws = [dropped_paths(layer, 0.5, progress, generator) for _ in range(4000)]
        share = sum(draw[1] == 0 for draw in draws) / 4000
        assert abs(share - progress * 0.5 ** (1 / 3)) < 0.03


def test_dropped_paths_and_paths_times_zero_learn_nothing(tmp_path: Path) -> None:
    method = PathDropout(make_strategy, SCHEDULE, rate=0.5, ghost=10)
    training = training_of(method, tmp_path)
    fixed = {"block/0": [1.0, 0.0, 1.0], "block/1": [torch.zeros(()), 0.0, 0.0]}
    method.draw = lambda _: fixed  # type: ignore[assignment, method-assign, return-value]
    before = weights_of(training)
    one_step(training)
    after = dict(training.network.named_parameters())
    changed = {name for name, values in after.items() if not torch.equal(before[name], values)}
    assert changed == {"head.bias"}  # nothing passes the second block; without a gradient there is no decay either
    fixed["block/1"] = [0.0, 1.0, 0.0]
    one_step(training)
    changed = {name for name, values in after.items() if not torch.equal(before[name], values)}
    starts = ("blocks.0.options.0.", "blocks.0.options.2.", "blocks.1.options.1.", "head.")
    assert changed == {name for name in after if name.startswith(starts)}


def test_with_all_paths_on_it_is_the_sum_of_the_options(tmp_path: Path) -> None:
    method = dropping()
    training = training_of(method, tmp_path)
    assert isinstance(method, PathDropout)
    training.set_weights(method.draw(training))  # nothing is dropped at the beginning
    network = training.network.eval()
    x = TASK.preprocess(TASK.valid.x[:4])
    with torch.no_grad():
        first = sum(option(x) for option in network.blocks[0].options)
        assert torch.allclose(network.blocks[0](x), first)


@pytest.mark.parametrize("wrong", [{"rate": 0.0}, {"rate": 1.0}, {"ghost": 1}])
def test_settings_of_path_dropout_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        PathDropout(make_strategy, SCHEDULE, **wrong)  # type: ignore[arg-type]


# --- ENAS ------------------------------------------------------------------------------------------------------------------


def test_each_phase_leaves_what_the_other_one_trains(tmp_path: Path) -> None:
    method = enas()
    training = training_of(method, tmp_path)
    before = method.controller.state()
    one_step(training)
    assert all(torch.equal(values, before[name]) for name, values in method.controller.state().items() if name in before)
    weights, policy = weights_of(training), method.controller.state()
    told = method.end_epoch(training)
    kept = {name: values for name, values in weights_of(training).items() if "num_batches" not in name}
    assert all(torch.equal(values, weights[name]) for name, values in kept.items())  # running statistics too
    assert any(not torch.equal(values, policy[name]) for name, values in method.controller.state().items() if name in policy)
    assert 0 <= told["reward"] <= 1
    assert training.network.training


def test_the_controller_comes_to_draw_what_is_rewarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    method = Enas(SCHEDULE, Policy(steps=15, draws=8, hidden=8, learning_rate=0.03, squash=2.5, baseline_decay=0.9))
    training = training_of(method, tmp_path)
    monkeypatch.setattr(method, "reward", lambda training, decisions, batch: float(decisions["block/1"] == "five"))
    first = method.end_epoch(training)["reward"]
    for _ in range(5):
        training.step += 1
        last = method.end_epoch(training)["reward"]
    assert first < 0.75
    assert last > 0.85
    assert method.baseline is not None
    assert method.baseline > 0.8


def test_a_squashed_controller_begins_uniform_and_is_never_certain(tmp_path: Path) -> None:
    method = enas()
    training_of(method, tmp_path)
    networks = list(Blocks().enumerate())
    chances = [method.controller.probability(a) for a in networks]
    assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert all(abs(p - 1 / 9) < 0.02 for p in chances)
    for table in method.controller._tables.values():
        table.data[:, :-1] *= 1000
    lowest = 1 / (1 + 2 * torch.e ** (2 * 1.1)) ** 2  # both choices at minus the squash, the others at plus
    assert all(method.controller.probability(a) >= lowest * 0.999 for a in networks)


def test_candidates_are_different_draws_of_the_trained_controller(tmp_path: Path) -> None:
    training = training_of(enas(), tmp_path)
    strategy = training.method.candidates(Blocks(), OBJECTIVE, 0, training.run())
    assert isinstance(strategy, ControllerDraws)
    networks = list(Blocks().enumerate())
    assert [strategy.controller.probability(a) for a in networks] == [
        training.method.controller.probability(a) for a in networks
    ]  # type: ignore[attr-defined]
    keys = []
    while (proposal := strategy.ask()) is not None:
        keys.append(strategy.space.key(proposal.architecture))
        trial = complete(strategy, len(keys), proposal)
        strategy.tell(trial)
    assert len(keys) == len(set(keys)) == 4


def complete(strategy: Strategy, number: int, proposal: Proposal) -> Trial:
    trial = Trial(number, proposal.architecture, strategy.space.key(proposal.architecture), Fidelity(1.0), 0)
    trial.state, trial.metrics = TrialState.COMPLETE, {"accuracy": 0.5}
    return trial


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"draws": 0}, {"baseline_decay": 1.0}, {"entropy": -1.0}])
def test_settings_of_the_policy_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(SettingError):
        Policy(**wrong)  # type: ignore[arg-type]
