"""Monte Carlo tree search: decide step by step, each time where the upper confidence bound is highest; below the tree, at random.

Kocsis, Szepesvari 2006, "Bandit Based Monte-Carlo Planning", https://doi.org/10.1007/11871842_29 (UCT), with UCB1 of Auer,
Cesa-Bianchi, Fischer 2002, https://doi.org/10.1023/A:1013689704352. On architectures: Negrinho, Gordon 2017, "DeepArchitect",
https://arxiv.org/abs/1704.08792; Wistuba 2017, https://arxiv.org/abs/1712.07420. Many values at a step: progressive widening, Couetoux
et al. 2011, "Continuous Upper Confidence Trees", https://doi.org/10.1007/978-3-642-25566-3_32.

Differs from the papers:
1. A reward is the share of all trials so far that are worse: computed anew at each use. The papers use the score, scaled to [0, 1].
2. Every decision of a trial is kept in the tree, as Kocsis and Szepesvari describe it; implementations often add one node per trial.
3. Asynchronous: a running trial counts as one with reward 0 (virtual loss), so that others look elsewhere.
4. A part of the tree that is used up is closed: nothing is tried twice.
5. Failed, pruned and infeasible trials have the lowest reward. Several objectives: trials are ordered by front, then crowding distance.
"""

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, final

import numpy as np

from searchitect.core.architecture import Architecture
from searchitect.core.choosing import Domain, NumberDomain, OneDomain, PolicyChooser
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.metrics.pareto import best_first
from searchitect.strategies.seen import Seen

_LISTED: Final = 16
_TRIES: Final = 8


@final
class Node:
    """What follows from some first decisions.

    Attributes:
        value: the last of them.
        children: by the text of the value taken next.
        options: how many values can be taken next; 0 at an architecture's last decision.
        results: the trials below it that have ended, by number.
        running: how many trials below it have not.
        is_closed: whether all that is below it was tried.
    """

    __slots__ = ("children", "is_closed", "options", "results", "running", "value")

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.children: dict[str, Node] = {}
        self.options: float = 0
        self.results: list[int] = []
        self.running = 0
        self.is_closed = False

    @property
    def visits(self) -> int:
        """Trials below it, running ones included."""
        return len(self.results) + self.running


class Mcts(Strategy):
    """UCT over the decisions of a space, in the order in which its program makes them.

    Args:
        space: what can be built.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        exploration: the factor on the width of the confidence bound, at least 0; UCB1 has the square root of 2.
        widening: at a step with more than 16 values, the n-th visit sees at most n to this power of them, in (0, 1].
    """

    summary: ClassVar[str] = "Monte Carlo tree search over the decisions (UCT, Kocsis, Szepesvari 2006)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        exploration: float = 0.25,
        widening: float = 0.5,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if not 0 <= exploration < math.inf:
            raise SettingError(f"exploration must be at least 0 and finite, got {exploration}; UCB1 has 1.41")
        if not 0 < widening <= 1:
            raise SettingError(f"widening must lie in (0, 1], got {widening}; the default is 0.5")
        self.exploration = exploration
        self.widening = widening
        self._root = Node()
        self._running: dict[str, list[list[Node]]] = {}  # text of an architecture -> the nodes of each running trial of it
        self._values: list[tuple[float, ...]] = []  # of the trials that have ended; minus infinity where they are of no use
        self._rewards: list[float] = []  # of the same, or of fewer: then they are to be computed anew
        self._seen = Seen(space)

    def propose(self, rng: random.Random) -> Proposal | None:
        """Walk down the tree, then draw. A uniform draw where that leads only to what was tried."""
        self._rank()
        for _ in range(_TRIES):
            if self._root.is_closed:
                break
            architecture = self._walk(rng)
            key = self.space.key(architecture)
            if not self._seen.knows(key):
                self._begin(architecture, key)
                return Proposal(architecture)
        drawn = self._seen.draw(rng)
        if drawn is None:
            return None
        self._begin(drawn, self.space.key(drawn))
        return Proposal(drawn, is_random=True)

    def learn(self, trial: Trial) -> None:
        """Add the result to every node on its way."""
        self._seen.add(trial.key)
        if not trial.architecture.decisions:
            return  # a spec written by hand is nowhere in the tree
        running = self._running.get(trial.architecture.text)
        if running:
            nodes = running.pop()
            for node in nodes:
                node.running -= 1
            if not running:
                del self._running[trial.architecture.text]
        else:
            nodes = self._nodes(trial.architecture)
        for node in nodes:
            node.results.append(len(self._values))
        values = self.values(trial)
        is_useful = trial.state is TrialState.COMPLETE and all(map(math.isfinite, values))
        self._values.append(values if is_useful else (-math.inf,) * len(values))

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        if trial.architecture.decisions:
            self._begin(trial.architecture, trial.key)
        else:
            self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [f"Monte Carlo tree search: {len(self._values)} trials below {len(self._root.children)} first decisions."]

    def _begin(self, architecture: Architecture, key: str) -> None:
        self._seen.add(key)
        nodes = self._nodes(architecture)
        for node in nodes:
            node.running += 1
        self._running.setdefault(architecture.text, []).append(nodes)

    def _nodes(self, architecture: Architecture) -> list[Node]:
        """From the root to the last decision, made where they are new; closes what is used up by it."""
        nodes = [self._root]
        for path, domain in self.space.domains(architecture).items():
            nodes[-1].options = count(domain)
            value = architecture.decisions[path]
            nodes.append(nodes[-1].children.setdefault(repr(value), Node(value)))
        nodes[-1].is_closed = True
        for node in reversed(nodes[:-1]):
            if len(node.children) < node.options or not all(child.is_closed for child in node.children.values()):
                break
            node.is_closed = True
        return nodes

    def _walk(self, rng: random.Random) -> Architecture:
        node: Node | None = self._root

        def decide(_: str, domain: Domain, __: Mapping[str, Any]) -> Any:
            nonlocal node
            above, node = node, None
            if above is None:  # below the tree
                return domain.draw(rng)
            options = count(domain)
            allowed = options if options <= _LISTED else math.ceil((above.visits + 1) ** self.widening)
            if len(above.children) >= min(allowed, options):
                node = self._best(above)
            return new_value(above, domain, options, rng) if node is None else node.value

        reader = PolicyChooser(decide)
        return self.space.read(reader)

    def _best(self, node: Node) -> Node | None:
        """The child of the highest bound, of those that are not used up; ``None`` where all are. Ties go by the value's text."""
        found: tuple[float, str, Node] | None = None
        rewards = self._rewards
        log_visits = math.log(max(node.visits, 1))
        for text, child in node.children.items():
            if child.is_closed:
                continue
            bound = upper_bound(sum([rewards[number] for number in child.results]), child.visits, log_visits, self.exploration)
            if found is None or (bound, text) > found[:2]:
                found = bound, text, child
        return None if found is None else found[2]

    def _rank(self) -> None:
        """Rewards of all trials that have ended: the share of the others that are worse, equal ones counting half."""
        if len(self._rewards) == len(self._values):
            return
        if len(self.objectives) == 1:
            scores = np.array([values[0] for values in self._values])
        else:
            scores = np.full(len(self._values), -math.inf)
            useful = [place for place, values in enumerate(self._values) if values[0] > -math.inf]
            ordered = best_first([self._values[place] for place in useful])
            scores[[useful[place] for place in ordered]] = -np.arange(len(ordered), dtype=np.float64)
        rising = np.sort(scores)
        worse, not_better = np.searchsorted(rising, scores, "left"), np.searchsorted(rising, scores, "right")
        self._rewards = ((worse + not_better - 1) / 2 / max(len(scores) - 1, 1)).tolist()


def upper_bound(total: float, visits: int, log_visits: float, exploration: float) -> float:
    """UCB1: the mean reward and the width of its confidence bound.

    Args:
        total: the sum of the rewards, each in [0, 1].
        visits: how many there are, at least 1; those that still run count, with reward 0.
        log_visits: the natural logarithm of the visits to the parent.
        exploration: the factor on the width; the square root of 2 in the paper.
    """
    return total / visits + exploration * math.sqrt(log_visits / visits)


def count(domain: Domain) -> float:
    """How many values there are; infinity in a continuous range."""
    match domain:
        case OneDomain(labels=labels):
            return len(labels)
        case NumberDomain(low=low, high=high):
            return high - low + 1 if domain.whole or low == high else math.inf
        case _:
            return math.comb(len(domain.labels), domain.k)


def new_value(node: Node, domain: Domain, options: float, rng: random.Random) -> Any:
    """A value that has no child yet, drawn uniformly. In a range of many it may have one after some draws."""
    if options <= _LISTED:
        return rng.choice([value for value in domain.values() if repr(value) not in node.children] or domain.values())
    for _ in range(_TRIES):
        value = domain.draw(rng)
        if repr(value) not in node.children:
            break
    return value
