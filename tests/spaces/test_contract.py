"""What must hold in every space of the catalogue."""

import json
import math
import random

import pytest

from searchitect.core import Architecture, Space, TaskInfo
from searchitect.spaces import find_space, make_space, space_names
from searchitect.spaces.convnet import ConvNet
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.testing import check_space

IMAGE = TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000)
TABLE = TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9))
TEXT = TaskInfo("text", "language-modelling", (35,), 50, 1000)
SPACES = [
    make_space(name, next(info for info in (IMAGE, TABLE, TEXT) if info.kind in find_space(name).tasks))
    for name in space_names()
]
CLOSED = {"blockqnn", "cgp-cnn", "genetic-cnn", "metaqnn", "nasbench101", "nsga-net", "randwire"}
"""Those whose programs compute with their choices."""
IDS = [space.name for space in SPACES]
DECIDED = [space for space in SPACES if "edit" not in space.abilities()]
"""Those whose architectures follow from decisions; the others are changed by edits of their own, which have tests of their own."""
DECIDED_IDS = [space.name for space in DECIDED]


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


@pytest.mark.parametrize("space", DECIDED, ids=DECIDED_IDS)
def test_mutation_changes_one_decision_and_keeps_those_that_stay_valid(space: Space) -> None:
    rng = random.Random(0)
    parent = space.sample(rng)
    for _ in range(200):
        child = space.mutate(parent, rng)
        shared = parent.decisions.keys() & child.decisions.keys()
        assert child.decisions != parent.decisions
        domains = space.domains(child)
        changed = [path for path in shared if parent.decisions[path] != child.decisions[path]]
        assert sum(domains[path].allows(parent.decisions[path]) for path in changed) == 1
        assert space.decide(child.decisions) == child
        parent = child


@pytest.mark.parametrize("space", DECIDED, ids=DECIDED_IDS)
def test_a_cross_of_two_takes_each_decision_from_one_of_them_where_it_is_valid(space: Space) -> None:
    rng = random.Random(0)
    for _ in range(100):
        a, b = space.sample(rng), space.sample(rng)
        child = space.crossover(a, b, rng)
        assert space.decide(child.decisions) == child
        domains = space.domains(child)
        for path, value in child.decisions.items():
            if path in a.decisions and path in b.decisions:
                parents = (a.decisions[path], b.decisions[path])
                assert value in parents or not all(map(domains[path].allows, parents))


@pytest.mark.parametrize("space", DECIDED, ids=DECIDED_IDS)
def test_its_size_is_exact_and_it_can_be_opened_unless_it_computes_with_its_choices(space: Space) -> None:
    assert {"sample", "mutate", "crossover"} <= space.abilities()
    assert ("open" in space.abilities()) == (space.name not in CLOSED)
    size = space.size()
    assert size is not None
    assert size == math.inf if space.name == "mlp" else 1_000 < size < math.inf  # mlp: continuous learning rate


@pytest.mark.parametrize("name", space_names())
def test_it_keeps_the_contract_fitted_to_a_task_and_as_published(name: str) -> None:
    check_space(next(space for space in SPACES if space.name == name))
    check_space(make_space(name))


@pytest.mark.parametrize(
    "space", [NasBench201(), ConvNet(base_width=4, max_stages=1, max_depth=1), ConvNet(max_stages=1, max_depth=2)]
)
def test_the_counted_size_equals_the_number_enumerated(space: Space) -> None:
    everything = list(space.enumerate())
    assert len(everything) == len(set(everything)) == space.size()
