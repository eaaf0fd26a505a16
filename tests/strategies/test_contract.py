import subprocess
import sys
from collections.abc import Sequence

import pytest

from searchitect.core import Objective, Space, Strategy
from searchitect.strategies import make_strategy, strategy_names
from searchitect.testing import CountOnes, check_strategy

SETTINGS = {
    "random": [{}],
    "regularized-evolution": [
        {"population_size": 8, "sample_size": 3},
        {"population_size": 8, "sample_size": 8, "with_replacement": False, "avoid_duplicates": True},
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
    "auto": [{"expected_trials": 40, "max_epochs": 9}, {"expected_trials": 40, "base_epochs": 5, "max_epochs": 5}],
}


def test_every_strategy_of_the_catalogue_is_checked() -> None:
    assert set(SETTINGS) == set(strategy_names())


@pytest.mark.parametrize("space", [None, CountOnes(30)], ids=["toy", "count-ones"])
@pytest.mark.parametrize(("name", "options"), [(name, options) for name, many in SETTINGS.items() for options in many])
def test_it_keeps_the_contract(name: str, options: dict[str, object], space: Space | None) -> None:
    def make(space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        return make_strategy(name, space, objectives, seed, **options)

    check_strategy(make, space, is_rank_based=True)


PROGRAM = """
import sys
from searchitect.core import Objective
from searchitect.strategies import make_strategy, strategy_names
from searchitect.testing import ToySpace, simulate, toy_score
for name in strategy_names():
    strategy = make_strategy(name, ToySpace(), [Objective("score", "max")], 3)
    for trial in simulate(strategy, lambda spec, fidelity: toy_score(spec), 30, workers=2):
        print(name, trial.id, trial.architecture.key, trial.fidelity)
assert "torch" not in sys.modules
"""


def test_it_proposes_the_same_in_another_process_and_never_imports_torch() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert outputs[0] == outputs[1]
    assert len(outputs[0].splitlines()) == 30 * len(strategy_names())
