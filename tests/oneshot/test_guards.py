from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from searchitect.core import SettingError
from searchitect.oneshot import guards
from searchitect.oneshot.curvature import dominant_eigenvalue
from searchitect.oneshot.feed import Batch
from searchitect.oneshot.guards import eigenvalue, has_grown, skips
from searchitect.oneshot.method import Schedule
from searchitect.oneshot.relaxations.softmax import Softmax
from searchitect.oneshot.relaxed import Relaxed
from searchitect.oneshot.rules import bilevel
from tests.oneshot.tiny import training


def stopped(guard: Any, derived: dict[str, Any], progress: float = 0.5) -> str:
    said: list[str] = []
    made = SimpleNamespace(progress=progress, stop=said.append)
    guard(None, made, {"derived": derived})
    return said[0] if said else ""


def test_two_skip_connections_in_the_normal_cell_end_the_search() -> None:
    one = {"normal/0/edges/0/op": "skip_connect", "normal/0/edges/1/op": "sep_conv_3x3"}
    two = one | {"normal/1/edges/1/op": "skip_connect"}
    reduction = one | {f"reduction/{n}/edges/0/op": "skip_connect" for n in range(4)}
    assert stopped(skips(), one) == ""
    assert stopped(skips(), reduction) == ""
    assert "2 skip connections" in stopped(skips(), two)
    assert stopped(skips(at_most=2), two) == ""
    assert stopped(skips(), two, progress=0.1) == ""  # what is derived so early is a random cell
    assert stopped(skips(), {"cell/1/0": "skip_connect", "cell/2/0": "skip_connect"})  # a space with one kind of cell


def test_an_average_must_grow_by_three_tenths_over_full_windows() -> None:
    flat = [1.0] * 9
    assert not has_grown(flat)
    assert not has_grown([1.0] * 4 + [9.0] * 4)  # no two full windows
    assert not has_grown([1.0] * 5 + [1.3] * 4)  # (1 + 4 * 1.3) / 5 = 1.24
    assert has_grown([1.0] * 5 + [1.38] * 4)  # 1.304
    assert not has_grown([100.0] + [1.0] * 5 + [1.0] * 4)
    assert not has_grown([-1.0] * 5 + [2.0] * 4)


def test_the_search_returns_to_the_architecture_of_four_epochs_before(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = iter([1.0] * 11 + [2.0] * 20)
    monkeypatch.setattr(guards, "dominant_eigenvalue", lambda *_, **__: next(values))
    searched = Relaxed(Softmax(), bilevel(1), Schedule(epochs=20, batch_size=8), learning_rate=0.3, guard=eigenvalue())
    made = training(searched, tmp_path)
    found = made.run()
    # the windows 1 1 1 2 2 and 1 1 1 1 1: 1.4 > 1.3, in the 13th epoch
    assert len(made.history) == 13
    assert [row["eigenvalue"] for row in made.history] == [1.0] * 11 + [2.0] * 2
    assert found.found["decisions"] == made.history[8]["derived"]  # of the 9th epoch
    assert "eigenvalue" in made.record()["stopped"]
    assert training(searched, tmp_path).run().found == found.found  # it stays so


def test_an_eigenvalue_is_measured_every_epoch_and_changes_nothing(tmp_path: Path) -> None:
    ends = []
    for guard in (None, eigenvalue()):
        searched = Relaxed(Softmax(), bilevel(1), Schedule(epochs=2, batch_size=8), guard=guard)
        made = training(searched, tmp_path, name=str(guard is None))
        made.run()
        ends.append({**made.network.state_dict(), **searched.state()})
    assert all(torch.equal(ends[0][key], ends[1][key]) for key in ends[0])
    assert all(abs(row["eigenvalue"]) > 0 for row in made.history)
    with pytest.raises(SettingError, match="first_epoch must be at least 1, got 0"):
        eigenvalue(0)


@pytest.mark.parametrize(("first", "largest"), [(7.0, 7.0), (-7.0, 3.0)])
def test_the_dominant_eigenvalue_of_a_quadratic_is_that_of_upward_curvature(first: float, largest: float) -> None:
    axes = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1)))[0]
    matrix = axes @ torch.diag(torch.tensor([first, 3.0, 2.0, 1.0, 0.5, -1.0], dtype=torch.float64)) @ axes.T
    parts = [torch.ones(size, dtype=torch.float64, requires_grad=True) for size in (2, 4)]

    def loss() -> Tensor:
        x = torch.cat(parts)
        return 0.5 * x @ matrix @ x

    assert dominant_eigenvalue(loss, parts) == pytest.approx(largest, rel=1e-4)
    assert all(torch.equal(part.detach(), torch.ones_like(part)) for part in parts)


def test_the_dominant_eigenvalue_of_a_supernet_is_that_of_its_exact_hessian(tmp_path: Path) -> None:
    searched = Relaxed(Softmax(), bilevel(1), Schedule(batch_size=8))
    made = training(searched, tmp_path)
    made.network.double()
    logits = [torch.nn.Parameter(values.detach().double()) for values in searched.logits.values()]
    found = next(made.held_feed.go(0, 1))
    batch = Batch(found.x.double(), found.y)

    def loss(*given: Tensor) -> Tensor:
        made.set_weights({path: values.softmax(0) for path, values in zip(searched.logits, given or logits, strict=True)})
        return made.loss(batch)

    blocks = torch.autograd.functional.hessian(loss, tuple(logits))
    hessian = torch.cat([torch.cat(list(row), 1) for row in cast(Any, blocks)])
    exact = torch.linalg.eigvalsh(hessian)[-1].item()
    assert dominant_eigenvalue(loss, logits) == pytest.approx(exact, rel=1e-3)
