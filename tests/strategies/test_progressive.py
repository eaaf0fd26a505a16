from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from searchitect.core import Architecture, Objective, SettingError, Space, SpaceError
from searchitect.spaces.pnas import PNAS_OPERATIONS, Pnas
from searchitect.strategies import progressive
from searchitect.strategies.growth import extended, level_of, one_body_more
from searchitect.strategies.progressive import Progressive
from searchitect.testing import CountOnes, ToySpace, simulate, toy_score

SCORE = (Objective("score", "max"),)
SPACE = Pnas(least_blocks=1, blocks=3, operations=PNAS_OPERATIONS[:2])


def nodes(spec: Any) -> list[Any]:
    found: list[Any] = spec["cells"]["normal"]["nodes"]
    return found


def worth(architecture: Architecture) -> float:
    """5x5 convolutions, the earlier the state that they read the better; different for most cells."""
    return sum(
        (edge["op"] == PNAS_OPERATIONS[1]) / (1 + edge["from"]) + 0.01 * place * edge["from"]
        for place, node in enumerate(nodes(architecture.spec))
        for edge in node["edges"]
    )


class Oracle:
    """Predicts what cells are worth, whatever it is told; remembers how many it was fitted to."""

    fitted: list[int] = []  # noqa: RUF012 - of the test

    def fit(self, architectures: Sequence[Architecture], scores: Any) -> None:
        Oracle.fitted.append(len(architectures))

    def predict(self, architectures: Sequence[Architecture]) -> Any:
        return np.array([worth(a) for a in architectures]), np.zeros(len(architectures))


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(Oracle, "fitted", [])
    monkeypatch.setattr(progressive, "make_predictor", lambda name, space, seed=0: Oracle())
    return Oracle.fitted


def best_extensions(space: Space, parents: Sequence[Architecture], count: int) -> list[float]:
    different = {
        space.key(a): worth(a) for parent in parents for start in one_body_more(space, parent) for a in extended(space, start)
    }
    return sorted(different.values(), reverse=True)[:count]


def test_level_1_is_every_smallest_cell_once_and_each_next_one_the_best_by_prediction(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, SCORE, beam=6)
    trials = simulate(strategy, lambda spec, _: len(str(spec)) % 7, 10 + 6 + 6)  # scores that are no matter here
    levels = [level_of(SPACE, t.architecture) for t in trials]
    assert levels == [1] * 10 + [2] * 6 + [3] * 6
    assert {t.key for t in trials[:10]} == {SPACE.key(a) for a in extended(SPACE, {})}
    for begin, end in ((0, 10), (10, 16)):
        beam = [t.architecture for t in trials[begin:end]]
        predicted = [worth(t.architecture) for t in trials[end : end + 6]]
        assert predicted == pytest.approx(best_extensions(SPACE, beam, 6))
    assert oracle == [10, 16]
    assert strategy.notes() == ["Progressive search (beam 6, surrogate lstm): reached level 3."]


def test_after_the_last_level_its_beam_goes_on_and_nothing_is_tried_twice(oracle: list[int]) -> None:
    trials = simulate(Progressive(SPACE, SCORE, beam=6), lambda *_: 1.0, 40)
    assert [level_of(SPACE, t.architecture) for t in trials[16:]] == [3] * 24
    assert len({t.key for t in trials}) == 40
    assert oracle == [10, 16, 22, 28, 34]


@pytest.mark.parametrize("workers", [2, 5])
def test_levels_only_grow_with_several_workers_too(oracle: list[int], workers: int) -> None:
    trials = sorted(simulate(Progressive(SPACE, SCORE, beam=7), lambda *_: 0.0, 24, workers=workers), key=lambda t: t.id)
    assert [level_of(SPACE, t.architecture) for t in trials] == [1] * 10 + [2] * 7 + [3] * 7


def test_a_level_waits_for_its_last_result(oracle: list[int]) -> None:
    strategy = Progressive(SPACE, SCORE, beam=3)
    asked = [strategy.ask() for _ in range(11)]
    assert asked[10] is None
    assert all(asked[:10])


def test_what_failed_is_not_extended(oracle: list[int]) -> None:
    def judge(spec: Any, _: Any) -> float:
        if len(nodes(spec)) == 1 and nodes(spec)[0]["edges"][0]["op"] == PNAS_OPERATIONS[1]:
            raise RuntimeError("too large")
        return 1.0

    trials = simulate(Progressive(SPACE, SCORE, beam=50), judge, 40)
    grown = [t for t in trials if level_of(SPACE, t.architecture) == 2]
    failed = {t.key for t in trials[:10] if not t.metrics}
    assert failed
    parents = [
        SPACE.key(
            SPACE.decide({"normal": 1, **{p: v for p, v in t.architecture.decisions.items() if p.startswith("normal/0/")}})
        )
        for t in grown
    ]
    assert len(parents) == 30
    assert not failed & set(parents)


def test_large_levels_are_drawn_from(oracle: list[int]) -> None:
    space = Pnas(least_blocks=1, blocks=2)
    strategy = Progressive(space, SCORE, first=20, beam=5, extensions=100)
    trials = simulate(strategy, lambda *_: 0.0, 25)
    assert [level_of(space, t.architecture) for t in trials] == [1] * 20 + [2] * 5
    others = simulate(Progressive(space, SCORE, seed=1, first=20, beam=5, extensions=100), lambda *_: 0.0, 25)
    assert {t.key for t in trials[:20]} != {t.key for t in others[:20]}


def test_both_surrogates_of_the_paper_together_on_a_space_with_numbers() -> None:
    strategy = Progressive(ToySpace(), SCORE, first=12, beam=4, extensions=30, predictor=progressive.BOTH)
    trials = simulate(strategy, lambda spec, _: toy_score(spec), 20)
    assert [len(t.architecture.spec["layers"]) for t in trials] == [1] * 12 + [2] * 4 + [3] * 4


def test_a_space_that_cannot_grow_is_refused_by_name() -> None:
    with pytest.raises(SpaceError, match="Progressive needs a space that can grow; 'count-ones'"):
        Progressive(CountOnes(5), SCORE)
    with pytest.raises(SpaceError, match="grow; 'pnas'"):
        Progressive(Pnas(), SCORE)


@pytest.mark.parametrize("options", [{"beam": 0}, {"first": 0}, {"extensions": 0}, {"predictor": "oracle"}])
def test_settings_outside_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(options))):
        Progressive(SPACE, SCORE, **options)
