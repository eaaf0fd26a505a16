"""Which trials are trained in the final step, and for how long, on searches that are only written down."""

import random
from types import SimpleNamespace
from typing import Any, cast

import pytest

from searchitect.core import Architecture, Constraint, Fidelity, Objective, Trial, TrialState, parse_budget
from searchitect.search import final_time, finalists
from searchitect.search.clock import Clock
from searchitect.search.loop import Loop
from searchitect.testing import CountOnes

SPACE = CountOnes(6)


def written(trials: list[Trial], leader: Architecture | None = None, limits: tuple[Constraint, ...] = (), **more: Any) -> Loop:
    """A loop that holds these trials; what is drawn besides is judged by its ones."""
    by_id = {t.id: t for t in trials}

    def judge(architecture: Architecture) -> None:
        made = trial(max(by_id, default=-1) + 1, architecture, "baseline", limits=limits)
        by_id[made.id] = made

    given = {
        "trials": by_id,
        "strategy": SimpleNamespace(leader=lambda: leader),
        "objectives": [Objective("accuracy", "max")],
        "constraints": limits,
        "space": SPACE,
        "seed": 0,
        "costs_of": lambda architecture, names: {"params": float(sum(architecture.spec))},
        "budget": parse_budget("5trials"),
        "clock": Clock(0.0),
        "judge_random": judge,
    }
    return cast(Loop, SimpleNamespace(**{**given, **more}))


def trial(number: int, architecture: Architecture, origin: Any = "strategy", limits: tuple[Constraint, ...] = ()) -> Trial:
    metrics = {"accuracy": sum(architecture.spec) / len(architecture.spec), "params": float(sum(architecture.spec))}
    kept = all(c.is_met(metrics) for c in limits)
    state = TrialState.COMPLETE if kept else TrialState.INFEASIBLE
    return Trial(number, architecture, architecture.key, Fidelity(1.0), 0, origin=origin, state=state, metrics=metrics)


def drawn(*ones: int) -> list[Architecture]:
    """Architectures with so many ones."""
    return [SPACE.decide({p: int(place < n) for place, p in enumerate(SPACE.sample(random.Random(0)).decisions)}) for n in ones]


def test_random_draws_are_compared_in_the_order_of_drawing_and_the_leader_is_not_among_them() -> None:
    low, middle, high, top = drawn(1, 3, 4, 6)
    trials = [trial(0, low, "baseline"), trial(1, top), trial(2, high), trial(3, middle, "random")]
    twin = trial(4, high, "baseline")  # drawn by chance after the strategy had proposed it
    twin.twin = 2
    loop = written([*trials, twin], leader=middle)
    assert [t.id for t in finalists.finalists(loop)] == [3, 1, 2, 0]
    assert [t.id for t in finalists.random_draws(loop)] == [0, 2]
    assert [t.id for t in finalists.random_draws(written([*trials, twin]))] == [0, 3, 2]  # the best leads where nobody does


@pytest.mark.parametrize("limits", [(), (Constraint("params", "<=", 2.0),)])
def test_draws_are_added_until_there_are_enough_within_the_limits(limits: tuple[Constraint, ...]) -> None:
    (first,) = drawn(1)
    loop = written([trial(0, first)], limits=limits)
    finalists.draw_more(loop, 5)
    found = finalists.random_draws(loop)
    assert len(found) == len({t.key for t in found}) == 5
    assert {t.key for t in found} <= {t.key for t in loop.trials.values() if t.origin == "baseline"}
    assert all(c.is_met(t.metrics) for t in found for c in limits)
    before = dict(loop.trials)
    finalists.draw_more(loop, 5)
    assert loop.trials == before  # enough


def test_a_space_that_has_no_more_is_drawn_empty_and_a_limit_that_nobody_keeps_ends_it() -> None:
    limits = (Constraint("params", "<=", 1.0),)
    loop = written([], limits=limits)
    finalists.draw_more(loop, 20)
    assert len(finalists.random_draws(loop)) == 6  # none, or one, of six, but for the leader
    nobody = written([], limits=(Constraint("params", "<=", -1.0),))
    finalists.draw_more(nobody, 5)
    assert finalists.random_draws(nobody) == []
    assert len(nobody.trials) <= finalists.RARE


def test_a_limit_that_hardly_any_draw_keeps_is_reached_step_by_step() -> None:
    space, limits = CountOnes(40), (Constraint("params", "<=", 5.0),)
    loop = written([], limits=limits, space=space)
    finalists.draw_more(loop, 3)
    assert len(finalists.random_draws(loop)) == 3
    assert sum(t.state is TrialState.INFEASIBLE for t in loop.trials.values()) >= finalists.RARE


def test_drawing_ends_with_its_part_of_the_time() -> None:
    loop = written([], budget=parse_budget("100s"), clock=SimpleNamespace(now=iter([49.0, 49.0, *range(55, 200)]).__next__))
    finalists.draw_more(loop, 40)
    # 100 s less 6 for the report: a third of the 45 that are left at 49 s ends at 64, while each look takes one
    assert 5 <= len(loop.trials) <= 64 - 55 + 1


def timed(budget: str, now: float, *, epoch_seconds: float = 1.0, refit: bool = True) -> Loop:
    plan = SimpleNamespace(final_epochs=40.0, epoch_seconds=epoch_seconds, refit=refit)
    given = {"plan": plan, "estimator": SimpleNamespace(builds=False), "clock": SimpleNamespace(now=lambda: now)}
    return written([], budget=parse_budget(budget), **given)


def test_the_last_training_has_a_third_of_the_time_whatever_is_compared() -> None:
    sources = [trial(n, a) for n, a in enumerate(drawn(0, 1, 2, 3, 4, 5, 6))]
    loop = timed("1010s", 0.0)  # 1,000 s of training
    planned = 1000 * final_time.SAFETY
    plain = final_time.affordable_epochs(loop, sources[:2], 1, is_timed=True, compares=False)
    assert plain == 40  # the plan's at most
    loop.plan.epoch_seconds = 20.0  # type: ignore[misc]
    for workers, together in ((1, 7 * 20), (2, 3.5 * 20)):
        epochs = final_time.affordable_epochs(loop, sources, workers, is_timed=True, compares=True)
        assert epochs * together == pytest.approx(2 / 3 * planned, rel=0.1)
    two = final_time.affordable_epochs(loop, sources[:2], 1, is_timed=True, compares=False)
    assert two == pytest.approx(planned / (3.25 * 20), abs=0.5)
    assert final_time.affordable_epochs(timed("5trials", 0.0), sources, 1, is_timed=True, compares=True) == 40


def test_without_time_little_is_compared() -> None:
    sources = [trial(n, a) for n, a in enumerate(drawn(0, 1))]
    late = timed("100s", 99.0)
    assert final_time.affordable_epochs(late, sources, 1, is_timed=False, compares=True) == 0.25
    assert final_time.affordable_epochs(late, sources, 1, is_timed=False, compares=False) == 1


def test_the_winner_goes_on_for_as_long_as_its_own_training_says_that_time_allows() -> None:
    (found,) = drawn(6)
    winner = trial(0, found)
    winner.fidelity, winner.seconds = Fidelity(4.0), 8.0
    winner.curve = [{"epoch": 2.0}, {"epoch": 4.0}]
    for refit, cost in ((True, 1.25 * 2), (False, 2.0)):
        loop = timed("100s", 44.0, refit=refit)
        assert final_time.longest_epochs(loop, winner) == round(50 * final_time.SAFETY / cost)
    assert final_time.longest_epochs(timed("100s", 93.0), winner) == 4  # no shorter than its own
    assert final_time.longest_epochs(timed("1h", 44.0), winner) == 40  # the plan's at most
    assert final_time.longest_epochs(timed("5trials", 44.0), winner) == 4
