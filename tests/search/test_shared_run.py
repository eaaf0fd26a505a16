"""Whole runs with shared weights: what is compared, for how long the winner is trained, and what is written down of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from searchitect import Result, Trial, TrialState, load_result, search
from searchitect.search import final, plan
from searchitect.search.loop import Status
from tests.oneshot.blocks import Blocks

RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3
PICTURES = (RNG.integers(0, 60, (60, 6, 6, 1)) + 60 * LABELS[:, None, None, None]).astype(np.uint8)
SETTINGS = {"epochs": 1.0, "batch_size": 8, "train_share": 0.5}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Final trainings of an epoch, and no export, which has tests of its own."""
    import searchitect.api as api

    monkeypatch.setattr(plan, "usual_epochs", lambda info: 1.0)
    monkeypatch.setattr(api, "_save_winner", lambda *_: None)


def run(folder: Path, **more: Any) -> Result:
    given: dict[str, Any] = {"recipe": "gdas", "recipe_options": SETTINGS, "space": Blocks(), "budget": "2trials"}
    return search((PICTURES, LABELS), baseline="none", out=folder, **(given | more))


def finals(result: Result) -> list[Trial]:
    return [t for t in result.trials if t.origin == "final" and not t.resume]


def test_what_the_papers_supernet_takes_and_what_the_time_allows_of_it_is_said(tmp_path: Path) -> None:
    said: list[str] = []

    def watch(status: Status) -> None:
        said.append(status.note or status.phase)
        if "(the time allows no more" in said[-1]:
            raise KeyboardInterrupt

    run(tmp_path, budget="5s", preset="paper", recipe_options={"batch_size": 8, "epochs": 50_000}, on_status=watch)
    note = next(
        place for place, text in enumerate(said) if text.startswith("the supernet at the paper's settings takes about ")
    )
    assert said[note].endswith("the budget is 5s")
    assert all("training the supernet" not in text for text in said[:note])
    assert "50000 were planned" in said[-1]


def test_five_random_ones_are_trained_alone_even_where_the_search_drew_none(tmp_path: Path) -> None:
    result = run(tmp_path, where="params<=2000")
    searched = [t for t in result.trials if t.origin == "strategy"]
    assert sum(t.is_trained for t in searched) == 2
    found = result.summary["shared_weights"]
    assert [p["origin"] for p in found["points"]].count("random") == 5
    assert [p["origin"] for p in found["points"]].count("derived") == 1
    assert len({p["key"] for p in found["points"]}) == len(found["points"]) == len(finals(result))
    assert all(0 <= p["shared"] <= 1 for p in found["points"])
    assert len({t.fidelity for t in finals(result)}) == 1  # all of them alike
    assert all(t.metrics["params"] <= 2000 for t in finals(result))
    assert "5 random ones of the same space" in found["sentences"][0]
    assert result.summary["baseline"] is None
    again = run(tmp_path, where="params<=2000")
    assert [t.id for t in again.trials] == [t.id for t in result.trials]


def test_where_the_space_has_fewer_it_is_said(tmp_path: Path) -> None:
    class Two(Blocks):
        def describe(self, choose: Any) -> Any:
            return {"blocks": [choose("block/0", ["one", "three"]), "one"]}

    found = run(tmp_path, space=Two(), recipe="random-ws", recipe_options=SETTINGS).summary["shared_weights"]
    assert [p["origin"] for p in found["points"]] == ["derived", "random"]
    assert "Only 1 random architectures were there to compare with, not 5" in found["sentences"][1]


def test_the_record_tells_the_recipe_and_what_differs_from_the_paper(tmp_path: Path) -> None:
    protocol = run(tmp_path, recipe="snas", recipe_options=SETTINGS | {"cost_weight": 0.5}, minimize="params").summary[
        "protocol"
    ]
    told = protocol["deviation"]
    assert told.startswith("recipe 'snas' of SNAS (Xie, Zheng, Liu, Lin 2019, arXiv:1812.09926)")
    assert "epochs 1 (150)" in told
    assert "cost_weight 0.5 (no value given)" in told
    assert "momentum" not in told
    assert "the space 'blocks', which is not the recipe's own" in told
    assert protocol["supernet"].startswith("1 of 1 epochs in ")
    assert protocol["supernet"].endswith("ended as planned")
    assert protocol["equal_protocol"] is True
    assert "each trained alone" in protocol["baseline.untuned"]
    assert protocol["budget"]["epochs of the supernet"] == 1
    assert "weights of the supernet" in protocol["weights_init"]


@pytest.mark.parametrize("refit", [True, False])
def test_the_winner_is_trained_for_longer_than_what_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refit: bool
) -> None:
    if not refit:
        monkeypatch.setattr(plan, "MANY_ROWS", 10)
    monkeypatch.setattr(final, "longest_epochs", lambda loop, winner: 3 * winner.fidelity.epochs)
    result = run(tmp_path)
    winner = result.summary["winner"]
    [last] = [t for t in result.trials if t.origin == "final" and t.resume]
    assert {t.fidelity.epochs for t in finals(result)} == {winner["compared_epochs"]} == {1.0}
    assert last.fidelity.epochs == 3
    assert last.parent == winner["trial"]
    assert winner["refit"] == refit
    scores = {t.id: t.metrics.get("accuracy") for t in result.trials}
    if refit:
        assert scores[last.id] is None  # the validation part is learned from
    is_taken = refit or scores[last.id] >= scores[winner["trial"]]  # type: ignore[operator]
    assert winner["epochs"] == (3 if is_taken else 1)
    assert ("for 3 epochs, reaches" in result.summary["sentence"]) == is_taken


def test_the_full_baseline_of_a_recipe_trains_each_architecture_alone(tmp_path: Path) -> None:
    result = search(
        (PICTURES, LABELS),
        recipe="gdas",
        recipe_options=SETTINGS,
        space=Blocks(),
        budget="2trials",
        baseline="full",
        out=tmp_path,
    )
    assert "equal-budget random search" in result.summary["baseline"]["full"]["sentence"]
    other = load_result(tmp_path / "baseline", Blocks())
    assert all(t.curve for t in other.trials if t.state is TrialState.COMPLETE)  # what is trained has a curve
    assert other.summary["shared_weights"] is None
