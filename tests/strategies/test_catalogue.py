import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from searchitect.core import Objective, SettingError
from searchitect.strategies import find_strategy, make_strategy, strategy_names, strategy_options, strategy_summaries
from searchitect.strategies.asha import Asha
from searchitect.strategies.rungs import Halving, HalvingOptions
from searchitect.testing import CountOnes

SCORE = [Objective("score", "max")]


def test_the_catalogue_says_of_each_strategy_what_its_class_says() -> None:
    summaries = strategy_summaries()
    assert list(summaries) == strategy_names()
    assert summaries == {name: find_strategy(name).summary for name in strategy_names()}
    assert all(summaries.values())


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(SettingError, match=r"unknown strategy 'regularised-evolution': did you mean 'regularized-evolution'\?"):
        find_strategy("regularised-evolution")


def test_an_unknown_option_gets_the_nearest_one_and_the_list() -> None:
    with pytest.raises(SettingError, match=r"'max_epoch': did you mean 'max_epochs'\? known are base_epochs, data, eta, inner"):
        make_strategy("asha", CountOnes(5), SCORE, max_epoch=3)
    with pytest.raises(SettingError, match="'random' has no options, got size=3"):
        make_strategy("random", CountOnes(5), SCORE, size=3)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("hill-climbing", {"neighbours": 2.5}, "neighbours of the strategy 'hill-climbing' must be a whole number, got 2.5"),
        ("hill-climbing", {"neighbours": True}, "must be a whole number, got True"),
        ("mcts", {"exploration": "much"}, "exploration of the strategy 'mcts' must be a number, got 'much'"),
        ("grid", {"shuffled": "no"}, "shuffled of the strategy 'grid' must be true or false, got 'no'"),
        ("nsga2", {"offspring": "3"}, "must be a whole number or none, got '3'"),
        ("asha", {"inner": 3}, "must be a text or a strategy, got 3"),
    ],
)
def test_an_option_of_another_kind_is_refused(name: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingError, match=said):
        make_strategy(name, CountOnes(5), SCORE, **options)


def test_whole_numbers_are_numbers_and_none_is_taken_where_it_is_written() -> None:
    make_strategy("mcts", CountOnes(5), SCORE, exploration=1)
    make_strategy("nsga2", CountOnes(5), SCORE, offspring=None, population_size=np.int64(3), crossover_rate=np.float64(0.5))


def test_options_come_with_their_defaults() -> None:
    assert strategy_options("random") == {}
    assert strategy_options("regularized-evolution") == {
        "population_size": 100,
        "sample_size": 25,
        "with_replacement": True,
        "avoid_duplicates": False,
        "dies": "oldest",
        "sample_share": 0.0,
        "from_start": False,
        "inherit": False,
    }


@pytest.mark.parametrize("name", ["asha", "auto", "bohb", "hyperband", "successive-halving"])
def test_kinds_of_successive_halving_share_their_settings(name: str) -> None:
    shared = {field.name: field.default for field in fields(Halving)}
    assert shared.keys() == HalvingOptions.__annotations__.keys()
    assert shared.items() <= strategy_options(name).items()
    for option in shared:
        make_strategy(name, CountOnes(5), SCORE, **{option: 1.5 if option == "eta" else 1})
        with pytest.raises(SettingError, match=f"{option} of the strategy '{name}' must be a number, got 'much'"):
            make_strategy(name, CountOnes(5), SCORE, **{option: "much"})
    with pytest.raises(SettingError, match=r"unknown option .* 'halving'"):
        make_strategy(name, CountOnes(5), SCORE, halving={})


def test_options_and_seed_arrive() -> None:
    strategy = make_strategy("asha", CountOnes(5), SCORE, 7, base_epochs=2, max_epochs=4, eta=2)
    assert isinstance(strategy, Asha)
    assert strategy.seed == 7
    assert [fidelity.epochs for fidelity in strategy.fidelities] == [2, 4]


def test_listing_the_names_imports_no_method() -> None:
    program = "import sys, searchitect.strategies as s; s.strategy_summaries(); print([m for m in sys.modules if 'numpy' in m or 'asha' in m])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == "[]"
