import math
from typing import Any

import pytest
import torch
from torch import nn

from searchitect.core import TaskInfo
from searchitect.networks.mlp import CodeEmbedding, OneHot, Periodic, Piecewise, TableEncoding, build

TABLE = TaskInfo("table", "table-classification", (5,), 3, 500, cardinalities=(4, 9))  # three numbers, two columns of codes


def spec_of(**changes: Any) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "numeric": {"kind": "plain"},
        "categorical": {"kind": "onehot"},
        "activation": "relu",
        "normalisation": "none",
        "dropout": 0.0,
        "body": {"kind": "mlp", "blocks": [{"width": 8}, {"width": 6}]},
        "training": {"learning_rate": 1e-3, "weight_decay": 1e-2},
    }
    return spec | changes


RESIDUAL = {"kind": "resmlp", "width": 8, "blocks": [{"expansion": 2}]}


@pytest.mark.parametrize(
    ("changes", "by_hand"),
    [
        ({}, (16 * 8 + 8) + (8 * 6 + 6) + (6 * 3 + 3)),  # 3 numbers + 4 + 9 codes come in
        ({"normalisation": "batch"}, (16 * 8 + 8) + (8 * 6 + 6) + (6 * 3 + 3) + 2 * (8 + 6)),
        ({"numeric": {"kind": "piecewise", "bins": 4}}, (25 * 8 + 8) + (8 * 6 + 6) + (6 * 3 + 3)),
        ({"categorical": {"kind": "embedding", "width": 2}}, 13 * 2 + (7 * 8 + 8) + (8 * 6 + 6) + (6 * 3 + 3)),
        (
            {"numeric": {"kind": "periodic", "frequencies": 5, "scale": 0.1, "width": 2}},
            3 * (5 + 10 * 2 + 2) + (19 * 8 + 8) + (8 * 6 + 6) + (6 * 3 + 3),
        ),
        ({"body": RESIDUAL}, (16 * 8 + 8) + (8 * 16 + 16) + (16 * 8 + 8) + (8 * 3 + 3)),
        ({"body": RESIDUAL, "normalisation": "layer"}, (16 * 8 + 8) + 16 + (8 * 16 + 16) + (16 * 8 + 8) + 16 + (8 * 3 + 3)),
    ],
)
def test_the_parameters_are_those_counted_by_hand(changes: dict[str, Any], by_hand: int) -> None:
    assert sum(p.numel() for p in build(spec_of(**changes), TABLE).parameters()) == by_hand


def test_numbers_and_codes_come_out_side_by_side() -> None:
    encoding = TableEncoding({"kind": "plain"}, {"kind": "onehot"}, 3, (4, 2))
    assert encoding.width == 9
    assert encoding(torch.tensor([[0.5, -1.0, 2.0, 3.0, 0.0]])).tolist() == [[0.5, -1.0, 2.0, 0, 0, 0, 1, 1, 0]]


def test_one_hot_agrees_with_torch() -> None:
    codes = torch.randint(0, 4, (20, 3))
    expected = nn.functional.one_hot(codes, 4).float().flatten(1)
    assert torch.equal(OneHot((4, 4, 4))(codes.float()), expected)


def test_each_column_of_codes_has_vectors_of_its_own() -> None:
    layer = CodeEmbedding((2, 3), 4)
    first, second = layer.table.weight[:2], layer.table.weight[2:]
    out = layer(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
    torch.testing.assert_close(out, torch.stack([torch.cat([first[1], second[0]]), torch.cat([first[0], second[2]])]))


def test_the_inner_bins_hold_equal_shares_of_a_standard_normal_column() -> None:
    starts = Piecewise(4).starts
    cumulative = [0.5 * (1 + math.erf(start.item() / math.sqrt(2))) for start in starts]
    assert starts[0] == -3
    assert cumulative[1:] == pytest.approx([0.25, 0.5, 0.75], abs=1e-6)


def test_a_number_fills_the_bins_below_it_and_its_own_in_part() -> None:
    encoding = Piecewise(4)
    quartile = encoding.starts[3].item()
    filled = encoding(torch.tensor([[0.0], [quartile / 2], [-3.0], [-6.0], [6.0]])).tolist()
    assert filled[0] == pytest.approx([1, 1, 0, 0], abs=1e-6)
    assert filled[1] == pytest.approx([1, 1, 0.5, 0], abs=1e-6)
    assert filled[2] == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert filled[3][0] < -1  # goes on below the first edge
    assert filled[4][3] > 2  # and above the last one


def test_the_periodic_encoding_is_the_published_formula() -> None:
    layer = Periodic(2, 3, 1.0, 4)
    x = torch.tensor([[0.3, -1.2]])
    columns = []
    for column in range(2):
        angles = 2 * math.pi * layer.frequencies[column] * x[0, column]
        waves = torch.cat([torch.sin(angles), torch.cos(angles)])
        columns.append(torch.relu(waves @ layer.weight[column] + layer.bias[column]))
    torch.testing.assert_close(layer(x)[0], torch.cat(columns))


def test_no_normalisation_also_builds_and_does_not_silence_the_residual_blocks() -> None:
    network = build(spec_of(body=RESIDUAL), TABLE)
    network(torch.zeros(4, 5)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
