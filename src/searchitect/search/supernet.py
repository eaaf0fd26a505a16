"""A search with shared weights as an ordinary run: the supernet is trained first, then a strategy is judged with its weights."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from searchitect.core import Architecture, Objective, Proposal, Space, Strategy, Trial
from searchitect.search.plan import Plan

if TYPE_CHECKING:
    from searchitect.oneshot.method import Method, Outcome
    from searchitect.oneshot.training import Progress

FILE = "supernet.safetensors"
HISTORY = "supernet.json"


class SupernetRun:
    """The part of a run that trains a supernet, and what it leaves to the part that searches with it.

    Args:
        method: what trains it.
        space: whose open spec it is built from.
        task: of the run.
        folder: of the run; the supernet is saved in it.
        seed: of the run.
    """

    def __init__(self, method: "Method", space: Space, task: Any, folder: Path, seed: int) -> None:
        self.method, self.space, self.task = method, space, task
        self.folder, self.seed = folder, seed
        self.outcome: Outcome | None = None

    @property
    def is_begun(self) -> bool:
        """Whether an earlier session has trained a part of it, or all."""
        return (self.folder / FILE).exists()

    def prepare(self, seconds: float | None, show: Callable[[str], None]) -> None:
        """Train the supernet in the method's share of ``seconds``, or go on; a `searchitect.search.setup.Preparation`."""
        import torch

        from searchitect.oneshot.training import SupernetTraining
        from searchitect.search.folder import write_json

        def on_progress(made: "Progress") -> None:
            epochs, planned = made.epoch * made.steps / made.step, self.method.schedule.epochs
            cut = f" (the time allows no more; {planned:g} were planned)" if epochs < 0.99 * planned else ""
            show(
                f"training the supernet: epoch {made.epoch:.1f} of {epochs:.1f}{cut}, step {made.step} of {made.steps}, loss {made.loss:.3f}"
            )

        before = torch.get_num_threads()
        torch.set_num_threads(1)  # small layers gain little from a second one, and lose all where another process wants it too
        try:
            training = SupernetTraining(
                self.space,
                self.task,
                self.method,
                self.folder / FILE,
                seconds=None if seconds is None else seconds * self.method.share,
                seed=self.seed,
                on_progress=on_progress,
            )
            self.outcome = training.run()
        finally:
            torch.set_num_threads(before)
        write_json(self.folder / HISTORY, training.record())

    def make_strategy(self, space: Space, objectives: Sequence[Objective], seed: int, plan: Plan) -> Strategy:
        """The strategy of the run; a `searchitect.search.setup.StrategyMaker`."""
        return SupernetSearch(space, objectives, seed=seed, run=self)

    def candidates(self, space: Space, objectives: Sequence[Objective], seed: int) -> Strategy:
        """What searches with the trained weights."""
        assert self.outcome is not None
        return self.method.candidates(space, objectives, seed, self.outcome)


@final
class SupernetSearch(Strategy):
    """The strategy of a run with shared weights: that of the method, made when the supernet is trained."""

    needs: ClassVar[frozenset[str]] = frozenset({"sample", "open"})

    def __init__(self, space: Space, objectives: Sequence[Objective], *, seed: int = 0, run: SupernetRun) -> None:
        super().__init__(space, objectives, seed=seed)
        self.run = run
        self._inner: Strategy | None = None

    def propose(self, rng: random.Random) -> Proposal | None:
        return self._made().ask()

    def learn(self, trial: Trial) -> None:
        self._made().tell(trial)

    def adopt(self, trial: Trial) -> None:
        self._made().tell(trial)

    def leader(self) -> Architecture | None:
        return self._inner.leader() if self._inner is not None else None

    def notes(self) -> list[str]:
        """What the method's strategy has to say for the report."""
        said: list[str] = getattr(self._inner, "notes", list)()
        return said

    def _made(self) -> Strategy:
        if self._inner is None:
            self._inner = self.run.candidates(self.space, self.objectives, self.seed)
        return self._inner
