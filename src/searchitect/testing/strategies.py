"""The contract of a strategy."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, TypeAlias

from searchitect.core.architecture import Architecture
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial, TrialState
from searchitect.testing.generators import global_generators_untouched
from searchitect.testing.simulation import open_trial
from searchitect.testing.toys import ToySpace

MakeStrategy: TypeAlias = Callable[[Space, Sequence[Objective], int], Strategy]
"""Makes a fresh strategy from a space, objectives and a seed."""

_Judge: TypeAlias = Callable[[Trial], None]

_MAX: Final = (Objective("score", "max"),)
_MIN: Final = (Objective("score", "min"),)
_BOTH: Final = (Objective("score", "max"), Objective("cost", "min"))


def check_strategy(make: MakeStrategy, space: Space | None = None, *, trials: int = 60, is_rank_based: bool = False) -> None:
    """Check that the strategies of ``make`` keep the contract of `Strategy`. Seconds at most: nothing is trained.

    Args:
        make: a fresh strategy from a space, objectives and a seed. Give it settings with which it does everything it can do
            within ``trials`` trials: a small population, low rungs.
        space: what to search, of at least ``2 * trials`` architectures. Default: `ToySpace`.
        trials: the length of each run.
        is_rank_based: whether only the order of scores matters to it: then a monotone transform must change nothing.

    Raises:
        AssertionError: with one sentence that says what does not hold.
    """
    searched = ToySpace() if space is None else space
    with global_generators_untouched("the strategy"):
        run = _run(make(searched, _MAX, 0), trials, workers=1)
    _check_seeds(make, searched, trials, run)
    for objectives in (_MAX, _BOTH):
        for workers in (1, 4):
            _check_resume(make, searched, objectives, trials, workers)
    _check_direction(make, searched, trials)
    if is_rank_based:
        _check_rank_based(make, searched, trials)
    _check_misfortune(make, searched, trials)
    _check_foreign(make, searched, trials)


class _Run:
    """A search of pretended trials, driven step by step, that checks every proposal it is given.

    Attributes:
        proposals: all of them, in order.
        done: the trials that ended, in the order of ending.
        running: the open ones.
    """

    def __init__(self, strategy: Strategy, judge: _Judge, told: Sequence[Trial] = (), running: Sequence[Trial] = ()) -> None:
        self.strategy = strategy
        self.judge = judge
        self.proposals: list[Proposal] = []
        self.done = list(told)
        self.running = list(running)

    def ask(self) -> bool:
        """Whether something was proposed."""
        name = type(self.strategy).__name__
        proposal = self.strategy.ask()
        if proposal is None:
            assert self.running, f"{name} proposes nothing although no trial is running and the space is not exhausted"
            return False
        known = {trial.id: trial for trial in self.done}
        _check_proposal(self.strategy, proposal, known)
        next_id = 1 + max((trial.id for trial in [*self.done, *self.running]), default=-1)
        self.proposals.append(proposal)
        self.running.append(open_trial(self.strategy, proposal, next_id))
        return True

    def tell(self, place: int) -> None:
        """End the running trial at ``place``."""
        trial = replace(self.running.pop(place))
        self.judge(trial)
        self.strategy.tell(trial)
        self.done.append(trial)

    def step(self, workers: int, rng: random.Random) -> None:
        """Fill the workers, then end one trial, drawn at random."""
        while len(self.running) < workers and self.ask():
            pass
        self.tell(rng.randrange(len(self.running)))


def _run(strategy: Strategy, trials: int, workers: int, judge: _Judge | None = None) -> _Run:
    run, rng = _Run(strategy, judge or _judge), random.Random(workers)
    for _ in range(trials):
        run.step(workers, rng)
    return run


def _judge(trial: Trial, transform: Callable[[float], float] = lambda score: score) -> None:
    """A score that depends on the architecture, and a little on the fidelity. Pure."""
    rng = random.Random(trial.architecture.text)
    score = rng.random() + 0.1 * rng.random() * math.log1p(trial.fidelity.epochs)
    trial.metrics = {"score": transform(score), "cost": float(rng.randrange(1, 100))}
    trial.state = TrialState.COMPLETE


def _check_proposal(strategy: Strategy, proposal: Proposal, known: dict[int, Trial]) -> None:
    name, space, architecture = type(strategy).__name__, strategy.space, proposal.architecture
    if "edit" not in space.abilities():
        assert architecture.decisions, (
            f"{name} proposes an architecture without decisions: make it with the space's own methods"
        )
        assert space.decide(architecture.decisions) == architecture, (
            f"{name} proposes {architecture}, which is not of the space"
        )
    if proposal.parent is not None:
        assert proposal.parent in known, f"{name} names the parent {proposal.parent}, of which it was never told"
    if proposal.inherit:
        assert proposal.parent in (strategy.inheritable() or ()), f"{name} inherits from a trial that is not inheritable()"
    if proposal.resume:
        assert proposal.parent is not None, f"{name} resumes without a parent to resume from"
        assert proposal.fidelity is not None, f"{name} resumes without saying at which fidelity"
        parent = known[proposal.parent]
        assert parent.architecture == architecture, f"{name} resumes another architecture than that of its parent"
        assert proposal.fidelity.epochs > parent.fidelity.epochs, f"{name} resumes without more epochs than its parent had"
    assert not (proposal.is_random and proposal.parent is not None), f"{name} calls a proposal with a parent a uniform draw"
    assert not (proposal.is_start and (proposal.is_random or proposal.parent is not None)), (
        f"{name} calls a proposal with a parent, or a uniform draw, a start"
    )


def _check_seeds(make: MakeStrategy, space: Space, trials: int, run: _Run) -> None:
    name = type(run.strategy).__name__
    again = _run(make(space, _MAX, 0), trials, workers=1)
    assert again.proposals == run.proposals, f"{name} proposes something else with the same seed and the same trials"
    other = _run(make(space, _MAX, 1), trials, workers=1)
    assert other.proposals != run.proposals, f"{name} proposes the same with another seed: it does not use its seed"


def _check_resume(make: MakeStrategy, space: Space, objectives: Sequence[Objective], trials: int, workers: int) -> None:
    """Cut a run at random moments, also with open trials: a fresh strategy, told the same, goes on in the same way."""
    rng = random.Random(trials)
    for cut in rng.sample(range(trials), min(6, trials)):
        whole = _run(make(space, objectives, 0), cut, workers)
        for _ in range(rng.randrange(workers)):
            if len(whole.running) < workers:
                whole.ask()
        fresh = make(space, objectives, 0)
        for trial in whole.done:
            fresh.tell(trial)
        for trial in whole.running:
            fresh.tell(trial)
        resumed = _Run(fresh, _judge, whole.done, whole.running)
        whole.proposals.clear()
        for seed in range(20):
            for run in (whole, resumed):
                run.step(workers, random.Random(seed))
        assert whole.proposals == resumed.proposals, (
            f"{type(fresh).__name__} goes on differently after an interruption at {cut} ended trials ({workers} workers): "
            "whatever propose() records must follow from the trials in learn() and adopt()"
        )


def _check_direction(make: MakeStrategy, space: Space, trials: int) -> None:
    highest = _run(make(space, _MAX, 0), trials, workers=1)
    lowest = _run(make(space, _MIN, 0), trials, workers=1, judge=lambda trial: _judge(trial, lambda score: -score))
    assert highest.proposals == lowest.proposals, (
        f"{type(highest.strategy).__name__} treats minimising a score otherwise than maximising its negative: "
        "compare self.values(trial), not the metrics"
    )


def _check_rank_based(make: MakeStrategy, space: Space, trials: int) -> None:
    plain = _run(make(space, _MAX, 0), trials, workers=1)
    bent = _run(make(space, _MAX, 0), trials, workers=1, judge=lambda trial: _judge(trial, lambda score: math.exp(5 * score)))
    assert plain.proposals == bent.proposals, (
        f"{type(plain.strategy).__name__} is not rank-based: a monotone transform of the scores changes its proposals"
    )


def _check_misfortune(make: MakeStrategy, space: Space, trials: int) -> None:
    """Trials that fail, are pruned, are over a limit, or end in NaN: the strategy goes on, also when nothing else happens."""
    kinds = ("complete", "failed", "infeasible", "pruned", "nan", "missing", "infinite")

    def suffer(trial: Trial, kind: str) -> None:
        _judge(trial)
        if kind in ("failed", "infeasible", "pruned"):
            trial.state, trial.reason = TrialState(kind), "on purpose"
        if kind in ("failed", "missing"):
            trial.metrics = {}
        elif kind == "infeasible":
            del trial.metrics["score"]
        elif kind in ("nan", "infinite"):
            trial.metrics["score"] = math.nan if kind == "nan" else math.inf

    for objectives in (_MAX, _BOTH):
        _run(make(space, objectives, 0), trials, 3, lambda trial: suffer(trial, random.Random(trial.id).choice(kinds)))
        for only in kinds[1:]:
            _run(make(space, objectives, 0), trials // 3, 2, lambda trial, only=only: suffer(trial, only))  # type: ignore[misc]


def _check_foreign(make: MakeStrategy, space: Space, trials: int) -> None:
    """A warm start: trials that it never asked for, of its own space, also at an unknown fidelity, by other ids."""
    strategy = make(space, _MAX, 0)
    rng = random.Random(7)
    foreign: list[Trial] = []
    for number in range(5):
        architecture: Architecture = space.sample(rng)
        trial = Trial(1000 + number, architecture, space.key(architecture), Fidelity((1, 0.123)[number % 2]), seed=0)
        _judge(trial)
        strategy.tell(trial)
        foreign.append(trial)
    run = _Run(strategy, _judge, foreign)
    for _ in range(trials // 3):
        run.step(2, rng)
