"""The beam by Pareto dominance, as in DPP-Net: Dong et al. 2018, https://arxiv.org/abs/1806.08198."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from searchitect.core import Architecture, Objective, SettingError, SpaceError, TaskInfo
from searchitect.metrics.pareto import best_first, non_dominated_ranks
from searchitect.metrics.ranks import kendall
from searchitect.spaces.dpp_net import CONVOLUTIONS, DppNet
from searchitect.strategies import progressive
from searchitect.strategies.growth import extended, level_of, one_body_more
from searchitect.strategies.progressive import Progressive
from searchitect.testing import simulate

SPACE = DppNet.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))
ACCURACY, PARAMS, LATENCY = Objective("accuracy", "max"), Objective("params", "min"), Objective("latency", "min")
_WORTH = dict(zip(CONVOLUTIONS, (0.1, 0.4, 0.05, 0.25, 0.3), strict=True))
_SIZE = dict(zip(CONVOLUTIONS, (8, 72, 2, 18, 17), strict=True))


def worth(spec: Any) -> float:
    """Larger convolutions, in any place, and normalisations."""
    return sum(_WORTH[layer["op"]] + 0.07 * (layer["norm"] == "bn_relu") + 0.011 * p for p, layer in enumerate(spec["cell"]))


def size(spec: Any) -> float:
    return float(sum(_SIZE[layer["op"]] * (2 + place) for place, layer in enumerate(spec["cell"])))


def measured(spec: Any) -> dict[str, float]:
    return {"accuracy": worth(spec), "params": size(spec), "latency": 0.1 * len(spec["cell"]) + 0.001 * size(spec)}


def counts(architecture: Architecture, names: Sequence[str]) -> Mapping[str, float]:
    assert list(names) == ["params"]  # what is measured is not asked for
    return {"params": size(architecture.spec)}


class Oracle:
    """Predicts what it was fitted to, of the architecture itself; remembers the scores of each fit."""

    fitted: list[int] = []  # noqa: RUF012 - of the test

    def __init__(self, column: str) -> None:
        self.column = column

    def fit(self, architectures: Sequence[Architecture], scores: Any) -> None:
        Oracle.fitted.append(len(architectures))
        truth = [measured(a.spec) for a in architectures]
        names = ["accuracy", "latency"]
        alike = [abs(kendall([t[name] for t in truth], list(scores))) for name in names]
        self.column = names[int(np.argmax(alike))]

    def predict(self, architectures: Sequence[Architecture]) -> Any:
        sign = 1 if self.column == "accuracy" else -1
        return np.array([sign * measured(a.spec)[self.column] for a in architectures]), np.zeros(len(architectures))


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(Oracle, "fitted", [])
    monkeypatch.setattr(progressive, "make_predictor", lambda name, space, seed=0: Oracle("accuracy"))
    return Oracle.fitted


def test_all_cells_of_one_layer_then_k_of_each_size_and_never_another_one(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, [ACCURACY, PARAMS], beam=7, first=15, select="pareto", costs=counts)
    trials = simulate(strategy, lambda spec, _: measured(spec), 15 + 7 * 3, workers=3)
    trials.sort(key=lambda trial: trial.id)
    assert [level_of(SPACE, t.architecture) for t in trials] == [1] * 15 + [2] * 7 + [3] * 7 + [4] * 7
    assert {t.key for t in trials[:15]} == {SPACE.key(a) for a in extended(SPACE, {})}
    assert oracle == [15, 22, 29]  # fitted to all of one layer before the first cut
    for begin, end in ((0, 15), (15, 22), (22, 29)):
        parents = {SPACE.key(t.architecture): t.architecture for t in trials[begin:end]}
        for child in trials[end : end + 7]:
            shorter = {"cell": level_of(SPACE, child.architecture) - 1}
            shorter |= {
                p: v for p, v in child.architecture.decisions.items() if "/" in p and int(p.split("/")[1]) < shorter["cell"]
            }
            assert SPACE.key(SPACE.decide(shorter)) in parents


def test_the_beam_is_the_first_by_front_and_crowding_over_logarithms_of_counts(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, [ACCURACY, PARAMS], beam=4, first=15, select="pareto", costs=counts)
    trials = simulate(strategy, lambda spec, _: measured(spec), 15 + 4)
    parents = [t.architecture for t in trials[:15]]
    different = {SPACE.key(a): a for p in parents for start in one_body_more(SPACE, p) for a in extended(SPACE, start)}
    assert len(different) == 225
    values = [(worth(a.spec), -math.log1p(size(a.spec))) for a in different.values()]
    ranks = dict(zip(different, non_dominated_ranks(values), strict=True))
    assert list(ranks.values()).count(0) >= 4
    chosen = {t.key for t in trials[15:]}
    assert {ranks[key] for key in chosen} == {0}  # mutually non-dominated
    expected = [values[place] for place in best_first(values)[:4]]
    by_key = dict(zip(different, values, strict=True))
    assert sorted(by_key[key] for key in chosen) == sorted(expected)
    for place in (0, 1):  # the best of each objective are the loneliest
        assert max(by_key[key][place] for key in chosen) == max(value[place] for value in values)


def test_what_is_measured_is_predicted_by_a_surrogate_of_its_own(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, [ACCURACY, PARAMS, LATENCY], beam=5, first=15, select="pareto", costs=counts)
    trials = simulate(strategy, lambda spec, _: measured(spec), 15 + 5)
    assert oracle == [15, 15]  # accuracy and latency
    values = [
        (worth(t.architecture.spec), -size(t.architecture.spec), -measured(t.architecture.spec)["latency"]) for t in trials[15:]
    ]
    assert set(non_dominated_ranks(values)) == {0}


def test_without_counts_all_objectives_are_predicted(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, [ACCURACY, LATENCY], beam=5, first=15, select="pareto")
    simulate(strategy, lambda spec, _: measured(spec), 16)
    assert oracle == [15, 15]


@pytest.mark.parametrize(("predictor", "more"), [("mlp-mean", 4), ("lstm", 8)])
def test_with_one_objective_it_is_pnas(predictor: str, more: int) -> None:
    options: dict[str, Any] = {"beam": 4, "first": 15, "predictor": predictor, "extensions": 250}
    plain = Progressive(SPACE, [ACCURACY], seed=3, **options)
    pareto = Progressive(SPACE, [ACCURACY], seed=3, select="pareto", costs=counts, **options)
    found = [simulate(strategy, lambda spec, _: measured(spec), 15 + more) for strategy in (plain, pareto)]
    assert [t.architecture for t in found[0]] == [t.architecture for t in found[1]]


def test_it_goes_on_the_same_after_an_interruption() -> None:
    def make() -> Progressive:
        objectives = [ACCURACY, PARAMS, LATENCY]
        return Progressive(SPACE, objectives, beam=3, first=15, predictor="mlp-mean", select="pareto", costs=counts)

    whole, again = make(), make()
    for trial in simulate(whole, lambda spec, _: measured(spec), 17):
        again.tell(trial)
    assert [again.ask(), again.ask()] == [whole.ask(), whole.ask()]


def test_what_cannot_be_built_is_the_last_choice(oracle: list[int]) -> None:
    def broken(architecture: Architecture, names: Sequence[str]) -> Mapping[str, float]:
        if any(layer["op"] == "conv_3x3" for layer in architecture.spec["cell"]):
            raise SpaceError("too large")
        return counts(architecture, names)

    strategy = Progressive(SPACE, [ACCURACY, PARAMS], beam=20, first=15, select="pareto", costs=broken)
    trials = simulate(strategy, lambda spec, _: measured(spec), 15 + 20)
    assert not any(layer["op"] == "conv_3x3" for t in trials[15:] for layer in t.architecture.spec["cell"])


def test_another_selection_is_refused() -> None:
    with pytest.raises(SettingError, match="select must be one of score, pareto, got 'front'"):
        Progressive(SPACE, [ACCURACY], select="front")
