"""The search loop: ask, check, evaluate, record, tell. One way round."""

import math
import random
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from searchitect.core import (
    COSTS,
    Architecture,
    Budget,
    Constraint,
    Estimator,
    Fidelity,
    Job,
    Objective,
    Proposal,
    RunError,
    SearchitectError,
    Space,
    Strategy,
    Trial,
    TrialState,
    hash_text,
)
from searchitect.core.trial import Origin
from searchitect.metrics.pareto import best_first
from searchitect.search.clock import Clock
from searchitect.search.executors import Ended, Executor
from searchitect.search.finalists import finalists
from searchitect.search.plan import BASELINE_EVERY, Plan
from searchitect.search.store import Store

GIVE_UP_AFTER = 3000
"""Proposals in a row that lead to no training (duplicates, over a limit) after which a search ends."""
FIRST_PROPOSALS = 100
"""Proposals after which a search whose time is over ends without any judged trial."""
HEIRS = 4
"""Where weights are inherited, the final step goes on from those of the best: of so many they are kept, parents or not."""


@dataclass(frozen=True)
class Status:
    """What a progress line shows; ``note``: a sentence that stays."""

    phase: str
    done: int
    running: int
    failed: int
    infeasible: int
    best: Trial | None
    seconds: float
    seconds_left: float | None
    trials_left: int | None
    note: str = ""


@dataclass
class Loop:
    """One search, from the first proposal to the last result before the final step.

    Attributes:
        fidelity: fraction of data and resolution of every trial; its epochs are the plan's or the strategy's to set.
        costs_of: architecture, names -> costs that need no training; ``None`` where nothing is built.
        baseline: interleave random trials.
        measured: costs that are measured of each network besides those of objectives and limits.
        on_status: called a few times a second.
        note: called with a sentence worth keeping in the run's log.
    """

    space: Space
    strategy: Strategy
    estimator: Estimator
    executor: Executor
    store: Store
    clock: Clock
    plan: Plan
    budget: Budget
    objectives: Sequence[Objective]
    constraints: Sequence[Constraint]
    folder: Path
    seed: int
    fidelity: Fidelity
    task: Any = None
    costs_of: Callable[[Architecture, Sequence[str]], Mapping[str, float]] | None = None
    baseline: bool = True
    measured: Sequence[str] = ()
    on_status: Callable[[Status], None] = lambda _: None
    note: Callable[[str], None] = lambda _: None

    trials: dict[int, Trial] = field(default_factory=dict, init=False)
    _running: dict[int, Trial] = field(default_factory=dict, init=False)
    _requeued: list[Trial] = field(default_factory=list, init=False)
    _followers: dict[int, list[Trial]] = field(default_factory=dict, init=False)
    _judged: dict[tuple[str, Fidelity], int] = field(default_factory=dict, init=False)
    _costs: dict[str, dict[str, float]] = field(default_factory=dict, init=False)
    _best: Trial | None = field(default=None, init=False)
    _fruitless: int = field(default=0, init=False)
    _counted: dict[str, float] = field(
        default_factory=lambda: {"trained": 0, "epochs": 0.0, "own": 0, "baseline": 0}, init=False
    )
    _saved: dict[Fidelity, list[Trial]] = field(default_factory=dict, init=False)
    _next_id: int = field(default=0, init=False)

    def resume(self) -> None:
        """Take in what earlier sessions recorded: the strategy is told of every trial in the order of ending, the open ones run again."""
        for trial in self.store.finished():
            if trial.origin == "final":
                self.reserve(trial)
                continue
            self._take_in(trial)
            if trial.origin != "baseline":
                self.strategy.tell(trial)
        for trial in self.store.unfinished():
            if trial.origin == "final":
                self.reserve(trial)
                continue
            self.trials[trial.id] = trial
            self._next_id = max(self._next_id, trial.id + 1)
            self._count_proposal(trial)
            if trial.origin != "baseline":
                self.strategy.tell(trial)
            if trial.twin is None:
                self._requeued.append(trial)
                self._judged[trial.key, trial.fidelity] = trial.id
            elif self.trials[trial.twin].state.is_finished:  # killed between the two records
                self._copy_result(trial, self.trials[trial.twin])
                self._record_end(trial, is_new=False)
            else:
                self._followers.setdefault(trial.twin, []).append(trial)
        in_order = sorted(self.trials, reverse=True)
        self._fruitless = next((n for n, i in enumerate(in_order) if _was_started(self.trials[i])), len(in_order))
        for trial in self.trials.values():
            if self.estimator.resumes and trial.state == TrialState.COMPLETE and self.weights_path(trial.id).exists():
                self._saved.setdefault(trial.fidelity, []).append(trial)

    def run(self) -> None:
        """Search until the budget's share for it is used, the space is exhausted, or nothing new is found."""
        while True:
            while self.executor.free() > 0 and not self._is_over():
                if not self._start_one():
                    break
            self.on_status(self.status("searching"))
            if not self._running:
                break
            for ended in self.executor.wait(0.25):
                self._end(ended)
            self.store_clock()

    def judge_random(self, architecture: Architecture) -> None:
        """Judge an architecture that was drawn at random, whatever is left of the budget, as a trial of the baseline; wait for it."""
        while self._requeued:  # what an earlier session had begun
            self._submit(self._requeued.pop(0))
        trial = self._make_trial(self._drawn(architecture), "baseline")
        if not self._settled_without_training(trial):
            self._begin(trial)
        while self._running:
            for ended in self.executor.wait(0.25):
                self._end(ended)
        self.store_clock()

    def store_clock(self) -> None:
        """Remember the time spent, so that the budget is global over restarts."""
        self.store.remember(spent=self.clock.now())

    def status(self, phase: str) -> Status:
        """Where the run stands."""
        states = [t.state for t in self.trials.values() if t.twin is None] if len(self.trials) < 2000 else []
        end = self.budget.seconds
        return Status(
            phase=phase,
            done=int(self._counted["trained"]),
            running=len(self._running),
            failed=states.count(TrialState.FAILED),
            infeasible=states.count(TrialState.INFEASIBLE),
            best=self._best,
            seconds=self.clock.now(),
            seconds_left=None if end is None else max(0.0, end - self.clock.now()),
            trials_left=None if self.budget.trials is None else max(0, self.budget.trials - int(self._counted["trained"])),
        )

    def next_id(self) -> int:
        """The id of the next trial."""
        return self._next_id

    def reserve(self, trial: Trial) -> None:
        """Take the id of a trial that somebody else runs and records."""
        self._next_id = max(self._next_id, trial.id + 1)

    def seed_of(self, key: str, purpose: str = "search") -> int:
        """One seed per architecture and purpose, so that a promoted trial goes on as it began."""
        return int(hash_text(f"{self.seed}/{purpose}/{key}"), 16) % 2**31

    def weights_path(self, trial: int) -> Path:
        """Where a trial's weights lie while they may still be needed."""
        return self.folder / "weights" / f"{trial}.safetensors"

    def costs(self, architecture: Architecture, key: str) -> dict[str, float]:
        """Costs of an architecture that need no training, measured once: parameters and multiply-adds always, others as needed."""
        if key not in self._costs and self.costs_of is not None:
            wanted = {"params", "macs"} | {c.metric for c in self.constraints if c.is_cost}
            wanted |= {o.metric for o in self.objectives if o.metric in COSTS} | set(self.measured)
            names = [name for name in COSTS if name in wanted]  # the cheap ones first: latency only of what passes the others
            limited = {c.metric for c in self.constraints}
            found: dict[str, float] = {}
            waiting: list[str] = []
            for name in names:
                waiting.append(name)
                if name in limited or name == names[-1]:
                    found |= self.costs_of(architecture, waiting)  # one network is built for all of them
                    waiting = []
                    if any(c.metric == name and not c.is_met(found) for c in self.constraints):
                        break
            self._costs[key] = found
        return dict(self._costs.get(key, {}))

    # --- starting ----------------------------------------------------------------------------------------------------

    def _is_over(self) -> bool:
        if self._fruitless >= GIVE_UP_AFTER:
            return True
        # trials in flight count as spent, so that the budget is met exactly
        open_trials = len(self._running)
        return (
            (self.plan.search_seconds is not None and self.clock.now() >= self.plan.search_seconds and not self._has_nothing())
            or (self.budget.trials is not None and self._counted["trained"] + open_trials >= self.budget.trials)
            or (self.budget.epochs is not None and self._counted["epochs"] >= self.budget.epochs)
        )

    def _has_nothing(self) -> bool:
        """Whether what was prepared took all of the time: then a few proposals are looked at all the same, so that it was not in vain."""
        return not self._counted["trained"] and not self._running and len(self.trials) < FIRST_PROPOSALS

    def _start_one(self) -> bool:
        """Start one evaluation. False: nothing to start before a running one ends."""
        if self._requeued:
            self._submit(self._requeued.pop(0))
            return True
        while not self._is_over():
            proposal, origin = self._propose()
            if proposal is None:
                return False
            trial = self._make_trial(proposal, origin)
            if self._settled_without_training(trial):
                self._fruitless += 1
                if self._fruitless == GIVE_UP_AFTER:
                    self.note(f"the search ended: {GIVE_UP_AFTER} proposals in a row were duplicates or over a limit")
                if self._fruitless % 50 == 0:
                    self.on_status(self.status("searching"))
                continue
            self._fruitless = 0
            self._begin(trial)
            return True
        return False

    def _begin(self, trial: Trial) -> None:
        self.store.add(trial)
        self._judged[trial.key, trial.fidelity] = trial.id
        self._submit(trial)

    def _propose(self) -> tuple[Proposal | None, Origin]:
        if self.baseline and self._counted["baseline"] * BASELINE_EVERY < self._counted["own"]:
            rng = random.Random(f"{self.seed}/baseline/{self.next_id()}")
            return self._drawn(self.space.sample(rng)), "baseline"
        proposal = self.strategy.ask()
        return proposal, "strategy" if proposal is None else proposal.origin

    def _drawn(self, architecture: Architecture) -> Proposal:
        """A random architecture, judged as the strategy's own are."""
        fidelity = next((t.fidelity for t in self.trials.values() if t.origin not in ("baseline", "final")), None)
        return Proposal(architecture, fidelity, is_random=True)

    def _make_trial(self, proposal: Proposal, origin: Origin) -> Trial:
        key = self.space.key(proposal.architecture)
        trial = Trial(
            id=self.next_id(),
            architecture=proposal.architecture,
            key=key,
            fidelity=proposal.fidelity or replace(self.fidelity, epochs=self.plan.single_epochs),
            seed=self.seed_of(key),
            origin=origin,
            parent=proposal.parent,
            resume=proposal.resume,
            inherit=proposal.inherit,
            started=self.clock.now(),
        )
        self.trials[trial.id] = trial
        self._next_id += 1
        return trial

    def _settled_without_training(self, trial: Trial) -> bool:
        """Equal to an earlier trial, over a limit, or not buildable: recorded and told, not trained."""
        twin = self._judged.get((trial.key, trial.fidelity))
        if twin is not None:
            trial.twin = twin
            if self.trials[twin].state.is_finished:
                self._copy_result(trial, self.trials[twin])
                self._record_end(trial, is_new=True)
            else:
                trial.state = TrialState.WAITING
                self._followers.setdefault(twin, []).append(trial)
                self.store.add(trial)
            self._count_proposal(trial)
            return True
        try:
            trial.metrics = self.costs(trial.architecture, trial.key)
        except SearchitectError as error:
            trial.state, trial.reason = TrialState.FAILED, str(error)
        except Exception as error:  # a user's own build may raise anything
            trial.state, trial.reason = TrialState.FAILED, f"cannot be built: {type(error).__name__}: {error}"
        # what was not measured is not shown: another limit was broken before
        broken = [c for c in self.constraints if c.is_cost and c.metric in trial.metrics and not c.is_met(trial.metrics)]
        if trial.state == TrialState.RUNNING and broken:
            shown = ", ".join(f"{c.metric}={trial.metrics[c.metric]:.6g}" for c in broken)
            trial.state, trial.reason = TrialState.INFEASIBLE, f"over {' and '.join(map(str, broken))}: {shown}"
        slowest = self.plan.most_macs
        if trial.state == TrialState.RUNNING and slowest is not None and trial.metrics.get("macs", 0.0) > slowest:
            trial.state = TrialState.INFEASIBLE
            trial.reason = f"too slow for the budget: macs={trial.metrics['macs']:.4g}, above {slowest:.4g} its final training would be cut short"
        self._count_proposal(trial)
        if trial.state != TrialState.RUNNING:
            self._record_end(trial, is_new=True)
            return True
        return False

    def _count_proposal(self, trial: Trial) -> None:
        """Count what the random baseline keeps step with: different architectures that were started, promotions not counted again.

        A random draw that was judged before is a draw all the same: not counting it would draw on and on in a small space.
        """
        if trial.state == TrialState.INFEASIBLE and not trial.is_trained:
            return
        if trial.origin == "baseline":
            self._counted["baseline"] += 1
        elif trial.twin is None and not trial.resume:
            self._counted["own"] += 1

    def _submit(self, trial: Trial) -> None:
        given = self.weights_of(trial.parent) if trial.parent is not None and (trial.resume or trial.inherit) else None
        if given is not None and not given.exists():
            if trial.inherit:
                self.note(
                    f"trial {trial.id} was to begin with weights of trial {trial.parent}, which are gone: it is trained from scratch"
                )
            given = None
        left = None if self.plan.search_seconds is None else self.plan.search_seconds - self.clock.now()
        job = Job(
            space=self.space,
            architecture=trial.architecture,
            task=self.task,
            fidelity=trial.fidelity,
            horizon=max(
                self.plan.max_epochs if self.strategy.chooses_fidelity else self.plan.single_epochs, trial.fidelity.epochs
            ),
            seed=trial.seed,
            start=given if trial.resume else None,
            inherit=given if trial.inherit else None,
            save=self.weights_path(trial.id) if self.estimator.resumes else None,
            time_limit=self.plan.time_limit,
            deadline=None if left is None else time.time() + max(left, 0.0),
        )
        self._running[trial.id] = trial
        self.executor.submit(trial.id, job)

    def weights_of(self, trial: int) -> Path:
        """Where a trial's weights lie: of one that took over a result, those of its equal, if they fit."""
        twin = self.trials[trial].twin if trial in self.trials else None
        if twin is not None and self.trials[twin].architecture == self.trials[trial].architecture:
            return self.weights_path(twin)
        return self.weights_path(trial)

    # --- ending ------------------------------------------------------------------------------------------------------

    def _end(self, ended: Ended) -> None:
        trial = self._running.pop(ended.trial)
        ended.fill(trial)
        broken_numbers = [o for o in self.objectives if not math.isfinite(trial.metrics.get(o.metric, 0.0))]
        if trial.state == TrialState.COMPLETE and broken_numbers:
            shown = ", ".join(f"{o.metric}={trial.metrics[o.metric]}" for o in broken_numbers)
            trial.state, trial.reason = TrialState.FAILED, f"what it reached is not a finite number: {shown}"
        # without networks to measure before training, a cost is what the estimator says it is
        late = [c for c in self.constraints if not c.is_cost or self.costs_of is None]
        broken = [c for c in late if not c.is_met(trial.metrics)]
        if trial.state == TrialState.COMPLETE and broken:
            shown = ", ".join(f"{c.metric}={trial.metrics.get(c.metric, float('nan')):.6g}" for c in broken)
            trial.state, trial.reason = TrialState.INFEASIBLE, f"not within {' and '.join(map(str, broken))}: {shown}"
        if ended.traceback:
            self.note(f"trial {trial.id}: {trial.reason}\n{ended.traceback}")
        self._record_end(trial, is_new=False)
        for follower in self._followers.pop(trial.id, []):
            self._copy_result(follower, trial)
            self._record_end(follower, is_new=False)
        check_estimator_gives(self.objectives, {trial.id: trial})  # at the first trial, not after hours

    def _copy_result(self, trial: Trial, twin: Trial) -> None:
        trial.metrics, trial.curve, trial.state = dict(twin.metrics), list(twin.curve), twin.state
        trial.reason = f"same as trial {twin.id}" + (f": {twin.reason}" if twin.reason else "")

    def _record_end(self, trial: Trial, *, is_new: bool) -> None:
        trial.finished = self.clock.now()
        (self.store.add if is_new else self.store.finish)(trial)
        self._take_in(trial, count=False)
        if trial.origin != "baseline":
            self.strategy.tell(trial)
        if trial.is_trained and self.estimator.resumes:
            self._tidy_weights(trial)

    def _take_in(self, trial: Trial, *, count: bool = True) -> None:
        self.trials[trial.id] = trial
        self._next_id = max(self._next_id, trial.id + 1)
        if count:
            self._count_proposal(trial)
        if trial.twin is None and (trial.is_trained or trial.state == TrialState.INFEASIBLE):
            self._judged.setdefault((trial.key, trial.fidelity), trial.id)
        if trial.is_trained:
            self._counted["trained"] += 1
            before = self.trials[trial.parent].fidelity.passes if trial.resume and trial.parent in self.trials else 0.0
            self._counted["epochs"] += trial.fidelity.passes - before
        if trial.state == TrialState.COMPLETE and (self._best is None or self._rank(trial) > self._rank(self._best)):
            self._best = trial

    def _rank(self, trial: Trial) -> tuple[float, ...]:
        return (*(o.value(trial.metrics) for o in self.objectives[:1]), trial.fidelity.passes)

    def _tidy_weights(self, trial: Trial) -> None:
        """Keep weights only of trials that may have children, or may yet be promoted: the best 1/eta of their fidelity and a few more."""
        parents = self.strategy.inheritable()
        if parents is not None:
            self._keep_weights_of(parents)
            return
        if trial.resume and trial.parent is not None and trial.state == TrialState.COMPLETE:
            self.weights_path(trial.parent).unlink(missing_ok=True)
        if trial.state != TrialState.COMPLETE:
            self.weights_path(trial.id).unlink(missing_ok=True)
            return
        rivals = self._saved.setdefault(trial.fidelity, [])
        rivals.append(trial)
        order = best_first([self.strategy.values(t) for t in rivals])
        keep = len(rivals) // self.plan.eta + 4
        # what falls out of the best third could come back only through a growing rung: then it is trained from scratch
        for place in order[2 * keep :]:
            self.weights_path(rivals[place].id).unlink(missing_ok=True)
        self._saved[trial.fidelity] = [rivals[place] for place in sorted(order[: 2 * keep])]

    def _keep_weights_of(self, parents: Collection[int]) -> None:
        """Of these, of the parents of children that are still to be trained, and of the best, which the final step goes on from."""
        open_trials = [*self._running.values(), *self._requeued]
        needed = {*parents, *(t.parent for t in open_trials if t.parent is not None)}
        needed |= {t.id for t in open_trials}  # one that has just ended in its worker has written its own already
        needed |= {t.id for t in finalists(self)[:HEIRS]}
        kept = {self.weights_of(trial) for trial in needed}
        for path in (self.folder / "weights").glob("*.safetensors"):
            if path.stem.isdigit() and int(path.stem) in self.trials and path not in kept:
                path.unlink(missing_ok=True)


def _was_started(trial: Trial) -> bool:
    """Neither a duplicate, nor over a limit, nor impossible to build."""
    return trial.twin is None and (not trial.state.is_finished or trial.seconds > 0)


def check_estimator_gives(objectives: Sequence[Objective], trials: Mapping[int, Trial]) -> None:
    """Raises `RunError` where complete trials lack an objective's metric."""
    for trial in trials.values():
        for objective in objectives:
            if trial.state == TrialState.COMPLETE and objective.metric not in trial.metrics:
                raise RunError(
                    f"the objective {objective.metric!r} is not among what the estimator measured: {', '.join(sorted(trial.metrics))}"
                )
