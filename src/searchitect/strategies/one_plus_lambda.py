"""(1 + lambda) evolution with neutral drift: children of one parent, a better one takes its place, else what has no effect in it changes.

Suganuma, Shirakawa, Nagao 2017, "A Genetic Programming Approach to Designing Convolutional Neural Network Architectures",
https://arxiv.org/abs/1704.00764, section 3.2, and the released code (sg-nm/cgp-cnn, cgp.py, modified_evolution).

Differs from the paper:
1. A child is drawn anew until its network was not tried before; the paper draws anew until an active gene has changed, and trains equal
   networks again. After 100 draws single decisions of the parent are changed, further away if need be, then an architecture is drawn.
2. A decision is inactive where changing it leaves the network as it is, which is found by trying: no space has to tell. The paper follows the grid.
3. Asynchronous: a generation ends when ``children`` more trials have ended, whichever parent they descend from. With one trial at a time
   it is the paper's.
4. A failed child counts as the worst. One over a limit is not counted: another one takes its place, as the paper does with too many nodes.
5. With several objectives a child is better if it dominates the parent. The paper has one.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SettingError
from searchitect.core.objective import Objective
from searchitect.core.space import Space
from searchitect.core.strategy import Strategy
from searchitect.core.trial import Proposal, Trial, TrialState
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of, mutant, redrawn
from searchitect.strategies.seen import Seen

_TRIES: Final = 100


class OnePlusLambda(Strategy):
    """One parent, whose children differ from it in what has an effect, and which drifts in what has none.

    Args:
        space: what can be built; of a list of decisions.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
        children: lambda in the paper, trials of a generation, at least 1.
        mutation_rate: r, the probability of each decision to change in a child, and of each one without effect in the parent, in (0, 1].
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "mutate", "crossover"})
    summary: ClassVar[str] = "(1 + lambda) evolution with neutral drift of what has no effect (Suganuma et al. 2017, CGP-CNN)"

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        children: int = 2,
        mutation_rate: float = 0.05,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        if children < 1:
            raise SettingError(f"children must be at least 1, got {children}; the paper uses 2")
        if not 0 < mutation_rate <= 1:
            raise SettingError(
                f"mutation_rate must lie in (0, 1], got {mutation_rate}: without mutations no child differs from its parent; the paper uses 0.05"
            )
        self.children = children
        self.mutation_rate = mutation_rate
        self._parent: Individual | None = None
        self._ended: list[Individual | None] = []  # of this generation; None: it failed
        self._seen = Seen(space)
        self._generations = self._improvements = 0

    def propose(self, rng: random.Random) -> Proposal | None:
        """A child of the parent; a random draw where there is no parent yet, or no child that was not tried."""
        child = None if self._parent is None else self._child(self._parent, rng)
        return self._seen.propose(child, rng)

    def learn(self, trial: Trial) -> None:
        """The first that completes is the parent; with the last of a generation the parent moves or drifts."""
        self._seen.add(trial.key)
        if trial.state is TrialState.INFEASIBLE:
            return
        found = individual_of(self.space, trial, self.values(trial))
        if self._parent is None:
            self._parent = found
            return
        self._ended.append(found)
        if len(self._ended) == self.children:
            self._parent = self._next(self._parent, [child for child in self._ended if child is not None])
            self._ended = []

    def adopt(self, trial: Trial) -> None:
        """Remember what is being tried."""
        self._seen.add(trial.key)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"(1 + {self.children}) evolution: {self._generations} generations, {self._improvements} with a better child; "
            "in the others the parent drifted."
        ]

    def _child(self, parent: Individual, rng: random.Random) -> Proposal | None:
        """Forced mutation: from the parent again and again, until the network is a new one."""
        for _ in range(_TRIES):
            hit = self._hit(parent.architecture, rng)
            child = redrawn(self.space, parent.architecture, hit, rng) if hit else parent.architecture
            if child != parent.architecture and child not in self._seen:
                return Proposal(child, parent=parent.trial)
        return mutant(self.space, self._seen, parent, rng)

    def _next(self, parent: Individual, children: Sequence[Individual]) -> Individual:
        self._generations += 1
        best = children[best_first([child.values for child in children])[0]] if children else parent
        if best.dominates(parent):
            self._improvements += 1
            return best
        rng = random.Random(f"{self.seed}/drift/{self._generations}")
        drifted = parent.architecture
        for path in self._hit(drifted, rng):
            drifted = _changed_without_effect(self.space, drifted, path, rng)
        return Individual(parent.trial, drifted, parent.values)

    def _hit(self, parent: Architecture, rng: random.Random) -> list[str]:
        return [path for path in parent.decisions if rng.random() < self.mutation_rate]


def _changed_without_effect(space: Space, parent: Architecture, path: str, rng: random.Random) -> Architecture:
    """The same spec with another decision at ``path``; the parent itself where that decision has an effect."""
    changed = redrawn(space, parent, [path], rng)
    return changed if changed == parent else parent
