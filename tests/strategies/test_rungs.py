import random
import statistics

import pytest

from searchitect.core import Architecture, SettingError
from searchitect.metrics import best_first
from searchitect.strategies.rungs import INFEASIBLE, LOST, MEASURED, Entry, Rung, rungs


def entry(number: int, *values: float, group: int = MEASURED) -> Entry:
    return Entry(f"key{number}", number, Architecture(number), group, values)


def promote_all(rung: Rung, eta: float) -> list[int]:
    promoted = []
    while (best := rung.promotable(eta)) is not None:
        rung.rise(best.key)
        promoted.append(best.trial)
    return promoted


@pytest.mark.parametrize(
    ("base", "top", "eta", "expected"),
    [
        (1, 81, 3, [1, 3, 9, 27, 81]),  # Hyperband's example, bracket s = 4
        (27, 81, 3, [27, 81]),
        (1, 300, 4, [1, 4, 16, 64, 300]),  # R = 300, eta = 4 of the random search paper: the last step is uneven
        (1, 20, 3, [1, 3, 9, 20]),
        (1, 10, 3, [1, 3, 10]),
        (5, 6, 3, [5, 6]),
        (7, 7, 3, [7]),
        (0.5, 4, 2, [0.5, 1, 2, 4]),
    ],
)
def test_rungs_grow_by_eta_and_end_at_the_top(base: float, top: float, eta: float, expected: list[float]) -> None:
    assert rungs(base, top, eta) == expected


@pytest.mark.parametrize(("base", "top", "eta"), [(0, 9, 3), (10, 9, 3), (1, float("inf"), 3), (1, 9, 1)])
def test_nonsense_is_refused(base: float, top: float, eta: float) -> None:
    with pytest.raises(SettingError):
        rungs(base, top, eta)


def test_the_best_of_the_top_third_rise_each_once() -> None:
    rung = Rung()
    for number in (3, 8, 1, 6, 5, 7, 2):  # floor(7 / 3) = 2
        rung.enter(entry(number, float(number)))
    assert promote_all(rung, 3) == [8, 7]
    rung.enter(entry(9, 9.0))
    assert promote_all(rung, 3) == [9]  # the top two are 9 and 8
    rung.enter(entry(0, 0.0))
    assert promote_all(rung, 3) == []  # the top three are 9, 8, 7
    assert rung.risen == 3


def test_ties_go_to_the_older_trial() -> None:
    rung = Rung()
    for number in (4, 2, 3):
        rung.enter(entry(number, 1.0))
    assert promote_all(rung, 3) == [2]


def test_the_same_architecture_counts_once_with_its_first_result() -> None:
    rung = Rung()
    for _ in range(3):
        rung.enter(entry(1, 1.0))
    assert len(rung) == 1
    assert promote_all(rung, 3) == []


def test_the_lost_count_but_never_rise() -> None:
    rung = Rung()
    rung.enter(entry(0, 1.0))
    rung.enter(entry(1, 9.0, group=LOST))
    rung.enter(entry(2, float("-inf"), group=LOST))
    assert promote_all(rung, 3) == [0]
    for number in range(3, 9):
        rung.enter(entry(number, 9.0, group=LOST))
    assert promote_all(rung, 3) == []


@pytest.mark.parametrize("values", [(9.0,), (9.0, 9.0)])
def test_what_is_over_a_limit_comes_behind_all_that_is_not(values: tuple[float, ...]) -> None:
    rung = Rung()
    for number in range(3):
        rung.enter(entry(number, *values, group=INFEASIBLE))
    rung.enter(entry(3, *[0.0 for _ in values]))
    assert promote_all(rung, 2) == [3, 0]


def test_what_already_rose_is_not_promoted_when_it_enters_later() -> None:
    rung = Rung()
    rung.rise("key5")
    for number in range(6):
        rung.enter(entry(number, float(number)))
    assert promote_all(rung, 3) == [4]


def test_several_objectives_rise_by_front_and_crowding() -> None:
    rng = random.Random(0)
    points = [(rng.random(), rng.random()) for _ in range(90)]
    rung = Rung()
    for number, point in enumerate(points):
        rung.enter(entry(number, *point))
    assert promote_all(rung, 3) == best_first(points)[:30]


def test_many_entries_of_several_objectives_are_ordered_seldom_enough_and_often_enough() -> None:
    rng = random.Random(0)
    points = [(rng.random(), rng.random()) for _ in range(3000)]
    rung = Rung()
    for number, point in enumerate(points):
        rung.enter(entry(number, *point))
    promoted = promote_all(rung, 2)
    assert 1470 <= len(promoted) <= 1500
    assert len(set(promoted) & set(best_first(points)[:1500])) >= 1440  # the last 1 % may not be ordered yet


def test_the_share_of_early_promotions_that_were_wrong_shrinks() -> None:
    def wrong_share(n: int, seed: int) -> float:
        rng = random.Random(seed)
        scores = [rng.random() for _ in range(n)]
        rung, promoted = Rung(), set()
        for number, score in enumerate(scores):
            rung.enter(entry(number, score))
            promoted.update(promote_all(rung, 4))
        top = set(sorted(range(n), key=lambda number: -scores[number])[: n // 4])
        assert promoted >= top  # all that halving at the end would take, and some more
        return len(promoted - top) / n

    few, some, many = (statistics.mean(wrong_share(n, seed) for seed in range(12)) for n in (50, 800, 12_800))
    # of order sqrt(n) / n (Li et al. 2020): about a quarter at 16 times the size
    assert few > 2 * some > 4 * many > 0
