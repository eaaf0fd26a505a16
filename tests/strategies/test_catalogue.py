import subprocess
import sys

import pytest

from searchitect.core import Objective, SettingError
from searchitect.strategies import find_strategy, make_strategy, strategy_names, strategy_options
from searchitect.strategies.asha import Asha
from searchitect.testing import CountOnes

SCORE = [Objective("score", "max")]


def test_names_lead_to_classes_with_a_summary() -> None:
    for name in strategy_names():
        assert find_strategy(name).summary


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SettingError, match=r"unknown strategy 'regularised-evolution': did you mean 'regularized-evolution'\?"):
        find_strategy("regularised-evolution")


def test_an_unknown_option_gets_the_nearest_one_and_the_list() -> None:
    with pytest.raises(SettingError, match=r"'max_epoch': did you mean 'max_epochs'\? known are base_epochs, data, eta, inner"):
        make_strategy("asha", CountOnes(5), SCORE, max_epoch=3)
    with pytest.raises(SettingError, match="'random' has no options, got size=3"):
        make_strategy("random", CountOnes(5), SCORE, size=3)


def test_options_come_with_their_defaults() -> None:
    assert strategy_options("random") == {}
    assert strategy_options("regularized-evolution") == {
        "population_size": 100,
        "sample_size": 25,
        "with_replacement": True,
        "avoid_duplicates": False,
    }


def test_options_and_seed_arrive() -> None:
    strategy = make_strategy("asha", CountOnes(5), SCORE, 7, base_epochs=2, max_epochs=4, eta=2)
    assert isinstance(strategy, Asha)
    assert strategy.seed == 7
    assert [fidelity.epochs for fidelity in strategy.fidelities] == [2, 4]


def test_listing_the_names_imports_no_method() -> None:
    program = "import sys, searchitect.strategies as s; s.strategy_names(); print([m for m in sys.modules if 'numpy' in m or 'asha' in m])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
