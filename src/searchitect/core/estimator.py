"""Performance estimation: how good is it?"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from searchitect.core.architecture import Architecture
from searchitect.core.space import Space
from searchitect.core.trial import Fidelity, TrialState


@dataclass(frozen=True)
class Job:
    """All that an evaluation depends on; evaluating is a pure function of it.

    Attributes:
        space: tells how the architecture is built.
        architecture: what to judge.
        task: data and metrics (`searchitect.tasks.Task`); only its training and validation parts may be looked at.
        fidelity: how thoroughly.
        horizon: epochs at which a learning-rate schedule ends. At least ``fidelity.epochs``: a short training is the beginning of a
            long one, so that it can be resumed.
        seed: of initialisation, shuffling and augmentation.
        start: a weights file to go on from, written for the same architecture at a lower fidelity; ``None``: from scratch.
        inherit: a weights file of another architecture, of which a new training takes what agrees in name and shape; ``None``: nothing.
        save: where to write the weights; ``None``: nowhere.
        time_limit: seconds after which the evaluation gives up; ``None``: no limit.
        deadline: ``time.time()`` at which the evaluation ends with what it has reached, because the budget does; ``None``: no deadline.
        threads: CPU threads to use.
        refit: train on the training and validation parts together, after every choice is made. There is nothing to measure then.
    """

    space: Space
    architecture: Architecture
    task: Any
    fidelity: Fidelity
    horizon: float
    seed: int = 0
    start: Path | None = None
    inherit: Path | None = None
    save: Path | None = None
    time_limit: float | None = None
    deadline: float | None = None
    threads: int = 1
    refit: bool = False


@dataclass(frozen=True)
class Measurement:
    """What an evaluation found.

    Attributes:
        metrics: name -> value, on validation data.
        curve: one dict per look during training.
        state: COMPLETE, PRUNED or FAILED.
        reason: one sentence where the state is not COMPLETE.
    """

    metrics: Mapping[str, float]
    curve: list[dict[str, float]] = field(default_factory=list)
    state: TrialState = TrialState.COMPLETE
    reason: str = ""


class Estimator(ABC):
    """Judges one architecture at a time. Must be picklable: workers receive a copy."""

    resumes: ClassVar[bool] = False
    """Whether it saves weights to ``job.save`` and goes on from ``job.start``, or begins with those of ``job.inherit``."""
    builds: ClassVar[bool] = False
    """Whether it builds and trains networks: then some are tried, and timed, before the search begins."""
    trains: ClassVar[bool] = True
    """Whether the networks that it builds are trained; otherwise the final step only measures the best once more."""
    measures: ClassVar[Mapping[str, str]] = {}
    """Metric -> "max" or "min", whichever is better, where it gives others than training does; the first one leads by default."""
    needs_task: ClassVar[bool] = False
    """Whether it looks at the task, although it trains nothing."""
    has_fidelities: ClassVar[bool] = True
    """Whether it tells more at a higher fidelity; otherwise nothing is judged twice."""

    @abstractmethod
    def evaluate(self, job: Job) -> Measurement:
        """Judge ``job.architecture``. Raising is allowed: it costs one failed trial."""
