import itertools
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from searchitect.core import Architecture, Estimator, Fidelity, Job, Measurement, TrialState
from searchitect.testing import CountOnes, check_estimator

SPACE = CountOnes(5)
JOB = Job(SPACE, SPACE.sample(random.Random(0)), task=None, fidelity=Fidelity(2), horizon=4, start=Path("/nowhere"))


class Right(Estimator):
    """Counts the ones; its weights are the number of epochs it has seen."""

    resumes = True

    def evaluate(self, job: Job) -> Measurement:
        assert job.start is None or job.start.read_text() == "2"
        if job.save is not None:
            job.save.write_text(str(int(job.fidelity.epochs)))
        return Measurement({"score": self.score(job)}, curve=[{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.4}])

    def score(self, job: Job) -> float:
        return sum(job.architecture.spec) + random.Random(job.seed).random()


class WithoutWeights(Right):
    resumes = False

    def evaluate(self, job: Job) -> Measurement:
        assert job.save is None
        return super().evaluate(job)


calls = itertools.count()


class NotPure(Right):
    def score(self, job: Job) -> float:
        return next(calls)


class GlobalRandomness(Right):
    def score(self, job: Job) -> float:
        return random.random()


class NotPickled(Right):
    def __reduce__(self) -> Any:
        raise TypeError("not me")


class Nothing(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({})


class NotANumber(Right):
    def score(self, job: Job) -> float:
        return math.nan


class NotPlain(Right):
    def evaluate(self, job: Job) -> Measurement:
        metrics: Mapping[str, Any] = {"score": "high"}
        return Measurement(metrics)


class NoReason(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({}, state=TrialState.FAILED)


class Fails(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({}, state=TrialState.FAILED, reason="broken")


class StillRunning(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({"score": 1.0}, state=TrialState.RUNNING)


class CurveWithoutEpochs(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({"score": 1.0}, curve=[{"loss": 1.0}])


class CurveBackwards(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({"score": 1.0}, curve=[{"epoch": 2.0}, {"epoch": 1.0}])


class ForgetsToSave(Right):
    def evaluate(self, job: Job) -> Measurement:
        return Measurement({"score": 1.0})


class CannotGoOn(Right):
    def evaluate(self, job: Job) -> Measurement:
        if job.start is not None:
            return Measurement({}, state=TrialState.FAILED, reason="shapes differ")
        return super().evaluate(job)


class ChangesTheArchitecture(Right):
    def evaluate(self, job: Job) -> Measurement:
        object.__setattr__(job.architecture, "text", "[]")
        return Measurement({"score": 1.0})


def test_right_estimators_pass() -> None:
    check_estimator(Right(), JOB)
    check_estimator(WithoutWeights(), JOB)


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (NotPure(), "is not a pure function of the job"),
        (GlobalRandomness(), "global generator random"),
        (NotPickled(), "cannot be pickled"),
        (Nothing(), "without any metric"),
        (NotANumber(), "not finite is a failed trial"),
        (NotPlain(), "plain numbers"),
        (NoReason(), "without a reason"),
        (Fails(), "did not complete a job that should work: failed, broken"),
        (StillRunning(), "allowed are complete, pruned, failed"),
        (CurveWithoutEpochs(), "name its epoch"),
        (CurveBackwards(), "order of the epochs"),
        (ForgetsToSave(), "wrote no weights"),
        (CannotGoOn(), "could not go on from its own weights: shapes differ"),
    ],
)
def test_a_planted_mistake_is_found(estimator: Estimator, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_estimator(estimator, JOB)


def test_an_estimator_that_changes_the_architecture_is_found() -> None:
    job = Job(SPACE, Architecture([1] * 5), task=None, fidelity=Fidelity(1), horizon=1)
    with pytest.raises(AssertionError, match="changes the architecture"):
        check_estimator(ChangesTheArchitecture(), job)
