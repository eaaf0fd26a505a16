"""Q-learning over the decisions: a table of how good each option is in each state, learned from replayed experience.

Baker, Gupta, Naik, Raskar 2017, "Designing Neural Network Architectures using Reinforcement Learning",
https://arxiv.org/abs/1611.02167, Algorithms 1 to 3 and the epsilon schedule of section 4.3. With ``shaped`` and ``joint``:
Zhong, Yan, Wu, Shao, Liu 2018, "Practical Block-wise Neural Network Architecture Generation", https://arxiv.org/abs/1708.05552.

Differs from the paper:
1. Any space. A state is the choice that is to be made, which a space names, and the last actions (``memory``). The paper's is
   the layer before, the depth, and the binned size, written for its own space; here that space's names hold the depth and the
   size. An action of several choices (``joint``) has a row for each of them; BlockQNN's table has one for all combinations.
2. The schedule is shortened to the expected number of trials; its proportions are the paper's.
3. A reward is taken as it is while all of them lie in [0, 1], as accuracies do; otherwise it is rescaled by the lowest and the highest so far, anew
   at each replay. The paper has accuracies only.
4. Asynchronous: whoever finishes is learned from, with ``replays`` updates. The paper's server does the same.
5. By default an architecture is not proposed twice; the paper's agent draws it again and remembers it again.
6. Failed, pruned and infeasible trials count as the worst reward so far; several objectives by front. The paper has neither.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import ClassVar, Final, NamedTuple

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError, unknown_name
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.strategies.picks import Pick, Picks, Site
from searchitect.strategies.rewards import Rewards, propose_new
from searchitect.strategies.seen import Seen

SCHEDULES: Final = {
    "metaqnn": (
        *((1.0, 1500), (0.9, 100), (0.8, 100), (0.7, 100)),
        *((0.6, 150), (0.5, 150), (0.4, 150), (0.3, 150), (0.2, 150), (0.1, 150)),
    ),
    "blockqnn": (
        *((1.0, 64 * 95), (0.9, 64 * 7), (0.8, 64 * 7), (0.7, 64 * 7)),
        *((0.6, 64 * 10), (0.5, 64 * 10), (0.4, 64 * 10), (0.3, 64 * 10), (0.2, 64 * 10), (0.1, 64 * 12)),
    ),
}
"""Epsilon, and for how many different architectures: 2,700 together in MetaQNN, 178 batches of 64 in BlockQNN."""
_INITIAL: Final = 0.5


class Step(NamedTuple):
    """A pick: ``place`` of the options [``first``, ``stop``) in the state whose values are ``row``; ``ends``: the last of an action."""

    row: list[float]
    first: int
    stop: int
    place: int
    ends: bool = True


def sweep(steps: Sequence[Step], reward: float, learning_rate: float, shaped: bool = False) -> None:
    """Update the values of one episode, the last step first, so that the reward reaches the first one in a single pass.

    The discount is 1. Only the last step is rewarded; ``shaped``: every action has an equal share of the reward, paid at its end.
    """
    share = reward / max(1, sum(step.ends for step in steps))
    paid, value = share if shaped else reward, 0.0
    for place in range(len(steps) - 1, -1, -1):
        step = steps[place]
        step.row[step.place] += learning_rate * (paid + value - step.row[step.place])
        value = max(step.row[step.first : step.stop])
        paid = share if shaped and place and steps[place - 1].ends else 0.0


class Past:
    """What an episode has taken so far, action by action.

    Args:
        memory: how many of the last actions a state holds, beside the choice to be made and the picks of an action that is begun.
        joint: whether the picks of a choice and of those inside its option are one action; otherwise each pick is one.
    """

    def __init__(self, memory: int, joint: bool) -> None:
        self._memory, self._joint = memory, joint
        self._head: Site | None = None
        self._actions: list[list[str]] = []

    def goes_on(self, site: Site) -> bool:
        """Whether a pick at ``site`` belongs to the action that is begun."""
        head = self._head
        return self._joint and head is not None and head.holds_choices and f"{site.path}/".startswith(f"{head.path}/")

    def state(self, site: Site) -> tuple[str, ...]:
        """The state in which a pick is made at ``site``."""
        ended = len(self._actions) - self.goes_on(site)
        return (site.name, *(pick for action in self._actions[max(ended - self._memory, 0) :] for pick in action))

    def add(self, site: Site, place: int) -> None:
        """Take ``place`` at ``site``."""
        if not self.goes_on(site):
            self._head = site
            self._actions.append([])
        self._actions[-1].append(f"{site.name}={place}")


class QLearning(Strategy):
    """Epsilon-greedy tabular Q-learning with experience replay.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generators; global generators are never touched.
        expected_trials: how many different architectures the schedule is for; MetaQNN's 2,700. Afterwards epsilon stays 0.1.
        learning_rate: alpha in the paper, in (0, 1].
        replays: K in the paper, how many remembered episodes are learned from after each trial.
        schedule: of epsilon: "metaqnn" or "blockqnn", each in its own proportions.
        shaped: whether every action of an episode has an equal share of its reward, as in BlockQNN; otherwise the last one has all.
        memory: how many of the last actions belong to the state, beside the choice to be made; 0 is one table row per choice.
        joint: whether a choice and those inside the option that is taken are one action, such as a layer with its kernel and its
            inputs: random as a whole, with one share of a shaped reward, remembered as a whole. Otherwise each pick is an action.
        avoid_duplicates: redraw an architecture that was proposed before (up to 20 times, then draw at random). The paper draws it
            again and reuses its score, which is free in a search, but not in the usual simulations.
    """

    summary: ClassVar[str] = "tabular Q-learning with experience replay and an epsilon schedule (Baker et al. 2017)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        expected_trials: int = 2700,
        learning_rate: float = 0.01,
        replays: int = 100,
        schedule: str = "metaqnn",
        shaped: bool = False,
        memory: int = 1,
        joint: bool = False,
        avoid_duplicates: bool = True,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value in (("expected_trials", expected_trials), ("replays", replays)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}")
        if not 0 < learning_rate <= 1:
            raise SettingError(f"learning_rate must lie in (0, 1], got {learning_rate}; the paper uses 0.01")
        if schedule not in SCHEDULES:
            raise unknown_name("schedule", schedule, SCHEDULES)
        if memory < 0:
            raise SettingError(f"memory must be at least 0, got {memory}; 1 is usual")
        self.learning_rate = learning_rate
        self.replays = replays
        self.memory, self.joint = memory, joint
        self.schedule, self.shaped = SCHEDULES[schedule], shaped
        totals = list(accumulate(count for _, count in self.schedule))
        self._ends = [total * expected_trials / totals[-1] for total in totals]
        self._values: dict[tuple[str, ...], list[float]] = {}
        self._picks = Picks()
        self._rewards = Rewards()
        self._experience: list[tuple[list[Step], float]] = []
        self._judged: set[str] = set()
        self._seen = Seen(space, remembers=avoid_duplicates)

    @property
    def epsilon(self) -> float:
        """How often a pick is random now: by the number of different architectures judged so far."""
        return self.schedule[min(bisect_right(self._ends, len(self._judged)), len(self.schedule) - 1)][0]

    def propose(self, rng: random.Random) -> Proposal | None:
        """At each action, with probability epsilon random options, else the best; ties are broken at random."""
        if self.epsilon >= 1:  # wholly random
            return self._seen.propose(None, rng)
        return propose_new(lambda: self._draw(rng), self._seen, rng)

    def learn(self, trial: Trial) -> None:
        """Remember the episode, also when it was had before, and replay some of all."""
        self.adopt(trial)
        reward = self._rewards.take(trial, self.values(trial))
        if reward is None or not trial.architecture.decisions:
            return
        if trial.state is not TrialState.INFEASIBLE:
            self._judged.add(trial.key)
        self._experience.append((self._steps(self._picks.read(self.space, trial.architecture)), reward))
        rng = random.Random(f"{self.seed}/replay/{len(self._experience)}")
        for steps, remembered in rng.choices(self._experience, k=self.replays):
            sweep(steps, self._rescaled(remembered), self.learning_rate, self.shaped)

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Q-learning: {len(self._experience)} episodes of {len(self._judged)} different architectures, "
            f"{len(self._values)} states; epsilon was {self.epsilon:g} at the end."
        ]

    def _draw(self, rng: random.Random) -> Architecture:
        epsilon, past = self.epsilon, Past(self.memory, self.joint)
        is_random = False

        def take(site: Site, first: int, stop: int) -> int:
            nonlocal is_random
            row = self._values.get(past.state(site), [_INITIAL] * len(site.weights))
            if not past.goes_on(site):
                is_random = rng.random() < epsilon
            if is_random:
                place = rng.choices(range(first, stop), site.weights[first:stop])[0]
            else:
                best = max(row[first:stop])
                place = rng.choice([p for p in range(first, stop) if row[p] == best])
            past.add(site, place)
            return place

        return self._picks.draw(self.space, take, rng)

    def _steps(self, picks: Sequence[Pick]) -> list[Step]:
        past = Past(self.memory, self.joint)
        steps: list[Step] = []
        for site, first, stop, place in picks:
            row = self._values.setdefault(past.state(site), [_INITIAL] * len(site.weights))
            if past.goes_on(site):
                steps[-1] = steps[-1]._replace(ends=False)
            steps.append(Step(row, first, stop, place))
            past.add(site, place)
        return steps

    def _rescaled(self, reward: float) -> float:
        low, high = self._rewards.lowest, self._rewards.highest
        if low >= 0 and high <= 1:
            return reward
        return (reward - low) / (high - low) if high > low else _INITIAL
