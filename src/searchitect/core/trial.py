"""A trial: one architecture, judged once at one fidelity, and what became of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError


class TrialState(StrEnum):
    """The life of a trial: waiting -> running -> one of the others."""

    WAITING = "waiting"  # an equal trial is running; this one takes over its result
    RUNNING = "running"
    COMPLETE = "complete"
    PRUNED = "pruned"  # stopped early: hopeless, or the budget ended; its metrics are those it had reached
    FAILED = "failed"  # with a reason
    INFEASIBLE = "infeasible"  # over a limit; where that limit needs no training, it was never trained

    @property
    def is_finished(self) -> bool:
        return self not in (TrialState.WAITING, TrialState.RUNNING)


CUT_SHORT: Final = "the budget ended during its training"
"""The reason of a pruned trial whose training had no time to come to its end."""


@dataclass(frozen=True, order=True)
class Fidelity:
    """How thoroughly an architecture is judged.

    Attributes:
        epochs: passes over the (fraction of the) training data; 0.5 stops half way through the first.
        data: fraction of the training rows in use, in (0, 1].
        resolution: fraction of the image side in use, in (0, 1].
    """

    epochs: float
    data: float = 1.0
    resolution: float = 1.0

    def __post_init__(self) -> None:
        if self.epochs <= 0:
            raise SettingError(f"fidelity: epochs must be above 0, got {self.epochs}")
        for name in ("data", "resolution"):
            if not 0 < (value := getattr(self, name)) <= 1:
                raise SettingError(f"fidelity: {name} must lie in (0, 1], got {value}")

    @property
    def passes(self) -> float:
        """Cost in passes over the whole training data at full resolution."""
        return self.epochs * self.data * self.resolution**2

    def to_json(self) -> dict[str, float]:
        return asdict(self)


Origin: TypeAlias = Literal["strategy", "random", "start", "baseline", "final"]
"""Who proposed a trial: the strategy; the strategy, by a uniform draw that looked at no score; the strategy, as what it begins with, by no uniform
draw but without a look at any score; the interleaved random baseline, which the strategy is not told of; the final step, which retrains the best."""


@dataclass(frozen=True)
class Proposal:
    """What to judge next.

    Attributes:
        architecture: what to build.
        fidelity: how thoroughly; ``None`` leaves it to the search.
        parent: the trial it descends from.
        resume: start from the parent's own weights (same architecture, higher fidelity).
        inherit: begin with the parent's weights wherever name and shape agree (another architecture, a new training). The parent is one that
            `Strategy.inheritable` gives.
        is_random: drawn uniformly from the space, without looking at any score.
        is_start: what the strategy begins with, such as the smallest networks: no score was looked at, but it is no uniform draw.
    """

    architecture: Architecture
    fidelity: Fidelity | None = None
    parent: int | None = None
    resume: bool = False
    is_random: bool = False
    inherit: bool = False
    is_start: bool = False

    @property
    def origin(self) -> Origin:
        """Of the strategy's trial that it becomes."""
        return "random" if self.is_random else "start" if self.is_start else "strategy"


@dataclass
class Trial:
    """One row of a run.

    Attributes:
        id: 0, 1, 2, ... in the order of proposing.
        key: of the architecture in its space, equal for architectures that train identically.
        seed: of initialisation, shuffling and augmentation.
        metrics: name -> value: what the estimator measured on validation data, and the costs (params, macs: counts; memory: MB;
            latency: ms; energy: mJ; power: W).
        curve: one dict per evaluation during training: epoch, and metrics.
        reason: one sentence, where the state needs one.
        seconds: of evaluation.
        twin: the id of the trial whose result this one took over, since equal architectures are never trained twice.
        started, finished: seconds since the run began, over all its sessions.
        inherit: it began with weights of its parent; the share of its parameters that they filled is the metric "inherited".
    """

    id: int
    architecture: Architecture
    key: str
    fidelity: Fidelity
    seed: int
    origin: Origin = "strategy"
    parent: int | None = None
    resume: bool = False
    state: TrialState = TrialState.RUNNING
    metrics: dict[str, float] = field(default_factory=dict)
    curve: list[dict[str, float]] = field(default_factory=list)
    reason: str = ""
    seconds: float = 0.0
    twin: int | None = None
    started: float = 0.0
    finished: float | None = None
    inherit: bool = False

    @property
    def is_trained(self) -> bool:
        """Whether work was spent on it: it counts against a budget of trials."""
        if self.twin is not None or not self.state.is_finished:
            return False
        return self.state != TrialState.INFEASIBLE or self.seconds > 0  # over a limit that only training could tell

    def to_json(self) -> Mapping[str, Any]:
        return {
            "id": self.id,
            "spec": self.architecture.spec,
            "decisions": dict(self.architecture.decisions),
            "key": self.key,
            "fidelity": self.fidelity.to_json(),
            "seed": self.seed,
            "origin": self.origin,
            "parent": self.parent,
            "resume": self.resume,
            "state": str(self.state),
            "metrics": self.metrics,
            "curve": self.curve,
            "reason": self.reason,
            "seconds": self.seconds,
            "twin": self.twin,
            "started": self.started,
            "finished": self.finished,
            "inherit": self.inherit,
        }
