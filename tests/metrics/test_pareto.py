import functools
import math
import random

import numpy as np
import pytest

from searchitect.core import SettingError
from searchitect.metrics import best_first, crowding_distance, hypervolume, non_dominated, non_dominated_ranks


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return all(x >= y for x, y in zip(a, b, strict=True)) and a != b


def random_points(n: int, objectives: int, seed: int) -> list[tuple[float, ...]]:
    """On a coarse grid, so that there are ties and equal points."""
    rng = random.Random(seed)
    return [tuple(float(rng.randrange(6)) for _ in range(objectives)) for _ in range(n)]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_nothing_dominates(objectives: int, seed: int) -> None:
    points = random_points(40, objectives, seed)
    expected = [i for i, p in enumerate(points) if not any(dominates(q, p) for q in points)]
    assert non_dominated(points) == expected


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(5))
def test_a_rank_is_the_longest_chain_of_dominators(objectives: int, seed: int) -> None:
    points = random_points(40, objectives, seed)

    @functools.cache
    def rank(p: tuple[float, ...]) -> int:
        return max((1 + rank(q) for q in points if dominates(q, p)), default=0)

    assert non_dominated_ranks(points) == [rank(p) for p in points]


def test_no_points_have_no_front() -> None:
    assert non_dominated([]) == non_dominated_ranks([]) == best_first([]) == crowding_distance([]) == []
    assert hypervolume([], [0.0, 0.0]) == 0.0


def test_points_of_different_length_are_refused() -> None:
    with pytest.raises(SettingError, match="same number of objectives"):
        non_dominated([(1.0,), (1.0, 2.0)])


def test_crowding_is_the_gap_between_the_neighbours() -> None:
    # NSGA-II by hand: spans 4 and 4; the middle points' neighbours are 3 and 3, then 3 and 3 apart
    assert crowding_distance([(0, 4), (1, 3), (3, 1), (4, 0)]) == [math.inf, 1.5, 1.5, math.inf]
    assert crowding_distance([(0, 4), (1, 3), (2, 1), (4, 0)]) == [math.inf, 2 / 4 + 3 / 4, 3 / 4 + 3 / 4, math.inf]


def test_equal_points_are_not_lonely() -> None:
    assert crowding_distance([(1, 1), (1, 1), (1, 1)]) == [0, 0, 0]


def test_one_objective_is_sorted_by_value_and_ties_keep_their_order() -> None:
    assert best_first([(1.0,), (3.0,), (2.0,), (3.0,)]) == [1, 3, 2, 0]


def test_several_objectives_are_sorted_by_front_then_by_crowding() -> None:
    points = [(0, 0), (1, 4), (2, 3), (2.5, 2.5), (4, 1), (1, 1)]
    # the front is 1, 2, 3, 4; its ends first, then the lonelier 3 (gaps 2/3 and 2/3) before 2 (1.5/3 and 1.5/3); then 5, then 0
    assert best_first(points) == [1, 4, 3, 2, 5, 0]


def test_points_without_a_number_come_last() -> None:
    assert best_first([(math.nan,), (1.0,), (-math.inf,), (math.inf,)]) == [3, 1, 0, 2]
    assert best_first([(9.0, math.nan), (1.0, 1.0), (9.0, -math.inf), (2.0, 2.0)]) == [3, 1, 0, 2]


@pytest.mark.parametrize("n", [2, 5, 20])
def test_the_volume_of_a_staircase(n: int) -> None:
    # steps (i, n-1-i) below the corner (n, n) to be minimised: n^2 - n(n-1)/2 = n(n+1)/2; here both are negated
    steps = [(-float(i), -float(n - 1 - i)) for i in range(n)]
    random.Random(n).shuffle(steps)
    assert hypervolume(steps, (-n, -n)) == n * n - n * (n - 1) / 2


def test_the_volume_of_boxes_by_inclusion_and_exclusion() -> None:
    assert hypervolume([(2, 3)], (0, 1)) == 4
    assert hypervolume([(2, 1, 1), (1, 2, 1), (1, 1, 2)], (0, 0, 0)) == 4
    assert hypervolume([(2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (1, 1, 1, 2)], (0, 0, 0, 0)) == 5
    assert hypervolume([(5,), (7,)], (4,)) == 3


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_the_volume_equals_the_count_of_dominated_cells(objectives: int) -> None:
    for seed in range(5):
        points = random_points(12, objectives, seed)
        cells = np.stack(np.meshgrid(*[np.arange(6)] * objectives), axis=-1).reshape(-1, objectives)  # lower corners
        covered = sum(any(all(c + 1 <= v for c, v in zip(cell, p, strict=True)) for p in points) for cell in cells.tolist())
        assert hypervolume(points, [0] * objectives) == pytest.approx(covered)


def test_points_that_do_not_beat_the_reference_add_no_volume() -> None:
    assert hypervolume([(2, 2), (5, -1), (-1, 5), (math.nan, 9)], (0, 0)) == 4


def test_a_reference_of_other_length_is_refused() -> None:
    with pytest.raises(SettingError, match="one finite number per objective"):
        hypervolume([(1, 2)], (0,))


def test_two_objectives_stay_fast() -> None:
    rng = random.Random(0)
    points = [(rng.random(), rng.random()) for _ in range(20_000)]
    ranks = non_dominated_ranks(points)  # n log n: a quadratic method would not end within the time limit of the suite
    assert [i for i, rank in enumerate(ranks) if rank == 0] == non_dominated(points)
