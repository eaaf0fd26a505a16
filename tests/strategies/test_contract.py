import random
import subprocess
import sys
from collections.abc import Sequence

import pytest

from searchitect.core import Architecture, Objective, Space, SpaceError, Strategy
from searchitect.spaces.neat import Neat
from searchitect.strategies import make_strategy, strategy_names
from searchitect.testing import CountOnes, ToySpace, check_strategy
from tests.strategies.scaled import Scaled


def draw_of_the_text(architecture: Architecture) -> float:
    """A proxy that knows most of what the contract suite's scores are made of."""
    return random.Random(architecture.text).random()


SETTINGS = {
    "random": [{}],
    "grid": [{"points": 4, "shuffled": True}],
    "local-search": [{}, {"improvement": "best"}],
    "hill-climbing": [{"neighbours": 3, "patience": 2}, {"neighbours": 1, "mutations": 2}],
    "simulated-annealing": [{"temperature": 2, "cooling": 0.9}],
    "regularized-evolution": [
        {"population_size": 8, "sample_size": 3},
        {"population_size": 8, "sample_size": 8, "with_replacement": False, "avoid_duplicates": True},
        {"population_size": 8, "sample_size": 3, "dies": "worst"},
    ],
    "compound-scaling": [
        {"inner": "regularized-evolution", "inner_options": {"population_size": 6, "sample_size": 3}, "expected_trials": 60},
        {"inner": "random", "expected_trials": 10},
    ],
    "asha": [
        {"max_epochs": 9},
        {
            "inner": "regularized-evolution",
            "inner_options": {"population_size": 6, "sample_size": 3},
            "max_epochs": 6,
            "eta": 2,
            "data": 0.5,
        },
    ],
    "genetic-algorithm": [{"population_size": 8, "elites": 2}],
    "generational-genetic-algorithm": [
        {"population_size": 5},
        {"population_size": 6, "crossover_rate": 1.0, "swap_rate": 0.5},
        {"population_size": 8, "flip_rate": 0.3},
    ],
    "one-plus-lambda": [{}, {"children": 1, "mutation_rate": 0.3}],
    "neat": [
        {"population_size": 12, "add_node": 0.2, "add_link": 0.2},
        {"population_size": 7, "interspecies": 0.5, "stagnation": 2},
    ],
    "nsga2": [
        {"population_size": 6},
        {"population_size": 6, "offspring": 1, "mutation_rate": 0.3},
        {"population_size": 6, "homogeneous": True, "exploration": 1},
    ],
    "tpe": [{"initial": 6, "candidates": 4}],
    "gp": [{"initial": 30, "mutations": 4, "draws": 2}],
    "bananas": [{"initial": 10, "mutations": 6, "draws": 4, "predictor_options": {"layers": 2, "epochs": 3}}],
    "progressive": [{"beam": 8, "first": 12, "extensions": 20, "predictor": "gp"}],
    "reinforce": [{"hidden": 8, "layers": 1, "batch": 6}],
    "ppo": [{"hidden": 8, "batch": 10, "passes": 2, "avoid_duplicates": False}],
    "q-learning": [
        {"expected_trials": 30, "replays": 5},
        {"expected_trials": 30, "replays": 5, "memory": 0, "avoid_duplicates": False},
    ],
    "mcts": [{}, {"widening": 1.0}],
    "successive-halving": [{"max_epochs": 9}],
    "hyperband": [
        {"max_epochs": 9},
        {
            "inner": "regularized-evolution",
            "inner_options": {"population_size": 6, "sample_size": 3},
            "max_epochs": 4,
            "eta": 2,
        },
    ],
    "bohb": [{"max_epochs": 1, "candidates": 8, "random_fraction": 0.1}],
    "learning-curve": [
        {"first": 0.2, "min_points": 4},
        {
            "first": 0.2,
            "method": "median",
            "min_points": 3,
            "inner": "regularized-evolution",
            "inner_options": {"population_size": 6},
        },
    ],
    "zero-cost-warm-start": [
        {
            "inner_options": {"population_size": 6, "sample_size": 3},
            "proxy": draw_of_the_text,
            "pool": 40,
            "first": 9,
            "check": 8,
        },
    ],
    "zero-cost-proposal": [
        {"inner_options": {"population_size": 6, "sample_size": 3}, "proxy": draw_of_the_text, "mutations": 3, "check": 8},
        {"inner": "random", "proxy": draw_of_the_text, "mutations": 2, "check": 8},
    ],
    "auto": [{"expected_trials": 40, "max_epochs": 9}, {"expected_trials": 40, "base_epochs": 5, "max_epochs": 5}],
}


SCORE_BASED = {
    "generational-genetic-algorithm",
    "learning-curve",
    "neat",
    "ppo",
    "q-learning",
    "reinforce",
    "simulated-annealing",
}
"""Those to which it matters by how much a score is better."""


GROWING = {"progressive"}
"""Those that need a list whose length is chosen, which the second space lacks."""
OWN_SPACES: dict[str, Space] = {"compound-scaling": Scaled(), "neat": Neat()}
"""Of those that need what neither of the two spaces has."""


def test_every_strategy_of_the_catalogue_is_checked() -> None:
    assert set(SETTINGS) == set(strategy_names())


@pytest.mark.parametrize("space", [None, CountOnes(30)], ids=["toy", "count-ones"])
@pytest.mark.parametrize(("name", "options"), [(name, options) for name, many in SETTINGS.items() for options in many])
def test_it_keeps_the_contract(name: str, options: dict[str, object], space: Space | None) -> None:
    def make(space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        return make_strategy(name, space, objectives, seed, **options)

    if name in OWN_SPACES:
        with pytest.raises(SpaceError, match="needs a space that"):
            make(space or ToySpace(), [Objective("score", "max")], 0)
        space = OWN_SPACES[name]
    if name in GROWING and space is not None:
        with pytest.raises(SpaceError, match="needs a space that can grow"):
            make(space, [Objective("score", "max")], 0)
        return
    # a process over all that was tried is what costs: fewer trials say the same
    check_strategy(make, space, trials=24 if name == "auto" else 60, is_rank_based=name not in SCORE_BASED)


TRAINS = {"bananas", "compound-scaling", "reinforce", "ppo"}
"""Those that train a network of their own: only they import torch."""

PROGRAM = f"""
import sys
from searchitect.core import Objective
from searchitect.spaces.neat import Neat
from searchitect.strategies import make_strategy, strategy_names
from searchitect.testing import ToySpace, simulate, toy_score
from tests.strategies.scaled import Scaled
OWN_SPACES = {{"compound-scaling": Scaled(), "neat": Neat()}}
for name in sorted(strategy_names(), key={sorted(TRAINS)}.__contains__):  # those last
    strategy = make_strategy(name, OWN_SPACES.get(name, ToySpace()), [Objective("score", "max")], 3)
    own = {{"compound-scaling": lambda spec: sum(spec["numbers"]), "neat": lambda spec: sum(link[3] for link in spec["links"])}}
    score = lambda spec, _: own.get(name, toy_score)(spec)
    for trial in simulate(strategy, score, 30, workers=2):
        print(name, trial.id, trial.architecture.key, trial.fidelity)
    assert name in {sorted(TRAINS)} or "torch" not in sys.modules, name
"""


def test_it_proposes_the_same_in_another_process_and_imports_torch_only_where_it_trains() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={"PYTHONHASHSEED": seed, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == 30 * len(strategy_names())
