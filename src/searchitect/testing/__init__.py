"""Contracts to test your own spaces, strategies and estimators against, and a way to try a strategy without training anything.

from searchitect.testing import check_strategy

def test_my_strategy_keeps_the_contract():
    check_strategy(lambda space, objectives, seed: MyStrategy(space, objectives, seed=seed))
"""

from searchitect.testing.estimators import check_estimator
from searchitect.testing.simulation import Score, simulate
from searchitect.testing.spaces import check_space
from searchitect.testing.strategies import MakeStrategy, check_strategy
from searchitect.testing.toys import CountOnes, ToySpace, toy_score

__all__ = [
    "CountOnes",
    "MakeStrategy",
    "Score",
    "ToySpace",
    "check_estimator",
    "check_space",
    "check_strategy",
    "simulate",
    "toy_score",
]
