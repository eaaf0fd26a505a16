"""The contract of an estimator."""

import math
import pickle
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Final

from searchitect.core.estimator import Estimator, Job, Measurement
from searchitect.core.trial import Fidelity, TrialState
from searchitect.testing.generators import global_generators_untouched

_ENDS: Final = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAILED)


def check_estimator(estimator: Estimator, job: Job) -> None:
    """Check that ``estimator`` keeps the contract of `Estimator`. It judges ``job`` three times, and twice more if it resumes.

    Args:
        estimator: what to check.
        job: a small one that should complete: the architecture works, no time limit is in the way. Its ``start`` and
            ``save`` are not used.

    Raises:
        AssertionError: with one sentence that says what does not hold.
    """
    name = type(estimator).__name__
    job = replace(job, start=None, save=None)
    try:
        copied = pickle.loads(pickle.dumps(estimator))
    except Exception as error:
        raise AssertionError(f"{name} cannot be pickled, which workers need: {error}") from error
    text = job.architecture.text
    with global_generators_untouched(name):
        first = estimator.evaluate(job)
    assert job.architecture.text == text, f"{name} changes the architecture that it judges"
    _check_measurement(name, first)
    assert first.state is TrialState.COMPLETE, f"{name} did not complete a job that should work: {first.state}, {first.reason}"
    for who, other in (("a second evaluation", estimator), ("its pickled copy", copied)):
        again = other.evaluate(job)
        assert dict(again.metrics) == dict(first.metrics), (
            f"{name} is not a pure function of the job: {who} gives {dict(again.metrics)}, the first gave {dict(first.metrics)}"
        )
    if estimator.resumes:
        _check_resuming(name, estimator, job)


def _check_measurement(name: str, found: Measurement) -> None:
    assert found.state in _ENDS, f"{name} gives the state {found.state!r}; allowed are {', '.join(_ENDS)}"
    assert found.state is TrialState.COMPLETE or found.reason, f"{name} gives the state {found.state} without a reason"
    for where, numbers in [("metrics", found.metrics), *(("curve", look) for look in found.curve)]:
        for metric, value in numbers.items():
            is_number = isinstance(metric, str) and isinstance(value, (int, float)) and not isinstance(value, bool)
            assert is_number, (
                f"{name}: the {where} must map names to plain numbers, got {metric!r}: {value!r} ({type(value).__name__})"
            )
    if found.state is TrialState.COMPLETE:
        assert found.metrics, f"{name} completes without any metric"
        wrong = {metric: value for metric, value in found.metrics.items() if not math.isfinite(value)}
        assert not wrong, f"{name} completes with {wrong}: a number that is not finite is a failed trial"
    epochs = [look.get("epoch", -1.0) for look in found.curve]
    assert all(epoch >= 0 for epoch in epochs), f"{name}: every look of the curve must name its epoch, got {found.curve}"
    assert epochs == sorted(epochs), f"{name}: the curve must be in the order of the epochs, got {epochs}"


def _check_resuming(name: str, estimator: Estimator, job: Job) -> None:
    """Weights are written where the job says, and a longer job goes on from them."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "weights"
        estimator.evaluate(replace(job, save=saved))
        assert saved.is_file(), f"{name} says that it resumes, but wrote no weights to job.save"
        longer = Fidelity(2 * job.fidelity.epochs, job.fidelity.data, job.fidelity.resolution)
        found = estimator.evaluate(replace(job, fidelity=longer, horizon=max(job.horizon, longer.epochs), start=saved))
    _check_measurement(name, found)
    assert found.state is TrialState.COMPLETE, f"{name} could not go on from its own weights: {found.reason}"
