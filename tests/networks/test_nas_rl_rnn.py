"""The published cell is that of the paper's appendix, as several ports of it compute it (NASCell of TensorFlow's contrib.rnn)."""

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from searchitect.core import SpaceError, TaskInfo
from searchitect.costs import count_macs, count_params
from searchitect.networks import published
from searchitect.networks.language_model import LanguageModel
from searchitect.networks.nas_rl_rnn import NasRlRnnCell, build
from searchitect.spaces.nas_rl_rnn import NasRlRnn

TEXT = TaskInfo("text", "language-modelling", (3,), 7, 1000)


@pytest.mark.parametrize(
    ("settings", "params", "millions"),
    [
        ({}, 24_933_200, 25),  # base 8 and shared embeddings
        ({"is_tied": False}, 32_333_200, 32),  # base 8
        ({"hidden": 1150}, 53_830_000, 54),  # base 8 and shared embeddings, the larger one
    ],
)
def test_two_layers_have_the_published_sizes(settings: dict[str, Any], params: int, millions: int) -> None:
    with torch.device("meta"):
        network = published("nas-rl-rnn", **settings)
    n, matrices = settings.get("hidden", 740), 1 if settings.get("is_tied", True) else 2
    assert count_params(network) == 2 * 8 * n * (n + n) + matrices * 10_000 * n + 10_000 == params
    assert round(params / 1e6) == millions
    assert count_macs(network, (35,)) == 35 * (2 * 8 * n * (n + n) + 10_000 * n)


def only_cell(network: nn.Module) -> NasRlRnnCell:
    assert isinstance(network, LanguageModel)
    cell = network.cells[0]
    assert isinstance(cell, NasRlRnnCell)
    for parameter in cell.parameters():
        nn.init.normal_(parameter)
    return cell


def test_the_papers_own_example_gives_the_numbers_worked_out_by_hand() -> None:
    # tree index 0: add, tanh; 1: multiply, relu; 2: multiply, sigmoid; inject: add, relu; cell index: 1, 0
    decisions: dict[str, Any] = {"cell_from": 1, "inject/at": 0}
    for path, combine, activation in [
        ("tree/0", "add", "tanh"),
        ("tree/1", "multiply", "relu"),
        ("tree/2", "multiply", "sigmoid"),
        ("inject", "add", "relu"),
    ]:
        decisions |= {f"{path}/combine": combine, f"{path}/activation": activation}
    cell = only_cell(build(NasRlRnn(base=2, hidden=1).decide(decisions).spec, TEXT))
    w1, w2, w3, w4 = 0.5, -0.25, -2.0, 0.75
    with torch.no_grad():
        cell.inputs.weight.copy_(torch.tensor([[w1], [w3]]))
        cell.hidden.weight.copy_(torch.tensor([[w2], [w4]]))
    for x, h, c in [(1.0, -0.8, 0.3), (0.6, 0.4, -0.1)]:
        a0 = max(math.tanh(w1 * x + w2 * h) + c, 0)  # a0_new = relu(a0 + c)
        a1 = max((w3 * x) * (w4 * h), 0)
        new_h, new_c = 1 / (1 + math.exp(-a0 * a1)), (w3 * x) * (w4 * h)
        found = cell(torch.tensor([[x]]), torch.tensor([[h, c]]), None)[0].tolist()
        assert found == pytest.approx([new_h, new_c], abs=1e-6)
    # x = 1, h = -0.8, c = 0.3: a0 = relu(tanh(0.7) + 0.3) = 0.904368, a1 = relu(-2 * -0.6) = 1.2, h' = sigmoid(1.085241)
    found = cell(torch.tensor([[1.0]]), torch.tensor([[-0.8, 0.3]]), None)[0].tolist()
    assert found == pytest.approx([0.747485, 1.2], abs=1e-5)
    # x = 0.6, h = 0.4: the memory is the product before its relu, which is negative
    assert cell(torch.tensor([[0.6]]), torch.tensor([[0.4, -0.1]]), None)[0, 1].item() == pytest.approx(-0.36)


def test_the_published_cell_computes_its_formulas() -> None:
    torch.manual_seed(0)
    with torch.device("cpu"):
        cell = only_cell(published("nas-rl-rnn", hidden=5, layers=1)).double()
    x, h, c = torch.randn(3, 4, 5, dtype=torch.float64)
    mask = (torch.rand(4, 5, dtype=torch.float64) > 0.5) * 2.0
    for m in (None, mask):
        i = (x @ cell.inputs.weight.T).chunk(8, 1)
        k = ((h if m is None else h * m) @ cell.hidden.weight.T).chunk(8, 1)
        sig, tanh, relu = torch.sigmoid, torch.tanh, torch.relu
        a = [
            *(sig(i[0] + k[0]), relu(i[1] + k[1]), sig(i[2] + k[2]), relu(i[3] * k[3])),
            *(tanh(i[4] + k[4]), sig(i[5] + k[5]), tanh(i[6] + k[6]), sig(i[7] + k[7])),
        ]
        p, q, r, s = tanh(a[0] * a[1]), tanh(a[2] + a[3]), tanh(a[4] * a[5]), sig(a[6] + a[7])
        p = tanh(p + c)
        new_c = p * q
        new_h = tanh(new_c * tanh(r + s))
        torch.testing.assert_close(cell(x, torch.cat([h, c], 1), m), torch.cat([new_h, new_c], 1))


def test_cells_of_one_canonical_form_compute_the_same() -> None:
    """Exchanging the sides of a node exchanges the rows of the leaves' matrices, and nothing else."""
    space = NasRlRnn(base=4, hidden=3)
    torch.manual_seed(0)
    x, state = torch.randn(2, 3), torch.randn(2, 6)
    for seed in range(20):
        spec = space.sample(random.Random(seed)).spec
        other = space.canonical(spec)
        one, same = (only_cell(build(form, TEXT)) for form in (spec, other))

        def outputs(order: tuple[int, ...], one: NasRlRnnCell = one, same: NasRlRnnCell = same) -> Tensor:
            rows = torch.tensor([3 * leaf + k for leaf in order for k in range(3)])
            same.load_state_dict({name: value[rows] for name, value in one.state_dict().items()})
            return same(x, state, None)

        orders = [(0, 1, 2, 3), (1, 0, 2, 3), (0, 1, 3, 2), (1, 0, 3, 2)]
        orders += [(c, d, a, b) for a, b, c, d in orders]
        wanted = one(x, state, None)
        assert any(torch.allclose(outputs(order), wanted, atol=1e-6) for order in orders)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cell_from": 3}, r"'cell_from' of the cell of the space 'nas-rl-rnn' must be a node in \[0, 2\], got 3"),
        ({"inject": {"combine": "add", "activation": "tanh", "at": True}}, "'at' of 'inject' of the cell"),
        ({"inject": None}, "'inject' of the cell of the space 'nas-rl-rnn' must give 'combine' and 'activation', got None"),
        ({"tree": [{"combine": "max", "activation": "tanh"}] * 3}, "node 0 of the cell .* has an unknown combine 'max'"),
        ({"layers": 0}, "must give 'layers' of at least 1, and 'is_tied'"),
    ],
)
def test_a_spec_that_is_no_cell_is_refused(change: dict[str, Any], message: str) -> None:
    spec = {**NasRlRnn(base=2, hidden=3).sample(random.Random(0)).spec, **change}
    with pytest.raises(SpaceError, match=message):
        build(spec, TEXT)


def test_an_open_spec_is_refused() -> None:
    with pytest.raises(SpaceError, match="has no supernet: use a strategy that samples"):
        build(NasRlRnn(base=2, hidden=3).open_spec(), TEXT)
