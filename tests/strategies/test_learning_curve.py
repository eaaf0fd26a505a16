import itertools
import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from searchitect.core import Fidelity, Objective, SettingError, Space, Strategy, Trial, TrialState
from searchitect.strategies.curve_rules import RULES, Case
from searchitect.strategies.learning_curve import LearningCurve
from searchitect.strategies.random_search import RandomSearch
from searchitect.testing import CountOnes
from searchitect.testing.simulation import open_trial

ACCURACY = (Objective("accuracy", "max"),)
SPACE = CountOnes(16)
END = 20.0


def level(spec: list[int]) -> float:
    """Where the curve of a spec ends: in [0.3, 0.9], a different one for each."""
    return 0.3 + 0.6 * random.Random(str(spec)).random()


def accuracy(spec: list[int], epoch: float) -> float:
    return level(spec) * (1 - 0.8 * 0.8**epoch)


def train(strategy: Strategy, trials: int, workers: int = 1, told: list[Trial] | None = None, **others: Any) -> list[Trial]:
    """A search of pretended trainings with a look per epoch; a resumed one has the looks of its own piece only."""
    rng, running, done = random.Random(0), list[Trial](), list(told or [])
    by_id = {trial.id: trial for trial in done}
    while len(done) < trials:
        while len(running) < workers:
            proposal = strategy.ask()
            if proposal is None:
                break
            running.append(open_trial(strategy, proposal, len(done) + len(running)))
        if not running:
            break
        trial = running.pop(rng.randrange(len(running)))
        spec = trial.architecture.spec
        before = by_id[trial.parent].fidelity.epochs if trial.resume else 0  # type: ignore[index]
        epochs = [e for e in range(1, int(trial.fidelity.epochs) + 1) if e > before]
        sign = -1 if others.get("is_error") else 1
        name = "error" if others.get("is_error") else "accuracy"
        trial.curve = [{"epoch": float(e), name: sign * accuracy(spec, e)} for e in epochs]
        trial.metrics = {name: trial.curve[-1][name], "size": float(sum(spec))}
        trial.state = TrialState.COMPLETE
        strategy.tell(trial)
        done.append(trial)
        by_id[trial.id] = trial
    return done


def courses(trials: list[Trial]) -> dict[str, list[Trial]]:
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(trial.key, []).append(trial)
    return found


@pytest.mark.parametrize("method", ["least-squares", "last-value", "median"])
def test_bad_trainings_are_stopped_and_good_ones_go_to_the_end(method: str) -> None:
    strategy = LearningCurve(SPACE, ACCURACY, max_epochs=END, method=method)
    trials = train(strategy, 70)
    found = courses(trials)
    ended = [c for c in found.values() if c[-1].fidelity.epochs == END]
    stopped = [c for c in found.values() if c[-1].fidelity.epochs < END][:-1]  # the last one may still be going
    assert len(stopped) > 4
    assert [t.fidelity.epochs for t in trials[:4]] == [5, 10, 15, 20]  # the first one is never stopped
    best = 0.0
    for course in found.values():  # serial: in the order of beginning
        assert [t.fidelity.epochs for t in course] == [5, 10, 15, 20][: len(course)]
        for below, above in itertools.pairwise(course):
            assert above.resume
            assert above.parent == below.id
            assert above.architecture == below.architecture
        reached = level(course[0].architecture.spec)
        if method != "median" and course in stopped:
            assert reached < best + 0.02
        if course in ended:
            best = max(best, reached)
    assert best == pytest.approx(max(level(c[0].architecture.spec) for c in found.values()), abs=0.02)


def test_nothing_is_decided_below_the_least_number_of_points_or_without_a_best() -> None:
    for options in ({"min_points": 20}, {"threshold": 0.0}, {"first": 1.0}):
        trials = train(LearningCurve(SPACE, ACCURACY, max_epochs=END, **options), 40)  # type: ignore[arg-type]
        assert all(c[-1].fidelity.epochs == END for c in courses(trials).values())
    trials = train(LearningCurve(SPACE, ACCURACY, max_epochs=END, min_points=11), 60)
    assert min(c[-1].fidelity.epochs for c in list(courses(trials).values())[:-1]) == 15


def test_minimising_an_error_is_the_same_search() -> None:
    highest = train(LearningCurve(SPACE, ACCURACY, max_epochs=END, seed=2), 30)
    lowest = train(LearningCurve(SPACE, (Objective("error", "min"),), max_epochs=END, seed=2), 30, is_error=True)
    assert [(t.key, t.fidelity) for t in highest] == [(t.key, t.fidelity) for t in lowest]


class Listening(RandomSearch):
    def __init__(self, space: Space) -> None:
        super().__init__(space, ACCURACY)
        self.heard: list[Trial] = []

    def learn(self, trial: Trial) -> None:
        self.heard.append(trial)
        super().learn(trial)


def test_the_inner_strategy_hears_one_result_per_architecture_the_forecast_where_it_was_stopped() -> None:
    inner = Listening(SPACE)
    trials = train(LearningCurve(SPACE, ACCURACY, max_epochs=END, inner=inner), 60, workers=3)
    found = courses(trials)
    assert len({t.key for t in inner.heard}) == len(inner.heard)
    assert all(t.fidelity == Fidelity(END) and not t.resume and t.state is TrialState.COMPLETE for t in inner.heard)
    forecast = 0
    for heard in inner.heard:
        last = found[heard.key][-1]
        assert heard.id == last.id
        truth = level(heard.architecture.spec)
        if last.fidelity.epochs == END:
            assert heard.metrics == last.metrics
        else:
            forecast += 1
            assert heard.metrics["accuracy"] != last.metrics["accuracy"]
            assert abs(heard.metrics["accuracy"] - truth) < 0.15
            assert heard.metrics["size"] == last.metrics["size"]
    assert forecast > 4


@pytest.mark.parametrize("workers", [1, 3])
def test_it_goes_on_after_an_interruption_with_curves(workers: int) -> None:
    whole = train(LearningCurve(SPACE, ACCURACY, max_epochs=END, inner="regularized-evolution"), 40, workers)
    fresh = LearningCurve(SPACE, ACCURACY, max_epochs=END, inner="regularized-evolution")
    told = whole[:30]
    done = {trial.id for trial in told}
    open_ids = [t for t in sorted(whole, key=lambda t: t.id) if t.id not in done and t.id < 30 + workers - 1]
    for trial in told:
        fresh.tell(trial)
    if workers == 1:
        rest = train(fresh, 40, told=told)[30:]
        assert [(t.key, t.fidelity, t.parent) for t in rest] == [(t.key, t.fidelity, t.parent) for t in whole[30:]]
    else:
        for trial in open_ids:
            running = Trial(
                trial.id, trial.architecture, trial.key, trial.fidelity, 0, resume=trial.resume, parent=trial.parent
            )
            fresh.tell(running)
        proposal, next_one = fresh.ask(), next(t for t in whole if t.id == 30 + workers - 1)
        assert proposal is not None
        assert (proposal.architecture, proposal.fidelity) == (next_one.architecture, next_one.fidelity)


def test_with_several_objectives_only_rivals_that_are_no_worse_elsewhere_count() -> None:
    objectives = (*ACCURACY, Objective("size", "min"))
    trials = train(LearningCurve(SPACE, objectives, max_epochs=END), 60)
    found = list(courses(trials).values())[:-1]
    stopped = [c for c in found if c[-1].fidelity.epochs < END]
    ended: list[Trial] = [c[-1] for c in found if c[-1].fidelity.epochs == END]
    assert stopped
    for course in stopped:
        assert any(e.metrics["size"] <= course[-1].metrics["size"] for e in ended)
    smallest: float = 99
    for course in found:  # who is smaller than all before it is never stopped
        size = course[0].metrics["size"]
        if size < smallest:
            assert course[-1].fidelity.epochs == END
        if course[-1].fidelity.epochs == END:
            smallest = min(smallest, size)


def case(curve: Mapping[float, float], best: float, completed: list[dict[float, float]]) -> Case:
    return Case(dict(curve), best, completed, completed, 4.0, 3, np.random.default_rng(0))


def test_the_last_value_rule_adds_what_completed_trainings_gained() -> None:
    completed = [{2.0: 0.4, 4.0: 0.5}, {2.0: 0.5, 4.0: 0.7}, {2.0: 0.6, 4.0: 0.9}]  # gains 0.1, 0.2, 0.3
    found = RULES["last-value"](case({1.0: 0.1, 2.0: 0.3}, 0.6, completed))
    assert found == pytest.approx((0.5, 0.158655), abs=1e-5)  # one standard deviation below the best
    assert RULES["last-value"](case({2.0: 0.3}, 0.6, completed[:2])) is None


def test_the_median_rule_compares_the_best_so_far_with_mean_values() -> None:
    others = [{1.0: 0.2, 2.0: 0.4, 4.0: 0.9}, {1.0: 0.4, 2.0: 0.6, 4.0: 0.7}, {1.0: 0.1, 2.0: 0.2}, {1.0: 0.9}]
    # means up to epoch 2: 0.3, 0.5, 0.15; median 0.3
    assert RULES["median"](case({1.0: 0.31, 2.0: 0.1}, 0.9, others)) == (0.31, 1.0)
    assert RULES["median"](case({1.0: 0.29, 2.0: 0.1}, 0.9, others)) == (0.29, 0.0)
    assert RULES["median"](case({5.0: 0.1}, 0.9, others)) is None


def test_the_posterior_stops_what_is_hopeless_and_not_what_rises() -> None:
    epochs = np.arange(1.0, 13.0)
    flat = dict(zip(epochs, 0.3 - 0.1 * 0.5**epochs, strict=True))
    rising = dict(zip(epochs, 0.7 - 0.4 * 0.8**epochs, strict=True))
    for curve, low, high in ((flat, 0.0, 0.05), (rising, 0.05, 1.0)):
        found = RULES["mcmc"](Case(curve, 0.69, [], [], 20.0, 5, np.random.default_rng(0)))
        assert found is not None
        assert low <= found[1] <= high


def test_nonsense_is_refused() -> None:
    wrong = ({"method": "magic"}, {"first": 0.001}, {"threshold": 2}, {"min_points": 2}, {"inner": "asha"})
    said = ("unknown method", "first must lie", "threshold must lie", "min_points must be", "chooses fidelities itself")
    for options, message in zip(wrong, said, strict=True):
        with pytest.raises(SettingError, match=message):
            LearningCurve(SPACE, ACCURACY, **options)  # type: ignore[arg-type]


def test_its_notes_say_what_was_saved() -> None:
    strategy = LearningCurve(SPACE, ACCURACY, max_epochs=END, first=0.5, threshold=1.0, min_points=3)
    train(strategy, 2 + 3)
    assert strategy.notes()[0] == (
        "Learning curves (least-squares, looked at after 10 of 20 epochs): 3 of 4 trainings were stopped, "
        "which saved 38% of the epochs."
    )
