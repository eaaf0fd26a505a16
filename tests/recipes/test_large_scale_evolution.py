"""Large-scale evolution: pairwise tournaments, starts, and weights that go from parents to children, up to the final network."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from searchitect import Trial, search
from searchitect.core import Fidelity, SettingError, SpaceError, Strategy, TaskInfo, TrialState
from searchitect.estimators.from_scratch import FromScratch
from searchitect.recipes.large_scale_evolution import RECIPE
from searchitect.search import plan
from searchitect.spaces.large_scale_evolution import LargeScaleEvolution
from searchitect.testing import CountOnes
from searchitect.training.checkpoint import evaluated_state
from tests.recipes.composed import strategy_of
from tests.training.examples import images

NAME = "large-scale-evolution"
SPACE = LargeScaleEvolution.for_task(TaskInfo("digits", "image-classification", (1, 8, 8), 10, 1000))


def tell(strategy: Strategy, number: int, score: float, asked: Any = None) -> Trial:
    proposal = strategy.ask() if asked is None else asked
    assert proposal is not None
    trial = Trial(
        number,
        proposal.architecture,
        SPACE.key(proposal.architecture),
        Fidelity(1),
        0,
        parent=proposal.parent,
        state=TrialState.COMPLETE,
        metrics={"accuracy": score},
        inherit=proposal.inherit,
    )
    strategy.tell(trial)
    return trial


def test_a_population_of_linear_classifiers_has_children_that_inherit() -> None:
    strategy = strategy_of(NAME, SPACE, population=6)
    starts = [tell(strategy, number, number / 10) for number in range(6)]
    assert all(t.architecture.spec["layers"] == [] and t.parent is None and not t.inherit for t in starts)
    assert len({t.key for t in starts}) == 6  # each is trained: that they are built alike makes no duplicates of them
    assert sorted(strategy.inheritable() or ()) == list(range(6))
    for number in range(6, 60):
        child = tell(strategy, number, number / 100)
        assert child.inherit
        assert child.parent is not None
        alive = strategy.inheritable()
        assert alive is not None
        assert len(alive) == 6


def test_without_inheritance_no_weights_are_kept() -> None:
    strategy = strategy_of(NAME, SPACE, population=4, inherit=False)
    trials = [tell(strategy, number, 0.5) for number in range(8)]
    assert not any(trial.inherit for trial in trials)
    assert strategy.inheritable() is None


def test_the_better_of_two_has_the_child() -> None:
    strategy = strategy_of(NAME, SPACE, population=4)
    for number in range(4):
        tell(strategy, number, number / 10)
    parents = Counter(strategy.ask().parent for _ in range(3000))  # type: ignore[union-attr]
    # of the six pairs the worst wins none, then one, two and three
    assert {number: round(count / 500) for number, count in parents.items()} == {1: 1, 2: 2, 3: 3}


@pytest.mark.parametrize(("population", "low", "high"), [(2, 1.0, 1.0), (20, 0.06, 0.14)])
def test_in_a_population_of_two_a_super_fit_individual_has_all_the_children(population: int, low: float, high: float) -> None:
    """Section 4 of the paper: small populations get trapped. Of 20 the best wins one pair in ten."""
    strategy = strategy_of(NAME, SPACE, population=population)
    tell(strategy, 0, 1.0)
    number = 1
    while len(strategy.inheritable() or ()) < population:
        tell(strategy, number, 0.1)
        number += 1
    share = sum(strategy.ask().parent == 0 for _ in range(1000)) / 1000  # type: ignore[union-attr]
    assert low <= share <= high
    if population == 2:
        for later in range(number, number + 30):
            assert tell(strategy, later, 0.9).parent == 0
        assert 0 in (strategy.inheritable() or ())  # it never dies


def test_a_strategy_without_a_start_begins_with_draws() -> None:
    strategy = strategy_of(NAME, CountOnes(6))
    asked = strategy.ask()
    assert asked is not None
    assert asked.architecture.decisions
    assert asked.is_random
    assert not asked.is_start


def settings() -> dict[str, Any]:
    return {
        "recipe": NAME,
        "recipe_options": {"population": 3, "epochs": 1},
        "budget": "14trials",
        "baseline": "none",
        "seed": 3,
    }


def test_the_final_network_goes_on_from_inherited_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: dict[Path, list[Any]] = {}
    original = FromScratch.evaluate

    def watched(self: FromScratch, job: Any) -> Any:
        if job.save is not None and job.inherit is not None:
            begun[job.save] = [job.inherit, evaluated_state(job.inherit)]
        return original(self, job)

    monkeypatch.setattr(FromScratch, "evaluate", watched)
    monkeypatch.setattr(plan, "usual_epochs", lambda info: 2.0)
    task = images()
    out = tmp_path / "run"
    result = search((task.train.x.numpy(), task.train.y.numpy()), out=out, **settings())
    searched = [t for t in result.trials if t.origin != "final"]
    # linear classifiers are neither drawn nor chosen by score
    assert [t.origin for t in searched] == ["start"] * 3 + ["strategy"] * 11
    heirs = [t for t in searched if t.inherit]
    assert len(heirs) == 14 - 3
    assert all(0 <= t.metrics["inherited"] <= 1 for t in heirs if t.state is TrialState.COMPLETE)
    assert {t.metrics["inherited"] for t in heirs} > {1.0}  # all of it, and less
    finals = [t for t in result.trials if t.origin == "final"]
    assert finals
    for final in finals:
        source = next(t for t in result.trials if t.id == final.parent)
        source = source if source.origin != "final" else next(t for t in searched if t.id == source.parent)  # the last training
        if final.inherit:
            start, _ = begun[out / "weights" / f"{final.id}.safetensors"]
            assert start == out / "weights" / f"{source.id}.safetensors"
            assert final.metrics["inherited"] == 1.0  # its own architecture
        else:
            assert not source.inherit  # a start that has no parent
    assert result.summary["winner"]["inherited_from"] == next(
        t.parent for t in finals if t.id == result.summary["winner"]["trial"]
    )
    assert "inherited" not in result.summary["winner"]["validation"]
    assert "were trained on from the weights that they had inherited" in result.summary["sentence"]
    assert any("began with weights of their parents" in note for note in result.summary["strategy_notes"])
    header = (out / "trials.csv").read_text().splitlines()[0]
    assert {"inherit", "inherited", "parent"} <= set(header.split(","))
    assert "began with the weights of trial" in (out / "report.html").read_text()


def test_a_tournament_takes_two() -> None:
    with pytest.raises(SettingError, match=r"population of the recipe 'large-scale-evolution' must be at least 2, .*, got 1"):
        RECIPE.make({"population": 1})


def test_it_is_for_images() -> None:
    with pytest.raises(SpaceError, match="searches networks for image-classification"):
        RECIPE.own_space(TaskInfo("table", "table-classification", (5,), 3, 500))
