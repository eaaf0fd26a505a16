import pickle
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from searchitect import Architecture, Fidelity, Job, TrialState
from searchitect.core import SettingError
from searchitect.estimators import estimator_summaries, from_scratch, make_estimator
from searchitect.estimators.from_scratch import FromScratch, recipe_for
from searchitect.testing import check_estimator
from searchitect.training import Outcome, Recipe, Span, train
from searchitect.training.checkpoint import evaluated_state, load_checkpoint
from tests.search.toys import Widths
from tests.training.examples import assert_same_state, images, network_for, poisoned, table

SPACE = Widths()


def job(**more: Any) -> Job:
    given: dict[str, Any] = {
        "space": SPACE,
        "architecture": Architecture({"width": 8, "bias": True}),
        "task": table(),
        "fidelity": Fidelity(1),
        "horizon": 9.0,
    }
    return Job(**(given | more))


def test_it_keeps_the_contract() -> None:
    check_estimator(FromScratch(), job())


def test_every_estimator_of_the_catalogue_can_be_made() -> None:
    for name, summary in estimator_summaries().items():
        assert summary
        assert pickle.loads(pickle.dumps(make_estimator(name, {})))


def test_an_unknown_estimator_or_setting_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingError, match=r"'from-scrach': did you mean 'from-scratch'\?"):
        make_estimator("from-scrach", {})
    with pytest.raises(SettingError, match="learning_rates"):
        make_estimator("from-scratch", {"learning_rates": 1})
    with pytest.raises(SettingError, match="learning_rate must be a number, got 'fast'"):
        make_estimator("from-scratch", {"learning_rate": "fast"})


def test_the_architectures_own_settings_win_over_the_users_and_these_over_the_default() -> None:
    task = table()
    default = recipe_for(task, {}, {})
    user = recipe_for(task, {}, {"learning_rate": 0.5, "weight_decay": 0.25})
    both = recipe_for(task, {"training": {"learning_rate": 0.125}}, {"learning_rate": 0.5, "weight_decay": 0.25})
    assert (user.learning_rate, user.weight_decay) == (0.5, 0.25)
    assert (both.learning_rate, both.weight_decay) == (0.125, 0.25)
    assert default == replace(user, learning_rate=default.learning_rate, weight_decay=default.weight_decay)


def test_the_users_settings_reach_the_training() -> None:
    assert FromScratch(learning_rate=0.3).evaluate(job()).metrics != FromScratch().evaluate(job()).metrics


def test_the_seed_is_that_of_the_initial_weights_too(tmp_path: Path) -> None:
    first: dict[int, torch.Tensor] = {}
    for seed in (1, 1, 2):
        FromScratch(learning_rate=1e-12).evaluate(job(seed=seed, save=tmp_path / "w.safetensors"))
        weights = evaluated_state(tmp_path / "w.safetensors")["0.weight"]
        assert torch.equal(first.setdefault(seed, weights), weights)
    assert not torch.allclose(first[1], first[2])


def test_a_promotion_is_the_same_as_a_longer_training(tmp_path: Path) -> None:
    judge = FromScratch(keep_best=False)
    whole = judge.evaluate(job(fidelity=Fidelity(3), save=tmp_path / "whole.safetensors"))
    judge.evaluate(job(fidelity=Fidelity(1), save=tmp_path / "1.safetensors"))
    parts = judge.evaluate(job(fidelity=Fidelity(3), start=tmp_path / "1.safetensors", save=tmp_path / "3.safetensors"))
    assert parts.metrics == whole.metrics
    ours, theirs = (evaluated_state(tmp_path / f"{name}.safetensors") for name in ("whole", "3"))
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("fidelity", [Fidelity(1, data=0.5), Fidelity(0.5)])
def test_the_fidelity_reaches_the_training(fidelity: Fidelity) -> None:
    assert FromScratch().evaluate(job(fidelity=fidelity)).metrics != FromScratch().evaluate(job()).metrics


def test_the_resolution_reaches_the_training() -> None:
    from searchitect.spaces import default_space

    task = images()
    space = default_space(task.info)
    architecture = space.sample(random.Random(0))
    found = [
        FromScratch()
        .evaluate(job(space=space, architecture=architecture, task=task, fidelity=Fidelity(1, resolution=r)))
        .metrics
        for r in (1.0, 0.5)
    ]
    assert found[0] != found[1]


def test_a_time_limit_and_a_deadline_reach_the_training() -> None:
    assert FromScratch().evaluate(job(time_limit=1e-9)).state is TrialState.FAILED
    assert FromScratch().evaluate(job(deadline=1.0)).state is TrialState.PRUNED


def test_the_weights_of_the_longest_training_carry_no_optimizer(tmp_path: Path) -> None:
    for epochs, expected in ((1.0, True), (9.0, False)):
        FromScratch().evaluate(job(fidelity=Fidelity(epochs), save=tmp_path / "w.safetensors"))
        assert bool(load_checkpoint(tmp_path / "w.safetensors").optimizer) == expected


@pytest.mark.parametrize("refit", [False, True])
def test_the_test_part_is_never_touched(refit: bool) -> None:
    found = FromScratch().evaluate(job(task=poisoned(table(), "test"), refit=refit))
    assert found.state is TrialState.COMPLETE
    assert bool(found.metrics) != refit


def trainings(monkeypatch: pytest.MonkeyPatch, fails: list[bool]) -> list[Recipe]:
    """The recipes of the trainings that an evaluation makes, of which the first ones fail as said, then none."""
    seen: list[Recipe] = []

    def fake(network: Any, task: Any, recipe: Recipe, span: Any) -> Outcome:
        seen.append(recipe)
        return Outcome({"accuracy": 0.5}, wants_restart=fails[len(seen) - 1] and recipe.restarts > 0)

    monkeypatch.setattr(from_scratch, "train", fake)
    return seen


@pytest.mark.parametrize(
    ("fails", "rates"),
    [([False], [0.1]), ([True, False], [0.1, 0.04]), ([True, True, True], [0.1, 0.04, 0.016])],
)
def test_a_training_that_fails_begins_anew_with_a_lower_rate(
    monkeypatch: pytest.MonkeyPatch, fails: list[bool], rates: list[float]
) -> None:
    seen = trainings(monkeypatch, fails)
    FromScratch(learning_rate=0.1, restarts=2).evaluate(job())
    assert [recipe.learning_rate for recipe in seen] == pytest.approx(rates)
    assert [recipe.restarts for recipe in seen] == [2, 1, 0][: len(seen)]


def test_a_network_that_diverges_at_first_is_trained_with_a_lower_rate() -> None:
    settings = {"optimizer": "sgd", "learning_rate": 1e3, "weight_decay": 1e3, "gradient_clip": 0.0, "warmup": 0.0}
    task = table()
    assert FromScratch(**settings).evaluate(job(task=task)).state is TrialState.FAILED
    again = FromScratch(**settings, restarts=20).evaluate(job(task=task))
    assert again.state is TrialState.COMPLETE


def test_a_first_epoch_that_teaches_nothing_is_a_failure() -> None:
    task = replace(table(), baseline_score={"accuracy": 0.7})
    slow = FromScratch(learning_rate=1e-9, restarts=1).evaluate(job(task=task, fidelity=Fidelity(3)))
    assert slow.state is TrialState.COMPLETE  # the last try is trained to its end
    outcome = train(network_for(task), task, Recipe(learning_rate=1e-9, restarts=1), Span(3))
    assert outcome.wants_restart
    assert "no better than guessing" in outcome.reason
    assert not train(network_for(task), task, Recipe(learning_rate=1e-9), Span(3)).wants_restart


def test_a_network_that_learns_is_trained_as_without_restarts() -> None:
    task = replace(table(), baseline_score={"accuracy": 0.5})
    recipe = Recipe(learning_rate=0.05, batch_size=8)
    plain, watched = network_for(task), network_for(task)
    train(plain, task, recipe, Span(3))
    assert not train(watched, task, replace(recipe, restarts=4), Span(3)).wants_restart
    assert_same_state(plain, watched)


def test_a_child_begins_with_the_evaluated_weights_that_fit_and_with_nothing_else_of_the_parents_training(
    tmp_path: Path,
) -> None:
    parent, child = tmp_path / "parent.safetensors", tmp_path / "child.safetensors"
    FromScratch().evaluate(job(save=parent, seed=1))
    wide = Architecture({"width": 8, "bias": False})  # the first layer has no bias any more
    found = FromScratch().evaluate(job(architecture=wide, save=child, inherit=parent, seed=2))
    assert found.metrics["inherited"] == 1.0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        network = from_scratch.build(SPACE, wide.spec, table().info)
    network.load_state_dict({k: v for k, v in evaluated_state(parent).items() if k != "0.bias"})
    task = table()
    usual = recipe_for(task, wide.spec, {})
    train(network, task, usual, Span(1, horizon=9.0, seed=2, save=tmp_path / "by_hand.safetensors", valid_rows=2000))
    ours, theirs = (load_checkpoint(path).network for path in (child, tmp_path / "by_hand.safetensors"))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    assert load_checkpoint(child).epochs == 1  # a training of its own


def test_where_nothing_fits_a_child_is_trained_as_from_scratch(tmp_path: Path) -> None:
    parent = tmp_path / "parent.safetensors"
    FromScratch().evaluate(job(architecture=Architecture({"width": 2, "bias": False}), save=parent))
    other = Architecture({"width": 16, "bias": False})
    inherited = FromScratch().evaluate(job(architecture=other, inherit=parent)).metrics
    alone = FromScratch().evaluate(job(architecture=other)).metrics
    assert 0 < inherited["inherited"] < 0.05  # the last layer's bias has the name and shape
    assert "inherited" not in alone
