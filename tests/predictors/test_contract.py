"""What holds for every predictor on every space that it fits."""

import inspect
import random
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pytest
import torch

from searchitect.core import Architecture, DataError, SettingError, Space, SpaceError
from searchitect.predictors import find_predictor, make_predictor, predictor_names, predictor_options
from searchitect.predictors.predictor import Predictor
from searchitect.spaces.nasbench201 import NasBench201
from searchitect.testing import CountOnes, ToySpace, toy_score
from searchitect.testing.generators import global_generators_untouched

SPACES: Final[dict[str, Space]] = {"toy": ToySpace(), "count-ones": CountOnes(12), "nasbench201": NasBench201(merges=False)}
SMALL: Final[dict[str, dict[str, Any]]] = {  # quick settings that still learn
    "trees": {"trees": 30},
    "mlp-ensemble": {"layers": 3, "epochs": 60},
    "gp": {},
    "graph-network": {"units": 24, "epochs": 40},
    "lstm": {"units": 24, "members": 2, "epochs": 30},
    "mlp-mean": {"units": 24, "epochs": 40},
}
PAIRS: Final = [
    (name, space) for name in predictor_names() for space in SPACES if space == "nasbench201" or name != "graph-network"
]
BLIND: Final = {("mlp-mean", "toy")}  # the numbers of layers and their widths are averaged away


def score(name: str, architecture: Architecture) -> float:
    spec = architecture.spec
    if name == "toy":
        return toy_score(spec)
    if name == "count-ones":
        return float(sum(spec))
    return sum({"nor_conv_3x3": 2.0, "nor_conv_1x1": 1.5, "none": -1.0}.get(op, 0.0) for row in spec["cell"] for op in row)


def drawn(name: str, count: int, seed: int = 0) -> list[Architecture]:
    rng = random.Random(seed)
    return [SPACES[name].sample(rng) for _ in range(count)]


def made(name: str, space: str, seed: int = 0) -> Predictor:
    return make_predictor(name, SPACES[space], seed=seed, **SMALL[name])


@pytest.fixture(autouse=True)
def _global_generators_stay_untouched() -> Iterator[None]:
    before = torch.get_rng_state()
    with global_generators_untouched("the predictor"):
        yield
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(("name", "space"), PAIRS)
def test_it_recovers_a_known_function_and_repeats_itself(name: str, space: str) -> None:
    learned, new = drawn(space, 100), drawn(space, 60, seed=1)
    scores = [score(space, a) for a in learned]
    predictor = made(name, space)
    predictor.fit(learned, scores)
    mean, std = predictor.predict(new)
    assert mean.shape == std.shape == (60,)
    assert mean.dtype == std.dtype == np.float64
    assert np.isfinite(mean).all()
    assert (std >= 0).all()
    assert std.max() > 0
    if (name, space) not in BLIND:
        assert np.corrcoef(mean, [score(space, a) for a in new])[0, 1] > 0.6

    again = made(name, space)
    again.fit(drawn(space, 5), [1.0, 2.0, 3.0, 4.0, 5.0])  # nothing of it stays
    again.fit(learned, scores)
    for found, wanted in zip(again.predict(new), (mean, std), strict=True):
        assert np.array_equal(found, wanted)
    assert predictor.predict(new[:1])[0] == pytest.approx(mean[:1], abs=1e-4)  # alone or among others


@pytest.mark.parametrize("name", predictor_names())
def test_the_unit_of_the_scores_is_given_back(name: str) -> None:
    learned, new = drawn("nasbench201", 40), drawn("nasbench201", 10, seed=1)
    scores = np.array([score("nasbench201", a) for a in learned])
    shift = 0 if name == "trees" else 1000  # equally good splits of a tree are told apart by rounding alone
    plain, moved = made(name, "nasbench201"), made(name, "nasbench201")
    plain.fit(learned, scores)
    moved.fit(learned, shift + 64 * scores)
    assert moved.predict(new)[0] == pytest.approx(shift + 64 * plain.predict(new)[0], abs=0.5)
    assert moved.predict(new)[1] == pytest.approx(64 * plain.predict(new)[1], abs=0.5)


@pytest.mark.parametrize("name", predictor_names())
def test_one_observation_and_equal_scores_are_enough(name: str) -> None:
    new = drawn("nasbench201", 5, seed=1)
    for count in (1, 6):
        predictor = made(name, "nasbench201")
        predictor.fit(drawn("nasbench201", count), [0.7] * count)
        mean, std = predictor.predict(new)
        assert np.isfinite(mean).all()
        assert np.isfinite(std).all()
        assert np.median(mean) == pytest.approx(0.7, abs=0.3)
    assert [part.shape for part in predictor.predict([])] == [(0,), (0,)]


@pytest.mark.parametrize("name", predictor_names())
def test_the_same_architecture_may_be_learned_twice(name: str) -> None:
    cells = drawn("nasbench201", 8)
    predictor = made(name, "nasbench201")
    predictor.fit([*cells, *cells], [*range(8), *range(8)])
    assert np.isfinite(predictor.predict(cells)[0]).all()


@pytest.mark.parametrize("name", predictor_names())
def test_what_cannot_be_learned_is_refused(name: str) -> None:
    predictor = made(name, "nasbench201")
    cells = drawn("nasbench201", 3)
    with pytest.raises(SettingError, match=r"predicts after fit"):
        predictor.predict(cells)
    for bad in (float("nan"), float("inf")):
        with pytest.raises(DataError, match=rf"the score at place 1 is {bad}: .* leave the others out"):
            predictor.fit(cells, [1.0, bad, 2.0])
    with pytest.raises(DataError, match="at least one architecture and one score each, got 0 architectures"):
        predictor.fit([], [])
    with pytest.raises(DataError, match=r"got 3 architectures and scores of the shape \(2,\)"):
        predictor.fit(cells, [1.0, 2.0])


@pytest.mark.parametrize("name", [name for name in predictor_names() if name != "gp"])
def test_the_seed_makes_a_difference(name: str) -> None:
    learned, new = drawn("nasbench201", 20), drawn("nasbench201", 10, seed=1)
    means = []
    for seed in (0, 1):
        predictor = made(name, "nasbench201", seed=seed)
        predictor.fit(learned, [score("nasbench201", a) for a in learned])
        means.append(predictor.predict(new)[0])
    assert not np.array_equal(*means)


@pytest.mark.parametrize("name", predictor_names())
def test_every_option_is_told_of_and_checked(name: str) -> None:
    options = predictor_options(name)
    found = find_predictor(name)
    assert found.summary
    assert all(f"\n        {option}: " in f"{inspect.getdoc(found)}".replace("\n    ", "\n        ") for option in options)
    for option, default in options.items():
        if isinstance(default, (int, float)) and not isinstance(default, bool):
            with pytest.raises(SettingError, match=f"{option} must be (at least 1|above 0), got 0"):
                make_predictor(name, SPACES["nasbench201"], **{option: 0})


def test_unknown_names_and_spaces_that_do_not_fit_are_refused() -> None:
    with pytest.raises(SettingError, match="did you mean 'trees'"):
        make_predictor("tree", SPACES["toy"])
    with pytest.raises(SettingError, match="did you mean 'epochs'"):
        make_predictor("lstm", SPACES["toy"], epoch=3)
    with pytest.raises(SpaceError, match="'graph' reads graphs, and the specs of the space 'toy' hold none"):
        make_predictor("graph-network", SPACES["toy"])
