"""A search that diverges ends in one sentence, and what was good before stays in its file."""

from dataclasses import replace

import pytest
import torch

from searchitect.core import Objective, RunError, Space, Strategy
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Method, Outcome
from searchitect.oneshot.training import SupernetTraining
from searchitect.strategies import make_strategy
from searchitect.training.checkpoint import read_tensors

from .tiny import SCHEDULE, training


class Breaks(Method):
    """Learns nothing; in one step something becomes NaN.

    Args:
        where: loss, weights or decisions.
        at: the step.
    """

    def __init__(self, where: str, at: int) -> None:
        super().__init__(SCHEDULE)
        self.where, self.at = where, at

    def begin(self, search: SupernetTraining) -> None:
        self.logits = torch.zeros(3)

    def step(self, search: SupernetTraining, batch: Batch, held: Batch) -> float:
        if search.step < self.at:
            return 1.0
        if self.where == "weights":
            with torch.no_grad():
                search.parameters[0].fill_(float("nan"))
        if self.where == "decisions":
            self.logits.fill_(float("nan"))
        return float("nan") if self.where == "loss" else 1.0

    def state(self) -> dict[str, torch.Tensor]:
        return {"logits": self.logits}

    def candidates(self, space: Space, objectives: list[Objective], seed: int, outcome: Outcome) -> Strategy:
        return make_strategy("random", space, objectives, seed)


@pytest.mark.parametrize("where", ["loss", "weights", "decisions"])
def test_the_file_keeps_the_last_good_state(where, tmp_path):
    per_epoch = training(Breaks(where, 0), tmp_path).feed.per_epoch
    search = training(Breaks(where, per_epoch + 1), tmp_path)
    with pytest.raises(RunError, match=r"diverged.*keeps the last good state"):
        search.run()
    tensors, _ = read_tensors(search.path)
    assert all(bool(torch.isfinite(t).all()) for t in tensors.values())
    assert training(Breaks(where, 10**6), tmp_path).step == per_epoch


def test_the_way_out_names_the_settings(tmp_path):
    with pytest.raises(RunError, match=r"learning_rate \(now 0.05\), or lower gradient_clip \(now 5\)"):
        training(Breaks("loss", 0), tmp_path).run()
    method = Breaks("loss", 0)
    method.schedule = replace(SCHEDULE, gradient_clip=0.0)
    with pytest.raises(RunError, match="set gradient_clip"):
        training(method, tmp_path).run()
    assert not list(tmp_path.iterdir())
