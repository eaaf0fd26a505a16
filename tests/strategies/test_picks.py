import itertools
import math
import random
from collections import Counter
from typing import Any

import pytest

from searchitect.core import Architecture, Chooser, Space
from searchitect.strategies.picks import BINS, Pick, Picks, Site
from searchitect.testing import ToySpace

LABELS = ["conv 3×3", 'with "quotes"', "a/b=c", "", None, True, 1, 1.0, [1, "x"], "\n", "ß"]


class OneChoice(Space):
    name = "one-choice"

    def __init__(self, ask: Any) -> None:
        self.ask = ask

    def describe(self, choose: Chooser) -> Any:
        return self.ask(choose)


def sites_of(space: Space) -> list[Site]:
    """Those that are met when each first option is taken."""
    met: list[Site] = []

    def take(site: Site, first: int, stop: int) -> int:
        met.append(site)
        return first

    Picks().draw(space, take, random.Random(0))
    return met


def drawn(space: Space, seed: int) -> tuple[Architecture, list[Pick]]:
    """A draw in proportion to the weights, and what was taken."""
    rng, taken = random.Random(seed), []

    def take(site: Site, first: int, stop: int) -> int:
        place = rng.choices(range(first, stop), site.weights[first:stop])[0]
        taken.append(Pick(site, first, stop, place))
        return place

    return Picks().draw(space, take, rng), taken


@pytest.mark.parametrize("space", [ToySpace(), OneChoice(lambda choose: choose.some("set", LABELS, 4))], ids=["toy", "set"])
def test_what_was_picked_is_read_again(space: Space) -> None:
    for seed in range(100):
        architecture, taken = drawn(space, seed)
        assert space.decide(architecture.decisions) == architecture
        assert Picks().read(space, architecture) == taken  # by other picks: names follow from the choices alone


@pytest.mark.parametrize("k", [0, 1, 2, 4, 5])
def test_a_set_is_picked_in_one_way_and_every_set_is_equally_likely(k: int) -> None:
    space = OneChoice(lambda choose: choose.some("set", "abcde", k))
    seen = set()
    for members in itertools.combinations("abcde", k):
        picks = Picks().read(space, space.decide({"set": list(members)}))
        share = math.prod(site.weights[place] / sum(site.weights[first:stop]) for site, first, stop, place in picks)
        assert share == pytest.approx(1 / math.comb(5, k))
        seen.add(tuple((pick.site.name, pick.place) for pick in picks))
    assert len(seen) == math.comb(5, k)


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_labels_may_be_any_json_value(label: Any) -> None:
    space = OneChoice(lambda choose: choose("any/path", LABELS))
    (pick,) = Picks().read(space, space.decide({"any/path": label}))
    assert type(LABELS[pick.place]) is type(label)
    assert LABELS[pick.place] == label


def test_the_same_path_with_other_options_is_another_site() -> None:
    options = [["a", "b"], ["b", "a"], ["a", "b", "c"], [1, 2], [True, 2], [1.0, 2], ["a", 'b","c']]
    names = [sites_of(OneChoice(lambda choose, o=o: choose("path", o)))[0].name for o in options]
    names += [
        sites_of(OneChoice(lambda choose, ends=ends: choose.between("path", *ends)))[0].name for ends in [(1, 2), (1, 2.0)]
    ]
    assert len(set(names)) == len(names)


def test_what_leaves_nothing_to_choose_is_no_pick() -> None:
    space = OneChoice(
        lambda choose: [
            choose("a", ["only"]),
            choose.between("b", 3, 3),
            choose.between("c", 0.5, 0.5),
            choose.some("d", "xy", 2),
        ]
    )
    assert sites_of(space) == []
    assert Picks().read(space, space.sample(random.Random(0))) == []


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ends", [(1, 5), (1, 16), (1, 17), (8, 64), (3, 100_000)])
def test_bins_of_whole_numbers_cover_the_range_once(ends: tuple[int, int], log: bool) -> None:
    space = OneChoice(lambda choose: choose.between("n", *ends, log=log))
    picks = Picks()
    numbers = range(ends[0], min(ends[1], 300) + 1)
    places = [picks.read(space, space.decide({"n": number}))[0].place for number in numbers]
    (site,) = sites_of(space)
    assert places == sorted(places)
    assert set(places) == set(range(max(places) + 1))
    assert picks.read(space, space.decide({"n": ends[1]}))[0].place == len(sites_of(space)[0].weights) - 1
    assert len(site.weights) == ends[1] - ends[0] + 1 if ends[1] - ends[0] < BINS else 2 <= len(site.weights) <= BINS
    assert sum(site.weights) == pytest.approx(1)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("ends", [(8, 64), (1, 9), (1, 9.0), (1e-4, 1e-1)])
def test_numbers_are_drawn_as_the_space_draws_them(ends: tuple[float, float], log: bool) -> None:
    space = OneChoice(lambda choose: choose.between("n", *ends, log=log))
    rng, count = random.Random(1), 1500
    plain = [space.sample(rng).spec for _ in range(count)]
    binned = [drawn(space, seed)[0].spec for seed in range(count)]
    apart = max(abs(sum(a <= x for a in plain) - sum(b <= x for b in binned)) / count for x in set(plain[::10]))
    assert apart < 1.95 * math.sqrt(2 / count)  # two samples of Kolmogorov and Smirnov, 0.1 %
    picks = Picks()
    shares = Counter(picks.read(space, space.decide({"n": number}))[0].place for number in plain)
    (site,) = sites_of(space)
    for place, weight in enumerate(site.weights):
        assert shares[place] / count == pytest.approx(weight, abs=4 * math.sqrt(weight * (1 - weight) / count))
