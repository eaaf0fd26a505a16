"""Recipes that learn decisions by gradient: their settings, and a few steps of each on small supernets."""

import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from searchitect import Fidelity, Job
from searchitect.core import Objective, SettingError
from searchitect.estimators.shared_weights import SharedWeights
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.training import SupernetTraining
from searchitect.recipes import find_recipe
from searchitect.spaces.darts import Darts
from searchitect.spaces.nasbench201 import NasBench201
from tests.training.examples import images

RECIPES = ["darts", "snas", "gdas", "proxylessnas", "parsec", "drnas", "pc-darts", "fair-darts"]
SPACE = Darts(channels=4, layers=3, nodes=1)


def relaxed(name: str, **given: Any) -> Relaxed:
    made = find_recipe(name).make(given)
    assert isinstance(made, Relaxed)
    return made


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_trains_a_supernet_and_derives_a_cell(name: str, tmp_path: Path) -> None:
    recipe = find_recipe(name)
    method = relaxed(name, epochs=2, batch_size=16)
    training = SupernetTraining(recipe.open_space(SPACE, {}), images(), method, tmp_path / "net.safetensors", device="cpu")
    initial = {path: values.detach().clone() for path, values in method.logits.items()}
    outcome = training.run()
    assert len(initial) == (6 if name in ("pc-darts", "parsec") else 4)  # two cells of two edges
    assert any(not torch.equal(values, initial[path]) for path, values in method.logits.items())
    proposal = method.candidates(SPACE, [Objective("accuracy", "max")], 0, outcome).ask()
    assert proposal is not None
    taken = proposal.architecture.decisions
    assert sum(path.endswith("/op") for path in taken) == 4
    assert "none" not in taken.values()
    assert set(training.history[-1]["entropy"]) == set(method.logits)


@pytest.mark.parametrize("name", RECIPES)
def test_the_values_of_the_paper_are_settings(name: str) -> None:
    recipe = find_recipe(name)
    assert recipe.paper_settings.keys() <= recipe.settings().keys()
    recipe.make(recipe.paper_settings)
    assert recipe.name == name
    assert "arXiv:" in recipe.paper


def test_the_space_without_cells_is_searched_too(tmp_path: Path) -> None:
    space = NasBench201(channels=4, cells=1)
    method = relaxed("gdas", epochs=1, batch_size=16)
    training = SupernetTraining(
        find_recipe("gdas").open_space(space, {}), images(), method, tmp_path / "n.safetensors", device="cpu"
    )
    training.run()
    assert len(method.logits) == 6


def test_pc_darts_freezes_the_logits_first_and_weighs_edges_and_channels() -> None:
    method, recipe = relaxed("pc-darts"), find_recipe("pc-darts")
    assert (method.warm_up, method.weighs_edges) == (0.3, True)
    supernet = recipe.open_space(Darts(channels=8, layers=3), {"partial": 2})
    assert supernet.config()["partial"] == 2
    assert recipe.open_space(Darts(channels=8, layers=3), {}).config()["partial"] == 4
    with pytest.raises(SettingError, match="partial must be at least 1 and divide the 8 channels"):
        recipe.open_space(Darts(channels=8, layers=3), {"partial": 3})


def test_networks_of_a_partial_supernet_are_judged_with_its_weights(tmp_path: Path) -> None:
    space = find_recipe("pc-darts").open_space(SPACE, {"partial": 2})
    task, file = images(), tmp_path / "net.safetensors"
    SupernetTraining(space, task, relaxed("pc-darts", epochs=1, batch_size=16), file, device="cpu").run()
    estimator = pickle.loads(pickle.dumps(SharedWeights(file, space)))  # as it reaches a worker
    found = estimator.evaluate(
        Job(space=SPACE, architecture=SPACE.sample(random.Random(0)), task=task, fidelity=Fidelity(1), horizon=1.0)
    )
    assert 0 <= found.metrics["accuracy"] <= 1


def test_the_virtual_step_is_part_of_the_paper_of_darts_only_with_order_2() -> None:
    assert find_recipe("darts").settings()["order"] == 1
    assert find_recipe("darts").paper_settings["order"] == 2
    with pytest.raises(SettingError, match="order of the recipe 'darts' must be 1 or 2, got 3"):
        relaxed("darts", order=3)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("darts", {"early_stop": "skip"}, "unknown early_stop 'skip': did you mean 'skips'"),
        ("darts", {"select": "best"}, "unknown select 'best'"),
        ("pc-darts", {"early_stop": "never"}, "unknown early_stop 'never'"),
        ("snas", {"temperature": 0.01}, "temperature must fall"),
        ("gdas", {"last_temperature": 0.0}, "temperature must fall"),
        ("proxylessnas", {"gradient": "both"}, "must be gates or reinforce, got 'both'"),
        ("proxylessnas", {"every": 0}, "every of the recipe 'proxylessnas' must be at least 1, got 0"),
        ("parsec", {"samples": 1}, "samples of the recipe 'parsec' must be at least 2, got 1"),
        ("parsec", {"sharpness": 0.0}, "sharpness of the recipe 'parsec' must be above 0, got 0"),
        ("drnas", {"anchor": -1.0}, "anchor must be at least 0, got -1"),
        ("fair-darts", {"pull": -1.0}, "pull must be at least 0, got -1"),
        ("gdas", {"temprature": 1.0}, "did you mean 'temperature'"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(name: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        relaxed(name, **given)


def test_how_much_costs_weigh_is_a_setting() -> None:
    for name in ("snas", "proxylessnas"):
        assert find_recipe(name).settings()["cost_weight"] == 0.1
        assert relaxed(name, cost_weight=0.5).cost_weight == 0.5
        with pytest.raises(SettingError, match=r"cost_weight must lie in \[0, 1000\], got -1"):
            relaxed(name, cost_weight=-1.0)
    assert find_recipe("proxylessnas").papers_value("cost_weight") == 0.1  # lambda in the code
    assert find_recipe("snas").papers_value("cost_weight") is None
    by_reward = relaxed("proxylessnas", gradient="reinforce", cost_weight=0.5)
    assert by_reward.cost_weight == 0  # not a second time beside the reward
    assert by_reward.rule.args[2] == 0.5  # type: ignore[attr-defined]


def test_safeguards_are_settings() -> None:
    plain = relaxed("darts")
    assert (plain.guard, plain.selection) == (None, None)
    assert relaxed("darts", early_stop="skips").guard is not None
    assert relaxed("pc-darts", early_stop="eigenvalue", select="perturbation").selection is not None
