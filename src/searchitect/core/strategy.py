"""A search strategy: what to try next."""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Collection, Sequence
from typing import ClassVar, TypeAlias, final

from searchitect.core.architecture import Architecture
from searchitect.core.errors import SpaceError
from searchitect.core.objective import Objective, objective_values
from searchitect.core.space import Space
from searchitect.core.trial import Proposal, Trial

Pending: TypeAlias = tuple[str, object]


class Strategy(ABC):
    """Asked for proposals, told of trials, asynchronously: several asks may be open.

    A strategy writes ``propose`` and ``learn``; whoever searches calls ``ask`` and ``tell``.

    - ``ask()`` gives the next proposal, or ``None`` while there is nothing to propose until a running trial ends.
    - ``tell(trial)`` is called once when a trial ends, in the order of ending, also for trials that this strategy never asked for:
      that is how a search goes on after an interruption and how it is warm-started from another one. It is also called, once, for a
      trial that was asked for before an interruption and still runs.
    - All randomness comes from the generator handed to ``propose``. It is seeded by the strategy's seed and the number of proposals
      made so far, and state changes only in ``learn`` and ``propose``. So a strategy that is told the same trials proposes the same
      next, without having saved anything.
    - Failed, infeasible and pruned trials are told as well. Whoever learns from scores looks at the state.

    Args:
        space: what can be built. Refused where it lacks one of ``needs``.
        objectives: what is to become large or small, the first one leading.
        seed: of this strategy's own generator; global generators are never touched.
    """

    needs: ClassVar[frozenset[str]] = frozenset({"sample"})
    summary: ClassVar[str] = ""
    """One line for ``searchitect list strategies``."""
    chooses_fidelity: ClassVar[bool] = False
    """Whether its proposals name a fidelity; otherwise the search gives all of them the same."""

    def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0) -> None:
        missing = self.needs - space.abilities()
        if missing:
            raise SpaceError(
                f"the strategy {type(self).__name__} needs a space that can {' and '.join(sorted(missing))}; "
                f"{space.name!r} offers {', '.join(sorted(space.abilities()))}"
            )
        self.space = space
        self.objectives = tuple(objectives)
        self.seed = seed
        self._proposed = 0
        self._open: Counter[Pending] = Counter()

    @abstractmethod
    def propose(self, rng: random.Random) -> Proposal | None:
        """The next architecture. Draw from ``rng`` only."""

    @abstractmethod
    def learn(self, trial: Trial) -> None:
        """Take in a finished trial."""

    def adopt(self, trial: Trial) -> None:  # noqa: B027 - most strategies need not
        """Take in that ``trial``, proposed before an interruption, still runs. For strategies that keep count of what is open."""

    def leader(self) -> Architecture | None:
        """The architecture that it ends with whatever the others' scores are, such as one derived by gradient; usually ``None``: the best judged."""
        return None

    def inheritable(self) -> Collection[int] | None:
        """The trials whose weights children may yet inherit (`Proposal.inherit`): theirs are kept. ``None``, as usual: nobody inherits."""
        return None

    @final
    def ask(self) -> Proposal | None:
        proposal = self.propose(random.Random(f"{self.seed}/{self._proposed}"))
        if proposal is not None:
            self._proposed += 1
            self._open[_pending(proposal)] += 1
        return proposal

    @final
    def tell(self, trial: Trial) -> None:
        pending = (trial.architecture.text, trial.fidelity)
        unnamed = (trial.architecture.text, None)
        if not trial.state.is_finished:
            self._proposed += 1
            self._open[pending] += 1
            self.adopt(trial)
            return
        found = next((p for p in (pending, unnamed) if self._open[p] > 0), None)
        if found is None:
            self._proposed += 1
        elif self._open[found] > 1:
            self._open[found] -= 1
        else:
            del self._open[found]
        self.learn(trial)

    @final
    def values(self, trial: Trial) -> tuple[float, ...]:
        """The trial's objective values, each oriented so that higher is better."""
        return objective_values(self.objectives, trial.metrics)


def _pending(proposal: Proposal) -> Pending:
    return proposal.architecture.text, proposal.fidelity
