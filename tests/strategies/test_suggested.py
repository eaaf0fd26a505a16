"""What a budget says about options: one rule for searches and comparisons."""

import pytest

from searchitect.core import Objective, SettingError
from searchitect.strategies import make_strategy
from searchitect.strategies.suggested import with_suggestions
from searchitect.testing import CountOnes

ACCURACY = (Objective("accuracy", "max"),)


@pytest.mark.parametrize(("strategy", "most"), [("regularized-evolution", 100), ("genetic-algorithm", 30), ("nsga2", 20)])
@pytest.mark.parametrize(("trials", "size"), [(10, 8), (60, 15), (10_000, 10_000)])
def test_a_population_is_a_quarter_of_the_trials_within_limits(strategy, most, trials, size):
    size = min(size, most)
    options = with_suggestions(strategy, {}, expected_trials=trials, eta=3)
    assert options.pop("population_size") == size
    assert options == ({"sample_size": size // 4} if strategy == "regularized-evolution" else {})
    assert make_strategy(strategy, CountOnes(4), ACCURACY, population_size=size).population_size == size


def test_what_is_given_stays_and_the_rest_fits_to_it():
    found = with_suggestions("regularized-evolution", {"population_size": 5}, expected_trials=300)
    assert found == {"population_size": 5, "sample_size": 2}
    assert with_suggestions("regularized-evolution", {"sample_size": 3}, expected_trials=300)["sample_size"] == 3
    wrong = with_suggestions("regularized-evolution", {"population_size": 0}, expected_trials=300)
    with pytest.raises(SettingError, match="population_size"):
        make_strategy("regularized-evolution", CountOnes(4), ACCURACY, **wrong)


def test_a_strategy_inside_another_gets_its_own():
    found = with_suggestions("asha", {"inner": "regularized-evolution"}, expected_trials=40, eta=2, base_epochs=1)
    assert found["inner_options"] == {"population_size": 10, "sample_size": 2}
    assert (found["eta"], found["base_epochs"]) == (2, 1)
    assert "inner_options" not in with_suggestions("asha", {}, expected_trials=40), "random search has no options"
    inner = make_strategy("regularized-evolution", CountOnes(4), ACCURACY)
    assert "inner_options" not in with_suggestions("asha", {"inner": inner}, expected_trials=40)
