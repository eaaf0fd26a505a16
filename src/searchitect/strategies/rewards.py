"""What agents that learn a policy share: one reward per trial, also for those that went wrong; batches of them; draws of what is new."""

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.metrics.pareto import non_dominated_ranks
from searchitect.strategies.picks import Pick
from searchitect.strategies.seen import Seen

_TRIES: Final = 20
_RECENT: Final = 200


class Rewards:
    """A reward for every trial, higher is better.

    - One objective: its value.
    - Several: by non-dominated front among the last 200 complete trials, this one included: the share of them in later fronts, and half of that
      in its own; in (0, 1).
    - A failed, pruned or infeasible trial, or one without a finite number: the worst reward seen so far; ``None`` where there is none.

    Attributes:
        lowest: the worst reward so far; infinity before the first.
        highest: the best reward so far; minus infinity before the first.
    """

    def __init__(self) -> None:
        self.lowest, self.highest = math.inf, -math.inf
        self._recent: deque[tuple[float, ...]] = deque(maxlen=_RECENT)

    def take(self, trial: Trial, values: Sequence[float]) -> float | None:
        """The reward of a finished trial with its objective values (`Strategy.values`)."""
        if trial.state is not TrialState.COMPLETE or not all(map(math.isfinite, values)):
            return None if math.isinf(self.lowest) else self.lowest
        reward = values[0]
        if len(values) > 1:
            self._recent.append(tuple(values))
            fronts = non_dominated_ranks(self._recent)
            reward = (sum(front > fronts[-1] for front in fronts) + fronts.count(fronts[-1]) / 2) / len(fronts)
        self.lowest, self.highest = min(self.lowest, reward), max(self.highest, reward)
        return reward


class Baseline:
    """How much better than expected a reward is: less an exponential moving average of the rewards before it, in standard deviations
    of all rewards so far, so that units do not matter. The first one is as expected.

    Args:
        decay: of the average, in [0, 1): the share that is kept at each reward.
    """

    def __init__(self, decay: float) -> None:
        if not 0 <= decay < 1:
            raise SettingError(f"baseline_decay must lie in [0, 1), got {decay}; 0.95 is usual")
        self._decay = decay
        self._average = self._mean = self._squares = 0.0
        self._count = 0

    def advantage(self, reward: float) -> float:
        """Of a reward, which enters the average after that."""
        self._count += 1
        if self._count == 1:
            self._average = reward
        gain = reward - self._average
        self._average += (1 - self._decay) * gain
        away = reward - self._mean  # Welford's recursion for the variance
        self._mean += away / self._count
        self._squares += away * (reward - self._mean)
        deviation = math.sqrt(self._squares / self._count)
        return gain / deviation if deviation > 0 else 0.0


class Episode(NamedTuple):
    """What a policy learns from: the picks that led to an architecture, and by how much it was better than expected."""

    picks: list[Pick]
    advantage: float


class Batches:
    """Episodes of the trials that end, as many at a time as make a batch.

    Args:
        size: of a batch, at least 1.
        baseline_decay: of the `Baseline`.

    Attributes:
        learned: episodes so far.
        full: batches so far.
    """

    def __init__(self, size: int, baseline_decay: float) -> None:
        self._size = size
        self._rewards, self._baseline = Rewards(), Baseline(baseline_decay)
        self._waiting: list[Episode] = []
        self.learned = self.full = 0

    def add(self, trial: Trial, values: Sequence[float], read: Callable[[Architecture], list[Pick]]) -> list[Episode]:
        """Take in a trial that ended, with its objective values.

        Args:
            trial: which says nothing where it has no reward (`Rewards`), or its architecture no decisions.
            values: `Strategy.values` of it.
            read: the picks that lead to an architecture.

        Returns:
            The batch that this trial completes, in the order of ending; empty where it completes none.
        """
        reward = self._rewards.take(trial, values)
        if reward is None or not trial.architecture.decisions:
            return []
        self.learned += 1
        self._waiting.append(Episode(read(trial.architecture), self._baseline.advantage(reward)))
        if len(self._waiting) < self._size:
            return []
        self.full += 1
        batch, self._waiting = self._waiting, []
        return batch


def propose_new(draw: Callable[[], Architecture], seen: Seen, rng: random.Random) -> Proposal | None:
    """Draw from a policy until something new comes, 20 times at most; then a uniform draw of what is left, if anything is.

    It counts as seen.
    """
    drawn = (draw() for _ in range(_TRIES))
    new = next((architecture for architecture in drawn if architecture not in seen), None)
    return seen.propose(None if new is None else Proposal(new), rng)
