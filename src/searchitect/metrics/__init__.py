"""Pure functions on numbers: Pareto fronts, rank correlation, bootstrap, expected best of n. Higher is better throughout."""

from searchitect.metrics.best_of_n import BestOfN, expected_best, expected_best_curve
from searchitect.metrics.bootstrap import bootstrap_interval, percentile_interval
from searchitect.metrics.pareto import best_first, crowding_distance, hypervolume, non_dominated, non_dominated_ranks
from searchitect.metrics.ranks import correlation_interval, kendall, mean_ranks, spearman

__all__ = [
    "BestOfN",
    "best_first",
    "bootstrap_interval",
    "correlation_interval",
    "crowding_distance",
    "expected_best",
    "expected_best_curve",
    "hypervolume",
    "kendall",
    "mean_ranks",
    "non_dominated",
    "non_dominated_ranks",
    "percentile_interval",
    "spearman",
]
