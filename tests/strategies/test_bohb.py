import math
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm, truncnorm

from searchitect.core import Chooser, Fidelity, Objective, SettingError, Space, Strategy, Trial, TrialState
from searchitect.strategies.bohb import Bohb
from searchitect.strategies.hyperband import Hyperband
from searchitect.strategies.kernel_density import KernelDensity, Vectors, impute, normal_reference
from searchitect.testing import ToySpace, check_strategy, simulate, toy_score

SCORE = (Objective("score", "max"),)


@dataclass(frozen=True)
class Labels(Space):
    """15,625 architectures: six decisions of five labels."""

    name = "labels"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"{place}", ["a", "b", "c", "d", "e"]) for place in range(6)]


def count_c(spec: list[str], _: Fidelity | None = None) -> float:
    return spec.count("c") / 6


def course(trials: list[Trial]) -> list[Any]:
    return [(t.key, t.fidelity, t.parent, t.origin) for t in trials]


@pytest.mark.parametrize("workers", [1, 3])
def test_with_random_draws_only_it_is_hyperband(workers: int) -> None:
    for space in (Labels(), ToySpace()):
        runs = [
            simulate(strategy, lambda spec, _: random.Random(str(spec)).random(), 150, workers=workers)
            for strategy in (
                Bohb(space, SCORE, seed=3, max_epochs=9, random_fraction=1),
                Hyperband(space, SCORE, seed=3, max_epochs=9),
                Bohb(space, SCORE, seed=3, max_epochs=9, random_fraction=0),
            )
        ]
        assert course(runs[0]) == course(runs[1])
        if isinstance(space, Labels):
            assert course(runs[2]) != course(runs[1])


def test_it_keeps_the_contract_where_the_model_is_in_use() -> None:
    def make(space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        return Bohb(space, objectives, seed=seed, max_epochs=3, candidates=5, random_fraction=0.1)

    assert {t.origin for t in simulate(make(Labels(), SCORE, 0), count_c, 60)} == {"random", "strategy"}
    check_strategy(make, Labels(), is_rank_based=True)


def test_decisions_survive_the_way_to_a_vector_and_back() -> None:
    space, rng = ToySpace(), random.Random(0)
    drawn = [space.sample(rng) for _ in range(60)]
    vectors = Vectors([space.domains(a) for a in drawn])
    for architecture in drawn:
        vector = vectors.encode(architecture.decisions)
        known = ~np.isnan(vector)
        assert (vector[known] >= 0).all()
        assert (vector[known] <= np.where(vectors.sizes > 0, vectors.sizes - 1, 1)[known]).all()
        made = vectors.decode(np.where(known, vector, 0.0), rng)
        for path, value in architecture.decisions.items():
            assert made[path] == (pytest.approx(value) if isinstance(value, float) else value)
    # rate, four skips, the number of layers, and op, kernel, width, kind of up to three layers
    assert sorted(vectors.sizes) == sorted([0, 2, 2, 2, 2, 0] + [3, 3, 0, 2] * 3)


def test_a_vector_with_too_many_or_too_few_members_becomes_a_subset() -> None:
    space, rng = ToySpace(), random.Random(0)
    vectors = Vectors([space.domains(space.sample(rng)) for _ in range(9)])
    skips = next(i for i, size in enumerate(vectors.sizes) if size == 2)
    found = set()
    for taken in range(16):
        vector = vectors.draw(np.random.default_rng(taken))
        vector[skips : skips + 4] = [taken >> bit & 1 for bit in range(4)]
        chosen = vectors.decode(vector, rng)["skips"]
        assert len(set(chosen)) == 2
        if bin(taken).count("1") == 1:
            assert ["first", "second", "third", "fourth"][taken.bit_length() - 1] in chosen
        found.add(tuple(chosen))
    assert len(found) > 3


def test_missing_values_come_from_other_points_or_from_the_prior() -> None:
    space = ToySpace()
    vectors = Vectors([space.domains(space.sample(random.Random(s))) for s in range(20)])
    points = np.full((30, len(vectors.sizes)), np.nan)
    points[0, 0], points[1, 0] = 0.25, 0.75
    filled = impute(points, vectors, np.random.default_rng(0))
    assert set(filled[:, 0]) == {0.25, 0.75}
    assert points[2, 0] != points[2, 0]  # what was given is left alone
    three = int(np.flatnonzero(vectors.sizes == 3)[0])
    assert set(filled[:, three]) == {0, 1, 2}


def test_bandwidths_follow_the_normal_reference_rule() -> None:
    points = np.array([[0.1, 0, 0], [0.4, 1, 2], [0.5, 1, 1], [0.9, 1, 0]])
    sizes = np.array([0, 2, 3])
    factor = 1.06 * 4 ** (-1 / 7)
    spread = [np.std(points[:, 0]), np.std(points[:, 1]), math.sqrt((1 - (0.5**2 + 2 * 0.25**2)) / 2)]
    assert normal_reference(points, sizes) == pytest.approx(factor * np.array(spread))
    same = np.tile([0.3, 1.0, 2.0], (4, 1))
    assert KernelDensity(same, sizes).bandwidths == pytest.approx([1e-3] * 3)
    assert KernelDensity(np.array([[0.0], [1.0]]), np.array([2])).bandwidths == pytest.approx([1.06 * 0.5 * 2 ** (-1 / 5)])
    assert KernelDensity(np.array([[0.0], [1.0]]), np.array([2]), floor=0.9).bandwidths == [0.5]  # uniform


def test_the_density_is_that_of_the_kernels() -> None:
    sizes = np.array([0, 3])
    density = KernelDensity(np.array([[0.2, 0.0], [0.6, 2.0], [0.7, 2.0]]), sizes)
    h, k = density.bandwidths
    at = np.array([[0.5, 2.0], [0.5, 1.0]])
    gauss = [norm.pdf(0.5, centre, h) for centre in (0.2, 0.6, 0.7)]
    assert density(at) == pytest.approx(
        [(gauss[0] * k / 2 + (gauss[1] + gauss[2]) * (1 - k)) / 3, sum(gauss) * k / 2 / 3], rel=1e-9
    )
    grid = np.linspace(-3, 4, 7001)
    total = sum(density(np.column_stack([grid, np.full(7001, float(label))])).sum() * 1e-3 for label in range(3))
    assert total == pytest.approx(1, abs=1e-6)
    assert density(np.array([[50.0, 0.0]])) == [1e-32]


def test_drawn_vectors_stay_in_range_and_near_the_points() -> None:
    sizes = np.array([0, 0, 4])
    points = np.array([[0.05, 0.5, 1.0], [0.05, 0.6, 1.0], [0.05, 0.4, 3.0]])
    density = KernelDensity(points, sizes, floor=0.02)
    drawn = density.draw(40_000, np.random.default_rng(1), factor=3)
    assert drawn[:, :2].min() >= 0
    assert drawn[:, :2].max() <= 1
    assert set(drawn[:, 2]) == {0, 1, 2, 3}
    h = density.bandwidths
    expected = truncnorm(-0.05 / (3 * h[0]), 0.95 / (3 * h[0]), loc=0.05, scale=3 * h[0])
    assert h[0] == 0.02
    assert drawn[:, 0].mean() == pytest.approx(expected.mean(), abs=0.002)
    assert drawn[:, 0].std() == pytest.approx(expected.std(), abs=0.002)
    kept = 1 - h[2] + h[2] / 4  # of the label 1, two thirds of the points
    assert np.mean(drawn[:, 2] == 1) == pytest.approx((2 * kept + h[2] / 4) / 3, abs=0.01)


def tell(strategy: Bohb, count: int, epochs: float, score: Any, base: float = 1) -> None:
    for number in range(count):
        architecture = strategy.space.sample(random.Random(number))
        trial = Trial(number, architecture, strategy.space.key(architecture), Fidelity(epochs), 0, resume=epochs > base)
        trial.state, trial.metrics = TrialState.COMPLETE, {"score": score(architecture.spec)}
        strategy.tell(trial)


def proposed(strategy: Bohb, count: int = 40) -> tuple[float, int]:
    """Mean share of c among what is new, and how many of them are uniform draws."""
    proposals = [strategy.ask() for _ in range(200)]
    new = [p for p in proposals if p is not None and p.parent is None][:count]
    return statistics.mean(count_c(p.architecture.spec) for p in new), sum(p.is_random for p in new)


def test_the_model_begins_with_more_points_than_columns_on_both_sides() -> None:
    for count, has_model in ((13, False), (14, True)):  # six columns
        strategy = Bohb(Labels(), SCORE, max_epochs=9, random_fraction=0)
        tell(strategy, count, 1, count_c)
        assert proposed(strategy)[1] == (0 if has_model else 40)


def test_a_third_of_the_new_ones_is_drawn_at_random() -> None:
    strategy = Bohb(Labels(), SCORE, max_epochs=9)
    tell(strategy, 100, 1, count_c)
    mean, uniform = proposed(strategy, 150)
    assert 35 <= uniform <= 65
    assert mean > 0.3


def test_the_model_is_of_the_largest_budget_that_tells_enough() -> None:
    def opposite(spec: list[str]) -> float:
        return -count_c(spec)

    plain = Bohb(Labels(), SCORE, max_epochs=9, random_fraction=0)
    tell(plain, 100, 1, count_c)
    few = Bohb(Labels(), SCORE, max_epochs=9, random_fraction=0)
    tell(few, 100, 1, count_c)
    tell(few, 13, 9, opposite)
    enough = Bohb(Labels(), SCORE, max_epochs=9, random_fraction=0)
    tell(enough, 100, 1, count_c)
    tell(enough, 60, 9, opposite)
    assert proposed(plain)[0] > 0.4  # uniform draws have 0.2
    assert proposed(few)[0] > 0.4
    assert proposed(enough)[0] < 0.1


@dataclass(frozen=True)
class FewLabels(Space):
    """64 architectures: three decisions of four labels."""

    name = "few-labels"

    def describe(self, choose: Chooser) -> Any:
        return [choose(f"{place}", ["a", "b", "c", "d"]) for place in range(3)]


def test_with_one_budget_it_takes_the_largest_ratio_of_two_product_densities() -> None:
    """The authors' rule, written out: the best 15 %, but at least columns + 1, against the rest."""
    space = FewLabels()

    def score(spec: Any) -> float:  # no two are equal
        return sum("acdb".index(label) * 4**place for place, label in enumerate(spec))

    strategy = Bohb(space, SCORE, base_epochs=9, max_epochs=9, random_fraction=0, candidates=5000, bandwidth_factor=1)
    tell(strategy, 40, 9, score, base=9)
    told = {space.sample(random.Random(number)).text: space.sample(random.Random(number)).spec for number in range(40)}
    ordered = sorted(told.values(), key=score, reverse=True)
    assert len(ordered) >= 20
    count = max(4, int(0.15 * len(ordered)))

    def density(points: list[Any], spec: Any) -> float:
        widths = []
        for place in range(3):
            shares = [sum(point[place] == label for point in points) / len(points) for label in "abcd"]
            spread = math.sqrt((1 - sum(share**2 for share in shares)) / 2)
            widths.append(min(max(1.06 * spread * len(points) ** (-1 / 7), 1e-3), 3 / 4))
        return statistics.fmean(
            math.prod(1 - h if point[place] == spec[place] else h / 3 for place, h in enumerate(widths)) for point in points
        )

    ratios = {a.text: density(ordered[:count], a.spec) / density(ordered[count:], a.spec) for a in space.enumerate()}
    new = sorted((text for text in ratios if text not in told), key=lambda text: -ratios[text])
    assert ratios[new[0]] > 1.01 * ratios[new[1]]
    proposal = strategy.ask()
    assert proposal is not None
    assert proposal.architecture.text == new[0]


def test_it_searches_better_than_hyperband_where_the_model_can_learn() -> None:
    def best(strategy: Strategy, space: Space) -> float:
        score = count_c if isinstance(space, Labels) else toy_score
        trials = simulate(strategy, lambda spec, _: score(spec), 150)
        return max(t.metrics["score"] for t in trials)

    for space in (Labels(), ToySpace()):
        ours = statistics.mean(best(Bohb(space, SCORE, seed=s, max_epochs=3), space) for s in range(4))
        plain = statistics.mean(best(Hyperband(space, SCORE, seed=s, max_epochs=3), space) for s in range(4))
        assert ours > plain + 0.1


def test_nothing_is_proposed_twice() -> None:
    trials = simulate(Bohb(Labels(), SCORE, max_epochs=3, random_fraction=0.2), count_c, 200, workers=3)
    new = [t.key for t in trials if not t.resume]
    assert len(new) == len(set(new))


def test_nonsense_is_refused_and_the_notes_say_what_happened() -> None:
    for options in ({"random_fraction": 1.5}, {"candidates": 0}, {"bandwidth_factor": 0}):
        with pytest.raises(SettingError, match="the paper uses"):
            Bohb(Labels(), SCORE, **options)  # type: ignore[arg-type]
    strategy = Bohb(Labels(), SCORE, max_epochs=3, random_fraction=1)
    simulate(strategy, count_c, 6)
    assert strategy.notes() == [
        "BOHB at 1, 3 epochs (eta 3): 5 architectures in 2 brackets, 3 of them reached 3.",
        "Of these, 5 drawn uniformly and 0 from the model.",
    ]
