"""CGP-CNN: what its search does with the active and inactive genes of the grid."""

import itertools
import random
from typing import Any

import pytest

from searchitect import Architecture, Fidelity, Job, Trial
from searchitect.core import Objective, SettingError, TaskInfo
from searchitect.estimators.from_scratch import FromScratch
from searchitect.spaces.cgp_cnn import CgpCnn
from searchitect.strategies.one_plus_lambda import OnePlusLambda
from searchitect.testing import simulate
from tests.recipes.composed import recipe_of, strategy_of
from tests.search.toys import Widths
from tests.spaces.test_cgp_cnn import active_genes
from tests.training.examples import table

SMALL = CgpCnn.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))


def worth(spec: Any, _: Fidelity) -> float:
    """Some order of the networks."""
    return random.Random(str(spec)).random()


def searches(space: CgpCnn, **given: Any) -> OnePlusLambda:
    strategy = strategy_of("cgp-cnn", space, **given)
    assert isinstance(strategy, OnePlusLambda)
    return strategy


def parent_of(strategy: OnePlusLambda) -> Architecture:
    assert strategy._parent is not None
    return strategy._parent.architecture


def test_its_settings_are_those_of_the_strategy() -> None:
    strategy = searches(SMALL, children=3, mutation_rate=0.2)
    assert (strategy.children, strategy.mutation_rate) == (3, 0.2)
    assert recipe_of("cgp-cnn").make({"children": 3}).cycle == 31


def test_a_training_of_fifty_epochs_is_looked_at_after_each_of_the_last_ten_whose_best_is_the_fitness() -> None:
    made, space = recipe_of("cgp-cnn").make({}), Widths()
    wide = Architecture({"width": 8, "bias": True})
    measured = FromScratch(**made.training).evaluate(Job(space, wide, table(), Fidelity(50), horizon=50.0))
    looks = {look["epoch"]: look["accuracy"] for look in measured.curve}
    assert {*range(41, 51)} <= set(looks)
    assert len(looks) < 30
    trial = Trial(0, wide, space.key(wide), Fidelity(50), 0, metrics=dict(measured.metrics), curve=list(measured.curve))
    assert made.reward is not None
    assert made.reward(trial, Objective("accuracy", "max")) == max(looks[epoch] for epoch in range(41, 51))


@pytest.mark.parametrize("name", ["cgp-cnn", "nas-rl"])
def test_the_part_whose_best_counts_is_the_one_that_is_looked_at_closely(name: str) -> None:
    assert recipe_of(name).make({"end": 0.4}).training == {"close_looks": 0.4}


def test_the_fitness_is_the_best_accuracy_of_the_last_ten_of_fifty_epochs() -> None:
    cell = SMALL.sample(random.Random(0))
    curve = [{"epoch": epoch, "accuracy": accuracy} for epoch, accuracy in ((39, 0.95), (40, 0.9), (41, 0.8), (49, 0.7))]
    trial = Trial(0, cell, SMALL.key(cell), Fidelity(50), 0, metrics={"accuracy": 0.6}, curve=curve)
    reward = recipe_of("cgp-cnn").make({}).reward
    assert reward is not None
    assert reward(trial, Objective("accuracy", "max")) == 0.8


def test_an_end_that_is_no_part_of_a_training_is_refused() -> None:
    with pytest.raises(SettingError, match=r"end .* must lie in \[0, 1\], got 7"):
        recipe_of("cgp-cnn").make({"end": 7})


@pytest.mark.parametrize("space", [SMALL, CgpCnn()], ids=["small", "paper"])
def test_children_are_other_networks_of_an_allowed_number_of_active_nodes(space: CgpCnn) -> None:
    trials = simulate(searches(space), worth, 31)
    by_id = {trial.id: trial for trial in trials}
    for trial in trials[1:]:
        assert trial.parent is not None
        assert trial.key != by_id[trial.parent].key
        assert space.active[0] <= len(trial.architecture.spec["nodes"]) + 1 <= space.active[1]
    assert len({trial.key for trial in trials}) == 31


def test_the_parent_drifts_in_inactive_genes_alone_and_its_network_stays() -> None:
    free = CgpCnn(rows=3, columns=10, levels_back=4, filters=(8, 16), active=(1, 31))  # every genotype is taken as it is
    strategy, drifted = searches(free, mutation_rate=0.1), 0
    trials = simulate(strategy, worth, 1)
    for _ in range(40):
        before = parent_of(strategy)
        trials += simulate(strategy, worth, 2, told=trials)
        after = parent_of(strategy)
        if after == before:
            changed = {path for path, value in before.decisions.items() if after.decisions[path] != value}
            assert not changed & {path for path in active_genes(before) if path.endswith("/type")}
            drifted += len(changed)
    assert drifted > 100  # of about 60 inactive genes a tenth, in most of 40 generations


def test_the_parents_fitness_never_falls() -> None:
    trials = simulate(searches(SMALL), worth, 61)
    by_id = {trial.id: trial for trial in trials}
    parents = [by_id[trial.parent].metrics["accuracy"] for trial in trials[1:] if trial.parent is not None]
    assert len(parents) == 60
    assert all(a <= b for a, b in itertools.pairwise(parents))
    assert len(set(parents)) > 2
