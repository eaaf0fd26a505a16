"""Environments as tasks: what Gymnasium says of an episode is what is measured, and no part sees the episodes of another."""

import math
import pickle
import random
import sys
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from searchitect import search
from searchitect.core import DataError, MissingPackageError, SettingError, SpaceError
from searchitect.networks import build
from searchitect.oneshot.supernets import check_supernet
from searchitect.spaces import make_space
from searchitect.spaces.neat import Neat
from searchitect.tasks import control, deployment_from_json, load_task, mean_return, task_to_json
from searchitect.training import evaluate
from searchitect.training.recipe import default_recipe

gymnasium = pytest.importorskip("gymnasium", reason="needs the extra [control]")


class Signs(gymnasium.Env):  # type: ignore[misc]
    """One number in [2, 6] and one without bounds; the action 5, 6 or 7 is the reward; an episode is of one step."""

    observation_space = gymnasium.spaces.Box(np.array([2, -np.inf], np.float32), np.array([6, np.inf], np.float32))
    action_space = gymnasium.spaces.Discrete(3, start=5)
    played: ClassVar[list[int]] = []
    is_endless = False

    def __init__(self, shown: Any = (3.0, -7.0)) -> None:
        self.shown = np.array(shown, np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        assert seed is not None
        self.played.append(seed)
        return self.shown, {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert self.action_space.contains(action)
        return self.shown, float(action), not self.is_endless, False, {}


@pytest.fixture(autouse=True)
def _signs() -> Any:
    gymnasium.register("Signs-v3", entry_point=Signs)
    Signs.played.clear()
    yield
    del gymnasium.registry["Signs-v3"]


def falls(x: Tensor) -> Tensor:
    """Push to where the pole falls."""
    lean = x[:, 2] + 0.5 * x[:, 3]
    return torch.stack([-lean, lean], dim=1)


def returns(policy: Any, seeds: Any) -> list[float]:
    """As the documentation of Gymnasium plays episodes."""
    env = gymnasium.make("CartPole-v1")
    found = []
    for seed in seeds:
        seen, _ = env.reset(seed=int(seed))
        total, is_over = 0.0, False
        while not is_over:
            seen, reward, terminated, truncated, _ = env.step(int(policy(torch.from_numpy(seen)[None]).argmax()))
            total += float(reward)
            is_over = terminated or truncated
        found.append(total)
    return found


def test_parts_are_episodes_of_seeds_that_no_other_part_has() -> None:
    task, other = load_task("gym:CartPole-v1"), load_task("gym:CartPole-v1", seed=1)
    parts = [part.x.tolist() for each in (task, other) for part in (each.train, each.valid, each.test)]
    assert [len(part) for part in parts] == [8, 16, 64] * 2
    assert len({seed for part in parts for seed in part}) == 2 * 88
    assert task.fingerprint != other.fingerprint
    assert task.fingerprint == load_task("gym:CartPole-v1").fingerprint != load_task("gym:MountainCar-v0").fingerprint


def test_the_shape_is_the_environments() -> None:
    info = load_task("gym:CartPole-v1").info
    assert (info.name, info.kind, info.input_shape, info.outputs, info.classes) == (
        "CartPole-v1",
        "control",
        (4,),
        2,
        ("0", "1"),
    )
    assert (info.quality, info.is_control, info.is_classification, info.is_regression) == ("return", True, True, False)
    assert "each ends after 500 steps" in load_task("gym:CartPole-v1").notes[-1]


@pytest.mark.parametrize("policy", [falls, lambda x: torch.tensor([[1.0, 0.0]]).expand(len(x), 2)], ids=["good", "left"])
def test_episodes_side_by_side_are_those_that_gymnasium_plays_one_by_one(policy: Any) -> None:
    seeds = torch.tensor([3, 5, 88, 1000])
    alone = returns(policy, seeds)
    assert mean_return("CartPole-v1", seeds, policy) == np.mean(alone)
    assert (min(alone) > 150) == (policy is falls)


def test_a_network_plays_after_the_tasks_preprocessing() -> None:
    """Position and angle have bounds, 4.8 and 0.41887903, and come into [-1, 1]; velocities have none and stay."""
    task = load_task("gym:CartPole-v1")
    space = Neat.for_task(task.info)
    links = [[1, 2, 5, 2.0, 1], [2, 3, 5, 1.0, 1]]
    network = build(space, {"inputs": 4, "outputs": 1, "hidden": [], "links": links}, task.info)

    def by_hand(x: Tensor) -> Tensor:
        scaled = x / torch.tensor([4.8, 1.0, 0.41887903, 1.0])
        bent = scaled / (1 + (scaled / 3) ** 2).sqrt()
        z = 2.0 * bent[:, 2] + bent[:, 3]
        return torch.stack([torch.zeros_like(z), z], dim=1)

    found = evaluate(network, task, task.train.x, task.train.y)
    assert found == {"return": np.mean(returns(by_hand, task.train.rows))}
    assert evaluate(network, pickle.loads(pickle.dumps(task)), task.train.x, task.train.y) == found


def test_bounds_and_the_number_of_the_first_action_are_heeded() -> None:
    task = load_task("gym:Signs-v3")
    assert task.info.classes == ("5", "6", "7")
    assert task.preprocess(torch.tensor([[2.0, 0.5], [4.0, 0.0], [6.0, -0.5]])).sign().tolist() == [[-1, 1], [0, 0], [1, -1]]
    assert abs(task.preprocess(torch.tensor([[6.0, 0.0]]))[0, 0].item() - 1 / math.sqrt(1 + 1 / 9)) < 1e-6
    middle = mean_return("Signs-v3", task.valid.x, lambda x: torch.tensor([0.0, 1.0, 1.0]).expand(len(x), 3))
    assert middle == 6  # of equal ones the first


def test_an_endless_episode_is_cut_and_an_output_that_is_no_number_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Signs, "is_endless", True)
    monkeypatch.setattr(control, "LONGEST", 4)
    assert mean_return("Signs-v3", torch.tensor([1]), lambda x: torch.zeros(len(x), 3)) == 20
    assert math.isnan(mean_return("Signs-v3", torch.tensor([1]), lambda x: torch.full((len(x), 3), math.nan)))


def test_no_global_generator_is_touched() -> None:
    def states() -> Any:
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before = states()
    load_task("gym:CartPole-v1")
    assert states() == before


def test_chance_is_what_a_search_is_measured_against() -> None:
    """Random actions hold the pole for 22 steps or so."""
    assert 15 < load_task("gym:CartPole-v1").baseline_score["return"] < 30


def test_test_episodes_are_played_once_by_the_winner_alone(tmp_path: Any) -> None:
    result = search("gym:Signs-v3", recipe="neat", recipe_options={"population": 4}, budget="9trials", out=tmp_path)
    assert result.best is not None
    assert result.best.metrics["test_return"] == result.best.metrics["return"]
    task = load_task("gym:Signs-v3")
    tested = [place for place, seed in enumerate(Signs.played) if seed in set(task.test.rows.tolist())]
    assert [Signs.played[place] for place in tested] == task.test.rows.tolist()
    others = {seed for seed in Signs.played if seed not in set(task.test.rows.tolist())}
    assert others == {*task.train.rows.tolist(), *task.valid.rows.tolist()}


def test_a_task_without_its_data_survives_json() -> None:
    task = load_task("gym:Signs-v3")
    again = deployment_from_json(task_to_json(task))
    assert (again.info, again.encoder) == (task.info, task.encoder)
    x = again.encoder.encode(np.array([[2.5, 30.0]]))
    assert torch.equal(again.preprocess(x), task.preprocess(x))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("CartPol-v1", "did you mean 'gym:CartPole-v1'"),
        ("CartPole-v9", "did you mean 'gym:CartPole-v1'"),
        ("nowhere-to-be-found:X-v0", "cannot make this environment"),
        ("FrozenLake-v1", r"its observations are Discrete\(16\)"),
        ("Pendulum-v1", r"its actions are Box\(-2.0, 2.0, \(1,\), float32\)"),
    ],
)
def test_other_environments_are_refused_with_the_reason(name: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        load_task(f"gym:{name}")


def test_pictures_are_no_observations() -> None:
    gymnasium.register("Pictures-v0", entry_point=Pictures)
    with pytest.raises(DataError, match="a vector of numbers"):
        load_task("gym:Pictures-v0")
    del gymnasium.registry["Pictures-v0"]


class Pictures(Signs):
    observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 3), np.uint8)


def test_an_old_version_is_noted() -> None:
    assert "out of date" in load_task("gym:CartPole-v0").notes[0]


def test_without_the_package_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'searchitect\[control\]'"):
        load_task("gym:CartPole-v1")


@pytest.mark.parametrize("given", [{"target": "x"}, {"task": "classification"}, {"valid": 0.1}, {"test": 0.1}])
def test_there_is_nothing_to_split(given: Any) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(given))}=.*leave {next(iter(given))} out"):
        load_task("gym:CartPole-v1", **given)


def test_whatever_trains_refuses_episodes(tmp_path: Any) -> None:
    info = load_task("gym:CartPole-v1").info
    for more in ({}, {"recipe": "amoebanet"}, {"recipe": "darts"}, {"strategy": "random"}):
        with pytest.raises(SettingError, match=r"an environment has no examples, which .* trains on: use the recipe 'neat'"):
            search("gym:CartPole-v1", out=tmp_path, **more)  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="no examples that a network could be trained on"):
        default_recipe(info)
    with pytest.raises(SpaceError, match="the space 'mlp' builds no networks for control; spaces that fit are neat"):
        make_space("mlp", info)
    with pytest.raises(SpaceError, match="none is there for control"):
        check_supernet(make_space("neat", info), info)
