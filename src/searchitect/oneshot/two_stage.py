"""Random search with shared weights in two looks: many architectures on a part of the validation data, the best of them on all of it.

Li, Talwalkar 2019, "Random Search and Reproducibility for Neural Architecture Search", https://arxiv.org/abs/1902.07638, section 3.2, and its code
(liamcli/randomNAS_release, random_weight_share.py): 1000 architectures on 10 batches, the 10 best on all validation data.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, final

from searchitect.core import Fidelity, Objective, Proposal, SettingError, Space, Strategy, Trial, TrialState
from searchitect.metrics.pareto import best_first
from searchitect.strategies.moves import Individual, individual_of
from searchitect.strategies.seen import Seen


@final
class TwoStage(Strategy):
    """Uniform draws, of which the best are judged once more, thoroughly; then it ends.

    Args:
        candidates: architectures of a round that are drawn, those over a limit not counted; at least 1.
        kept: of them, how many are judged on all validation data.
        rounds: how often all this is done.
        share: part of the validation data of the first look, in (0, 1]. 1: it is all of them already, and there is no second one.
    """

    summary: ClassVar[str] = "uniform draws, the best of which are judged a second time on all validation data"
    chooses_fidelity: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        objectives: Sequence[Objective],
        *,
        seed: int = 0,
        candidates: int = 1000,
        kept: int = 10,
        rounds: int = 1,
        share: float = 1.0,
    ) -> None:
        super().__init__(space, objectives, seed=seed)
        for name, value in (("candidates", candidates), ("kept", kept), ("rounds", rounds)):
            if value < 1:
                raise SettingError(f"{name} must be at least 1, got {value}")
        if not 0 < share <= 1:
            raise SettingError(f"share must lie in (0, 1], got {share}")
        self.candidates, self.kept, self.rounds, self.share = candidates, kept, rounds, share
        self._seen = Seen(space)
        self._drawn = self._confirmed = self._done = 0  # of this round: first looks, second looks; rounds
        self._round: list[Individual] = []
        self._asked: set[int | None] = set()  # first looks that a second one was asked for

    def propose(self, rng: random.Random) -> Proposal | None:
        if self._done >= self.rounds:
            return None
        running = sum(self._open.values())
        if self._drawn + running < self.candidates and not self._asked:
            drawn = self._seen.draw(rng)
            if drawn is not None:
                self._seen.add(self.space.key(drawn))
                return Proposal(drawn, Fidelity(1.0, self.share), is_random=True)
        if running and not self._asked:
            return None
        chosen = next((found for found in self._chosen() if found.trial not in self._asked), None)
        if chosen is None:
            return None
        self._asked.add(chosen.trial)
        return Proposal(chosen.architecture, Fidelity(1.0), parent=chosen.trial)

    def learn(self, trial: Trial) -> None:
        self.adopt(trial)
        if trial.parent is not None:
            self._confirmed += 1
        elif trial.state != TrialState.INFEASIBLE or trial.is_trained:
            self._drawn += 1
            found = individual_of(self.space, trial, self.values(trial))
            if found is not None:
                self._round.append(found)
        is_drawn = self._drawn >= self.candidates or bool(self._asked)
        if is_drawn and not sum(self._open.values()) and self._confirmed >= len(self._chosen()):
            self._done += 1
            self._drawn = self._confirmed = 0
            self._round, self._asked = [], set()

    def adopt(self, trial: Trial) -> None:
        self._seen.add(trial.key)
        if trial.parent is not None:
            self._asked.add(trial.parent)

    def notes(self) -> list[str]:
        """What it did, for the report."""
        return [
            f"Random search with shared weights: {self._done} of {self.rounds} rounds ended, each of {self.candidates} draws"
            + (f", of which the best {self.kept} are judged on all validation data." if self.share < 1 else ".")
        ]

    def _chosen(self) -> list[Individual]:
        """The best of the round, which are looked at again; none where the first look was at everything."""
        if self.share == 1:
            return []
        return [self._round[place] for place in best_first([found.values for found in self._round])[: self.kept]]
