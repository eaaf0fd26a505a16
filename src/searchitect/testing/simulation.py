"""A search without training: a strategy against a function of the spec."""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from searchitect.core.errors import SettingError
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Fidelity, Proposal, Trial, TrialState

Score: TypeAlias = Callable[[Any, Fidelity], float | Mapping[str, float]]
"""What a spec is worth at a fidelity: the metrics, or the value of the first objective's metric."""


def simulate(
    strategy: Strategy,
    score: Score,
    trials: int,
    *,
    workers: int = 1,
    seed: int = 0,
    told: Sequence[Trial] = (),
) -> list[Trial]:
    """Run ``strategy`` for so many trials on a cheap function, and return the trials in the order in which they ended.

    Every proposal is judged, also one that was judged before. A score that raises is a failed trial.

    Args:
        strategy: asked and told.
        score: of a spec at a fidelity. A proposal without fidelity is judged at ``Fidelity(1)``.
        trials: how many to ask for; fewer where the strategy has nothing left to propose.
        workers: how many are open at a time. With several, the one that ends next is drawn at random.
        seed: of that draw.
        told: trials that the strategy was told of before; new ids follow theirs. They are not in the result.
    """
    if trials < 0 or workers < 1:
        raise SettingError(f"trials must be at least 0 and workers at least 1, got trials={trials} and workers={workers}")
    rng = random.Random(seed)
    first = 1 + max((trial.id for trial in told), default=-1)
    running: list[Trial] = []
    done: list[Trial] = []
    while True:
        while len(running) < workers and len(done) + len(running) < trials:
            proposal = strategy.ask()
            if proposal is None:
                break
            running.append(open_trial(strategy, proposal, first + len(done) + len(running)))
        if not running:
            return done
        trial = running.pop(rng.randrange(len(running)))
        _judge(strategy, trial, score)
        strategy.tell(trial)
        done.append(trial)


def open_trial(strategy: Strategy, proposal: Proposal, trial_id: int) -> Trial:
    """The running trial of a proposal."""
    return Trial(
        id=trial_id,
        architecture=proposal.architecture,
        key=strategy.space.key(proposal.architecture),
        fidelity=proposal.fidelity or Fidelity(1),
        seed=trial_id,
        origin=proposal.origin,
        parent=proposal.parent,
        resume=proposal.resume,
        inherit=proposal.inherit,
    )


def _judge(strategy: Strategy, trial: Trial, score: Score) -> None:
    try:
        found = score(trial.architecture.spec, trial.fidelity)
    except Exception as error:
        trial.state, trial.reason = TrialState.FAILED, f"{type(error).__name__}: {error}"
        return
    trial.metrics = dict(found) if isinstance(found, Mapping) else {strategy.objectives[0].metric: found}
    trial.state = TrialState.COMPLETE
