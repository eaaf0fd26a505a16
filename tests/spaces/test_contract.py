"""What must hold in every space of the catalogue."""

import json
import math
import random
import time

import pytest

from searchitect.core import Architecture, Space, TaskInfo
from searchitect.spaces import make_space, space_names
from searchitect.spaces.convnet import ConvNet
from searchitect.spaces.nasbench201 import NasBench201

IMAGE = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
TABLE = TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9))
SPACES = [make_space(name, TABLE if name == "mlp" else IMAGE) for name in space_names()]
IDS = [space.name for space in SPACES]


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_a_sample_survives_json_and_can_be_decided_again(space: Space) -> None:
    rng = random.Random(0)
    for _ in range(100):
        sample = space.sample(rng)
        again = space.decide(json.loads(json.dumps(dict(sample.decisions))))
        assert again == sample == Architecture(json.loads(sample.text))
        assert space.key(again) == space.key(sample)


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_equal_seeds_give_equal_samples_and_others_do_not(space: Space) -> None:
    def draw(seed: int) -> list[Architecture]:
        rng = random.Random(seed)
        return [space.sample(rng) for _ in range(20)]

    assert draw(1) == draw(1)
    assert len(set(draw(1)) & set(draw(2))) <= 2


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_mutation_changes_one_decision_and_keeps_those_that_stay_valid(space: Space) -> None:
    rng = random.Random(0)
    parent = space.sample(rng)
    for _ in range(200):
        child = space.mutate(parent, rng)
        shared = parent.decisions.keys() & child.decisions.keys()
        assert child != parent
        assert sum(parent.decisions[path] != child.decisions[path] for path in shared) == 1
        assert space.decide(child.decisions) == child
        parent = child


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_a_cross_of_two_takes_each_decision_from_one_of_them_where_it_is_valid(space: Space) -> None:
    rng = random.Random(0)
    for _ in range(100):
        a, b = space.sample(rng), space.sample(rng)
        child = space.crossover(a, b, rng)
        assert space.decide(child.decisions) == child
        for path, value in child.decisions.items():
            if path in a.decisions and path in b.decisions:
                assert value in (a.decisions[path], b.decisions[path])


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_it_can_be_opened_so_that_its_size_is_exact(space: Space) -> None:
    space.open_spec()
    assert {"sample", "mutate", "crossover", "open"} <= space.abilities()
    assert space.size() == math.inf if space.name == "mlp" else space.size() > 10_000  # mlp: continuous learning rate


@pytest.mark.parametrize(
    "space", [NasBench201(), ConvNet(base_width=4, max_stages=1, max_depth=1), ConvNet(max_stages=1, max_depth=2)]
)
def test_the_counted_size_equals_the_number_enumerated(space: Space) -> None:
    everything = list(space.enumerate())
    assert len(everything) == len(set(everything)) == space.size()


@pytest.mark.parametrize("space", SPACES, ids=IDS)
def test_sampling_and_mutating_take_far_less_than_a_millisecond(space: Space) -> None:
    rng = random.Random(0)
    parent = space.sample(rng)
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(50):
            space.sample(rng)
            space.mutate(parent, rng)
        best = min(best, (time.perf_counter() - start) / 100)
    assert best < 1e-3
