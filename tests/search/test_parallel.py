"""The loop with several evaluations open, that end in any order, and with a crash at any moment."""

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import Budget, Estimator, Fidelity, Job, Measurement, Objective, Trial, TrialState
from searchitect.search.clock import Clock
from searchitect.search.executors import Ended
from searchitect.search.loop import Loop
from searchitect.search.plan import make_plan
from searchitect.search.store import Store, open_store
from searchitect.strategies import make_strategy
from searchitect.testing import CountOnes
from tests.search.toys import Ones

SPACE = CountOnes(4)
OBJECTIVES = [Objective("score", "max")]


class Crash(BaseException):
    """As if the process were killed: nothing that follows is executed."""


class Shuffled:
    """Several slots; what ends next is drawn. After ``ends`` ended evaluations comes the crash."""

    def __init__(self, estimator: Estimator, slots: int, rng: random.Random, ends: int | None = None) -> None:
        self.estimator, self.slots, self.rng, self.ends = estimator, slots, rng, ends
        self.open: list[tuple[int, Job]] = []
        self.most_open = 0
        self.judged: list[tuple[str, Fidelity]] = []

    def free(self) -> int:
        return self.slots - len(self.open)

    def submit(self, trial: int, job: Job) -> None:
        assert self.free() > 0
        self.open.append((trial, job))
        self.most_open = max(self.most_open, len(self.open))

    def wait(self, timeout: float) -> list[Ended]:
        if self.ends is not None:
            self.ends -= 1
            if self.ends < 0:
                raise Crash
        trial, job = self.open.pop(self.rng.randrange(len(self.open)))
        self.judged.append((job.architecture.text, job.fidelity))
        return [Ended(trial, self.estimator.evaluate(job), 0.1)]

    def close(self) -> None:
        self.open = []


def make_loop(folder: Path, executor: Shuffled, strategy: str, trials: int, **more: Any) -> tuple[Loop, Store]:
    store = open_store(folder)
    budget = Budget(trials=trials)
    options: dict[str, Any] = {
        "regularized-evolution": {"population_size": 6, "sample_size": 2},
        "asha": {"max_epochs": 9},
        "auto": {"max_epochs": 9, "expected_trials": trials},
    }.get(strategy, {})
    loop = Loop(
        space=SPACE,
        strategy=make_strategy(strategy, SPACE, OBJECTIVES, 0, **options),
        estimator=executor.estimator,
        executor=executor,
        store=store,
        clock=Clock(),
        plan=make_plan(budget, None, [], executor.slots),
        budget=budget,
        objectives=OBJECTIVES,
        constraints=[],
        folder=folder,
        seed=0,
        fidelity=Fidelity(1),
        **more,
    )
    return loop, store


def check_whole(trials: list[Trial], budget: int) -> None:
    assert [t.id for t in trials] == list(range(len(trials)))
    assert all(t.state is TrialState.COMPLETE for t in trials)
    originals = [(t.key, t.fidelity) for t in trials if t.twin is None]
    assert len(set(originals)) == len(originals)
    assert sum(t.is_trained for t in trials) <= budget
    by_id = {t.id: t for t in trials}
    for trial in trials:
        if trial.twin is not None:
            assert trial.metrics == by_id[trial.twin].metrics


@pytest.mark.parametrize("strategy", ["random", "regularized-evolution", "asha", "auto"])
@pytest.mark.parametrize("seed", range(3))
def test_evaluations_end_in_any_order(strategy: str, seed: int, tmp_path: Path) -> None:
    executor = Shuffled(Ones(), 4, random.Random(seed))
    loop, store = make_loop(tmp_path, executor, strategy, 16)
    loop.run()
    trials = store.trials()
    store.close()
    check_whole(trials, 16)
    assert executor.most_open == 4
    assert len(set(executor.judged)) == len(executor.judged)


def test_a_duplicate_of_a_running_trial_waits_for_its_result(tmp_path: Path) -> None:
    executor = Shuffled(Ones(), 6, random.Random(0))
    loop, store = make_loop(tmp_path, executor, "regularized-evolution", 14)
    waited = 0
    end = loop._end

    def watched(ended: Ended) -> None:
        nonlocal waited
        waiting = [t for t in store.unfinished() if t.state is TrialState.WAITING]
        waited += sum(t.twin == ended.trial for t in waiting)
        end(ended)
        assert not any(t.twin == ended.trial for t in store.unfinished())

    loop._end = watched  # type: ignore[method-assign]
    loop.run()
    trials = store.trials()
    store.close()
    assert waited > 0
    check_whole(trials, 14)


@pytest.mark.parametrize("strategy", ["random", "regularized-evolution", "asha", "auto"])
@pytest.mark.parametrize("seed", range(6))
def test_after_crashes_nothing_is_lost_and_nothing_counted_twice(strategy: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    judgements: Counter[tuple[str, Fidelity]] = Counter()
    lost, kept = 0, dict[int, Any]()
    for ends in [rng.randrange(5) for _ in range(4)] + [None]:
        executor = Shuffled(Ones(), 3, rng, ends)
        loop, store = make_loop(tmp_path, executor, strategy, 15)
        loop.resume()
        try:
            loop.run()
        except Crash:
            lost += len(executor.open)
        judgements.update(executor.judged)
        now = {t.id: replace(t, architecture=t.architecture) for t in store.finished()}
        assert {i: now[i] for i in kept} == kept
        kept = now
        trials = store.trials()
        store.close()
    check_whole(trials, 15)
    assert judgements.total() <= sum(t.is_trained for t in trials) + lost
    assert max(judgements.values()) <= 1 + 4


def test_a_running_trial_counts_as_spent_so_that_the_budget_is_met(tmp_path: Path) -> None:
    executor = Shuffled(Ones(), 8, random.Random(0))
    loop, store = make_loop(tmp_path, executor, "random", 5)
    loop.run()
    store.close()
    assert len(executor.judged) == executor.most_open == 5


def test_the_baseline_keeps_its_share_with_many_workers(tmp_path: Path) -> None:
    class Wide(Ones):
        def evaluate(self, job: Job) -> Measurement:
            return Measurement({"score": job.seed / 2**31})

    executor = Shuffled(Wide(), 8, random.Random(0))
    loop, store = make_loop(tmp_path, executor, "asha", 36)
    loop.space = CountOnes(40)
    loop.strategy = make_strategy("asha", loop.space, OBJECTIVES, 0, max_epochs=9)
    loop.run()
    trials = store.trials()
    store.close()
    first_looks = [t for t in trials if not t.resume]
    baseline = sum(t.origin == "baseline" for t in first_looks)
    assert baseline == pytest.approx(len(first_looks) / 6, abs=1)
    assert {t.fidelity for t in trials if t.origin == "baseline"} == {Fidelity(1)}
