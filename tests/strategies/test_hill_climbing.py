import random
from typing import Any

import pytest

from searchitect.core import Fidelity, Objective, SettingError, Trial, TrialState
from searchitect.strategies.hill_climbing import HillClimbing
from searchitect.testing import CountOnes, simulate

SCORE = [Objective("score", "max")]
SPACE = CountOnes(10)
CELLS = list(SPACE.enumerate())


def rugged(spec: Any, _: Fidelity) -> float:
    return random.Random(str(spec)).random()


def tell(
    strategy: HillClimbing,
    number: int,
    score: float,
    parent: int | None,
    state: TrialState = TrialState.COMPLETE,
    **others: float,
) -> int | None:
    """The parent of what is proposed next."""
    metrics = {"score": score, **others}
    strategy.tell(
        Trial(number, CELLS[number], SPACE.key(CELLS[number]), Fidelity(1), 0, parent=parent, state=state, metrics=metrics)
    )
    proposal = strategy.ask()
    assert proposal is not None
    return proposal.parent


def test_a_step_ends_after_all_its_children_and_goes_to_the_best() -> None:
    strategy = HillClimbing(SPACE, SCORE, neighbours=3)
    assert tell(strategy, 0, 0.5, None) == 0
    assert tell(strategy, 1, 0.7, 0) == 0
    assert tell(strategy, 2, 0.9, 0) == 0
    assert tell(strategy, 3, 0.8, 0) == 2


def test_worse_children_do_not_go_on_but_equal_ones_do() -> None:
    strategy = HillClimbing(SPACE, SCORE, neighbours=1, patience=9)
    assert tell(strategy, 0, 0.5, None) == 0
    assert tell(strategy, 1, 0.4, 0) == 0
    assert tell(strategy, 2, 0.5, 0) == 2
    assert tell(strategy, 3, 0.6, 2) == 3


def test_it_restarts_after_so_many_steps_without_a_better_one() -> None:
    strategy = HillClimbing(SPACE, SCORE, neighbours=2, patience=3)
    nexts = [tell(strategy, 0, 0.5, None)]
    nexts += [tell(strategy, number, score, 0) for number, score in ((1, 0.4), (2, 0.3), (3, 0.6), (4, 0.1))]
    assert nexts == [0, 0, 0, 0, 3]  # the second step found a better one
    nexts = [tell(strategy, number, 0.2, 3) for number in range(5, 11)]
    assert nexts == [3] * 5 + [None]
    assert tell(strategy, 11, 0.1, None) == 11  # the new start, although it is worse than the old climb
    assert tell(strategy, 12, 0.9, 3) == 11  # a late child of the old one changes nothing
    assert strategy.notes() == ["Hill climbing: 2 climbs, 5 steps of 2 children."]


def test_failures_count_as_children_that_are_not_better() -> None:
    strategy = HillClimbing(SPACE, SCORE, neighbours=2, patience=1)
    assert tell(strategy, 0, 0.5, None, TrialState.FAILED) is None
    assert tell(strategy, 1, 0.5, None) == 1
    assert tell(strategy, 2, 9.0, 1, TrialState.PRUNED) == 1
    assert tell(strategy, 3, 9.0, 1, TrialState.INFEASIBLE) is None


def test_every_child_is_one_mutation_away_from_the_incumbent_which_never_gets_worse() -> None:
    trials = simulate(HillClimbing(SPACE, SCORE, neighbours=4, patience=100), rugged, 60)
    by_id = {trial.id: trial for trial in trials}
    scores = []
    for trial in trials[1:]:
        if trial.parent is None:
            continue  # nothing was left near the incumbent
        parent = by_id[trial.parent]
        apart = sum(a != b for a, b in zip(trial.architecture.spec, parent.architecture.spec, strict=True))
        near = {SPACE.key(n) for n in SPACE.neighbours(parent.architecture)}
        assert apart == 1 or sum(key in near for key in (t.key for t in trials[: trial.id])) >= 3
        scores.append(parent.metrics["score"])
    assert scores == sorted(scores)


def test_mutations_are_made_in_sequence() -> None:
    strategy = HillClimbing(SPACE, SCORE, mutations=3)
    strategy.tell(Trial(0, CELLS[0], SPACE.key(CELLS[0]), Fidelity(1), 0, state=TrialState.COMPLETE, metrics={"score": 0.0}))
    assert {sum(p.architecture.spec) for _ in range(30) if (p := strategy.ask())} >= {1, 3}


def test_several_objectives_a_child_goes_on_unless_it_is_dominated() -> None:
    strategy = HillClimbing(SPACE, [Objective("score", "max"), Objective("cost", "min")], neighbours=1, patience=3)
    assert tell(strategy, 0, 0.5, None, cost=5) == 0
    assert tell(strategy, 1, 0.4, 0, cost=6) == 0
    assert tell(strategy, 2, 0.4, 0, cost=4) == 2
    assert tell(strategy, 3, 0.3, 2, cost=3) is None  # three steps that dominate nothing


def test_it_solves_count_ones() -> None:
    trials = simulate(HillClimbing(CountOnes(20), SCORE), lambda spec, _: sum(spec), 400)
    assert max(sum(t.architecture.spec) for t in trials) == 20


@pytest.mark.parametrize("option", ["neighbours", "mutations", "patience"])
def test_settings_below_one_are_refused(option: str) -> None:
    with pytest.raises(SettingError, match=f"{option} must be at least 1, got 0"):
        HillClimbing(SPACE, SCORE, **{option: 0})  # type: ignore[arg-type]
