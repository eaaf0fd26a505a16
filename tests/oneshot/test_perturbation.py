"""Selection by perturbation, on a supernet whose losses are known for every mask."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor

from searchitect.core import Objective, SettingError
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.method import Schedule
from searchitect.oneshot.perturbation import perturbation
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from searchitect.oneshot.training import SupernetTraining
from tests.oneshot.tiny import OPERATIONS, Tiny, training
from tests.training.examples import table

WORTH = {
    "normal/0/edges/0/op": {"wide": 3.0, "narrow": 1.0},
    "normal/0/edges/1/op": {"skip_connect": 2.0},
    "normal/1/edges/0/op": {"narrow": 5.0, "none": 9.0},
    "normal/1/edges/1/op": {"wide": 0.5},
    "normal/1/edges/2/op": {"narrow": 0.7, "skip_connect": 0.2},
}
EDGES = {"normal/1/edges": {"0": 1.0, "1": 4.0, "2": 2.0}}


class Judged(SupernetTraining):
    """Its loss grows by the worth of each option that is missing."""

    def loss(self, batch: Batch) -> Tensor:
        total = super().loss(batch) * 0
        for path, worth in {**WORTH, **EDGES}.items():
            layer = self._layers[path][0]
            live = {layer.labels[i] for i, _ in layer.live()}
            total = total + sum(value for label, value in worth.items() if label not in live)
        return total


def method(tune: float = 0.0) -> Relaxed:
    return Relaxed(Softmax(), bilevel(1), Schedule(epochs=2, batch_size=8), selection=perturbation(tune))


def test_what_hurts_most_when_it_is_missing_is_kept(tmp_path: Path) -> None:
    searched = method()
    made = Judged(Tiny(), table(), searched, tmp_path / "judged.safetensors", device="cpu")
    made.step = made.steps
    made.history.append({"epoch": 2})
    outcome = made.run()
    decisions: Mapping[str, object] = outcome.found["decisions"]
    assert decisions == {
        "normal/0/edges": ["0", "1"],
        "normal/0/edges/0/op": "wide",
        "normal/0/edges/1/op": "skip_connect",
        "normal/1/edges": ["1", "2"],  # without edge 0 the loss is the lowest
        "normal/1/edges/1/op": "wide",
        "normal/1/edges/2/op": "narrow",
    }
    proposal = searched.candidates(Tiny(), [Objective("accuracy", "max")], 0, outcome).ask()
    assert proposal is not None
    assert proposal.architecture.decisions == decisions


def test_the_supernet_learns_on_between_decisions_with_what_is_decided(tmp_path: Path) -> None:
    searched = method(tune=1.0)
    made = training(searched, tmp_path)
    before: list[Tensor] = []
    run = made._train

    def train() -> None:
        run()
        before.append(made.network.head.weight.detach().clone())

    made._train = train  # type: ignore[method-assign]
    made.run()
    assert not torch.equal(before[0], made.network.head.weight)
    assert searched.fixed.keys() == {*searched.logits, "normal/0/edges", "normal/1/edges"}
    assert all(sum(w) == 1.0 for path, w in searched.fixed.items() if path.endswith("op"))
    again = method(tune=1.0)
    assert training(again, tmp_path, name="again").run().found == made.found  # the seed decides


class Timed(Judged):
    """Has time for so many looks."""

    looks = 0

    def seconds_left(self) -> float:
        return 10.0 - self.looks

    def loss(self, batch: Batch) -> Tensor:
        self.looks += 1
        return super().loss(batch)


def test_where_the_time_ends_the_rest_takes_the_likeliest_options_and_it_is_said(tmp_path: Path) -> None:
    searched = method(tune=100.0)
    made = Timed(Tiny(), table(), searched, tmp_path / "timed.safetensors", device="cpu")
    likely = {path: torch.tensor([9.0, 0.0, 0.0, 1.0]) for path in searched.logits}  # "narrow", since "none" is never taken
    with torch.no_grad():
        for path, values in searched.logits.items():
            values.copy_(likely[path])
    made.step = made.steps
    made.history.append({"epoch": 2})
    outcome = made.run()
    decided = [path for path in searched.fixed if path.endswith("op")]
    assert 1 <= len(decided) < 5
    assert made.looks <= 10 + 3 * len(decided)  # no decision is trained on beyond its share, but each that is begun is made
    decisions = outcome.found["decisions"]
    ops = {path: value for path, value in decisions.items() if path.endswith("op")}
    assert {value for path, value in ops.items() if path not in decided} <= {"narrow"}
    best = {path: max((v, k) for k, v in worth.items() if k != "none")[1] for path, worth in WORTH.items()}
    assert all(ops[path] == best[path] for path in decided if path in ops)
    assert outcome.found["notes"] == [
        f"the time ended after {len(decided)} of 7 decisions by perturbation: the others took the likeliest options"
    ]
    strategy = searched.candidates(Tiny(), [Objective("accuracy", "max")], 0, outcome)
    assert strategy.notes() == outcome.found["notes"]  # type: ignore[attr-defined]


def test_a_part_of_the_time_is_kept_for_it(tmp_path: Path) -> None:
    made = {}
    for name, searched in (("plain", Relaxed(Softmax(), bilevel(1), Schedule(epochs=1e5, batch_size=8))), ("kept", method())):
        searched.schedule = Schedule(epochs=1e5, batch_size=8)
        found = SupernetTraining(Tiny(), table(), searched, tmp_path / f"{name}.safetensors", seconds=1000.0, device="cpu")
        found._fit_into_time(1.0)
        made[name] = found.steps
    assert made["plain"] == pytest.approx(950, abs=20)  # whole epochs
    assert made["kept"] == pytest.approx(0.7 * 950, abs=20)


def test_a_share_below_nought_is_refused() -> None:
    assert OPERATIONS[0] in method().never
    with pytest.raises(SettingError, match=r"tune must lie in \[0, 100\], got -1"):
        perturbation(-1)
