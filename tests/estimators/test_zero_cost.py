import random
from pathlib import Path

import pytest

from searchitect import Fidelity, Job, TrialState, search
from searchitect.core import SettingError
from searchitect.estimators import make_estimator
from searchitect.estimators.zero_cost import ZeroCost
from searchitect.proxies import make_scorer
from searchitect.search import plan
from searchitect.spaces import default_space, make_space
from searchitect.testing import check_estimator
from tests.proxies.test_scorer import CUT
from tests.training.examples import images, poisoned, table


def job() -> Job:
    task = table()
    space = default_space(task.info)
    return Job(space, space.sample(random.Random(0)), task, Fidelity(1), horizon=9.0, seed=4)


@pytest.mark.parametrize("proxy", ["params", "synflow", "naswot", "zico"])
def test_it_keeps_the_contract(proxy: str) -> None:
    check_estimator(ZeroCost(proxy, batch=4), job())


def test_its_score_is_that_of_the_proxy() -> None:
    asked = job()
    expected = make_scorer("snip", asked.space, asked.task, batch=6, repeats=2)(asked.architecture)
    assert dict(ZeroCost("snip", batch=6, repeats=2).evaluate(asked).metrics) == {"score": expected}


def test_a_disconnected_network_has_failed() -> None:
    space = make_space("nasbench201", None, {"channels": 4, "cells": 1})
    cut = space.from_string(CUT)  # type: ignore[attr-defined]
    found = ZeroCost().evaluate(Job(space, cut, images(), Fidelity(1), horizon=1.0))
    assert found.state is TrialState.FAILED
    assert "the network gives the same for every input" in found.reason


def test_only_training_data_are_looked_at() -> None:
    asked = job()
    for proxy in ("snip", "naswot"):
        guarded = Job(asked.space, asked.architecture, poisoned(asked.task, "valid", "test"), Fidelity(1), horizon=1.0)
        assert ZeroCost(proxy).evaluate(guarded).state is TrialState.COMPLETE


def test_mistakes_are_refused() -> None:
    with pytest.raises(SettingError, match="unknown proxy 'naswott': did you mean 'naswot'"):
        make_estimator("zero-cost", {"proxy": "naswott"})
    with pytest.raises(SettingError, match="got batch=1"):
        make_estimator("zero-cost", {"batch": 1})
    with pytest.raises(SettingError, match="proxies"):
        make_estimator("zero-cost", {"proxies": "snip"})
    with pytest.raises(SettingError, match="data is missing"):
        search(estimator="zero-cost", space="mlp")


def test_the_main_job_searches_by_the_proxy_and_trains_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "usual_epochs", lambda info: 2.0)
    found = search(
        "iris",
        estimator="zero-cost",
        estimator_options={"proxy": "params"},
        training={"learning_rate": 0.01},
        minimize="macs",
        budget="12trials",
        workers=1,
        out=tmp_path / "run",
    )
    assert found.settings["settings"]["objectives"] == ["maximize score", "minimize macs"]
    searched = [t for t in found.trials if t.origin != "final"]
    assert len(searched) == 12
    assert all(t.metrics["score"] == t.metrics["params"] for t in searched)
    assert len({t.fidelity for t in searched}) == 1  # nothing is judged twice
    assert found.best is not None
    assert 0 <= found.best.metrics["test_accuracy"] <= 1
    assert found.settings["settings"]["estimator_options"] == '{"proxy":"params"}'


def test_a_metric_of_training_is_none_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="unknown metric 'accuracy'"):
        search("iris", estimator="zero-cost", maximize="accuracy", out=tmp_path / "run")
